use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};

use super::*;

#[test]
fn only_a_plain_file_is_opened_and_nothing_waits() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("plain"), "in it").unwrap();
    symlink(at("plain"), at("link")).unwrap();
    mknodat(CWD, at("pipe"), Kind::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    symlink(at("pipe"), at("link-to-pipe")).unwrap();
    let _listener = UnixListener::bind(at("socket")).unwrap();
    assert_eq!(read(&at("plain"), 5).unwrap(), b"in it");
    assert_eq!(read(&at("link"), 5).unwrap(), b"in it");
    for (path, said) in [
        (at("pipe"), "this is a pipe, no plain file"),
        (at("link-to-pipe"), "this is a pipe, no plain file"),
        (at("socket"), "this is a socket or a device, no plain file"),
        (at("."), "this is a folder, no plain file"),
        ("/dev/zero".into(), "this is a device, no plain file"),
        (at("none"), "no such file"),
    ] {
        assert_eq!(read(&path, 100).unwrap_err().to_string(), said, "{}", path.display());
    }
    let error = open(&at("link"), LastLink::Refused).unwrap_err();
    assert_eq!(error.to_string(), "this is a link, no plain file");
    open(&at("plain"), LastLink::Refused).unwrap();
}

#[test]
fn a_file_is_read_up_to_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "five!").unwrap();
    assert_eq!(read(&file, 5).unwrap(), b"five!");
    let error = read(&file, 4).unwrap_err().to_string();
    assert_eq!(error, "has 5 bytes, more than the 4 that it may have");
    // It says that it has no bytes, and has some.
    let error = read(Path::new("/proc/self/status"), 10).unwrap_err().to_string();
    assert_eq!(error, "has 11 bytes, more than the 10 that it may have");
    fs::write(&file, b"\xff").unwrap();
    assert_eq!(read_text(&file, 5).unwrap_err().to_string(), "this is no text in UTF-8");
}
