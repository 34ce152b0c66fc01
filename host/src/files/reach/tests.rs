use std::fs;
use std::os::unix::fs::symlink;

use super::*;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(folders: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        folders.iter().for_each(|folder| fs::create_dir_all(root.path().join(folder)).unwrap());
        Self(root)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn link(&self, at: &str, target: &str) {
        symlink(target, self.at(at)).unwrap();
    }

    /// Claims folders, written as `PATH` or `PATH:ro`.
    fn claim(&self, reach: &Reach, of: &str, dirs: &[&str]) -> Result<Folders, Conflict> {
        let grant = |dir: &&str| {
            let mut grant: DirGrant = dir.parse().unwrap();
            grant.host = self.at(grant.host.to_str().unwrap());
            grant
        };
        reach.claim(&of.parse().unwrap(), &dirs.iter().map(grant).collect::<Vec<_>>(), None)
    }

    fn within(&self, inner: (&str, &str), outer: (&str, &str)) -> Conflict {
        Conflict::Within {
            inner: self.at(inner.0),
            inner_of: inner.1.parse().unwrap(),
            outer: self.at(outer.0),
            outer_of: outer.1.parse().unwrap(),
        }
    }
}

#[test]
fn a_folder_within_one_that_may_be_written_to_is_refused_however_it_is_called() {
    let tree = Tree::new(&["w/sub/deep", "apart", "x"]);
    tree.link("apart/to-sub", "../w/sub");
    tree.link("w/out", "../apart");
    tree.link("x/first", "second");
    tree.link("x/second", "../w/out");
    for inner in
        ["w/sub", "w/sub/deep", "apart/to-sub", "apart/../w/./sub", "w/out", "x/first", "w/out/to-sub"]
    {
        for access in ["", ":ro"] {
            let reach = Reach::new(None, &[]);
            let refused = tree.claim(&reach, "a", &["w", &format!("{inner}{access}")]).unwrap_err();
            assert_eq!(refused, tree.within((inner, "a"), ("w", "a")), "{inner}{access}");
        }
    }
    let reach = Reach::new(None, &[]);
    for fine in [["w", "w"], ["w", "x/../w"], ["w", "apart"], ["w:ro", "w/sub"], ["w/sub", "apart/to-sub"]] {
        tree.claim(&reach, "a", &fine).unwrap_or_else(|refused| panic!("{fine:?}: {refused:?}"));
    }
}

#[test]
fn actors_are_kept_apart_in_either_order_and_after_the_end_of_the_one_that_could_write() {
    let tree = Tree::new(&["w/sub"]);
    let reach = Reach::new(None, &[]);
    let outer = tree.claim(&reach, "a", &["w"]).unwrap();
    let refused = tree.within(("w/sub", "b"), ("w", "a"));
    assert_eq!(tree.claim(&reach, "b", &["w/sub:ro"]).unwrap_err(), refused);
    // It never ran: nothing was written.
    drop(outer);
    let inner = tree.claim(&reach, "b", &["w/sub:ro"]).unwrap();
    inner.claim.as_ref().unwrap().used();
    assert_eq!(tree.claim(&reach, "a", &["w"]).unwrap_err(), refused);
    tree.claim(&reach, "a", &["w:ro"]).unwrap();
    drop(inner);
    let outer = tree.claim(&reach, "a", &["w"]).unwrap();
    outer.claim.as_ref().unwrap().used();
    drop(outer);
    // What it did there outlives it.
    assert_eq!(tree.claim(&reach, "b", &["w/sub:ro"]).unwrap_err(), refused);
    assert!(tree.claim(&Reach::new(None, &[]), "b", &["w/sub:ro"]).is_ok(), "hosts share nothing");
    if !FolderId::of(&File::open(tree.at("w")).unwrap()).unwrap().knows_its_age() {
        println!("not tried: this file system does not tell when a folder was made");
        return;
    }
    // Another folder of that name, even one that was given the number of the first.
    for _ in 0..20 {
        fs::remove_dir_all(tree.at("w")).unwrap();
        fs::create_dir_all(tree.at("w/sub")).unwrap();
        tree.claim(&reach, "b", &["w/sub:ro"]).unwrap();
    }
}

#[test]
fn what_is_remembered_of_those_that_ended_is_bounded() {
    let tree = Tree::new(&["one/in", "two/in"]);
    let reach = Reach::new(None, &[]);
    let run = |dir: &str| tree.claim(&reach, "a", &[dir]).unwrap().claim.unwrap().used();
    run("one");
    run("two");
    for _ in 1..WRITTEN_MAX {
        let mut state = reach.lock();
        let (id, number) = *state.ended.back().unwrap();
        state.ended.push_back((id, number));
    }
    run("two");
    assert!(tree.claim(&reach, "b", &["one/in"]).is_ok(), "the one that ended first is forgotten");
    assert!(tree.claim(&reach, "b", &["two/in"]).is_err());
    assert!(reach.lock().ended.len() <= WRITTEN_MAX && reach.lock().written.len() <= 3);
}

#[test]
fn files_of_the_host_are_out_of_reach() {
    let tree = Tree::new(&["home/etc", "big/cache/deeper", "big/else", "other"]);
    tree.link("home/.cache", "../big");
    tree.link("home/token", "etc/token");
    let cache = tree.at("home/.cache/cache");
    let reach = Reach::new(Some(&cache), &[tree.at("home/token")]);
    let refused = |dir: &str| match tree.claim(&reach, "a", &[dir]).err() {
        None => None,
        Some(Conflict::HostFile { what, .. }) => Some(what),
        Some(other) => panic!("{other:?}"),
    };
    for (dir, what) in [
        ("home", Some(HostFile::CompiledCode)),
        ("big", Some(HostFile::CompiledCode)),
        (".", Some(HostFile::CompiledCode)),
        ("big/cache", Some(HostFile::CompiledCode)),
        ("big/cache/deeper", Some(HostFile::CompiledCode)),
        ("home/etc", Some(HostFile::Named)),
        ("other", None),
        ("big/else", None),
        ("big:ro", None),
    ] {
        assert_eq!(refused(dir), what, "{dir}");
    }
    let program = std::env::current_exe().unwrap();
    let refused = |dir: &str| reach.claim(&"a".parse().unwrap(), &[dir.parse().unwrap()], None).unwrap_err();
    let around = program.parent().unwrap().to_str().unwrap();
    assert!(matches!(refused(around), Conflict::HostFile { what: HostFile::Program, .. }));
    for dir in ["/proc:ro", "/proc/self:ro", "/proc/self/task:ro", "/:ro"] {
        assert!(matches!(refused(dir), Conflict::HostFile { what: HostFile::Processes, .. }), "{dir}");
    }
}

#[test]
fn nobody_writes_where_the_component_of_an_actor_is() {
    let tree = Tree::new(&["code", "data"]);
    let reach = Reach::new(None, &[]);
    let component = tree.at("code/a.wasm");
    let claim = |of: &str, dir: &str| {
        let grant = DirGrant { host: tree.at(dir), guest: "/d".into(), read_only: false };
        reach.claim(&of.parse().unwrap(), &[grant], Some(&component))
    };
    let refused =
        Conflict::HostFile { dir: tree.at("code"), file: component.clone(), what: HostFile::Component };
    assert_eq!(claim("a", "code").unwrap_err(), refused);
    let running = claim("a", "data").unwrap();
    assert_eq!(tree.claim(&reach, "b", &["code"]).unwrap_err(), refused);
    drop(running);
    let writer = tree.claim(&reach, "b", &["code"]).unwrap();
    assert_eq!(claim("a", "data").unwrap_err(), refused);
    drop(writer);
}

#[test]
fn a_folder_that_cannot_be_opened_is_refused() {
    let tree = Tree::new(&["w"]);
    fs::write(tree.at("file"), "").unwrap();
    tree.link("loop", "loop");
    for dir in ["none", "file", "loop", "w/none"] {
        let refused = tree.claim(&Reach::new(None, &[]), "a", &[dir]).unwrap_err();
        assert!(matches!(&refused, Conflict::Unusable { dir: at, .. } if *at == tree.at(dir)), "{refused:?}");
    }
}
