//! JSON Schemas as text.

use std::fmt::Write;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::Value;

use super::Argument;

/// Writes the schema of one type.
pub(crate) type WriteSchema = fn(&mut Schema);

/// A JSON Schema in the making.
pub struct Schema {
    pub(super) text: String,
    /// Of a value as it is sent, and not as it is read.
    is_sent: bool,
    /// Behind a trait object, so that it is linked only into guests that make one.
    derived: Option<Box<dyn Derived>>,
}

/// What types that derive their schema need.
trait Derived {
    fn generator(&mut self) -> &mut SchemaGenerator;

    /// The types that the schemas refer to, as a member of a JSON object; empty where they refer to none.
    fn definitions(&mut self) -> String;
}

impl Derived for SchemaGenerator {
    fn generator(&mut self) -> &mut SchemaGenerator {
        self
    }

    fn definitions(&mut self) -> String {
        match self.take_definitions(true) {
            definitions if definitions.is_empty() => String::new(),
            definitions => format!("\"$defs\":{}", Value::Object(definitions)),
        }
    }
}

/// The schema of the arguments as one object. Their names are Rust's, so they need no escapes.
pub(super) fn of_arguments(arguments: &[Argument], is_required: fn(usize) -> bool) -> String {
    let text = r#"{"type":"object","properties":{"#.to_owned();
    let mut schema = Schema { text, is_sent: false, derived: None };
    for (index, (name, write)) in arguments.iter().enumerate() {
        schema.separated(index > 0, format_args!("\"{name}\":"));
        match write {
            Some(write) => write(&mut schema),
            None => schema.text.push_str("true"),
        }
    }
    schema.text.push_str(r#"},"required":["#);
    let names = arguments.iter().enumerate().filter(|(index, _)| is_required(*index));
    for (index, (_, (name, _))) in names.enumerate() {
        schema.separated(index > 0, format_args!("\"{name}\""));
    }
    schema.text.push_str(r#"],"additionalProperties":false}"#);
    schema.finish()
}

/// The schema of a value that an actor sends.
pub(super) fn of_value(write: WriteSchema) -> String {
    let mut schema = Schema { text: String::new(), is_sent: true, derived: None };
    write(&mut schema);
    schema.finish()
}

impl Schema {
    fn separated(&mut self, by_comma: bool, text: std::fmt::Arguments<'_>) {
        let comma = if by_comma { "," } else { "" };
        write!(self.text, "{comma}{text}").expect("a string takes any text");
    }

    pub(super) fn derived<T: JsonSchema>(&mut self) {
        let is_sent = self.is_sent;
        let derived = self.derived.get_or_insert_with(|| {
            let settings = SchemaSettings::default();
            let settings = if is_sent { settings.for_serialize() } else { settings.for_deserialize() };
            Box::new(settings.into_generator())
        });
        let schema = derived.generator().subschema_for::<T>();
        self.text.push_str(&schema.to_value().to_string());
    }

    /// The text, with the types that it refers to as a member of its outermost object. One that is no object, `true` or
    /// `false`, refers to none, whatever was defined on its way.
    fn finish(self) -> String {
        let definitions = self.derived.map(|mut derived| derived.definitions()).unwrap_or_default();
        match self.text.strip_suffix('}') {
            Some(members) if !definitions.is_empty() => {
                let comma = if members.ends_with('{') { "" } else { "," };
                format!("{members}{comma}{definitions}}}")
            }
            Some(_) | None => self.text,
        }
    }
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "as generated code has it, where it is needed for some types")]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;

    use super::super::{
        DerivedSchema as _, MightFail as _, NeverFails as _, NoSchema as _, PlainSchema as _, Probe,
    };
    use super::*;
    use crate::args::Args;
    use crate::{Bytes, Error};

    #[derive(serde::Deserialize)]
    struct Opaque;

    #[derive(serde::Deserialize, serde::Serialize, JsonSchema)]
    struct Known {
        #[serde(default)]
        id: u32,
    }

    fn arguments<A: Args>(arguments: &[Argument]) -> Value {
        serde_json::from_str(&of_arguments(arguments, A::is_required)).unwrap()
    }

    fn value(write: Option<WriteSchema>) -> Value {
        serde_json::from_str(&of_value(write.unwrap())).unwrap()
    }

    #[test]
    fn optional_arguments_are_not_required() {
        let given =
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
        assert_eq!(arguments::<(i64, Option<i64>)>(&given), expected);
    }

    #[test]
    fn a_method_without_arguments_takes_an_empty_object() {
        let expected =
            json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
        assert_eq!(arguments::<()>(&[]), expected);
    }

    #[test]
    fn a_type_without_a_schema_may_be_anything_and_one_with_a_schema_is_defined_once() {
        let given = [
            ("opaque", (&&&Probe::<Opaque>::new()).schema()),
            ("known", (&&&Probe::<Known>::new()).schema()),
            ("more", (&&&Probe::<Vec<Known>>::new()).schema()),
        ];
        let schema = arguments::<(Opaque, Known, Vec<Known>)>(&given);
        assert_eq!(schema["properties"]["opaque"], json!(true));
        assert_eq!(schema["properties"]["known"], json!({ "$ref": "#/$defs/Known" }));
        assert_eq!(schema["properties"]["more"]["items"], json!({ "$ref": "#/$defs/Known" }));
        assert_eq!(schema["$defs"]["Known"]["properties"]["id"]["minimum"], json!(0));
    }

    #[test]
    fn a_value_is_described_as_it_is_sent() {
        let known = (&&&Probe::<Vec<Known>>::new()).schema();
        let schema = value(known);
        assert_eq!(schema["items"], json!({ "$ref": "#/$defs/Known" }));
        // What may be left out of an argument is there in every answer.
        assert_eq!(schema["$defs"]["Known"]["required"], json!(["id"]));
    }

    /// A schema that somebody wrote by hand, which defines a type on its way and does not refer to it.
    struct ByHand<const IS_OBJECT: bool>;

    impl<const IS_OBJECT: bool> serde::Serialize for ByHand<IS_OBJECT> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_unit()
        }
    }

    impl<const IS_OBJECT: bool> JsonSchema for ByHand<IS_OBJECT> {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "ByHand".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
            generator.subschema_for::<Known>();
            if IS_OBJECT { schemars::Schema::default() } else { true.into() }
        }
    }

    #[test]
    fn a_schema_without_members_is_json_whatever_was_defined_on_its_way() {
        assert_eq!(value((&&&Probe::<ByHand<false>>::new()).schema()), json!(true));
        let object = value((&&&Probe::<ByHand<true>>::new()).schema());
        assert_eq!(object["$defs"]["Known"]["properties"]["id"]["minimum"], json!(0));
        assert_eq!(object.as_object().map(serde_json::Map::len), Some(1));
    }

    #[test]
    fn a_result_is_described_by_its_value() {
        type Hidden<T> = Result<T, Error>;
        assert_eq!(value((&&&(&Probe::<Hidden<bool>>::new()).ok()).schema()), json!({ "type": "boolean" }));
        assert_eq!(value((&&&(&Probe::<()>::new()).ok()).schema()), json!({ "type": "null" }));
    }

    #[test]
    fn opaque_types_and_bytes_have_no_schema() {
        assert!((&&&Probe::<Opaque>::new()).schema().is_none());
        assert!((&&&(&Probe::<Result<Bytes, Error>>::new()).ok()).schema().is_none());
    }
}
