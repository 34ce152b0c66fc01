//! A body as lines.

use std::collections::VecDeque;

use super::text::{Cutter, Parser};
use super::{Error, ErrorKind};

/// Makes lines of pieces.
#[derive(Default)]
pub(super) struct Lines {
    cutter: Cutter,
}

impl Parser for Lines {
    type Item = String;

    fn feed(&mut self, piece: Option<&[u8]>, items: &mut VecDeque<String>) -> Result<(), Error> {
        match piece {
            Some(piece) => self.cutter.feed(piece, |line| {
                items.push_back(text(line)?);
                Ok(())
            }),
            None => {
                if let Some(line) = self.cutter.rest() {
                    items.push_back(text(line)?);
                }
                Ok(())
            }
        }
    }
}

fn text(line: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(line)
        .map_err(|error| Error::new(ErrorKind::Decode, format!("a line is no UTF-8: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::text::LINE_MAX_BYTES;
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Result<Vec<String>, Error> {
        let (mut parser, mut items) = (Lines::default(), VecDeque::new());
        for piece in pieces {
            parser.feed(Some(piece), &mut items)?;
        }
        parser.feed(None, &mut items)?;
        Ok(items.into())
    }

    #[test]
    fn lines_are_the_same_wherever_the_pieces_were_cut() {
        let text = "one\r\ntwo\rthree\n\nfünf".as_bytes();
        for cut in 0..=text.len() {
            let (front, back) = text.split_at(cut);
            assert_eq!(lines(&[front, back]).unwrap(), ["one", "two", "three", "", "fünf"], "cut at {cut}");
        }
        assert_eq!(lines(&[]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_line_has_a_bound_and_is_text() {
        let long = vec![b'x'; LINE_MAX_BYTES];
        assert_eq!(lines(&[&long, b"\n"]).unwrap().len(), 1);
        assert_eq!(lines(&[&long, b"x"]).unwrap_err().kind(), &ErrorKind::TooLarge);
        assert_eq!(lines(&[b"\xff\n"]).unwrap_err().kind(), &ErrorKind::Decode);
    }
}
