//! Inside of a room of the host, too, modules do not all name each other.
//!
//! A module names another where its code has a path, in a `use` or elsewhere, to an item that the other defines. A
//! parent and its child count as one. `cargo test -p xtask --test tree -- --nocapture cycles` shows what there is.

use std::fs;

use anyhow::Result;

use crate::files;
use crate::graph::{self, ParentAndChild};
use crate::modules::{self, ModulePath, Modules};

/// Three modules that know each other can still be read together.
const MODULES_MAX: usize = 3;

/// Larger cycles that there are for now: a member, and how many modules there are in it at most.
const KNOWN: [(&str, usize); 0] = [];

pub(crate) fn modules_of_the_host() -> Result<Modules> {
    let source = files::root()?.join("host/src");
    modules::read(&|file| fs::read_to_string(source.join(file)).ok())
}

fn shown(path: &ModulePath) -> String {
    if path.is_empty() { "crate".to_owned() } else { path.join("::") }
}

/// What is wrong with the modules, given the cycles that are known.
fn complaints(modules: &Modules, known: &[(&str, usize)]) -> Vec<String> {
    let graph = graph::of(modules, ParentAndChild::AsOne);
    let mut found = Vec::new();
    let mut met = Vec::new();
    for component in graph::cycles(&graph).into_iter().filter(|component| component.len() > MODULES_MAX) {
        let known = known.iter().find(|(member, _)| component.iter().any(|path| shown(path) == *member));
        met.extend(known.map(|(member, _)| *member));
        if known.is_none_or(|(_, size)| component.len() > *size) {
            found.push(graph::described(&component, &graph, shown));
        }
    }
    let gone = known.iter().filter(|(member, _)| !met.contains(member));
    found.extend(
        gone.map(|(member, _)| format!("`{member}` is in no such cycle any more: delete it from KNOWN")),
    );
    found
}

#[test]
fn no_more_than_three_modules_of_the_host_name_each_other_in_a_cycle() -> Result<()> {
    let found = complaints(&modules_of_the_host()?, &KNOWN);
    assert!(found.is_empty(), "more than {MODULES_MAX} modules name each other:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn the_cycles_of_the_host_are_shown() -> Result<()> {
    let modules = modules_of_the_host()?;
    println!("{} modules", modules.len());
    for parent_and_child in [ParentAndChild::AsOne, ParentAndChild::Apart] {
        let graph = graph::of(&modules, parent_and_child);
        assert!(graph.values().any(|edges| !edges.is_empty()), "no module names another");
        println!("\nparent and child {parent_and_child:?}:");
        for component in graph::cycles(&graph) {
            println!("{}", graph::described(&component, &graph, shown));
        }
    }
    Ok(())
}

/// Reads a made-up crate: pairs of a file's name and what is in it.
pub(crate) fn made_up(sources: &[(&str, &str)]) -> Result<Modules> {
    let source =
        |file: &str| sources.iter().find(|(name, _)| *name == file).map(|(_, text)| (*text).to_owned());
    modules::read(&source)
}

/// The edges of a made-up crate, as `from -> to`.
fn edges(sources: &[(&str, &str)], parent_and_child: ParentAndChild) -> Result<Vec<String>> {
    let graph = graph::of(&made_up(sources)?, parent_and_child);
    let pairs = graph.iter().flat_map(|(from, edges)| edges.keys().map(move |to| (from, to)));
    Ok(pairs.map(|(from, to)| format!("{} -> {}", shown(from), shown(to))).collect())
}

#[test]
fn a_cycle_of_four_is_found_with_its_members_and_edges() {
    let cycle = [
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B; fn f() { super::c::g(1) }"),
        ("c.rs", "pub fn g(_: u8) -> crate::d::D { todo!() }"),
        ("d.rs", "use crate::{a::A as First, e::E}; pub struct D;"),
        ("e.rs", "pub struct E;"),
    ];
    let modules = made_up(&cycle).unwrap();
    let found = complaints(&modules, &[]);
    let text = "4 modules: a, b, c, d\n  a -> b: B\n  b -> c: g\n  c -> d: D\n  d -> a: A\n";
    assert_eq!(found, [text]);
    assert!(complaints(&modules, &[("c", 4)]).is_empty());
    assert_eq!(complaints(&modules, &[("c", 3)]), [text]);
    let gone = complaints(&modules, &[("c", 4), ("e", 5)]);
    assert!(gone.len() == 1 && gone[0].contains("`e` is in no such cycle"), "{gone:?}");
}

#[test]
fn a_reexport_is_followed_to_the_module_that_defines_the_item() {
    let sources = [
        ("lib.rs", "pub mod room; mod other; mod glob; pub use room::Item as Shown;"),
        ("room.rs", "mod part; mod rest; pub use self::part::Item; pub use self::rest::*;"),
        ("room/part.rs", "pub struct Item;"),
        ("room/rest.rs", "pub fn rest() {}"),
        ("other.rs", "use crate::room::{self, Item}; use crate::Shown; fn f() { room::rest() }"),
        ("glob.rs", "use crate::room::*; type X = Item;"),
    ];
    let edges = edges(&sources, ParentAndChild::AsOne).unwrap();
    assert_eq!(
        edges,
        ["crate -> room::part", "glob -> room::part", "other -> room::part", "other -> room::rest"]
    );
}

#[test]
fn code_for_tests_is_left_out() {
    let sources = [
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
        (
            "a.rs",
            "#[cfg(test)] use crate::b::B; #[cfg(all(test, unix))] fn f(_: crate::b::B) {}
             impl A { #[cfg(test)] fn g(_: crate::b::B) {} } struct A;
             #[cfg(test)] mod tests { use crate::b::B; #[tokio::test] async fn h() {} }
             #[tokio::test] async fn i() { crate::b::B; }",
        ),
        ("b.rs", "pub struct B; #[cfg(not(test))] fn f(_: crate::a::A) {}"),
    ];
    assert_eq!(edges(&sources, ParentAndChild::Apart).unwrap(), ["b -> a"]);
}

#[test]
fn a_parent_and_its_own_child_count_as_one_if_wanted() {
    let sources = [
        ("lib.rs", "mod a;"),
        ("a.rs", "mod b; use b::B; struct A; struct C(b::c::C);"),
        ("a/b.rs", "pub mod c { pub struct C(super::super::A); } pub struct B(super::A);"),
    ];
    assert_eq!(edges(&sources, ParentAndChild::AsOne).unwrap(), ["a -> a::b::c", "a::b::c -> a"]);
    let apart = edges(&sources, ParentAndChild::Apart).unwrap();
    assert_eq!(apart, ["a -> a::b", "a -> a::b::c", "a::b -> a", "a::b::c -> a"]);
}

#[test]
fn paths_in_macros_and_local_imports_count_and_other_crates_do_not() {
    let sources = [
        ("lib.rs", "mod a; mod b; mod c; mod std;"),
        ("a.rs", "use super::b; fn f() { select! { x = b::g(1) => {} } use crate::c as d; d::h() }"),
        ("b.rs", "pub fn g() { ::std::mem::drop(1); tokio::c::h(); let c = 1; c }"),
        ("c.rs", "pub fn h() {} bindings! { Made }"),
        ("std.rs", "type X = crate::c::Made;"),
    ];
    assert_eq!(edges(&sources, ParentAndChild::AsOne).unwrap(), ["a -> b", "a -> c", "std -> c"]);
}
