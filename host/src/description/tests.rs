use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> String {
    let error = Description::parse(text).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn every_member_is_read_and_unknown_ones_are_ignored() {
    let text = r#" {
        "sdk": {"deep": [[[1]]]},
        "methods": [
            {"name": "a", "kind": "ask", "doc": "Asks.", "args": {"type": "object"}, "answer": true, "more": 1},
            {"kind": "stream", "name": "b", "item": { "type":  "integer" }, "doc": null},
            {"name": "c\u00e4", "kind": "tell"}
        ],
        "restart": {"policy": "always", "max_restarts": 7, "min_backoff_ms": 5, "max_backoff_ms": 5, "x": null}
    } "#;
    let schema = |text: &str| Some(text.to_owned());
    let methods = vec![
        Method {
            doc: "Asks.".to_owned(),
            args_schema: schema(r#"{"type": "object"}"#),
            answer_schema: schema("true"),
            ..Method::new("a", MethodKind::Ask)
        },
        Method { item_schema: schema(r#"{ "type":  "integer" }"#), ..Method::new("b", MethodKind::Stream) },
        Method::new("cä", MethodKind::Tell),
    ];
    let restart = RestartWish {
        policy: Some(RestartPolicy::Always),
        max_restarts: Some(7),
        min_backoff: Some(Duration::from_millis(5)),
        max_backoff: Some(Duration::from_millis(5)),
    };
    assert_eq!(Description::parse(text), Ok(Description { methods, restart: Some(restart) }));
}

#[test]
fn an_empty_description_describes_nothing() {
    for text in ["", " \n", "{}", r#"{"methods": null, "restart": null}"#, r#"{"methods": []}"#] {
        assert_eq!(Description::parse(text), Ok(Description::default()), "{text:?}");
    }
    let nothing_wanted = Description::parse(r#"{"restart": {}}"#).unwrap();
    assert_eq!(nothing_wanted.restart, Some(RestartWish::default()));
}

#[test]
fn what_is_wrong_is_told_with_the_name_of_the_member() {
    for (text, told) in [
        ("[]", "the description is not JSON: it is an array, not an object"),
        ("{\"methods\":", "the description is not JSON: EOF while parsing a value at line 1 column 11"),
        (r#"{"methods": {}}"#, "the description's `methods` is an object, not an array"),
        (r#"{"methods": [5]}"#, "the description's `methods[0]` is a number, not an object"),
        (r#"{"methods": [{"kind": "ask"}]}"#, "the description's `methods[0].name` is missing"),
        (
            r#"{"methods": [{"name": "a", "kind": "ask"}, {"name": 5, "kind": "ask"}]}"#,
            "the description's `methods[1].name` is a number, not a string",
        ),
        (
            r#"{"methods": [{"name": "", "kind": "ask"}]}"#,
            "the description's `methods[0].name` has 0 bytes, not 1 to 256",
        ),
        (
            r#"{"methods": [{"name": "a", "kind": "ask"}, {"name": "a", "kind": "tell"}]}"#,
            "the description's `methods[1].name` is `a`, as of a method before it",
        ),
        (r#"{"methods": [{"name": "a"}]}"#, "the description's `methods[0].kind` is missing"),
        (
            r#"{"methods": [{"name": "a", "kind": "a\nsk"}]}"#,
            "the description's `methods[0].kind` is `a\\u{a}sk`, not `ask`, `stream` or `tell`",
        ),
        (
            r#"{"methods": [{"name": "a", "kind": "ask", "doc": []}]}"#,
            "the description's `methods[0].doc` is an array, not a string",
        ),
        (
            r#"{"methods": [{"name": "a", "kind": "ask", "answer": "{}"}]}"#,
            "the description's `methods[0].answer` is a string, not a JSON Schema, which is an object or a boolean",
        ),
        (r#"{"restart": "always"}"#, "the description's `restart` is a string, not an object"),
        (
            r#"{"restart": {"policy": "on-failure"}}"#,
            "the description's `restart.policy` is `on-failure`, not `never`, `on_failure` or `always`",
        ),
        (
            r#"{"restart": {"max_restarts": 4294967296}}"#,
            "the description's `restart.max_restarts` is 4294967296, not a whole number from 0 to 4294967295",
        ),
        (
            r#"{"restart": {"min_backoff_ms": 1.5}}"#,
            "the description's `restart.min_backoff_ms` is 1.5, not a whole number from 0 to 9007199254740991",
        ),
        (
            r#"{"restart": {"min_backoff_ms": 2, "max_backoff_ms": 1}}"#,
            "the description's `restart.max_backoff_ms` is less than `min_backoff_ms`",
        ),
    ] {
        assert_eq!(refused(text), told, "{text}");
    }
    for (text, told) in [
        (
            r#"{"methods": [{"name": "a", "name": "b", "kind": "ask"}]}"#,
            "the description's `methods[0]` cannot be read: duplicate field `name`",
        ),
        (
            r#"{"methods": [{"name": "\ud800", "kind": "ask"}]}"#,
            "the description's `methods[0].name` cannot be read: unexpected end of hex escape",
        ),
        (r#"{"methods": [], "methods": []}"#, "the description cannot be read: duplicate field `methods`"),
        (r#"{"\udc00": 1}"#, "the description cannot be read: lone leading surrogate in hex escape"),
    ] {
        assert_eq!(refused(text), told, "{text}");
    }
}

#[test]
fn a_description_has_bounds() {
    let many = |count: usize| {
        let methods: Vec<_> = (0..count).map(|n| format!(r#"{{"name":"m{n}","kind":"ask"}}"#)).collect();
        format!(r#"{{"methods":[{}]}}"#, methods.join(","))
    };
    assert_eq!(Description::parse(&many(METHODS_MAX)).unwrap().methods.len(), METHODS_MAX);
    assert_eq!(
        refused(&many(METHODS_MAX + 1)),
        "the description's `methods` has 1025 members, more than 1024"
    );
    let named = |bytes| format!(r#"{{"methods":[{{"name":"{}","kind":"ask"}}]}}"#, "n".repeat(bytes));
    assert!(Description::parse(&named(METHOD_MAX_BYTES)).is_ok());
    assert!(refused(&named(METHOD_MAX_BYTES + 1)).contains("`methods[0].name` has 257 bytes"));
    let long = |bytes: usize| format!("{{{}}}", " ".repeat(bytes - 2));
    assert!(Description::parse(&long(DESCRIPTION_MAX_BYTES)).is_ok());
    assert!(refused(&long(DESCRIPTION_MAX_BYTES + 1)).contains("has 1048577 bytes"));
}

#[test]
fn deep_nesting_is_no_harm() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let half = DESCRIPTION_MAX_BYTES / 4;
    let unknown = format!(r#"{{"more":{}}}"#, deep(half));
    assert_eq!(Description::parse(&unknown), Ok(Description::default()));
    let schema = format!(r#"{{"methods":[{{"name":"a","kind":"ask","args":{{"x":{}}}}}]}}"#, deep(half));
    assert!(Description::parse(&schema).is_ok());
    assert!(refused(&deep(half)).contains("is an array, not an object"));
}

/// How many bytes of text it keeps.
fn kept_bytes(description: &Description) -> usize {
    let of = |method: &Method| {
        let schemas = [&method.args_schema, &method.answer_schema, &method.item_schema];
        let schemas: usize = schemas.into_iter().flatten().map(String::len).sum();
        method.name.len() + method.doc.len() + schemas
    };
    description.methods.iter().map(of).sum()
}

/// JSON that is nearly a description: its words, in any order and place.
fn nearly() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"methods\"",
        "\"name\"",
        "\"kind\"",
        "\"ask\"",
        "\"stream\"",
        "\"doc\"",
        "\"args\"",
        "\"answer\"",
        "\"item\"",
        "\"restart\"",
        "\"policy\"",
        "\"never\"",
        "\"max_restarts\"",
        "null",
        "true",
        "5",
        "-1",
        "1e9",
        "\"\\ud800\"",
        "\"\\u0000\"",
        " ",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.concat())
}

/// Descriptions whose members are of any kind.
fn shaped() -> impl Strategy<Value = String> {
    let value = || {
        prop::sample::select(vec![
            "null",
            "true",
            "5",
            "4294967296",
            "\"a\"",
            "\"ask\"",
            "\"tell\"",
            "\"always\"",
            "{}",
            "[]",
            "{\"a\":[1]}",
        ])
    };
    let member = |names: Vec<&'static str>| {
        let pair =
            (prop::sample::select(names), value()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop::collection::vec(pair, 0..6).prop_map(|pairs| format!("{{{}}}", pairs.join(",")))
    };
    let method = member(vec!["name", "kind", "doc", "args", "answer", "item", "other"]);
    let restart = member(vec!["policy", "max_restarts", "min_backoff_ms", "max_backoff_ms", "other"]);
    (prop::collection::vec(method, 0..4), restart).prop_map(|(methods, restart)| {
        format!(r#"{{"methods":[{}],"restart":{restart}}}"#, methods.join(","))
    })
}

proptest! {
    #[test]
    fn whatever_a_guest_returns_is_read_or_refused_in_one_short_line(
        text in prop_oneof![any::<String>(), nearly(), shaped()],
    ) {
        match Description::parse(&text) {
            Ok(description) => {
                prop_assert!(kept_bytes(&description) <= text.len());
                prop_assert!(description.methods.len() <= METHODS_MAX);
            }
            Err(error) => {
                let error = error.to_string();
                prop_assert!(!error.contains(char::is_control), "{error:?}");
                prop_assert!(error.chars().count() < 1500, "{error}");
            }
        }
    }
}
