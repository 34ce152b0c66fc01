//! Writing to stdout, where a reader that goes away is no error worth a word.

use std::io::{self, IsTerminal, Write};

use super::failure::Failure;
use crate::text::{printable, printable_json};

/// How much of a cell is shown.
const CELL_MAX_CHARS: usize = 200;

/// Writes a line, and lets it go out at once.
pub(super) fn line(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.write_all(b"\n")?;
    Ok(stdout.flush()?)
}

/// How much of a notice is shown.
const NOTICE_MAX_CHARS: usize = 1000;

/// Tells a person on stderr what went well and is perhaps not what was meant.
pub(super) fn notice(text: &str) {
    // Whoever does not read it has the result.
    drop(writeln!(io::stderr(), "notice: {}", printable(text, NOTICE_MAX_CHARS)));
}

/// Writes bytes as they are.
pub(super) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// Writes JSON on a line, or several. Where it would do harm to a terminal, it is escaped as JSON is, which changes no
/// value.
pub(super) fn json(text: &str) -> Result<(), Failure> {
    line(printable_json(text).as_bytes())
}

/// Writes JSON that a guest answered: as it is, but for a terminal.
pub(super) fn answer(body: &[u8]) -> Result<(), Failure> {
    match std::str::from_utf8(body) {
        Ok(text) if io::stdout().is_terminal() => json(text),
        Ok(_) | Err(_) => line(body),
    }
}

/// Writes rows under a head, each column as wide as its widest cell. Cells may be anybody's text.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let shown = |row: &Vec<String>| row.iter().map(|cell| printable(cell, CELL_MAX_CHARS)).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(shown).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let written = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(padded.join("  ").trim_end().as_bytes())
    };
    written(&mut head.iter().copied())?;
    rows.iter().try_for_each(|row| written(&mut row.iter().map(String::as_str)))
}
