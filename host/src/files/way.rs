//! The way that a path leads, folder by folder.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;

use super::mounts;

/// The most symbolic links on a way: as many as Linux follows.
const LINKS_MAX: usize = 40;

/// What a folder is opened with to look names up in it: on Linux this needs no right to list them.
#[cfg(target_os = "linux")]
const SEARCH: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const SEARCH: OFlags = OFlags::RDONLY;

/// Which folder it is, whatever it is called. When it was made tells it from one that has the number of another that is
/// gone; not every file system knows that, and an overlay says another time once somebody has written to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FolderId {
    device: u64,
    inode: u64,
    made: Option<SystemTime>,
}

impl FolderId {
    pub(super) fn of(folder: &File) -> io::Result<Self> {
        let metadata = folder.metadata()?;
        let made = if mounts::is_on(folder, mounts::OVERLAY)? { None } else { metadata.created().ok() };
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), made })
    }

    /// Whether it is told from another that is made once this one is gone.
    #[cfg(test)]
    pub(super) fn knows_its_age(&self) -> bool {
        self.made.is_some()
    }
}

/// The folders that a path leads through: in each of them a name of it, or of a link on it, is looked up. Whoever may
/// write to one of them decides where the path leads.
#[derive(Debug, Default)]
pub(super) struct Way {
    through: Vec<FolderId>,
}

impl Way {
    pub(super) fn leads_through(&self, folder: &FolderId) -> bool {
        self.through.contains(folder)
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &FolderId> {
        self.through.iter()
    }

    /// Goes to the end of a path, with descriptors: what was seen on the way is what leads there, also where somebody
    /// changes it meanwhile. Returns the folder at its end, and the way as far as it leads where there is none.
    pub(super) fn to(path: &Path) -> (Self, io::Result<File>) {
        let mut way = Self::default();
        let end = way.go(path);
        (way, end)
    }

    fn go(&mut self, path: &Path) -> io::Result<File> {
        let mut names = VecDeque::new();
        prepend(&mut names, &std::path::absolute(path)?);
        let mut here = root()?;
        let mut links = 0;
        while let Some(name) = names.pop_front() {
            if name == ".." {
                here = open_in(&here, &name)?;
                continue;
            }
            let id = FolderId::of(&here)?;
            if !self.leads_through(&id) {
                self.through.push(id);
            }
            let Some(target) = link_at(&here, &name)? else {
                here = open_in(&here, &name)?;
                continue;
            };
            links += 1;
            if links > LINKS_MAX {
                return Err(Errno::LOOP.into());
            }
            let target = Path::new(&target);
            if target.is_absolute() {
                here = root()?;
            }
            prepend(&mut names, target);
        }
        Ok(here)
    }
}

fn prepend(names: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => names.push_front(name.to_owned()),
            Component::ParentDir => names.push_front("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

fn root() -> io::Result<File> {
    Ok(rustix::fs::open("/", SEARCH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?.into())
}

fn open_in(folder: &File, name: &OsStr) -> io::Result<File> {
    let flags = SEARCH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(folder, name, flags, Mode::empty())?.into())
}

/// Where a link leads; none for what is no link.
fn link_at(folder: &File, name: &OsStr) -> io::Result<Option<OsString>> {
    match readlinkat(folder, name.as_bytes(), Vec::new()) {
        Ok(target) => Ok(Some(OsString::from_vec(target.into_bytes()))),
        Err(Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
