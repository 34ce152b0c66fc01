//! What an actor says of itself: its methods, and a JSON Schema of each one's arguments.
//!
//! Written as text when the host asks, once in each life before `#[start]`. That is on the way of every
//! restart, and most arguments are numbers and strings: so those are written here, and `schemars` is asked (and
//! linked) only for types that derive their schema with it. A call costs nothing for any of this.

mod plain;

use std::fmt::Write;
use std::marker::PhantomData;

use schemars::JsonSchema;
use schemars::generate::SchemaGenerator;
use serde_json::Value;

use crate::args::Args;
use crate::bindings::types::{Method, MethodKind};

pub(crate) use plain::PlainType;

/// An argument's name and what writes its schema.
pub(crate) type Argument = (&'static str, WriteSchema);

/// Writes the schema of one type.
pub(crate) type WriteSchema = fn(&mut Schema);

/// A JSON Schema in the making.
#[derive(Default)]
pub struct Schema {
    text: String,
    /// Behind a trait object, so that it is linked only into guests that make one.
    derived: Option<Box<dyn Derived>>,
}

/// What types that derive their schema need.
trait Derived {
    fn generator(&mut self) -> &mut SchemaGenerator;

    /// The types that the schemas refer to, as the members of a JSON object.
    fn definitions(&mut self) -> String;
}

impl Derived for SchemaGenerator {
    fn generator(&mut self) -> &mut SchemaGenerator {
        self
    }

    fn definitions(&mut self) -> String {
        match self.take_definitions(true) {
            definitions if definitions.is_empty() => String::new(),
            definitions => format!(",\"$defs\":{}", Value::Object(definitions)),
        }
    }
}

/// The description of one method.
pub fn method<A: Args>(name: &str, kind: MethodKind, doc: &str, arguments: &[Argument]) -> Method {
    let args_schema = (!A::IS_BYTES).then(|| args_schema(arguments, A::is_required));
    Method { name: name.into(), kind, doc: doc.into(), args_schema }
}

/// The schema of the arguments as one object. Their names are Rust's, so they need no escapes.
fn args_schema(arguments: &[Argument], is_required: fn(usize) -> bool) -> String {
    let mut schema = Schema { text: r#"{"type":"object","properties":{"#.into(), derived: None };
    for (index, (name, write)) in arguments.iter().enumerate() {
        schema.separated(index > 0, format_args!("\"{name}\":"));
        write(&mut schema);
    }
    schema.text.push_str(r#"},"required":["#);
    let names = arguments.iter().enumerate().filter(|(index, _)| is_required(*index));
    for (index, (_, (name, _))) in names.enumerate() {
        schema.separated(index > 0, format_args!("\"{name}\""));
    }
    schema.text.push_str(r#"],"additionalProperties":false"#);
    let definitions = schema.derived.map(|mut derived| derived.definitions()).unwrap_or_default();
    schema.text + &definitions + "}"
}

impl Schema {
    fn separated(&mut self, by_comma: bool, text: std::fmt::Arguments<'_>) {
        let comma = if by_comma { "," } else { "" };
        write!(self.text, "{comma}{text}").expect("a string takes any text");
    }

    fn derived<T: JsonSchema>(&mut self) {
        let derived = self.derived.get_or_insert_with(|| Box::new(SchemaGenerator::default()));
        let schema = derived.generator().subschema_for::<T>();
        self.text.push_str(&schema.to_value().to_string());
    }
}

/// Finds the schema of a type that may have none: `(&&&Probe::<T>::new()).schema()` picks, by method resolution,
/// the first of the three traits below that fits.
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<T> {
    /// For a type, of which no value is needed.
    #[expect(clippy::new_without_default, reason = "only generated code calls it")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// The type is a number, a string, or made of such.
pub trait PlainSchema {
    /// See [`Probe`].
    fn schema(&self) -> WriteSchema;
}

impl<T: PlainType> PlainSchema for &&Probe<T> {
    fn schema(&self) -> WriteSchema {
        |schema| T::write(&mut schema.text, false)
    }
}

/// The type derives its schema.
pub trait DerivedSchema {
    /// See [`Probe`].
    fn schema(&self) -> WriteSchema;
}

impl<T: JsonSchema> DerivedSchema for &Probe<T> {
    fn schema(&self) -> WriteSchema {
        Schema::derived::<T>
    }
}

/// The type has no schema: anything goes.
pub trait NoSchema {
    /// See [`Probe`].
    fn schema(&self) -> WriteSchema;
}

impl<T> NoSchema for Probe<T> {
    fn schema(&self) -> WriteSchema {
        |schema| schema.text.push_str("true")
    }
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "as generated code has it, where it is needed for some types")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Bytes;

    #[derive(serde::Deserialize)]
    struct Opaque;

    #[derive(serde::Deserialize, JsonSchema)]
    struct Known {
        #[expect(dead_code, reason = "only described")]
        id: u32,
    }

    fn schema<A: Args>(arguments: &[Argument]) -> Value {
        let method = method::<A>("m", MethodKind::Ask, "", arguments);
        serde_json::from_str(&method.args_schema.unwrap()).unwrap()
    }

    #[test]
    fn optional_arguments_are_not_required() {
        let arguments =
            [("n", (&&&Probe::<i64>::new()).schema()), ("step", (&&&Probe::<Option<i64>>::new()).schema())];
        let expected = json!({
            "type": "object",
            "properties": {
                "n": { "type": "integer", "format": "int64" },
                "step": { "type": ["integer", "null"], "format": "int64" },
            },
            "required": ["n"],
            "additionalProperties": false,
        });
        assert_eq!(schema::<(i64, Option<i64>)>(&arguments), expected);
    }

    #[test]
    fn a_method_without_arguments_takes_an_empty_object() {
        let expected =
            json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
        assert_eq!(schema::<()>(&[]), expected);
    }

    #[test]
    fn a_type_without_a_schema_may_be_anything_and_one_with_a_schema_is_defined_once() {
        let arguments = [
            ("opaque", (&&&Probe::<Opaque>::new()).schema()),
            ("known", (&&&Probe::<Known>::new()).schema()),
            ("more", (&&&Probe::<Vec<Known>>::new()).schema()),
        ];
        let schema = schema::<(Opaque, Known, Vec<Known>)>(&arguments);
        assert_eq!(schema["properties"]["opaque"], json!(true));
        assert_eq!(schema["properties"]["known"], json!({ "$ref": "#/$defs/Known" }));
        assert_eq!(schema["properties"]["more"]["items"], json!({ "$ref": "#/$defs/Known" }));
        assert_eq!(schema["$defs"]["Known"]["required"], json!(["id"]));
    }

    #[test]
    fn bytes_have_no_schema() {
        let arguments = [("raw", (&&&Probe::<Bytes>::new()).schema())];
        assert_eq!(method::<(Bytes,)>("m", MethodKind::Ask, "", &arguments).args_schema, None);
    }
}
