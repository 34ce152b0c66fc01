//! The command line against a host that runs.

use std::io::{BufRead, BufReader};

use pulsing_tests::guest_file;
use serde_json::Value;

use crate::program::{RunningHost, signal, text, wait_until};

fn host(guests: &[&str]) -> RunningHost {
    let files: Vec<_> = guests.iter().map(|guest| guest_file(guest).unwrap()).collect();
    let args: Vec<_> = files.iter().map(|file| text(file)).collect();
    RunningHost::start(&args, guests.len())
}

#[test]
fn the_counter_of_the_readme_counts_crashes_and_comes_back() {
    let mut host = host(&["counter"]);
    assert_eq!(host.client(&["ask", "counter", "increment", "{\"n\":5}"]).stdout, "5\n");
    assert_eq!(host.client(&["ask", "counter", "increment"]).stdout, "6\n");
    assert_eq!(host.client(&["ask", "counter", "history"]).stdout, "[5,6]\n");
    assert_eq!(host.client(&["ask", "counter", "get_average"]).stdout, "5.5\n");
    let refused = host.client(&["ask", "counter", "crash"]);
    refused.assert_failed(3, &["wasm trap", "the log of its host says more"]);
    assert!(!refused.stderr.contains("told to crash"), "{}", refused.stderr);
    assert_eq!(host.client(&["ask", "counter", "get"]).stdout, "0\n");
    let inspection: Value = serde_json::from_str(&host.client(&["inspect", "counter"]).stdout).unwrap();
    assert_eq!(inspection["generation"], 1);
    assert_eq!(inspection["last_exit"]["reason"], "trapped");
    let message = inspection["last_exit"]["message"].as_str().unwrap();
    assert!(message.ends_with("told to crash"), "{message}");
    let list = host.client(&["ls"]).stdout;
    assert!(list.lines().nth(1).unwrap().starts_with("counter  running"), "{list}");
    host.signal("TERM");
    assert_eq!(host.wait(), Some(0));
}

#[test]
fn an_inspection_has_the_fields_that_are_documented() {
    let host = host(&["counter"]);
    let inspection: Value = serde_json::from_str(&host.client(&["inspect", "counter"]).stdout).unwrap();
    let fields: Vec<_> = inspection.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "name",
        "state",
        "generation",
        "lane",
        "methods",
        "mailbox_depth",
        "in_flight",
        "streams",
        "restarts",
        "last_exit",
        "memory_bytes",
        "overhead_bytes",
        "disk_written_bytes",
        "cpu_seconds",
        "slices",
        "batch",
        "restart_wanted",
    ];
    expected.sort_unstable();
    assert_eq!(fields, expected);
}

#[test]
fn every_class_survives_http_and_the_command_line() {
    let host = host(&["rogue"]);
    for (class, code, says) in [
        ("business", 1, "already there (code 409); details: [1,2]"),
        ("system", 3, "disk gone"),
        ("timeout", 4, "reading took longer than 1s 500ms"),
        ("unsupported", 5, "`teleport` is not supported"),
        ("cancelled", 6, "cancelled"),
    ] {
        let args = format!("[\"{class}\"]");
        host.client(&["ask", "rogue", "fail", &args]).assert_failed(code, &[says]);
    }
    host.client(&["ask", "nobody", "x"]).assert_failed(7, &["no actor is called `nobody`"]);
}

#[test]
fn a_method_that_can_only_be_told_is_refused_to_who_asks_it() {
    let host = host(&["log-sink"]);
    let entry = "{\"entry\":{\"level\":\"info\",\"message\":\"hello\"}}";
    for verb in ["ask", "stream"] {
        let says = "error: `log` returns nothing: send it as a tell, not as an ask or a stream\n";
        let left = host.client(&[verb, "log-sink", "log", entry]);
        assert_eq!((left.code, left.stderr.as_str()), (Some(5), says));
    }
    assert_eq!(host.client(&["tell", "log-sink", "log", entry]).code, Some(0));
    assert_eq!(host.client(&["ask", "log-sink", "counts"]).stdout, "{\"info\":1}\n");
}

#[test]
fn a_timeout_frees_the_client() {
    let host = host(&["rogue"]);
    host.client(&["ask", "rogue", "sleep", "[3600000]", "--timeout", "50ms"])
        .assert_failed(4, &["ask rogue.sleep took longer than 50ms"]);
    assert_eq!(host.client(&["ask", "rogue", "sleep", "[1]"]).stdout, "false\n");
}

#[test]
fn a_stream_is_printed_item_by_item_and_can_be_taken_up_again() {
    let host = host(&["rogue"]);
    assert_eq!(host.client(&["stream", "rogue", "numbers", "[4]"]).stdout, "1\n2\n3\n4\n");
    let resumed = host.client(&["stream", "rogue", "numbers", "[4]", "--resume-after", "2"]);
    assert_eq!(resumed.stdout, "3\n4\n");
}

#[test]
fn a_stream_that_fails_prints_what_came_before() {
    let host = host(&["waiter"]);
    let left = host.client(&["stream", "waiter", "numbers_then_error", "[2]"]);
    assert_eq!((left.code, left.stdout.as_str()), (Some(1), "1\n2\n"), "{left:?}");
    assert!(left.stderr.contains("no more numbers"), "{left:?}");
}

#[test]
fn a_client_that_is_interrupted_ends_the_stream() {
    let host = host(&["waiter"]);
    let mut client = host.client_in_background(&["stream", "waiter", "numbers", "[1]"]);
    let mut line = String::new();
    BufReader::new(client.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "1\n");
    signal(&client, "INT");
    wait_until(|| host.client(&["ask", "waiter", "dropped"]).stdout == "1\n");
}

#[test]
fn a_closed_stdout_ends_a_client_without_a_word() {
    let host = host(&["waiter"]);
    let mut client = host.client_in_background(&["stream", "waiter", "numbers", "[1]"]);
    let mut line = String::new();
    BufReader::new(client.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // The reader is dropped here: the next line finds nobody.
    let status = wait_timeout::ChildExt::wait_timeout(&mut client.0, crate::PATIENCE).unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
    let mut words = String::new();
    std::io::Read::read_to_string(&mut client.0.stderr.take().unwrap(), &mut words).unwrap();
    assert_eq!(words, "");
    wait_until(|| host.client(&["ask", "waiter", "running"]).stdout == "0\n");
}

#[test]
fn a_tell_is_acknowledged_and_its_failure_is_a_dead_letter() {
    let host = host(&["rogue"]);
    let told = host.client(&["tell", "rogue", "fail", "[\"business\"]"]);
    assert_eq!((told.code, told.stdout.as_str(), told.stderr.as_str()), (Some(0), "", ""));
    wait_until(|| {
        let letters: Value = serde_json::from_str(&host.client(&["dead-letters", "rogue"]).stdout).unwrap();
        letters[0]["reason"] == "already there (code 409)"
    });
}

#[test]
fn an_actor_is_stopped_and_started_again() {
    let host = host(&["counter"]);
    assert!(host.client(&["stop", "counter"]).stdout.contains("\"state\":\"stopped\""));
    host.client(&["ask", "counter", "get"]).assert_failed(7, &["`counter` has stopped"]);
    assert!(host.client(&["restart", "counter"]).stdout.contains("\"state\":\"running\""));
    assert_eq!(host.client(&["ask", "counter", "get"]).stdout, "0\n");
}

#[tokio::test]
async fn a_restart_says_that_the_file_has_changed_and_keeps_the_code() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("actor.wasm");
    // As builds do it: another file takes the place of the one before.
    let install = |guest: &str| {
        std::fs::copy(guest_file(guest).unwrap(), dir.path().join("new")).unwrap();
        std::fs::rename(dir.path().join("new"), &file).unwrap();
    };
    install("counter");
    let host = RunningHost::start(&[text(&file)], 1);
    let restarted = |generation: u32, stderr: &str| {
        let left = host.client(&["restart", "actor"]);
        let stdout = format!("{{\"generation\":{generation},\"name\":\"actor\",\"state\":\"running\"}}\n");
        assert_eq!((left.code, left.stdout.as_str(), left.stderr.as_str()), (Some(0), &*stdout, stderr));
    };
    restarted(1, "");
    install("counter");
    restarted(2, "");
    install("rogue");
    let kept = "a restart keeps the code that was loaded, and only another `run` loads it again";
    let changed = format!("the component's file of `actor` has changed since it was loaded: {kept}");
    restarted(3, &format!("notice: {changed}\n"));
    assert_eq!(host.client(&["ask", "actor", "get"]).stdout, "0\n", "it is a counter as before");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v1/actors/actor/restart", host.url);
    let answer: Value = client.post(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["code_file"], &answer["notice"]), (&"changed".into(), &changed.into()));
    assert_eq!(answer["methods"].as_array().unwrap().len(), 6);
    std::fs::remove_file(&file).unwrap();
    restarted(5, &format!("notice: the component's file of `actor` cannot be read any more: {kept}\n"));
}

#[test]
fn a_restart_that_fails_says_that_the_file_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("actor.wasm");
    // It wants a configuration, and has none.
    std::fs::copy(guest_file("llm-service").unwrap(), &file).unwrap();
    let host = RunningHost::start(&[text(&file), text(&guest_file("counter").unwrap())], 0);
    let lines = [host.line(), host.line()];
    assert!(lines.iter().any(|line| line.starts_with("failed actor ")), "{lines:?}");
    let left = host.client(&["restart", "actor"]);
    left.assert_failed(7, &["`actor` did not come back: "]);
    assert!(!left.stderr.contains("the component's file"), "{left:?}");
    std::fs::remove_file(&file).unwrap();
    std::fs::copy(guest_file("counter").unwrap(), &file).unwrap();
    host.client(&["restart", "actor"]).assert_failed(
        7,
        &[
            "`actor` did not come back: ",
            "; the component's file of `actor` has changed since it was loaded: ",
        ],
    );
}

#[test]
fn an_actor_that_failed_is_shown_everywhere_and_comes_back_by_hand() {
    let rogue = guest_file("rogue").unwrap();
    let host = RunningHost::start_with_unread_log(&[text(&rogue), "--restart", "never"], 1);
    host.client(&["ask", "rogue", "panic"]).assert_failed(3, &["the log of its host says more"]);
    wait_until(|| host.client(&["ls"]).stdout.lines().nth(1).unwrap().starts_with("rogue  failed"));
    let inspection: Value = serde_json::from_str(&host.client(&["inspect", "rogue"]).stdout).unwrap();
    assert_eq!(
        (&inspection["state"], &inspection["last_exit"]["reason"]),
        (&"failed".into(), &"trapped".into())
    );
    let metrics = host.get("/metrics");
    assert!(metrics.contains("pulsing_state{actor=\"rogue\",state=\"failed\"} 1"), "{metrics}");
    host.client(&["ask", "rogue", "count"])
        .assert_failed(7, &["`rogue` has failed: it crashed", "the log of its host says more"]);
    assert!(host.client(&["restart", "rogue"]).stdout.contains("\"state\":\"running\""));
    assert_eq!(host.client(&["ask", "rogue", "count"]).stdout, "1\n");
    let log = host.stop_and_read_log();
    let event = log.lines().find(|line| line.contains("ERROR") && line.contains("it is not restarted"));
    assert!(event.is_some_and(|event| event.contains("rogue")), "{log}");
}

#[test]
fn guests_that_loop_hold_up_the_end_of_their_host_for_their_stop_timeout_alone() {
    // More than there are threads for them.
    const LOOPING: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("host.toml");
    let (rogue, counter) = (guest_file("rogue").unwrap(), guest_file("counter").unwrap());
    let mut toml = format!("[actors.counter]\ncomponent = {counter:?}\n");
    let names: Vec<_> = (0..LOOPING).map(|n| format!("rogue-{n}")).collect();
    for name in &names {
        toml += &format!("[actors.{name}]\ncomponent = {rogue:?}\nlimits = {{ stop_timeout = \"300ms\" }}\n");
    }
    std::fs::write(&config, toml).unwrap();
    let mut host = RunningHost::start(&["--config", text(&config)], LOOPING + 1);
    for name in &names {
        assert_eq!(host.client(&["tell", name, "spin"]).code, Some(0));
    }
    wait_until(|| {
        let list: Value = serde_json::from_str(&host.client(&["ls", "--json"]).stdout).unwrap();
        list.as_array().unwrap().iter().filter(|actor| actor["batch"] == true).count() == LOOPING
    });
    assert_eq!(host.client(&["ask", "counter", "increment"]).stdout, "1\n");
    host.signal("TERM");
    assert_eq!(host.wait(), Some(0));
}

#[test]
fn a_host_that_is_interrupted_ends_in_good_order_and_at_once_the_second_time() {
    let mut orderly = host(&["waiter"]);
    orderly.signal("INT");
    assert_eq!(orderly.wait(), Some(0));
    let mut impatient = host(&["rogue"]);
    let _spinning = impatient.client_in_background(&["ask", "rogue", "spin"]);
    wait_until(|| {
        let ls = impatient.client(&["inspect", "rogue"]).stdout;
        serde_json::from_str::<Value>(&ls).is_ok_and(|actor| actor["in_flight"] == 1)
    });
    impatient.signal("TERM");
    wait_until(|| {
        let inspected = impatient.client(&["inspect", "rogue"]);
        inspected.code == Some(8) || inspected.stdout.contains("\"stopping\"")
    });
    impatient.signal("TERM");
    assert_eq!(impatient.wait(), Some(130));
}

#[test]
fn arguments_come_from_a_file_or_stdin_too() {
    let host = host(&["counter"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"n\": 7}").unwrap();
    let argument = format!("@{}", text(file.path()));
    assert_eq!(host.client(&["ask", "counter", "increment", &argument]).stdout, "7\n");
    assert_eq!(host.client(&["ask", "counter", "get", "-"]).stdout, "7\n", "stdin is empty here");
}

#[test]
fn the_second_run_takes_compiled_code_from_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let guest = guest_file("counter").unwrap();
    let check = || {
        let left = crate::program::run(&["check", text(&guest), "--json", "--cache-dir", text(cache.path())]);
        let report: Value = serde_json::from_str(&left.stdout).unwrap();
        report["code"].as_str().unwrap().to_owned()
    };
    assert_eq!((check(), check()), ("compiled".to_owned(), "cache".to_owned()));
}

#[test]
fn a_token_keeps_out_who_does_not_show_it() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "a-secret-of-this-test\n").unwrap();
    let guest = guest_file("counter").unwrap();
    let host = RunningHost::start(&[text(&guest), "--token-file", text(token.path())], 1);
    let refused = host.client(&["ask", "counter", "get"]);
    assert_eq!(refused.code, Some(7), "{refused:?}");
    let shown = host.client(&["ask", "counter", "get", "--token-file", text(token.path())]);
    assert_eq!(shown.stdout, "0\n", "{shown:?}");
}

#[test]
fn a_configuration_file_sets_everything() {
    let dir = tempfile::tempdir().unwrap();
    let guest = guest_file("rogue").unwrap();
    let config = format!(
        "[actors.first]\ncomponent = {guest:?}\ngrants = {{ env = {{ MODE = \"test\" }}, ask = [\"second\"] }}\n\
         [actors.second]\ncomponent = {guest:?}\nlimits = {{ ask_timeout = \"40ms\", grace = \"40ms\" }}\n"
    );
    let file = dir.path().join("host.toml");
    std::fs::write(&file, config).unwrap();
    let host = RunningHost::start(&["--config", text(&file)], 2);
    assert_eq!(host.client(&["ask", "first", "environment"]).stdout, "[\"MODE\"]\n");
    assert_eq!(host.client(&["ask", "first", "count_of", "[\"second\"]"]).stdout, "1\n");
    host.client(&["ask", "second", "spin"]).assert_failed(4, &["took longer than 40ms"]);
}

#[test]
fn dead_letters_are_shown_and_told_again() {
    let host = host(&["rogue"]);
    let letters = |args: &[&str]| -> Value { serde_json::from_str(&host.client(args).stdout).unwrap() };
    assert_eq!(host.client(&["tell", "rogue", "fail", "[\"system\"]"]).code, Some(0));
    host.client(&["ask", "rogue", "count"]);
    let list = letters(&["dead-letters", "rogue"]);
    assert_eq!(list[0]["reason"], "disk gone");
    assert_eq!(list[0]["args"], serde_json::json!(["system"]));
    let requeued = letters(&["dead-letters", "rogue", "--requeue"]);
    assert_eq!(requeued, serde_json::json!({"requeued": 1}));
    // It fails again.
    host.client(&["ask", "rogue", "count"]);
    assert_eq!(letters(&["dead-letters", "rogue"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_actor() {
    let counter = guest_file("counter").unwrap();
    let rogue = guest_file("rogue").unwrap();
    let mut host = RunningHost::start_with_unread_log(&[text(&rogue), text(&counter)], 2);
    // Far more than a pipe takes.
    for _ in 0..3 {
        assert_eq!(host.client(&["ask", "rogue", "chatter", "[1000]"]).code, Some(0));
    }
    assert_eq!(host.client(&["ask", "counter", "increment"]).stdout, "1\n");
    host.signal("TERM");
    assert_eq!(host.wait(), Some(0));
}

#[test]
fn a_host_under_nohup_outlives_its_terminal() {
    let file = guest_file("counter").unwrap();
    let mut host = RunningHost::start_under(&["nohup"], &[text(&file)], 1);
    host.signal("HUP");
    assert_eq!(host.client(&["ask", "counter", "increment"]).stdout, "1\n");
    host.signal("TERM");
    assert_eq!(host.wait(), Some(0));
}
