//! Reading server-sent events, as a host sends them.
//!
//! Bounded: a line, and the data of an event, have at most [`EVENT_MAX_BYTES`]. What the standard allows and
//! no host sends (a byte order mark, `retry`) is passed over.

use super::failure::Failure;

/// The most bytes of an event: more than any host lets an item have.
const EVENT_MAX_BYTES: usize = 256 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Event {
    /// Its name; empty for an item.
    pub(super) name: String,
    /// The number of the item.
    pub(super) id: Option<u64>,
    pub(super) data: String,
}

/// Makes events of bytes as they come.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    /// The byte before was a carriage return: a line feed belongs to it.
    after_return: bool,
}

impl EventReader {
    /// Takes bytes, and answers the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.after_return) => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&line));
                }
                other => {
                    self.after_return = false;
                    self.line.push(*other);
                    if self.line.len().saturating_add(self.event.data.len()) > EVENT_MAX_BYTES {
                        return Err(Failure::unreachable("the host sends an event without an end"));
                    }
                }
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = value.parse().ok(),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _comment_or_unknown => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, id: Option<u64>, data: &str) -> Event {
        Event { name: name.to_owned(), id, data: data.to_owned() }
    }

    const TEXT: &str = ": hello\n\nid: 1\ndata: {\"a\":\ndata: 1}\n\nid:2\r\nevent:bytes\r\ndata:AA==\r\n\r\n\
                        event: done\ndata: {}\n\n";

    fn expected() -> Vec<Event> {
        vec![event("", Some(1), "{\"a\":\n1}"), event("bytes", Some(2), "AA=="), event("done", None, "{}")]
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        for size in [1, 2, 3, 7, TEXT.len()] {
            let mut reader = EventReader::default();
            let chunks = TEXT.as_bytes().chunks(size);
            let events: Vec<_> = chunks.flat_map(|chunk| reader.push(chunk).unwrap()).collect();
            assert_eq!(events, expected(), "in pieces of {size}");
        }
    }
}
