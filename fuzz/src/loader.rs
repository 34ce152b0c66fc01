//! Components of any bytes: read, checked and linked, and never run.
//!
//! Most inputs are given a component's first eight bytes, so that the parser behind them is what is exercised.

use std::sync::{Arc, LazyLock};

use pulsing_host::internals::Engines;
use pulsing_host::internals::{Program, Programs};
use pulsing_host::{ComponentSource, LoadError};

use crate::line::{assert_at_most, assert_one_line};

/// What a component begins with: its format, version and layer.
const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";

/// What an error has at most: eight names of a hundred characters, each perhaps all escapes, and words around them.
const ERROR_MAX_CHARS: usize = 10_000;

static HOST: LazyLock<Programs> = LazyLock::new(|| {
    let engines = Engines::new(None).expect("this machine runs the engine");
    Programs::new(engines).expect("the host offers what it offers")
});

/// Loads `data` as it is, and as what follows the head of a component.
pub fn run(data: &[u8]) {
    check(data);
    if !data.starts_with(HEAD) {
        check(&[HEAD, data].concat());
    }
}

fn check(bytes: &[u8]) {
    if let Err(error) = link(bytes) {
        let text = error.to_string();
        assert_one_line(&text);
        assert_at_most(ERROR_MAX_CHARS, &text);
    }
}

fn link(bytes: &[u8]) -> Result<Arc<Program>, LoadError> {
    let program = HOST.load(&ComponentSource::Bytes(bytes.into()))?;
    assert!(bytes.starts_with(HEAD), "what does not begin like a component was loaded");
    Ok(program)
}
