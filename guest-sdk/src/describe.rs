//! What an actor says of itself: its methods, and a JSON Schema of each one's arguments.
//!
//! Made when the host asks, once in each life before `#[start]`; a call costs nothing for it.

use std::marker::PhantomData;

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use crate::args::Args;
use crate::bindings::types::{Method, MethodKind};

/// An argument's name and how to get its schema.
pub(crate) type Argument = (&'static str, SchemaOf);

/// Makes the schema of one type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The description of one method.
pub fn method<A: Args>(name: &str, kind: MethodKind, doc: &str, arguments: &[Argument]) -> Method {
    let args_schema = (!A::IS_BYTES).then(|| args_schema::<A>(arguments).to_string());
    Method { name: name.into(), kind, doc: doc.into(), args_schema }
}

fn args_schema<A: Args>(arguments: &[Argument]) -> Value {
    let mut generator = SchemaGenerator::default();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (index, (name, schema_of)) in arguments.iter().enumerate() {
        properties.insert((*name).into(), schema_of(&mut generator).to_value());
        if A::is_required(index) {
            required.push(Value::from(*name));
        }
    }
    let definitions = generator.take_definitions(true);
    let mut schema = Map::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties.into());
    schema.insert("additionalProperties".into(), false.into());
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    if !definitions.is_empty() {
        schema.insert("$defs".into(), definitions.into());
    }
    schema.into()
}

/// Finds the schema of a type that may have none: `(&Probe::<T>::new()).schema_of()` picks, by method
/// resolution, the first of the two traits below that fits.
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<T> {
    /// For a type, of which no value is needed.
    #[expect(clippy::new_without_default, reason = "only generated code calls it")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// The type derives its schema.
pub trait KnownSchema {
    /// See [`Probe`].
    fn schema_of(&self) -> SchemaOf;
}

impl<T: JsonSchema> KnownSchema for Probe<T> {
    fn schema_of(&self) -> SchemaOf {
        SchemaGenerator::subschema_for::<T>
    }
}

/// The type does not: anything goes.
pub trait UnknownSchema {
    /// See [`Probe`].
    fn schema_of(&self) -> SchemaOf;
}

impl<T> UnknownSchema for &Probe<T> {
    fn schema_of(&self) -> SchemaOf {
        |_| true.into()
    }
}

#[cfg(test)]
#[expect(clippy::needless_borrow, reason = "as generated code has it, where it is needed for some types")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Bytes;

    #[derive(serde::Deserialize)]
    struct Plain;

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
            [("n", (&Probe::<i64>::new()).schema_of()), ("step", (&Probe::<Option<i64>>::new()).schema_of())];
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
    fn a_type_without_a_schema_may_be_anything_and_one_with_a_schema_is_defined_once() {
        let arguments = [
            ("plain", (&Probe::<Plain>::new()).schema_of()),
            ("known", (&Probe::<Known>::new()).schema_of()),
        ];
        let schema = schema::<(Plain, Known)>(&arguments);
        assert_eq!(schema["properties"]["plain"], json!(true));
        assert_eq!(schema["properties"]["known"], json!({ "$ref": "#/$defs/Known" }));
        assert_eq!(schema["$defs"]["Known"]["required"], json!(["id"]));
    }

    #[test]
    fn bytes_have_no_schema() {
        let arguments = [("raw", (&Probe::<Bytes>::new()).schema_of())];
        assert_eq!(method::<(Bytes,)>("m", MethodKind::Ask, "", &arguments).args_schema, None);
    }
}
