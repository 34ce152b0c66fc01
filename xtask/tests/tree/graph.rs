//! Which module names items of which, and where that forms a cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::modules::{Module, ModulePath, Modules};

/// Re-exports of re-exports end well before this; a cycle of them does not.
const REEXPORTS_MAX: usize = 16;

/// From a module to those it names, with the names of the items.
pub(crate) type Graph<Node> = BTreeMap<Node, BTreeMap<Node, BTreeSet<String>>>;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Module(ModulePath),
    /// An item, and the module that defines it.
    Item(ModulePath, String),
}

/// What a name is taken for where a module and an item have the same.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Module,
    Item,
}

/// Whether what a module and its own child name of each other counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParentAndChild {
    Apart,
    AsOne,
}

/// The graph of the modules: an edge goes to the module that defines the item named, past all re-exports.
pub(crate) fn of(modules: &Modules, parent_and_child: ParentAndChild) -> Graph<ModulePath> {
    let resolver = Resolver(modules);
    let mut graph: Graph<_> = modules.keys().map(|path| (path.clone(), BTreeMap::new())).collect();
    for (from, module) in modules {
        let edges = graph.entry(from.clone()).or_default();
        for path in &module.paths {
            let Some(Target::Item(to, item)) = resolver.resolve(from, path, Meaning::Item, 0) else {
                continue;
            };
            let is_one = is_child_of(from, &to) || is_child_of(&to, from);
            if to != *from && (parent_and_child == ParentAndChild::Apart || !is_one) {
                edges.entry(to).or_default().insert(item);
            }
        }
    }
    graph
}

fn is_child_of(child: &[String], parent: &[String]) -> bool {
    child.split_last().is_some_and(|(_, before)| before == parent)
}

/// Follows paths through the modules of a crate, past re-exports.
struct Resolver<'a>(&'a Modules);

impl Resolver<'_> {
    /// What a path that is written in `module` leads to. `None` for what is of another crate, or a local name.
    fn resolve(&self, module: &[String], path: &[String], last: Meaning, depth: usize) -> Option<Target> {
        let mut here = module.to_owned();
        let mut names = path.iter().peekable();
        while let Some(name) = names.next_if(|name| ["crate", "self", "super"].contains(&name.as_str())) {
            match name.as_str() {
                "crate" => here.clear(),
                "super" => _ = here.pop(),
                _ => {}
            }
        }
        // What follows `crate` and its like is of this crate, even if a macro made it and it cannot be seen.
        let is_ours = names.len() < path.len();
        let mut at = Target::Module(here);
        for (step, name) in names.clone().enumerate() {
            let Target::Module(here) = &at else { break };
            let meaning = if step + 1 == names.len() { last } else { Meaning::Module };
            match self.find(here, name, meaning, depth) {
                Some(target) => at = target,
                None if is_ours || step > 0 => return Some(Target::Item(here.clone(), name.clone())),
                None => return None,
            }
        }
        Some(at)
    }

    /// What a name stands for in a module.
    fn find(&self, path: &[String], name: &str, meaning: Meaning, depth: usize) -> Option<Target> {
        let module = self.0.get(path)?;
        let child = || {
            let way = path.iter().cloned().chain([name.to_owned()]);
            module.children.contains(name).then(|| Target::Module(way.collect()))
        };
        let item = || module.items.contains(name).then(|| Target::Item(path.to_owned(), name.to_owned()));
        let import = || self.imported(path, module, name, meaning, depth);
        let is_item = |target: &Target| matches!(target, Target::Item(..));
        match meaning {
            Meaning::Module => child().or_else(item).or_else(import),
            Meaning::Item => item().or_else(|| import().filter(is_item)).or_else(child).or_else(import),
        }
    }

    fn imported(
        &self,
        path: &[String],
        module: &Module,
        name: &str,
        meaning: Meaning,
        depth: usize,
    ) -> Option<Target> {
        if depth == REEXPORTS_MAX {
            return None;
        }
        let mut named = module.imports.get(name).into_iter().flatten();
        let named = named.find_map(|import| self.resolve(path, import, meaning, depth + 1));
        named.or_else(|| {
            module.globs.iter().find_map(|glob| {
                match self.resolve(path, glob, Meaning::Module, depth + 1)? {
                    Target::Module(inside) if inside != path => self.find(&inside, name, meaning, depth + 1),
                    Target::Module(_) | Target::Item(..) => None,
                }
            })
        })
    }
}

/// The strongly connected components of two nodes or more, the largest first: everything in one names, over
/// others, everything else in it.
pub(crate) fn cycles<Node: Ord + Clone>(graph: &Graph<Node>) -> Vec<Vec<Node>> {
    let mut left: BTreeSet<&Node> = graph.keys().collect();
    let backward = reversed(graph);
    let mut found = Vec::new();
    while let Some(start) = left.pop_first() {
        let before = reached(start, &backward);
        let component: Vec<Node> = reached(start, graph).intersection(&before).cloned().collect();
        left.retain(|node| !component.contains(node));
        if component.len() > 1 {
            found.push(component);
        }
    }
    found.sort_by_key(|component| std::cmp::Reverse(component.len()));
    found
}

fn reversed<Node: Ord + Clone>(graph: &Graph<Node>) -> Graph<Node> {
    let mut backward = Graph::new();
    for (from, edges) in graph {
        for (to, items) in edges {
            backward.entry(to.clone()).or_insert_with(BTreeMap::new).insert(from.clone(), items.clone());
        }
    }
    backward
}

fn reached<Node: Ord + Clone>(start: &Node, graph: &Graph<Node>) -> BTreeSet<Node> {
    let mut found = BTreeSet::from([start.clone()]);
    let mut open = vec![start.clone()];
    while let Some(node) = open.pop() {
        for next in graph.get(&node).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

/// The members of a component, and the edges among them with the items that make each.
pub(crate) fn described<Node: Ord>(
    component: &[Node],
    graph: &Graph<Node>,
    shown: impl Fn(&Node) -> String,
) -> String {
    let members: Vec<_> = component.iter().map(&shown).collect();
    let mut text = format!("{} modules: {}\n", component.len(), members.join(", "));
    for from in component {
        for (to, items) in graph.get(from).into_iter().flatten().filter(|(to, _)| component.contains(to)) {
            let items: Vec<_> = items.iter().map(String::as_str).collect();
            _ = writeln!(text, "  {} -> {}: {}", shown(from), shown(to), items.join(", "));
        }
    }
    text
}
