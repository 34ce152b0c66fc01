//! The defaults that `docs/semantics.md` names are those of the code.

use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;

use crate::limits::Limits;
use crate::policy::{QUICK_BACKOFF, RestartSettings, USUAL_MIN_BACKOFF};
use crate::wire::{ActorError, CallError};

fn document() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/semantics.md")).unwrap()
}

/// What stands in the second column of the row that begins with this name.
fn default_of(name: &str) -> String {
    let document = document();
    let begin = format!("| `{name}` | ");
    let row = document.lines().find_map(|line| line.strip_prefix(&begin));
    let row = row.unwrap_or_else(|| panic!("there is no row for `{name}`"));
    row.split(" | ").next().unwrap().to_owned()
}

/// `1,024 items` is 1024.
fn count(text: &str) -> usize {
    text.split(' ').next().unwrap().replace(',', "").parse().unwrap()
}

/// The first two words: `256 KiB per second` is 256 KiB, and `5 min` are five minutes.
fn with_unit(text: &str) -> String {
    text.split(' ').take(2).collect()
}

#[test]
fn the_documented_counts_are_the_defaults() {
    let limits = Limits::default();
    let restart = RestartSettings::default();
    for (name, default) in [
        ("mailbox_messages", limits.mailbox_messages.get()),
        ("max_in_flight", limits.max_in_flight.get()),
        ("open_streams", limits.open_streams.get()),
        ("http_requests", limits.http_requests.get()),
        ("open_files", limits.open_files.get()),
        ("stream_buffer", usize::try_from(limits.stream_buffer.get()).unwrap()),
        ("dead_letters", limits.dead_letters),
        ("reply_cache", limits.reply_cache),
        ("restart.max_restarts", usize::try_from(restart.max_restarts).unwrap()),
        ("restart.quarantine_after", usize::try_from(restart.quarantine_after).unwrap()),
    ] {
        assert_eq!(count(&default_of(name)), default, "{name}");
    }
}

#[test]
fn the_documented_sizes_are_the_defaults() {
    let limits = Limits::default();
    for (name, default) in [
        ("message_max", limits.message_max),
        ("memory_max", limits.memory_max),
        ("kept_max", limits.kept_max),
        ("log_max", limits.log_max),
        ("disk_max", limits.disk_max),
        ("reply_cache_max", limits.reply_cache_max),
    ] {
        assert_eq!(with_unit(&default_of(name)).parse::<ByteSize>(), Ok(default), "{name}");
    }
}

#[test]
fn the_documented_times_are_the_defaults() {
    let limits = Limits::default();
    let restart = RestartSettings::default();
    for (name, default) in [
        ("stream_idle", limits.stream_idle),
        ("ask_timeout", limits.ask_timeout),
        ("grace", limits.grace),
        ("start_timeout", limits.start_timeout),
        ("stop_timeout", limits.stop_timeout),
        ("handler_max_cpu", limits.handler_max_cpu),
        ("reply_cache_age", limits.reply_cache_age),
        ("restart.window", restart.window),
        ("restart.min_backoff", USUAL_MIN_BACKOFF),
        ("restart.max_backoff", restart.max_backoff),
    ] {
        assert_eq!(humantime::parse_duration(&with_unit(&default_of(name))), Ok(default), "{name}");
    }
    assert_eq!(restart.min_backoff, None);
    let unset = default_of("restart.min_backoff");
    let (_, quick) = unset.split_once('(').expect("the quick one is in parentheses");
    assert_eq!(humantime::parse_duration(&with_unit(quick)), Ok(QUICK_BACKOFF));
    assert_eq!((limits.passivate_after, default_of("passivate_after")), (None, "never".to_owned()));
}

#[test]
fn the_classes_that_may_be_retried_are_the_documented_ones() {
    let business = ActorError::Business { code: 409, message: String::new(), details: None };
    let timeout = ActorError::Timeout { operation: String::new(), duration: Duration::ZERO };
    let unsupported = ActorError::Unsupported { operation: String::new(), nearest: None };
    for (error, may_succeed) in
        [(business, false), (timeout, true), (unsupported, false), (ActorError::Cancelled, false)]
    {
        assert_eq!(CallError::from(error.clone()).is_retryable(), may_succeed, "{error:?}");
    }
}
