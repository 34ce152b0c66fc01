//! What an actor says of itself: its methods with JSON Schemas of what they take and return, and how it wants to be
//! restarted. The JSON of `wit/describe.md`.
//!
//! Written as text when the host asks, once in each life before `#[start]`. That is on the way of every
//! restart, and most types are numbers and strings: so those are written here, and `schemars` is asked (and
//! linked) only for types that derive their schema with it. A call costs nothing for any of this.

mod plain;
mod probe;
mod schema;

use std::fmt::Write;

use crate::actor::Actor;
use crate::args::Args;

pub(crate) use plain::PlainType;
pub use probe::{
    DerivedSchema, Iterates, MightFail, NeverFails, NoItems, NoSchema, PlainSchema, Probe, Streams,
};
pub(crate) use schema::WriteSchema;

/// An argument's name and what writes its schema, if it has one.
pub(crate) type Argument = (&'static str, Option<WriteSchema>);

/// How a method behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// Returns one value.
    Ask,
    /// Returns a stream.
    Stream,
    /// Returns nothing.
    Tell,
}

/// The description of one method.
#[derive(Debug)]
pub struct Method {
    pub(crate) name: &'static str,
    kind: MethodKind,
    doc: &'static str,
    /// The schema of its arguments.
    args: Option<String>,
    /// That of its value, or of its stream's items.
    returned: Option<String>,
}

/// How an actor wants to be restarted: the options of `#[actor]`, which the macro has checked.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// `never`, `on_failure` or `always`.
    pub policy: Option<&'static str>,
    /// How many restarts there may be within the host's window.
    pub max_restarts: Option<u32>,
    /// The delay before the first.
    pub min_backoff_ms: Option<u64>,
    /// The longest delay.
    pub max_backoff_ms: Option<u64>,
}

/// Describes a method. Called by generated code.
pub fn method<A: Args>(
    name: &'static str,
    kind: MethodKind,
    doc: &'static str,
    arguments: &[Argument],
    returned: Option<WriteSchema>,
) -> Method {
    let args = (!A::IS_BYTES).then(|| schema::of_arguments(arguments, A::is_required));
    Method { name, kind, doc, args, returned: returned.map(schema::of_value) }
}

/// The most bytes of a description that a host reads.
const DESCRIPTION_MAX_BYTES: usize = 1 << 20;
/// The most methods that it reads.
const METHODS_MAX: usize = 1024;

/// What the component of actor `A` says of itself.
///
/// # Panics
///
/// Where no host would read it: it names the method to look at.
pub(crate) fn describe<A: Actor>() -> String {
    description(&A::methods(), A::RESTART)
}

fn description(methods: &[Method], restart: Option<Restart>) -> String {
    let count = methods.len();
    assert!(count <= METHODS_MAX, "the actor has {count} methods, which is more than {METHODS_MAX}");
    let mut json = r#"{"methods":["#.to_owned();
    let mut largest = ("", 0);
    for (index, method) in methods.iter().enumerate() {
        let before = json.len();
        method.write(&mut json, index > 0);
        let bytes = json.len() - before;
        if bytes > largest.1 {
            largest = (method.name, bytes);
        }
    }
    json.push(']');
    if let Some(restart) = restart {
        restart.write(&mut json);
    }
    json.push('}');
    let (bytes, (name, of_largest)) = (json.len(), largest);
    assert!(
        bytes <= DESCRIPTION_MAX_BYTES,
        "the description of the actor has {bytes} bytes, which is more than {DESCRIPTION_MAX_BYTES}; the largest \
         method, `{name}`, takes {of_largest} of them"
    );
    json
}

impl Method {
    fn write(&self, json: &mut String, by_comma: bool) {
        let kind = match self.kind {
            MethodKind::Ask => "ask",
            MethodKind::Stream => "stream",
            MethodKind::Tell => "tell",
        };
        let comma = if by_comma { "," } else { "" };
        put(json, format_args!(r#"{comma}{{"name":{},"kind":"{kind}""#, quoted(self.name)));
        if !self.doc.is_empty() {
            put(json, format_args!(r#","doc":{}"#, quoted(self.doc)));
        }
        let returned = match self.kind {
            MethodKind::Ask => Some("answer"),
            MethodKind::Stream => Some("item"),
            MethodKind::Tell => None,
        };
        for (member, schema) in [(Some("args"), &self.args), (returned, &self.returned)] {
            if let (Some(member), Some(schema)) = (member, schema) {
                put(json, format_args!(r#","{member}":{schema}"#));
            }
        }
        json.push('}');
    }
}

impl Restart {
    fn write(&self, json: &mut String) {
        let numbers = [
            ("max_restarts", self.max_restarts.map(u64::from)),
            ("min_backoff_ms", self.min_backoff_ms),
            ("max_backoff_ms", self.max_backoff_ms),
        ];
        let policy = self.policy.map(|policy| format!(r#""policy":"{policy}""#));
        let numbers =
            numbers.into_iter().filter_map(|(name, number)| Some(format!(r#""{name}":{}"#, number?)));
        let members: Vec<_> = policy.into_iter().chain(numbers).collect();
        put(json, format_args!(r#","restart":{{{}}}"#, members.join(",")));
    }
}

fn put(json: &mut String, text: std::fmt::Arguments<'_>) {
    json.write_fmt(text).expect("a string takes any text");
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("every text is a JSON string")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::thread::LocalKey;

    use serde_json::{Value, json};

    use super::*;
    use crate::actor::ActorCell;

    enum Described {}

    impl Actor for Described {
        fn cell() -> &'static LocalKey<ActorCell<Self>> {
            thread_local! {
                static ACTOR: ActorCell<Described> = const { RefCell::new(None) };
            }
            &ACTOR
        }

        const MAY_PASSIVATE: bool = false;

        const RESTART: Option<Restart> = Some(Restart {
            policy: Some("always"),
            max_restarts: Some(3),
            min_backoff_ms: None,
            max_backoff_ms: Some(500),
        });

        fn methods() -> Vec<Method> {
            let number = (&&&Probe::<u8>::new()).schema();
            vec![
                method::<()>("get", MethodKind::Ask, "Says \"hi\".\n\nTwice.", &[], number),
                method::<(u8,)>("count", MethodKind::Stream, "", &[("to", number)], number),
                method::<()>("note", MethodKind::Tell, "", &[], None),
            ]
        }
    }

    fn panic_of(methods: &[Method]) -> String {
        let panic = std::panic::catch_unwind(|| description(methods, None)).unwrap_err();
        *panic.downcast::<String>().unwrap()
    }

    #[test]
    fn what_no_host_reads_is_refused_by_its_name() {
        let named = |name, doc| method::<()>(name, MethodKind::Tell, doc, &[], None);
        let many = |count| (0..count).map(|_| named("m", "")).collect::<Vec<_>>();
        assert!(description(&many(1024), None).ends_with("]}"));
        assert_eq!(panic_of(&many(1025)), "the actor has 1025 methods, which is more than 1024");
        // What stands around the text of the largest method.
        let around = description(&[named("a", ""), named("large", "x"), named("b", "")], None).len() - 1;
        let text = |bytes| &*String::leak("x".repeat(bytes));
        let described = |doc| [named("a", ""), named("large", doc), named("b", "")];
        let most = text(DESCRIPTION_MAX_BYTES - around);
        assert_eq!(description(&described(most), None).len(), DESCRIPTION_MAX_BYTES);
        let panic = panic_of(&described(text(most.len() + 1)));
        let said = "the description of the actor has 1048577 bytes, which is more than 1048576; the largest method, \
                    `large`, takes 1048";
        assert!(panic.starts_with(said), "{panic}");
    }

    #[test]
    fn a_description_is_the_json_that_hosts_read() {
        let args = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        let number = json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255});
        let expected = json!({
            "methods": [
                {
                    "name": "get", "kind": "ask", "doc": "Says \"hi\".\n\nTwice.",
                    "args": args(json!({}), json!([])), "answer": number,
                },
                {
                    "name": "count", "kind": "stream",
                    "args": args(json!({"to": number}), json!(["to"])), "item": number,
                },
                { "name": "note", "kind": "tell", "args": args(json!({}), json!([])) },
            ],
            "restart": {"policy": "always", "max_restarts": 3, "max_backoff_ms": 500},
        });
        assert_eq!(serde_json::from_str::<Value>(&describe::<Described>()).unwrap(), expected);
    }
}
