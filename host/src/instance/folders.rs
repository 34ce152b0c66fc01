//! The granted folders of an actor: opened once, when it is spawned, and the same in all its lives.
//!
//! wasmtime-wasi opens a folder by its path, for each life again. Between two lives the path may come to lead elsewhere:
//! a guest that may write to a folder on the way puts a link there. `wasi:filesystem/preopens`, by which a guest finds its
//! folders, is therefore the host's own; everything else of `wasi:filesystem` is wasmtime-wasi's, and works on what this
//! hands out.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Descriptor, Dir, OpenMode};
use wasmtime_wasi::p2::bindings::filesystem::preopens;

use super::store::Guest;
use crate::files::{Claim, Folders, OpenFolder};

/// The granted folders of an actor. Cheap to clone: the descriptors are shared. They have no position of their own;
/// whoever lists a folder opens it again, by its descriptor.
#[derive(Clone)]
pub(super) struct OpenFolders {
    named: Arc<[(Dir, String)]>,
    /// Held for as long as something of the actor could use them.
    _claim: Option<Arc<Claim>>,
}

impl OpenFolders {
    pub(super) fn new(folders: Folders) -> Self {
        Self { named: folders.open.into_iter().map(named).collect(), _claim: folders.claim }
    }
}

fn named(folder: OpenFolder) -> (Dir, String) {
    let OpenFolder { file, guest, read_only } = folder;
    let (perms, mode) = match read_only {
        true => (FsPerms::ReadOnly, OpenMode::READ),
        false => (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE),
    };
    // Files are read and written on threads that may block.
    let allow_blocking_current_thread = false;
    (Dir::new(file, perms, mode, allow_blocking_current_thread), guest)
}

/// Links the host's own way to find folders, instead of wasmtime-wasi's.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    preopens::add_to_linker::<_, HasSelf<_>>(linker, |guest: &mut Guest| guest)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl preopens::Host for Guest {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let push =
            |(dir, name): &(Dir, String)| Ok((self.table.push(Descriptor::Dir(dir.clone()))?, name.clone()));
        self.folders.named.iter().map(push).collect()
    }
}
