//! Where actors may write, and what must lie elsewhere.
//!
//! Whoever may write to a folder decides where every path through it leads at the next look-up: it moves what is there
//! and puts a link in its place. So nothing that the host looks up, and no folder that is granted to anybody, may lie
//! within a folder that an actor may write to, or have a part of its way there. What is looked up only once is no
//! exception: the next host looks it up again.
//!
//! | looked up | known from | forgotten |
//! |---|---|---|
//! | compiled code, the program, what the embedding program names | when the host is made | never |
//! | the folders and the component of an actor | its spawn | with the actor |
//! | where an actor may write | its spawn | never; past [`WRITTEN_MAX`], from those that ended first |
//!
//! Folders are told apart by what they are, not by what they are called: links, `..` and mounts do not hide one. What is
//! not seen: a folder within a granted one that is mounted elsewhere, and what actors of an earlier run left behind in a
//! folder that this host grants to nobody.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mounts;
use super::way::{FolderId, Way};
use crate::grants::DirGrant;
use crate::id::ActorId;

/// How many folders are remembered that actors could write to which have ended. Each takes some hundred bytes.
const WRITTEN_MAX: usize = 1 << 16;

/// What the host looks up by a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFile {
    /// The folder of compiled code.
    CompiledCode,
    /// The program itself.
    Program,
    /// The folder through which the system shows processes, with their memory. Not even to be read.
    Processes,
    /// A file that the program named: its configuration, a token.
    Named,
    /// The component of an actor.
    Component,
}

impl fmt::Display for HostFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CompiledCode => "holds compiled code",
            Self::Program => "is the program of this host",
            Self::Processes => "shows the memory of this host",
            Self::Named => "is a file that this host reads",
            Self::Component => "is the component of an actor",
        })
    }
}

impl HostFile {
    /// Whether nobody may be granted a folder within it either.
    fn is_folder(self) -> bool {
        match self {
            Self::CompiledCode | Self::Processes => true,
            Self::Program | Self::Named | Self::Component => false,
        }
    }
}

/// Why folders cannot be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// One cannot be opened.
    Unusable { dir: PathBuf, error: String },
    /// A file of the host is in one, or on the way through it.
    HostFile { dir: PathBuf, file: PathBuf, what: HostFile },
    /// One is in another that may be written to, or on the way through it.
    Within { inner: PathBuf, inner_of: ActorId, outer: PathBuf, outer_of: ActorId },
}

/// A granted folder, open.
#[derive(Debug)]
pub(crate) struct OpenFolder {
    pub(crate) file: File,
    /// What the guest calls it.
    pub(crate) guest: String,
    pub(crate) read_only: bool,
}

/// The granted folders of one actor, and that they are its.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    pub(crate) open: Vec<OpenFolder>,
    pub(crate) claim: Option<Arc<Claim>>,
}

/// Something that is looked up by its path.
#[derive(Debug)]
struct Looked {
    what: Option<HostFile>,
    path: PathBuf,
    way: Way,
    /// What is at its end, where that is a folder.
    end: Option<FolderId>,
}

impl Looked {
    fn up(what: HostFile, path: &Path) -> Self {
        let (way, end) = Way::to(path);
        let end = end.ok().and_then(|folder| FolderId::of(&folder).ok());
        Self { what: Some(what), path: path.to_owned(), way, end }
    }
}

/// A granted folder, and the way to it.
#[derive(Debug)]
struct Granted {
    looked: Looked,
    id: FolderId,
    read_only: bool,
}

/// Where actors may write, and what must lie elsewhere. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    of_host: Arc<Vec<Looked>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    written: HashMap<FolderId, Written>,
    /// Of actors that have ended, in the order of that, each with its number.
    ended: VecDeque<(FolderId, u64)>,
    ends: u64,
    claims: HashMap<u64, Arc<Ways>>,
    next_claim: u64,
}

/// A folder that an actor may write to, or could.
#[derive(Debug)]
struct Written {
    path: PathBuf,
    by: ActorId,
    /// How many claims hold it now.
    claims: usize,
    /// Whether an actor ran with it.
    was_used: bool,
    /// The number of its last end.
    ended: u64,
}

/// The ways of one actor.
#[derive(Debug)]
struct Ways {
    of: ActorId,
    folders: Vec<Granted>,
    component: Option<Looked>,
}

/// What an actor was granted, for as long as it is there. Dropped before [`Self::used`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Claim {
    reach: Reach,
    number: u64,
}

impl Reach {
    /// What a host looks up: its cache, its own program, the memory of processes, and what it is told of.
    pub(crate) fn new(cache: Option<&Path>, named: &[PathBuf]) -> Self {
        let mut of_host = Vec::new();
        of_host.extend(cache.map(|cache| Looked::up(HostFile::CompiledCode, cache)));
        of_host.push(Looked::up(HostFile::Processes, Path::new("/proc")));
        of_host.extend(named.iter().map(|file| Looked::up(HostFile::Named, file)));
        of_host.extend(std::env::current_exe().ok().map(|file| Looked::up(HostFile::Program, &file)));
        Self { of_host: Arc::new(of_host), state: Arc::default() }
    }

    /// Opens the folders of an actor, once for all its lives.
    ///
    /// # Errors
    ///
    /// [`Conflict`], and nothing is claimed then.
    ///
    /// # Blocking
    ///
    /// Looks paths up.
    pub(crate) fn claim(
        &self,
        of: &ActorId,
        dirs: &[DirGrant],
        component: Option<&Path>,
    ) -> Result<Folders, Conflict> {
        let mut folders = Vec::new();
        let mut open = Vec::new();
        for dir in dirs {
            let (granted, folder) = opened(dir)?;
            folders.push(granted);
            open.push(folder);
        }
        let component = component.map(|file| Looked::up(HostFile::Component, file));
        let ways = Arc::new(Ways { of: of.clone(), folders, component });
        // Looked for each time: more may have been mounted since the host was made.
        let processes = if dirs.is_empty() { Vec::new() } else { mounts::of_processes() };
        let processes: Vec<_> =
            processes.iter().map(|folder| Looked::up(HostFile::Processes, folder)).collect();
        let mut state = self.lock();
        self.of_host.iter().chain(&processes).try_for_each(|file| ways.keep_from(file))?;
        state.check(&ways)?;
        let number = state.add(ways);
        drop(state);
        Ok(Folders { open, claim: Some(Arc::new(Claim { reach: self.clone(), number })) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn opened(dir: &DirGrant) -> Result<(Granted, OpenFolder), Conflict> {
    let (way, end) = Way::to(&dir.host);
    let of_end = end.and_then(|file| Ok((FolderId::of(&file)?, file)));
    let (id, file) =
        of_end.map_err(|error| Conflict::Unusable { dir: dir.host.clone(), error: error.to_string() })?;
    if mounts::is_on(&file, mounts::PROCESSES).unwrap_or(true) {
        let (dir, file) = (dir.host.clone(), dir.host.clone());
        return Err(Conflict::HostFile { dir, file, what: HostFile::Processes });
    }
    let looked = Looked { what: None, path: dir.host.clone(), way, end: Some(id) };
    let folder = OpenFolder { file, guest: dir.guest.clone(), read_only: dir.read_only };
    Ok((Granted { looked, id, read_only: dir.read_only }, folder))
}

impl Ways {
    fn written(&self) -> impl Iterator<Item = &Granted> {
        self.folders.iter().filter(|folder| !folder.read_only)
    }

    fn looked(&self) -> impl Iterator<Item = &Looked> {
        self.folders.iter().map(|folder| &folder.looked).chain(&self.component)
    }

    /// Refuses folders through which a file of the host could be changed.
    fn keep_from(&self, file: &Looked) -> Result<(), Conflict> {
        let what = file.what.unwrap_or(HostFile::Named);
        for folder in &self.folders {
            let is_around = file.way.leads_through(&folder.id);
            let is_within = what.is_folder()
                && file.end.is_some_and(|end| end == folder.id || folder.looked.way.leads_through(&end));
            let harms = !folder.read_only || what == HostFile::Processes;
            if harms && (is_around || is_within) {
                let (dir, file) = (folder.looked.path.clone(), file.path.clone());
                return Err(Conflict::HostFile { dir, file, what });
            }
        }
        Ok(())
    }

    /// Refuses what `outer`, which an actor may write to, leads to or is on the way to.
    fn check_within(&self, id: &FolderId, outer: &Path, outer_of: &ActorId) -> Result<(), Conflict> {
        let Some(inner) = self.looked().find(|looked| looked.way.leads_through(id)) else { return Ok(()) };
        Err(match inner.what {
            Some(what) => Conflict::HostFile { dir: outer.to_owned(), file: inner.path.clone(), what },
            None => Conflict::Within {
                inner: inner.path.clone(),
                inner_of: self.of.clone(),
                outer: outer.to_owned(),
                outer_of: outer_of.clone(),
            },
        })
    }
}

impl State {
    /// Refuses what lies within folders that an actor may write to: of this actor, of another, or of one that has ended.
    fn check(&self, new: &Ways) -> Result<(), Conflict> {
        for folder in new.written() {
            new.check_within(&folder.id, &folder.looked.path, &new.of)?;
            for other in self.claims.values() {
                other.check_within(&folder.id, &folder.looked.path, &new.of)?;
            }
        }
        for through in new.looked().flat_map(|looked| looked.way.folders()) {
            if let Some(written) = self.written.get(through) {
                new.check_within(through, &written.path, &written.by)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, new: Arc<Ways>) -> u64 {
        for folder in new.written() {
            let written = self.written.entry(folder.id).or_insert_with(|| Written {
                path: folder.looked.path.clone(),
                by: new.of.clone(),
                claims: 0,
                was_used: false,
                ended: 0,
            });
            written.claims += 1;
        }
        let number = self.next_claim;
        self.next_claim += 1;
        self.claims.insert(number, new);
        number
    }

    fn end(&mut self, claim: u64) {
        let Some(ways) = self.claims.remove(&claim) else { return };
        for folder in ways.written() {
            let Some(written) = self.written.get_mut(&folder.id) else { continue };
            written.claims = written.claims.saturating_sub(1);
            if written.claims > 0 {
                continue;
            }
            if !written.was_used {
                self.written.remove(&folder.id);
                continue;
            }
            self.ends += 1;
            written.ended = self.ends;
            self.ended.push_back((folder.id, self.ends));
        }
        while self.ended.len() > WRITTEN_MAX {
            let Some((id, number)) = self.ended.pop_front() else { break };
            if self.written.get(&id).is_some_and(|written| written.claims == 0 && written.ended == number) {
                self.written.remove(&id);
            }
        }
    }
}

impl Claim {
    /// The actor runs: from now on, where it may write is remembered also after its end.
    pub(crate) fn used(&self) {
        let mut state = self.reach.lock();
        let Some(ways) = state.claims.get(&self.number).map(Arc::clone) else { return };
        for folder in ways.written() {
            if let Some(written) = state.written.get_mut(&folder.id) {
                written.was_used = true;
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.reach.lock().end(self.number);
    }
}

#[cfg(test)]
mod tests;
