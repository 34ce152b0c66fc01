//! What people write: configuration files, command lines, and the words in both.
//!
//! | input | is read as |
//! |---|---|
//! | begins with `--` | the words after `pulsing-host run x.wasm`, one a line |
//! | begins with `http` and has a line break | a URL, and grants, one a line |
//! | any other text | a file of tokens; a configuration file, with an actor that runs under the limits it sets |
//!
//! A short text is each of the words, too.

use std::path::Path;
use std::time::Duration;

use pulsing_host::config::HostConfig;
use pulsing_host::gateway::keys::Keys;
use pulsing_host::gateway::token::Token;
use pulsing_host::internals;
use pulsing_host::internals::{Denied, Reach, reach};
use pulsing_host::{
    ActorId, ActorName, CallError, DirGrant, HttpGrant, Key, Limits, Registry, RestartSettings,
};
use url::Url;

use crate::double;
use crate::line::{assert_at_most, assert_one_line};

/// The longest text that is tried as a word.
const WORD_MAX_BYTES: usize = 300;
/// What an error about one word has at most.
const WORD_ERROR_MAX_CHARS: usize = 1500;
/// How long an actor may take for one ask, on a clock that jumps.
const ASK_BOUND: Duration = Duration::from_secs(60 * 60);

/// Reads `data`, if it is text.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() <= WORD_MAX_BYTES {
        check_word(text);
    }
    match text.split_once('\n') {
        _ if text.starts_with("--") => check_command_line(text),
        Some((url, grants)) if url.starts_with("http") => check_url(url, grants),
        _ => check_file(text),
    }
}

fn check_command_line(text: &str) {
    let words = ["pulsing-host", "run", "x.wasm"].into_iter().chain(text.lines());
    if let Err(error) = internals::command_line(words) {
        assert!(!error.is_empty(), "a command line is refused without a word");
    }
}

fn check_url(url: &str, grants: &str) {
    let Ok(url) = Url::parse(url) else { return };
    let grants: Vec<HttpGrant> = grants.lines().filter_map(|text| text.parse().ok()).collect();
    let reached = reach(&grants, &url);
    assert!(reached.is_none() || !grants.is_empty(), "{url} is reached without a grant");
    if url.scheme() != "http" && url.scheme() != "https" {
        assert_eq!(reached, None, "{url} is no URL of HTTP");
        return;
    }
    let denied = Denied::new("double", &url).to_string();
    assert_one_line(&denied);
    let told = denied.rsplit_once("the grant `http` for `").and_then(|(_, end)| end.strip_suffix('`'));
    let told = told.expect("a denial ends in the grant that is missing");
    if !can_be_granted(&url) {
        return;
    }
    let granted = told.parse::<HttpGrant>().map(|grant| reach(&[grant], &url));
    assert_eq!(granted, Ok(Some(Reach::Named)), "{told} does not grant {url}");
}

/// Not what only a URL can name: a star that stands for itself, nothing but dots, and the port 0.
fn can_be_granted(url: &Url) -> bool {
    let odd = |host: &str| host.contains('*') || host.starts_with('.') || host.ends_with("..");
    url.port() != Some(0) && !url.host_str().is_some_and(odd)
}

fn check_file(text: &str) {
    if let Err(error) = Keys::parse(text, Path::new("tokens.toml")) {
        assert_one_line(&error.to_string());
        assert_at_most(WORD_ERROR_MAX_CHARS, &error.to_string());
    }
    match internals::config(text) {
        Ok(config) => check_config(config),
        Err(error) => {
            assert_one_line(&error.to_string());
            assert_at_most(WORD_ERROR_MAX_CHARS + text.len(), &error.to_string());
        }
    }
}

fn check_config(config: HostConfig) {
    for (name, actor) in config.actors {
        assert_name(&name);
        actor.grants.ask.iter().for_each(assert_id);
        actor.grants.dirs.iter().for_each(assert_dir);
        for (name, value) in &actor.grants.env {
            assert!(!name.is_empty() && !name.contains(['=', '\0']), "{name:?} is a variable's name");
            assert!(!value.contains('\0'), "{value:?} is a variable's value");
        }
        live(actor.limits, actor.restart);
    }
}

/// Runs an actor with these settings, and asks it.
fn live(limits: Limits, restart: RestartSettings) {
    /// Lives that cannot start, and follow each other without a delay, have no end that a clock brings which stands still.
    const RESTARTS_MAX: u32 = 100;
    let restart = RestartSettings { max_restarts: restart.max_restarts.min(RESTARTS_MAX), ..restart };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("the system gives what a runtime needs");
    runtime.block_on(async {
        let actor = double::spawn(&Registry::default(), limits, restart);
        let ask = async {
            actor.ready().await.map_err(|exit| exit.to_string())?;
            let echo = actor.ask::<Vec<u8>>("echo", &[1]).await;
            drop(actor.ask::<()>("crash", &()).await);
            drop(actor.ask::<Vec<u8>>("echo", &[1]).await);
            actor.stop().await.expect("an actor of this process can be reached");
            echo.map(drop).map_err(|error: CallError| error.to_string())
        };
        if let Ok(Err(error)) = tokio::time::timeout(ASK_BOUND, ask).await {
            assert_one_line(&error);
        }
    });
}

fn check_word(word: &str) {
    match ActorName::new(word) {
        Ok(name) => {
            assert_name(&name);
            assert_eq!(name.as_str(), word);
        }
        Err(error) => assert_word_error(&error.to_string()),
    }
    match word.parse::<DirGrant>() {
        Ok(grant) => assert_dir(&grant),
        Err(error) => assert_word_error(&error.to_string()),
    }
    match word.parse::<HttpGrant>() {
        Ok(grant) => assert_eq!(grant.to_string().parse(), Ok(grant), "{word} is shown as another grant"),
        Err(error) => assert_word_error(&error.to_string()),
    }
    if let Some(token) = Token::new(word) {
        assert_eq!(token.expose(), word, "a token is not itself");
        assert!(!format!("{token:?}").contains(word), "a token shows itself");
    }
}

fn assert_word_error(text: &str) {
    assert_one_line(text);
    assert_at_most(WORD_ERROR_MAX_CHARS, text);
}

fn assert_name(name: &ActorName) {
    let name = name.as_str();
    assert!((1..=ActorName::LENGTH_MAX).contains(&name.len()), "{name:?} is a name");
    assert!(name.starts_with(|c: char| c.is_ascii_alphanumeric()), "{name:?} is a name");
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{name:?} is a name");
}

fn assert_id(id: &ActorId) {
    assert_name(&id.to_name());
    let key = id.key().unwrap_or("none");
    assert!((1..=Key::LENGTH_MAX).contains(&key.len()), "{key:?} is a key");
    assert!(!key.chars().any(char::is_control), "{key:?} is a key");
}

fn assert_dir(grant: &DirGrant) {
    assert!(!grant.host.as_os_str().is_empty() && !grant.guest.is_empty(), "{grant:?} grants nothing");
    let host = grant.host.as_os_str().as_encoded_bytes();
    assert!(!host.contains(&0) && !grant.guest.contains('\0'), "{grant:?} is no path");
}
