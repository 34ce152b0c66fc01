//! What is mounted: where the system shows processes, with their memory (at `/proc`, and wherever else it was mounted), and of
//! what kind the file system of a folder is.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What Linux calls the file system of processes in its list of mounts.
const PROCESSES_NAME: &[u8] = b"proc";
/// The number of that file system.
pub(super) const PROCESSES: u64 = 0x9fa0;
/// That of what most containers have: a folder of an image, below one with what was written since.
pub(super) const OVERLAY: u64 = 0x794c_7630;

/// The folders at which processes are shown now, as far as this process sees them.
///
/// # Blocking
///
/// Reads what the system knows of mounts.
pub(super) fn of_processes() -> Vec<PathBuf> {
    // The system's own, so neither a pipe nor another user's. Where there is none, there is no other list either.
    std::fs::read("/proc/self/mountinfo").map(|list| points_of(&list)).unwrap_or_default()
}

/// Where processes are mounted, by a list in the form of `/proc/self/mountinfo`: the fifth field of a line is the
/// place, and the kind comes after a `-`.
fn points_of(list: &[u8]) -> Vec<PathBuf> {
    let point = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        let point = fields.nth(4)?;
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        (kind == PROCESSES_NAME).then(|| PathBuf::from(OsString::from_vec(unescaped(point))))
    };
    list.split(|byte| *byte == b'\n').filter_map(point).collect()
}

/// Blanks and the like are written as three octal digits after a backslash.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let (mut found, mut rest) = (Vec::new(), field);
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        match octal {
            Some(byte) => {
                found.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                found.push(*first);
                rest = after;
            }
        }
    }
    found
}

/// Whether a folder is on a file system of this number, as Linux has them; others number theirs otherwise, or not.
#[cfg(target_os = "linux")]
pub(super) fn is_on(folder: &File, kind: u64) -> io::Result<bool> {
    Ok(u64::try_from(rustix::fs::fstatfs(folder)?.f_type).is_ok_and(|found| found == kind))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_on(_folder: &File, _kind: u64) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_processes_are_read_from_the_list_of_mounts() {
        let list = b"22 28 0:20 / /proc rw,nosuid - proc proc rw\n\
            23 28 0:21 / /sys rw - sysfs sysfs rw\n\
            90 28 0:99 / /srv/a\\040b/proc rw shared:1 master:2 - proc none rw\n\
            91 28 0:98 / /- rw - tmpfs proc rw\n";
        assert_eq!(points_of(list), ["/proc", "/srv/a b/proc"].map(PathBuf::from));
        assert!(of_processes().contains(&PathBuf::from("/proc")));
    }

    #[test]
    fn a_folder_of_processes_is_known_as_such() {
        let shows = |path: &str| is_on(&File::open(path).unwrap(), PROCESSES).unwrap();
        assert!(shows("/proc") && shows("/proc/self") && !shows("/usr"));
    }
}
