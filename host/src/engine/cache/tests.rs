use std::sync::Arc;
use std::time::Duration;

use super::*;

/// A component that is a comment: a custom section with the byte.
fn component(engine: &Engine, byte: u8) -> (Digest, Component) {
    let bytes = [b"\0asm\x0d\0\x01\0".as_slice(), &[0, 3, 1, b'c', byte]].concat();
    let component = Component::from_binary(engine, &bytes).unwrap();
    (Digest::of(&bytes), component)
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
fn code_that_is_damaged_is_removed_and_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path()).unwrap();
    let engine = Engine::default();
    let (digest, code) = component(&engine, 1);
    let path = cache.path(&engine, &digest);
    for length in [0, 1, 63, 64, 1000] {
        cache.keep(&engine, &digest, &code);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..length]).unwrap();
        assert!(cache.find(&engine, &digest).is_none(), "{length}");
        assert!(!path.exists(), "{length}");
    }
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::default();
    let all: Vec<_> = (0..4).map(|byte| component(&engine, byte)).collect();
    let one_bytes = u64::try_from(all[0].1.serialize().unwrap().len()).unwrap();
    let cache = CodeCache::with_max(folder.path(), one_bytes * 7 / 2).unwrap();
    let mut used = SystemTime::now() - Duration::from_secs(1000);
    for (digest, code) in &all[..3] {
        cache.keep(&engine, digest, code);
        File::open(cache.path(&engine, digest)).unwrap().set_modified(used).unwrap();
        used += Duration::from_secs(1);
    }
    assert!(cache.find(&engine, &all[0].0).is_some(), "the first one is used again");
    cache.keep(&engine, &all[3].0, &all[3].1);
    let there: Vec<_> = all.iter().map(|(digest, _)| cache.path(&engine, digest).exists()).collect();
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
fn a_folder_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(folder.path()).unwrap();
    let mode = |mode| fs::set_permissions(&cache.dir, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(fs::metadata(&cache.dir).unwrap().permissions().mode() & 0o777, 0o700);
    for (others, refused) in [(0o755, false), (0o775, true), (0o702, true)] {
        mode(others);
        assert_eq!(CodeCache::open(folder.path()).is_err(), refused, "{others:o}");
    }
    mode(0o700);
    // A link may lead to a folder that somebody else has.
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&cache.dir, elsewhere.path().join(FOLDER)).unwrap();
    assert!(CodeCache::open(elsewhere.path()).is_err());
    // In a folder of everybody's, another one may come to be in its place.
    let open = tempfile::tempdir().unwrap();
    let everybodys = |mode| fs::set_permissions(open.path(), fs::Permissions::from_mode(mode)).unwrap();
    for (mode, refused) in [(0o777, true), (0o1777, false), (0o755, false)] {
        everybodys(mode);
        assert_eq!(CodeCache::open(&open.path().join("cache")).is_err(), refused, "{mode:o}");
    }
}
