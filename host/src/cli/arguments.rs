//! JSON as people give it on a command line: as it is, from a file, or from stdin.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::failure::Failure;
use crate::gateway::json;

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
