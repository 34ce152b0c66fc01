//! Rooms of the same layer do not name each other in a cycle, and no path leads to a higher one.
//!
//! What is read is the graph of the modules, without code for tests; `layers.rs` reads the text, with it.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::cycles::{made_up, modules_of_the_host};
use crate::graph::{self, Graph, ParentAndChild};
use crate::layers::layer_of;
use crate::modules::{ModulePath, Modules};

/// Cycles among rooms of a layer that there are for now: a member of each.
const KNOWN: [&str; 0] = [];

/// The graph of the rooms; the root of the crate is `lib`.
fn graph_of_rooms(modules: &Modules) -> Graph<String> {
    let room = |path: &ModulePath| path.first().map_or("lib", String::as_str).to_owned();
    let mut rooms = Graph::new();
    for (from, edges) in graph::of(modules, ParentAndChild::Apart) {
        let of_room = rooms.entry(room(&from)).or_insert_with(BTreeMap::new);
        for (to, items) in edges.into_iter().filter(|(to, _)| room(to) != room(&from)) {
            of_room.entry(room(&to)).or_default().extend(items);
        }
    }
    rooms
}

fn complaints(modules: &Modules, known: &[&str]) -> Vec<String> {
    let layer = |room: &str| layer_of(room).map(|(layer, _)| layer);
    let mut rooms = graph_of_rooms(modules);
    let mut found = Vec::new();
    for (from, edges) in &mut rooms {
        // One without a layer is what `layers.rs` complains of.
        let upward = edges.iter().filter(|(to, _)| layer(from).is_some() && layer(to) > layer(from));
        found.extend(
            upward.map(|(to, items)| format!("`{from}` names {items:?} of `{to}`, which is higher\n")),
        );
        edges.retain(|to, _| layer(to) == layer(from));
    }
    let cycles = graph::cycles(&rooms);
    let is_known = |cycle: &&Vec<String>| cycle.iter().any(|room| known.contains(&room.as_str()));
    let unknown = cycles.iter().filter(|cycle| !is_known(cycle));
    found.extend(unknown.map(|cycle| graph::described(cycle, &rooms, String::clone)));
    let gone = known.iter().filter(|known| !cycles.iter().flatten().any(|room| room == **known));
    found.extend(gone.map(|known| format!("`{known}` is in no cycle any more: delete it from KNOWN")));
    found
}

#[test]
fn rooms_of_a_layer_do_not_name_each_other_in_a_cycle() -> Result<()> {
    let found = complaints(&modules_of_the_host()?, &KNOWN);
    assert!(found.is_empty(), "rooms name each other in a cycle:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn a_cycle_of_two_rooms_and_a_path_upward_are_found() {
    let modules = made_up(&[
        ("lib.rs", "pub mod delivery; pub mod stream; pub mod mailbox; pub mod gateway; pub mod id;"),
        ("delivery.rs", "pub struct Delivery(crate::stream::inside::Item, crate::id::Id);"),
        ("stream.rs", "pub mod inside { pub struct Item; } fn f() { say!(super::delivery::Delivery) }"),
        ("mailbox.rs", "pub struct Mailbox(crate::delivery::Delivery); fn f() { super::gateway::serve() }"),
        ("gateway.rs", "pub fn serve() {}"),
        ("id.rs", "pub struct Id;"),
    ])
    .unwrap();
    let upward = "`mailbox` names {\"serve\"} of `gateway`, which is higher\n";
    let cycle = "2 modules: delivery, stream\n  delivery -> stream: Item\n  stream -> delivery: Delivery\n";
    assert_eq!(complaints(&modules, &[]), [upward, cycle]);
    assert_eq!(complaints(&modules, &["stream"]), [upward]);
    assert!(complaints(&modules, &["stream", "id"])[1].starts_with("`id` is in no cycle any more"));
}
