//! JSON as people give it on a command line: as it is, from a file, or from stdin.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::failure::Failure;
use crate::gateway::json;
use crate::gateway::request::{KEY_MAX_BYTES, TIMEOUT_RANGE_MS};
use crate::limits::written;

/// The most bytes that arguments have: far more than any actor takes.
const ARGUMENTS_MAX_BYTES: u64 = 256 << 20;

/// Reads arguments: JSON, `@FILE`, or `-` for stdin. None given are none.
///
/// # Errors
///
/// Where it cannot be read, or is no JSON object or array: nothing is sent then.
///
/// # Blocking
///
/// Reads the file, or stdin to its end.
pub(super) fn read(arguments: Option<&str>) -> Result<Vec<u8>, Failure> {
    let bytes = json_of(arguments.unwrap_or_default())?;
    json::check_args(&bytes).map_err(Failure::usage)?;
    Ok(bytes)
}

/// Reads any JSON, given like arguments.
pub(super) fn read_any(arguments: &str) -> Result<Vec<u8>, Failure> {
    let bytes = json_of(arguments)?;
    json::check(&bytes).map_err(|error| Failure::usage(format!("the configuration is no JSON: {error}")))?;
    Ok(bytes)
}

/// Reads how long a client waits: what a host can be asked for.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = written::time(text)?;
    match u64::try_from(timeout.as_millis()) {
        Ok(millis) if TIMEOUT_RANGE_MS.contains(&millis) => Ok(timeout),
        _ => Err("it must be from 1ms to 24h".to_owned()),
    }
}

/// Reads an idempotency key: what a request can carry.
pub(super) fn idempotency_key(text: &str) -> Result<String, String> {
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let is_kept = text.trim_ascii() == text;
    match text.len() {
        1..=KEY_MAX_BYTES if is_visible && is_kept => Ok(text.to_owned()),
        _ => Err(format!("it must be 1 to {KEY_MAX_BYTES} visible ASCII characters")),
    }
}

/// The file that arguments are in, where they are in one.
pub(super) fn file(arguments: &str) -> Option<&Path> {
    arguments.strip_prefix('@').map(Path::new)
}

/// Without the mark that some editors begin a file with.
fn json_of(arguments: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = text_or_file(arguments)?;
    bytes.drain(..bytes.len() - json::after_mark(&bytes).len());
    Ok(bytes)
}

fn text_or_file(arguments: &str) -> Result<Vec<u8>, Failure> {
    match file(arguments) {
        Some(path) => {
            let shown = path.display().to_string();
            // Not a plain file alone: `@/dev/stdin` and `@<(…)` of a shell are pipes, and waited for as stdin is.
            let file = File::open(path).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
            to_end(file, &shown)
        }
        None if arguments == "-" => to_end(std::io::stdin().lock(), "stdin"),
        None => Ok(arguments.as_bytes().to_vec()),
    }
}

fn to_end(source: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = source.take(ARGUMENTS_MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > ARGUMENTS_MAX_BYTES) {
        return Err(Failure::usage(format!("{name}: has more than {ARGUMENTS_MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_what_a_host_can_be_asked_for() {
        for (text, millis) in [("1ms", 1), ("5", 5000), ("0.5", 500), ("24h", 24 * 3_600_000)] {
            assert_eq!(timeout(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["0s", "0", "1us", "25h", "soon", ""] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_what_a_request_can_carry() {
        for good in ["k", "order 7", &"k".repeat(KEY_MAX_BYTES)] {
            assert_eq!(idempotency_key(good).as_deref(), Ok(good));
        }
        for bad in ["", " k", "k ", "k\u{e9}y", "a\nb", &"k".repeat(KEY_MAX_BYTES + 1)] {
            assert!(idempotency_key(bad).is_err(), "{bad}");
        }
    }
}
