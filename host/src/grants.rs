//! What an actor may reach beside its own memory: nothing, unless it stands here.

use std::path::PathBuf;

use crate::id::ActorName;

/// What one actor may reach. Nothing by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// Folders of the machine.
    pub dirs: Vec<DirGrant>,
    /// Environment variables that it sees, by name.
    pub env: Vec<(String, String)>,
    /// Actors that it may send messages to.
    pub ask: Vec<ActorName>,
}

/// A folder of the machine that an actor may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirGrant {
    /// Where it is on the machine.
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: String,
    /// Whether the guest may only read it.
    pub read_only: bool,
}
