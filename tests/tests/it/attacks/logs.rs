//! Guests and clients that cause lines in the host's log at will, or would pass theirs for others'.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use pulsing_tests::guest_file;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{RunningHost, text, wait_until};

/// What an actor may cause in a second, where it is limited.
const LOG_MAX: usize = 8 << 10;
/// What clients may cause in a second.
const CLIENTS_MAX: usize = 256 << 10;
/// More than the longest line that says what was left out.
const REPORT_MAX: usize = 512;

/// A host of these actors, whose log is in a file.
struct Logging {
    dir: TempDir,
    host: RunningHost,
    begun: Instant,
}

impl Logging {
    /// All are rogues; what is said of each is in TOML.
    fn start(actors: &[(&str, String)], args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.toml");
        let count = actors.len();
        let file = guest_file("rogue").unwrap();
        let actors =
            actors.iter().map(|(name, more)| format!("[actors.{name}]\ncomponent = {file:?}\n{more}\n"));
        std::fs::write(&path, actors.collect::<String>()).unwrap();
        let log = dir.path().join("log");
        let begun = Instant::now();
        let host = RunningHost::start_logging_to(&log, &[&["--config", text(&path)], args].concat());
        (0..count).for_each(|_| assert!(host.line().starts_with("ready ")));
        Self { dir, host, begun }
    }

    fn ask(&self, actor: &str, method: &str, args: &Value) {
        let left = self.host.client(&["ask", actor, method, &args.to_string(), "--timeout", "10min"]);
        assert_eq!(left.code, Some(0), "{left:?}");
    }

    /// Ends the host. Returns its log, and how long it ran.
    fn end(self) -> (Log, Duration) {
        let Self { dir, host, begun } = self;
        host.stop();
        let ran = begun.elapsed();
        (Log::read(&dir.path().join("log")), ran)
    }
}

/// Lines of a log in the form for people, taken apart.
struct Log(Vec<Line>);

#[derive(Debug, Default)]
struct Line {
    bytes: usize,
    level: String,
    target: String,
    message: String,
    fields: BTreeMap<String, String>,
}

impl Log {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'));
        Self(text.lines().map(Line::parse).collect())
    }

    /// Those that `cause` was charged with: what is left out is not among them.
    fn caused_by<'a>(&'a self, cause: &'a str) -> impl Iterator<Item = &'a Line> {
        self.0.iter().filter(move |line| {
            let field = |name: &str| line.fields.get(name).map(String::as_str);
            !line.is_report() && field("from").or(field("actor")) == Some(cause)
        })
    }

    /// How many lines of `cause` were said to be left out.
    fn left_out(&self, cause: &str) -> usize {
        let reports = self.0.iter().filter(|line| line.is_report());
        let of_cause = reports.filter(|line| line.fields.get("actor").map_or("", String::as_str) == cause);
        of_cause.map(|line| line.fields["left_out"].parse::<usize>().unwrap()).sum()
    }
}

impl Line {
    /// By the form's own grammar: whatever does not keep to it is a failure.
    fn parse(text: &str) -> Self {
        let mut line = Self { bytes: text.len() + 1, ..Self::default() };
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.len() == 27 && time.ends_with('Z'), "{text}");
        let (level, rest) = rest.trim_start().split_once(' ').unwrap();
        assert!(["ERROR", "WARN", "INFO"].contains(&level), "{text}");
        let (target, mut rest) = rest.split_once(": ").unwrap();
        (line.level, line.target) = (level.to_owned(), target.to_owned());
        while !rest.is_empty() {
            let (word, after) = token(rest);
            rest = after.strip_prefix(' ').unwrap_or(after);
            match word.split_once('=') {
                Some((name, value)) if name.chars().all(|char| char.is_ascii_lowercase() || char == '_') => {
                    assert!(line.fields.insert(name.to_owned(), unquoted(value)).is_none(), "{text}");
                }
                _ => {
                    line.message += if line.message.is_empty() { "" } else { " " };
                    line.message += &unquoted(&word);
                }
            }
        }
        line
    }

    fn is_report(&self) -> bool {
        self.fields.contains_key("left_out")
    }
}

/// The first word, to the space after it; spaces in quotes are none.
fn token(text: &str) -> (String, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => return (text[..at].to_owned(), &text[at..]),
            _ => {}
        }
    }
    assert!(!quoted, "a quote is not closed: {text}");
    (text.to_owned(), "")
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(value) => value.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => {
            assert!(!value.contains('"'), "{value}");
            value.to_owned()
        }
    }
}

/// The most bytes that a cause of so many a second may have caused meanwhile.
fn allowed(bytes_a_second: usize, ran: Duration) -> usize {
    let earned = ran.as_millis() * bytes_a_second as u128 / 1000;
    usize::try_from(earned).unwrap() + bytes_a_second + REPORT_MAX
}

fn limited(more: &str) -> String {
    format!("limits = {{ log_max = \"{LOG_MAX}B\" }}\n{more}")
}

#[test]
fn a_guest_that_tells_a_peer_nonsense_is_charged_for_the_lines_and_no_other() {
    const TELLS: usize = 5000;
    let attacker = limited("grants = { ask = [\"victim\"] }");
    let host =
        Logging::start(&[("attacker", attacker), ("victim", limited("")), ("other", limited(""))], &[]);
    let method = "x".repeat(300);
    host.ask("attacker", "pester", &json!(["victim", method, TELLS]));
    // Handled behind all of them.
    host.ask("victim", "say", &json!(["the victim is heard"]));
    host.ask("other", "say", &json!(["the other is heard"]));
    let (log, ran) = host.end();
    let written: Vec<_> = log.caused_by("attacker").filter(|line| line.message == "dead letter").collect();
    assert!(written.iter().all(|line| line.fields["actor"] == "victim"));
    assert_eq!(written.len() + log.left_out("attacker"), TELLS);
    let bytes: usize = log.caused_by("attacker").map(|line| line.bytes).sum();
    assert!(bytes <= allowed(LOG_MAX, ran), "{bytes} bytes in {ran:?}");
    assert!(log.left_out("attacker") > 0, "so much is not allowed in {ran:?}");
    for (actor, heard) in [("victim", "the victim is heard"), ("other", "the other is heard")] {
        let messages: Vec<_> = log.caused_by(actor).map(|line| line.message.as_str()).collect();
        assert_eq!(messages, ["running", heard, "stopped"]);
        assert_eq!(log.left_out(actor), 0);
    }
}

#[test]
fn clients_whose_tells_fail_are_charged_for_the_lines_together() {
    const TELLS: usize = 8000;
    let limits = format!("limits = {{ log_max = \"{LOG_MAX}B\", mailbox_messages = {TELLS} }}");
    let host = Logging::start(&[("rogue", limits)], &[]);
    let address = host.host.url.strip_prefix("http://").unwrap().to_owned();
    let body = json!(["x".repeat(400)]).to_string();
    let request = format!(
        "POST /v1/actors/rogue/tell/refuse HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let send_half = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let mut answers = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            answers.read_to_string(&mut text).unwrap();
            text.matches("HTTP/1.1 202").count()
        });
        for _ in 0..TELLS / 2 - 1 {
            stream.write_all(request.as_bytes()).unwrap();
        }
        let last = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        stream.write_all(last.as_bytes()).unwrap();
        reader.join().unwrap()
    };
    let accepted = std::thread::scope(|scope| {
        let halves = [scope.spawn(send_half), scope.spawn(send_half)];
        halves.map(|half| half.join().unwrap()).iter().sum::<usize>()
    });
    // Some may find no room.
    assert!(accepted > TELLS / 2, "{accepted}");
    let failed = format!("pulsing_failed_tells_total{{actor=\"rogue\"}} {accepted}.");
    wait_until(|| host.host.get("/metrics").contains(&failed));
    host.ask("rogue", "say", &json!(["the actor is heard"]));
    let (log, ran) = host.end();
    let letters: Vec<_> = log.0.iter().filter(|line| line.message == "dead letter").collect();
    assert!(letters.iter().all(|line| !line.fields.contains_key("from")));
    assert_eq!(letters.len() + log.left_out(""), accepted);
    let bytes: usize = letters.iter().map(|line| line.bytes).sum();
    assert!(bytes <= allowed(CLIENTS_MAX, ran), "{bytes} bytes in {ran:?}");
    let of_actor = log.caused_by("rogue").filter(|line| line.message != "dead letter");
    assert_eq!(
        of_actor.map(|line| line.message.as_str()).collect::<Vec<_>>(),
        ["running", "the actor is heard", "stopped"]
    );
}

/// Has a rogue end `lives` lives, each after so many lines. Returns the lines that were written, and those left out.
fn cries(lives: usize, log_max: &str) -> (usize, usize, usize, Duration) {
    let more = format!(
        "limits = {{ log_max = \"{log_max}\" }}\nrestart = {{ max_restarts = 1000, min_backoff = \"0s\", max_backoff = \"0s\" }}"
    );
    let host = Logging::start(&[("rogue", more)], &[]);
    for life in 0..lives {
        host.host.client(&["ask", "rogue", "cry", &json!([100, life]).to_string()]);
    }
    host.ask("rogue", "count", &json!([]));
    let (log, ran) = host.end();
    let bytes = log.caused_by("rogue").map(|line| line.bytes).sum();
    (log.caused_by("rogue").count(), log.left_out("rogue"), bytes, ran)
}

#[test]
fn an_actor_has_one_allowance_for_all_its_lives_and_every_line_is_counted() {
    const LIVES: usize = 12;
    let (written, left_out, _, _) = cries(LIVES, "64MiB");
    assert_eq!(left_out, 0);
    // Beside what it writes: it panics, ends and begins anew.
    assert!(written > LIVES * 102, "{written}");
    let (limited, left_out, bytes, ran) = cries(LIVES, &format!("{LOG_MAX}B"));
    assert_eq!(limited + left_out, written);
    assert!(bytes <= allowed(LOG_MAX, ran), "{bytes} bytes in {ran:?}");
    assert!(left_out > 0);
}

#[test]
fn a_guest_that_floods_the_log_leaves_room_for_what_the_host_says_of_it() {
    let rogue = limited("restart = { policy = \"never\" }");
    let host = Logging::start(&[("rogue", rogue), ("other", String::new())], &[]);
    host.host.client(&["ask", "rogue", "cry", "[1000, 0]"]);
    wait_until(|| host.host.client(&["ls"]).stdout.contains("failed"));
    let (log, _) = host.end();
    let ends: Vec<_> = log.caused_by("rogue").filter(|line| line.level == "ERROR").collect();
    assert_eq!(ends.len(), 1);
    assert!(ends[0].message.ends_with("it is not restarted"), "{:?}", ends[0]);
    assert!(log.left_out("rogue") > 0, "also where nothing comes after");
}

/// What a guest might write to pass for somebody else, or to play with a terminal.
const FORGED: [&str; 7] = [
    " INFO actor=other x",
    "x\" actor=other \"",
    "x\\\" actor=other y=\\",
    "2026-01-01T00:00:00.000000Z ERROR pulsing_host::journal: actor=other crashed generation=0",
    "\u{1b}[31mred\u{1b}[0m\r\u{9b}2J\u{8}",
    "\u{61c}\u{feff}\u{e0041}\u{202e}\u{2028}\u{200d}\u{e000}\u{378}\u{fe0f}",
    "{\"level\":\"INFO\",\"fields\":{\"actor\":\"other\"}}",
];

fn say_all(args: &[&str]) -> (TempDir, String) {
    let host = Logging::start(&[("rogue", String::new())], args);
    for text in FORGED {
        host.ask("rogue", "say", &json!([text]));
        host.host.client(&["tell", "rogue", text, "[]"]);
        host.host.client(&["tell", "rogue", "refuse", &json!([text]).to_string()]);
    }
    host.ask("rogue", "count", &json!([]));
    let Logging { dir, host, .. } = host;
    host.stop();
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    (dir, log)
}

/// As it is shown.
fn escaped(text: &str) -> String {
    let harmless = |char: char| !char.is_control() && (char.is_ascii() || char.is_alphabetic());
    let shown = text.trim_end().chars().map(|char| match harmless(char) {
        true => char.to_string(),
        false => char.escape_unicode().to_string(),
    });
    shown.collect()
}

#[test]
fn no_text_of_a_guest_or_a_client_passes_for_a_line_or_a_field_of_another() {
    let (_dir, text) = say_all(&[]);
    let harmless = |char: char| (' '..='~').contains(&char);
    assert!(
        text.lines().filter(|line| line.contains(" actor=")).all(|line| line.chars().all(harmless)),
        "{text:?}"
    );
    let lines: Vec<_> = text.lines().map(Line::parse).collect();
    let said: Vec<_> =
        lines.iter().filter(|line| line.target == "guest").map(|line| line.message.clone()).collect();
    assert_eq!(said, FORGED.map(escaped));
    for line in &lines {
        assert!(line.fields.get("actor").is_none_or(|actor| actor == "rogue"), "{line:?}");
    }
    // An event, a line: running, stopped, the host's own end, and three of each text.
    assert_eq!(lines.iter().filter(|line| line.fields.contains_key("actor")).count(), 2 + 3 * FORGED.len());
}

#[test]
fn in_json_a_line_stays_an_object_whatever_is_in_it() {
    let (_dir, text) = say_all(&["--log-format", "json"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_guest = lines.iter().filter(|line| line["target"] == "guest");
    let said: Vec<_> = of_guest.map(|line| line["fields"]["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(said, FORGED.map(escaped));
    let actors: Vec<_> = lines.iter().filter_map(|line| line["fields"]["actor"].as_str()).collect();
    assert_eq!(actors.len(), 2 + 3 * FORGED.len());
    assert!(actors.iter().all(|actor| *actor == "rogue"));
}

#[test]
fn lines_that_are_lost_because_nobody_reads_are_counted_and_the_hosts_own_are_kept() {
    const LINES: usize = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    let file = guest_file("rogue").unwrap();
    std::fs::write(
        &path,
        format!("[actors.rogue]\ncomponent = {file:?}\nlimits = {{ log_max = \"1GiB\" }}\n"),
    )
    .unwrap();
    let mut host = RunningHost::start_with_unread_log(&["--config", text(&path)], 1);
    let asked = host.client(&["ask", "rogue", "chatter", &format!("[{LINES}]"), "--timeout", "10min"]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let log = host.read_log();
    host.stop();
    let log = log.join().unwrap();
    let lines: Vec<_> = log.lines().map(Line::parse).collect();
    let lost: Vec<_> = lines.iter().filter(|line| line.message.starts_with("lines were lost")).collect();
    let count =
        |field: &str| lost.iter().map(|line| line.fields[field].parse::<usize>().unwrap()).sum::<usize>();
    assert_eq!(count("host"), 0);
    assert!(count("caused") > 0);
    assert_eq!(lines.iter().filter(|line| line.target == "guest").count() + count("caused"), LINES);
    assert!(lines.iter().any(|line| line.message.contains("once more to end at once")), "{}", lines.len());
}
