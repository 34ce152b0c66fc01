//! What travels to an actor and back.

mod context;

use bytes::Bytes;
use compact_str::CompactString;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::context::{Context, ContextError};

/// The longest name of a method, in bytes.
pub const METHOD_MAX_BYTES: usize = 256;

/// How the bytes of a [`Payload`] are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 JSON.
    Json,
    /// Bytes that only sender and receiver understand.
    Bytes,
}

/// One value on the wire. Cheap to clone: clones share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// How to read `body`.
    pub encoding: Encoding,
    /// The value. Whoever sends it to an actor is held to that actor's `message_max`.
    pub body: Bytes,
}

impl Payload {
    /// A payload of JSON text. Not checked: whoever reads it parses it.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self { encoding: Encoding::Json, body: body.into() }
    }

    /// A payload of plain bytes.
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self { encoding: Encoding::Bytes, body: body.into() }
    }

    /// The arguments of a method that takes none.
    #[must_use]
    pub fn none() -> Self {
        Self::json(Bytes::new())
    }

    /// Turns a value into JSON.
    ///
    /// # Errors
    ///
    /// serde's, where the value has no JSON form (a map with keys that are no strings, say).
    pub fn from_value(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(Self::json)
    }

    /// How many bytes the host takes to keep it, roughly.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        /// For what stands around the bytes.
        const OVERHEAD_BYTES: usize = 64;
        self.body.len().saturating_add(OVERHEAD_BYTES)
    }

    /// Reads the body as JSON, whatever the encoding says. An empty body is `null`.
    ///
    /// # Errors
    ///
    /// serde's, where the body is no JSON, or not of this type.
    pub fn to_value<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(if self.body.is_empty() { b"null" } else { &self.body })
    }
}

/// One message, as its sender wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The method to run.
    pub method: CompactString,
    /// A JSON object by name, a JSON array by position, or empty.
    pub args: Payload,
    /// Set by a sender that may send the same message twice.
    pub idempotency_key: Option<String>,
    /// For a stream that is taken up again: the number of the last item that the reader has.
    pub resume_after: Option<u64>,
    /// What goes along with the call, and with every message that is sent from within it.
    pub context: Context,
}

impl Message {
    /// How many bytes its sender wrote: what is held to the actor's `message_max`. Its context is not the sender's own,
    /// and has a bound of its own: what a client adds to a trace must not make the messages fail that are sent within.
    #[must_use]
    pub fn sent_bytes(&self) -> usize {
        let key = self.idempotency_key.as_ref().map_or(0, String::len);
        [self.args.body.len(), self.method.len(), key].into_iter().fold(0, usize::saturating_add)
    }

    /// How many bytes the host takes to keep it on its way, roughly.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        /// For the envelope, and for who waits for the answer.
        const OVERHEAD_BYTES: usize = 1024;
        let context = self.context.size_bytes();
        self.sent_bytes().saturating_add(context).saturating_add(OVERHEAD_BYTES)
    }

    /// A message with neither key, resumption nor context.
    pub fn new(method: impl Into<CompactString>, args: Payload) -> Self {
        Self {
            method: method.into(),
            args,
            idempotency_key: None,
            resume_after: None,
            context: Context::default(),
        }
    }
}

/// What a method answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// One value.
    Ask,
    /// A stream of values.
    Stream,
    /// Nothing.
    Tell,
}

impl MethodKind {
    /// The word for it in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Stream => "stream",
            Self::Tell => "tell",
        }
    }

    /// The kind that `word` stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Ask, Self::Stream, Self::Tell].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A method, as its actor describes it. The texts are the guest's own and not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Method {
    /// What callers name it.
    pub name: String,
    /// What it answers.
    pub kind: MethodKind,
    /// For people: the first line is a summary.
    pub doc: String,
    /// JSON Schema of the arguments, as the guest wrote it.
    pub args_schema: Option<String>,
    /// JSON Schema of what an ask returns.
    pub answer_schema: Option<String>,
    /// JSON Schema of each item of a stream.
    pub item_schema: Option<String>,
}

impl Method {
    /// A method that nothing more is said of.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: MethodKind) -> Self {
        let (name, doc) = (name.into(), String::new());
        Self { name, kind, doc, args_schema: None, answer_schema: None, item_schema: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_reads_as_null() {
        assert_eq!(Payload::none().to_value::<Option<u8>>().unwrap(), None);
        Payload::none().to_value::<()>().unwrap();
    }

    #[test]
    fn a_context_is_kept_with_its_message_and_is_not_the_sender_s() {
        let plain =
            Message { idempotency_key: Some("key".to_owned()), ..Message::new("m", Payload::json("[1]")) };
        let context = Context::new([("name", "value")]).unwrap();
        let message = Message { context, ..plain.clone() };
        assert_eq!((plain.sent_bytes(), message.sent_bytes()), (7, 7));
        assert_eq!(message.kept_bytes(), plain.kept_bytes() + 9);
    }

    #[test]
    fn a_value_survives_the_way_there_and_back() {
        let payload = Payload::from_value(&vec![1, 2, 3]).unwrap();
        assert_eq!(payload.to_value::<Vec<u8>>().unwrap(), vec![1, 2, 3]);
    }
}
