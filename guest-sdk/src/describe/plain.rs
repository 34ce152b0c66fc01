//! The types that most arguments and answers are of, with their JSON Schemas as `schemars` would write them.

use std::collections::{BTreeMap, HashMap};

/// A number, a string, a truth value, nothing, or an `Option`, `Vec`, tuple, reference or map by name of such.
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
    str: "string" ""
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

impl PlainType for () {
    fn write(schema: &mut String, _: bool) {
        write(schema, false, "null", "");
    }
}

impl<T: PlainType + ?Sized> PlainType for &T {
    fn write(schema: &mut String, or_null: bool) {
        T::write(schema, or_null);
    }
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

fn write_map<T: PlainType>(schema: &mut String, or_null: bool) {
    let ty = if or_null { r#"["object","null"]"# } else { r#""object""# };
    schema.extend(["{\"type\":", ty, ",\"additionalProperties\":"]);
    T::write(schema, false);
    schema.push('}');
}

impl<T: PlainType> PlainType for BTreeMap<String, T> {
    fn write(schema: &mut String, or_null: bool) {
        write_map::<T>(schema, or_null);
    }
}

impl<T: PlainType, S> PlainType for HashMap<String, T, S> {
    fn write(schema: &mut String, or_null: bool) {
        write_map::<T>(schema, or_null);
    }
}

macro_rules! tuple {
    ($($T:ident)+) => {
        impl<$($T: PlainType),+> PlainType for ($($T,)+) {
            fn write(schema: &mut String, or_null: bool) {
                let ty = if or_null { r#"["array","null"]"# } else { r#""array""# };
                schema.extend(["{\"type\":", ty, ",\"prefixItems\":["]);
                let writers: &[fn(&mut String, bool)] = &[$($T::write),+];
                for (index, write) in writers.iter().enumerate() {
                    schema.push_str(if index > 0 { "," } else { "" });
                    write(schema, false);
                }
                let count = writers.len().to_string();
                schema.extend(["],\"minItems\":", &count, ",\"maxItems\":", &count, "}"]);
            }
        }
    };
}

tuple! { A }
tuple! { A B }
tuple! { A B C }
tuple! { A B C D }

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
        same::<&T>();
        same::<BTreeMap<String, T>>();
        same::<Option<HashMap<String, T>>>();
        same::<(T,)>();
        same::<Vec<(Option<T>, String)>>();
        same::<Option<(T, T, T)>>();
        same::<(T, u8, bool, T)>();
    }

    #[test]
    fn plain_types_have_the_schema_that_schemars_gives_them() {
        same::<()>();
        same_alone_optional_and_many::<bool>();
        same_alone_optional_and_many::<String>();
        same_alone_optional_and_many::<&str>();
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
