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
        mode(&cache.path(&engine, &digest), others);
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

#[cfg(unix)]
#[test]
fn whoever_may_write_to_a_folder_on_the_way_has_the_cache_within_reach() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let folder = |name: &str| {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    };
    let (home, big, other) = (folder("home"), folder("big"), folder("other"));
    std::os::unix::fs::symlink(&big, home.join(".cache")).unwrap();
    let cache = CodeCache::open(&home.join(".cache")).unwrap();
    for (folder, is_within) in [
        (&home, true),
        (&big, true),
        (&root, true),
        (&big.join(FOLDER), true),
        (&big.join(FOLDER).join("deeper"), true),
        (&other, false),
        (&big.join("else"), false),
    ] {
        assert_eq!(cache.is_within_reach_of(folder), is_within, "{}", folder.display());
    }
}
