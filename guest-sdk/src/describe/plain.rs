//! The types that most arguments are of, with their JSON Schemas as `schemars` would write them.

/// A number, a string, a truth value, or an `Option` or `Vec` of such.
pub trait PlainType {
    /// Writes the schema, with `null` beside the type's own values or without.
    fn write(schema: &mut String, or_null: bool);
}

fn write(schema: &mut String, or_null: bool, ty: &str, rest: &str) {
    let parts = match or_null {
        false => ["{\"type\":\"", ty, "\"", rest, "}"],
        true => ["{\"type\":[\"", ty, "\",\"null\"]", rest, "}"],
    };
    schema.extend(parts);
}

macro_rules! scalar {
    ($($T:ty: $ty:literal $rest:literal)*) => {$(
        impl PlainType for $T {
            fn write(schema: &mut String, or_null: bool) {
                write(schema, or_null, $ty, $rest);
            }
        }
    )*};
}

scalar! {
    bool: "boolean" ""
    String: "string" ""
    f32: "number" r#","format":"float""#
    f64: "number" r#","format":"double""#
    i8: "integer" r#","format":"int8","minimum":-128,"maximum":127"#
    i16: "integer" r#","format":"int16","minimum":-32768,"maximum":32767"#
    i32: "integer" r#","format":"int32""#
    i64: "integer" r#","format":"int64""#
    isize: "integer" r#","format":"int""#
    u8: "integer" r#","format":"uint8","minimum":0,"maximum":255"#
    u16: "integer" r#","format":"uint16","minimum":0,"maximum":65535"#
    u32: "integer" r#","format":"uint32","minimum":0"#
    u64: "integer" r#","format":"uint64","minimum":0"#
    usize: "integer" r#","format":"uint","minimum":0"#
}

impl<T: PlainType> PlainType for Option<T> {
    fn write(schema: &mut String, _: bool) {
        T::write(schema, true);
    }
}

impl<T: PlainType> PlainType for Vec<T> {
    fn write(schema: &mut String, or_null: bool) {
        let ty = if or_null { r#"["array","null"]"# } else { r#""array""# };
        schema.extend(["{\"type\":", ty, ",\"items\":"]);
        T::write(schema, false);
        schema.push('}');
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use schemars::generate::SchemaGenerator;
    use serde_json::Value;

    use super::*;

    fn same<T: PlainType + JsonSchema>() {
        let mut ours = String::new();
        T::write(&mut ours, false);
        let theirs = SchemaGenerator::default().subschema_for::<T>().to_value();
        assert_eq!(serde_json::from_str::<Value>(&ours).unwrap(), theirs, "{ours}");
    }

    fn same_alone_optional_and_many<T: PlainType + JsonSchema>() {
        same::<T>();
        same::<Option<T>>();
        same::<Vec<T>>();
        same::<Option<Vec<T>>>();
        same::<Vec<Option<T>>>();
    }

    #[test]
    fn plain_types_have_the_schema_that_schemars_gives_them() {
        same_alone_optional_and_many::<bool>();
        same_alone_optional_and_many::<String>();
        same_alone_optional_and_many::<f32>();
        same_alone_optional_and_many::<f64>();
        same_alone_optional_and_many::<i8>();
        same_alone_optional_and_many::<i16>();
        same_alone_optional_and_many::<i32>();
        same_alone_optional_and_many::<i64>();
        same_alone_optional_and_many::<isize>();
        same_alone_optional_and_many::<u8>();
        same_alone_optional_and_many::<u16>();
        same_alone_optional_and_many::<u32>();
        same_alone_optional_and_many::<u64>();
        same_alone_optional_and_many::<usize>();
    }
}
