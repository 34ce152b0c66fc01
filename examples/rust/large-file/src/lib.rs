//! Reads files of any size line by line, in little memory.
//!
//! The actor is serial, and its stream an ordinary iterator, because nothing would be won by overlapping: reading a
//! file is a call of WASI that does not hand over to other handlers. Readers take turns nevertheless, since the host
//! draws on each stream only while its reader has room.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};

use pulsing_guest::Error;
use pulsing_guest::serde::Serialize;

/// A longer line comes in several items, so that a file without line ends is no danger.
const LINE_MAX_BYTES: u64 = 64 * 1024;

/// It has no state: all that is kept is in the open streams.
#[derive(Default)]
struct LargeFile;

/// One item of the stream.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Line {
    line: u64,
    data: String,
}

#[pulsing_guest::actor]
impl LargeFile {
    // region: iterator
    /// Streams the lines of a file in capitals, numbered from 1.
    fn process_large_file(
        &self,
        file_path: String,
    ) -> Result<impl Iterator<Item = Result<Line, Error>> + 'static, Error> {
        let mut file = BufReader::new(File::open(&file_path).map_err(|error| refusal(&file_path, error))?);
        let mut buffer = Vec::new();
        Ok((1..).map_while(move |line| match next_line(&mut file, &mut buffer) {
            Ok(0) => None,
            Ok(_) => Some(Ok(Line { line, data: process_line(&buffer) })),
            Err(error) => Some(Err(error.into())),
        }))
    }
    // endregion
}

/// Reads a line into the buffer, which holds no more than one. Answers its length, 0 at the end of the file.
fn next_line(file: &mut BufReader<File>, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
    buffer.clear();
    file.take(LINE_MAX_BYTES).read_until(b'\n', buffer)
}

fn process_line(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end().to_uppercase()
}

/// A wrong path is the caller's fault, anything else is not.
fn refusal(file_path: &str, error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::business(404, format!("there is no file {file_path}")),
        ErrorKind::PermissionDenied => Error::business(403, format!("{file_path} is out of reach")),
        _ => error.into(),
    }
}
