use std::sync::Arc;
use std::time::Duration;

use super::*;

/// A component that is a comment: a custom section with the byte.
fn component(engine: &Engine, byte: u8) -> (Digest, Component) {
    let bytes = [b"\0asm\x0d\0\x01\0".as_slice(), &[0, 3, 1, b'c', byte]].concat();
    let component = Component::from_binary(engine, &bytes).unwrap();
    (Digest::of(&bytes), component)
}

fn path(cache: &CodeCache, engine: &Engine, digest: &Digest) -> PathBuf {
    cache.dir.join(name(engine, digest))
}

fn files(cache: &CodeCache) -> usize {
    fs::read_dir(&cache.dir).unwrap().count()
}

#[test]
fn code_is_found_by_its_component_and_its_engine() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path()).unwrap();
    let engine = Engine::default();
    let ((one, code), (other, _)) = (component(&engine, 1), component(&engine, 2));
    assert!(cache.find(&engine, &one).is_none());
    cache.keep(&engine, &one, &code);
    assert!(cache.find(&engine, &one).is_some());
    assert!(cache.find(&engine, &other).is_none());
    let mut config = wasmtime::Config::new();
    config.epoch_interruption(true);
    assert!(cache.find(&Engine::new(&config).unwrap(), &one).is_none());
    assert!(cache.find(&engine, &one).is_some(), "another engine's look took it away");
    assert_eq!(files(&cache), 1);
}

#[test]
fn code_that_is_damaged_anywhere_is_removed_and_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path()).unwrap();
    let engine = Engine::default();
    let (digest, code) = component(&engine, 1);
    let path = path(&cache, &engine, &digest);
    cache.keep(&engine, &digest, &code);
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        cache.keep(&engine, &digest, &code);
        fs::write(&path, bytes).unwrap();
        assert!(cache.find(&engine, &digest).is_none(), "{what}");
        assert!(!path.exists(), "{what}");
    };
    for length in [0, 1, 63, 64, 105, 106, 107, 1000, whole.len() - 1] {
        refused(&whole[..length], &format!("cut to {length}"));
    }
    for at in (0..whole.len()).step_by(61).chain([whole.len() - 1]) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        refused(&damaged, &format!("a bit at {at}"));
        // Some are zero already.
        let end = damaged.len().min(at + 64);
        damaged.copy_from_slice(&whole);
        damaged[at..end].fill(0);
        if damaged != whole {
            refused(&damaged, &format!("zeroes at {at}"));
        }
    }
    refused(&[&whole, b"x".as_slice()].concat(), "longer");
    // As a version without the end wrote it.
    refused(&code.serialize().unwrap(), "without its end");
    cache.keep(&engine, &digest, &code);
    assert_eq!(fs::read(&path).unwrap(), whole);
    assert!(cache.find(&engine, &digest).is_some());
}

#[test]
fn code_under_the_name_of_another_component_or_engine_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path()).unwrap();
    let engine = Engine::default();
    let mut config = wasmtime::Config::new();
    config.epoch_interruption(true);
    let other_engine = Engine::new(&config).unwrap();
    let ((one, code), (other, _)) = (component(&engine, 1), component(&engine, 2));
    for (engine, digest) in [(&engine, &other), (&other_engine, &one)] {
        cache.keep(&Engine::default(), &one, &code);
        fs::rename(path(&cache, &Engine::default(), &one), path(&cache, engine, digest)).unwrap();
        assert!(cache.find(engine, digest).is_none());
        assert_eq!(files(&cache), 0);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_plain_file_is_not_waited_for_and_makes_way() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path()).unwrap();
    let engine = Engine::default();
    let (digest, code) = component(&engine, 1);
    let path = path(&cache, &engine, &digest);
    cache.keep(&engine, &digest, &code);
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    let pipe = || mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // Also one with the right code in it: whoever put it there could change it.
    let link = || std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    for put in [&pipe as &dyn Fn(), &link] {
        put();
        assert!(cache.find(&engine, &digest).is_none());
        cache.keep(&engine, &digest, &code);
        assert!(cache.find(&engine, &digest).is_some());
        fs::remove_file(&path).unwrap();
    }
    // Nothing is removed that could be somebody's.
    fs::create_dir(&path).unwrap();
    assert!(cache.find(&engine, &digest).is_none());
    cache.keep(&engine, &digest, &code);
    assert!(path.is_dir());
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::default();
    let all: Vec<_> = (0..4).map(|byte| component(&engine, byte)).collect();
    let one_bytes = u64::try_from(all[0].1.serialize().unwrap().len()).unwrap() + 106;
    let cache = CodeCache::with_max(folder.path(), one_bytes * 7 / 2).unwrap();
    let mut used = SystemTime::now() - Duration::from_secs(1000);
    for (digest, code) in &all[..3] {
        cache.keep(&engine, digest, code);
        File::open(path(&cache, &engine, digest)).unwrap().set_modified(used).unwrap();
        used += Duration::from_secs(1);
    }
    assert!(cache.find(&engine, &all[0].0).is_some(), "the first one is used again");
    cache.keep(&engine, &all[3].0, &all[3].1);
    let there: Vec<_> = all.iter().map(|(digest, _)| path(&cache, &engine, digest).exists()).collect();
    assert_eq!(there, [true, false, true, true]);
}

#[test]
fn a_file_that_is_larger_than_all_may_be_is_kept_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::with_max(folder.path(), 1).unwrap();
    let engine = Engine::default();
    for byte in 0..2 {
        let (digest, code) = component(&engine, byte);
        cache.keep(&engine, &digest, &code);
        assert!(cache.find(&engine, &digest).is_some());
        assert_eq!(files(&cache), 1);
    }
}

#[test]
fn many_hosts_keep_the_same_code_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(CodeCache::open(folder.path()).unwrap());
    let engine = Engine::default();
    let (digest, code) = component(&engine, 1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    cache.keep(&engine, &digest, &code);
                    assert!(cache.find(&engine, &digest).is_some());
                }
            });
        }
    });
    assert_eq!(files(&cache), 1, "nothing unfinished is left");
}

#[cfg(unix)]
#[test]
fn code_and_folders_of_others_are_refused() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path()).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(fs::metadata(&cache.dir).unwrap().permissions().mode() & 0o022, 0);
    for (others, refused) in [(0o755, false), (0o2770, false), (0o702, true)] {
        mode(&cache.dir, others);
        assert_eq!(CodeCache::open(folder.path()).is_err(), refused, "{others:o}");
    }
    mode(&cache.dir, 0o755);
    let engine = Engine::default();
    let (digest, code) = component(&engine, 1);
    for (others, refused) in [(0o644, false), (0o664, false), (0o646, true)] {
        cache.keep(&engine, &digest, &code);
        mode(&path(&cache, &engine, &digest), others);
        assert_eq!(cache.find(&engine, &digest).is_none(), refused, "{others:o}");
    }
    // A link may lead to a folder that somebody else has.
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&cache.dir, elsewhere.path().join(FOLDER)).unwrap();
    assert!(CodeCache::open(elsewhere.path()).is_err());
}

#[test]
fn what_the_cache_did_not_make_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::with_max(folder.path(), 1).unwrap();
    for name in ["backup.tar", "main.code", "notes"] {
        fs::write(cache.dir.join(name), "theirs").unwrap();
    }
    fs::write(cache.dir.join(".unfinished-1"), "ours").unwrap();
    let engine = Engine::default();
    let (digest, code) = component(&engine, 1);
    cache.keep(&engine, &digest, &code);
    assert_eq!(files(&cache), 4);
    assert!(!cache.dir.join(".unfinished-1").exists());
}
