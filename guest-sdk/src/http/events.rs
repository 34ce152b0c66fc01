//! A body as server-sent events: "interpreting an event stream" of the HTML standard.

use std::collections::VecDeque;

use super::text::{Cutter, LINE_MAX_BYTES, Parser};
use super::{Error, ErrorKind};

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type; `message` where it names none.
    pub event: String,
    /// Its data, lines joined by LF.
    pub data: String,
    /// The last id that the stream has given, to take it up again by; empty where it gave none.
    pub id: String,
}

/// Makes events of pieces. What stands after the last blank line is no event.
#[derive(Default)]
pub(super) struct Events {
    cutter: Cutter,
    pending: Pending,
}

#[derive(Default)]
struct Pending {
    has_begun: bool,
    event: String,
    /// Each line with an LF after it.
    data: String,
    last_id: String,
}

impl Parser for Events {
    type Item = Event;

    fn feed(&mut self, piece: Option<&[u8]>, items: &mut VecDeque<Event>) -> Result<(), Error> {
        let Self { cutter, pending } = self;
        cutter.feed(piece.unwrap_or_default(), |line| {
            items.extend(pending.line(&line)?);
            Ok(())
        })
    }
}

impl Pending {
    fn line(&mut self, line: &[u8]) -> Result<Option<Event>, Error> {
        // The standard decodes with replacement, and takes one byte order mark away.
        let text = String::from_utf8_lossy(line);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = if is_first { text.strip_prefix('\u{feff}').unwrap_or(&text) } else { &text };
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" if self.data.len().saturating_add(value.len()) > LINE_MAX_BYTES => {
                let text = format!("an event has more than {LINE_MAX_BYTES} bytes");
                return Err(Error::new(ErrorKind::TooLarge, text));
            }
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_id),
            _comment_or_unknown => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Event { event, data, id: self.last_id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Result<Vec<(String, String, String)>, Error> {
        let (mut parser, mut items) = (Events::default(), VecDeque::new());
        for piece in pieces {
            parser.feed(Some(piece), &mut items)?;
        }
        parser.feed(None, &mut items)?;
        Ok(items.into_iter().map(|Event { event, data, id }| (event, data, id)).collect())
    }

    fn event(event: &str, data: &str, id: &str) -> (String, String, String) {
        (event.to_owned(), data.to_owned(), id.to_owned())
    }

    #[test]
    fn events_are_the_same_wherever_the_pieces_were_cut() {
        let text =
            "\u{feff}: hello\r\nevent: add\ndata:  ä\rdata\r\nid: 7\n\ndata: b\n\nevent: none\n\ndata: lost"
                .as_bytes();
        for cut in 0..=text.len() {
            let (front, back) = text.split_at(cut);
            let expected = [event("add", " ä\n", "7"), event("message", "b", "7")];
            assert_eq!(events(&[front, back]).unwrap(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn fields_follow_the_standard() {
        assert_eq!(events(&[b"data\n\n"]).unwrap(), [event("message", "", "")]);
        assert_eq!(events(&[b"data:x\nid: a\0b\nretry: 5\nother\n\n"]).unwrap(), [event("message", "x", "")]);
        assert_eq!(
            events(&[b"id: 1\n\ndata: x\n\nid\ndata: y\n\n"]).unwrap(),
            [event("message", "x", "1"), event("message", "y", "")]
        );
        assert_eq!(events(&[b"data: \xff\n\n"]).unwrap(), [event("message", "\u{fffd}", "")]);
    }

    #[test]
    fn an_event_has_a_bound() {
        let line = [&b"data:"[..], &vec![b'x'; LINE_MAX_BYTES / 2], b"\n"].concat();
        let error = events(&[&line, &line, &line]).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::TooLarge);
    }
}
