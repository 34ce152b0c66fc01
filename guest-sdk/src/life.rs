//! Who this actor is, and which of its lives this is.

use std::cell::RefCell;

/// One life of an actor: from `#[start]` to its end, by stop or by crash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    name: String,
    key: Option<String>,
    generation: u64,
}

thread_local! {
    static CURRENT: RefCell<Life> =
        const { RefCell::new(Life { name: String::new(), key: None, generation: 0 }) };
}

impl Life {
    /// This life.
    pub fn current() -> Self {
        CURRENT.with_borrow(Self::clone)
    }

    pub(crate) fn begin(name: String, key: Option<String>, generation: u64) {
        CURRENT.set(Self { name, key, generation });
    }

    /// The name under which the actor is reached, without its key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of the actors of this name it is; none where the name has only one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// 0 for the first life, one more with each restart.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}
