//! What a component returns from `describe`: any text, read as a description.

use pulsing_host::internals::{DESCRIPTION_MAX_BYTES, METHOD_MAX_BYTES, METHODS_MAX};
use pulsing_host::{Description, Method};

use crate::line::{assert_at_most, assert_one_line};

/// What an error has at most: a member's name, a hundred characters of a word, each perhaps an escape, and words around.
const ERROR_MAX_CHARS: usize = 1500;

/// Reads `data`, if it is text.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Description::parse(text) {
        Ok(description) => check(&description, text.len()),
        Err(error) => {
            let error = error.to_string();
            assert_one_line(&error);
            assert_at_most(ERROR_MAX_CHARS, &error);
        }
    }
}

fn check(description: &Description, text_bytes: usize) {
    assert!(text_bytes <= DESCRIPTION_MAX_BYTES, "a description has {text_bytes} bytes");
    assert!(description.methods.len() <= METHODS_MAX, "there are {} methods", description.methods.len());
    let kept: usize = description.methods.iter().map(kept_bytes).sum();
    assert!(kept <= text_bytes, "{text_bytes} bytes of text became {kept}");
    let mut names: Vec<_> = description.methods.iter().map(|method| &method.name).collect();
    assert!(names.iter().all(|name| (1..=METHOD_MAX_BYTES).contains(&name.len())), "{names:?}");
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "two methods have one name");
}

fn kept_bytes(method: &Method) -> usize {
    let schemas = [&method.args_schema, &method.answer_schema, &method.item_schema];
    let schemas: usize = schemas.into_iter().flatten().map(String::len).sum();
    method.name.len() + method.doc.len() + schemas
}
