//! The modules of a crate, as `syn` reads them: what each defines, what it imports, and which paths it names.
//!
//! Code for tests is left out: what `#[cfg(test)]` or `#[test]` stands before, and files reached only through it. The
//! paths inside of macro calls are found in their tokens; those inside of strings (`#[serde(with = "…")]`) are not.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, UseTree};

/// The way to a module from the root of the crate: `["actor", "run"]`; empty for the root.
pub(crate) type ModulePath = Vec<String>;

/// The names of a path as they are written, `["super", "run", "start"]`.
pub(crate) type Written = Vec<String>;

/// What one module is made of.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) children: BTreeSet<String>,
    pub(crate) items: BTreeSet<String>,
    /// What a `use` gives a name to. A name may stand for a module and for a function.
    pub(crate) imports: BTreeMap<String, Vec<Written>>,
    /// What stands before `::*`.
    pub(crate) globs: Vec<Written>,
    /// The paths in its code, those of `use` among them.
    pub(crate) paths: Vec<Written>,
}

/// All modules of a crate.
pub(crate) type Modules = BTreeMap<ModulePath, Module>;

/// Reads the crate whose root is `lib.rs`. `source` gives the text of a file, named from the folder of the root.
///
/// # Errors
///
/// Where a file is missing or cannot be parsed.
pub(crate) fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Modules> {
    let mut modules = Modules::new();
    let mut open = vec![(ModulePath::new(), parse("lib.rs", source)?)];
    while let Some((path, items)) = open.pop() {
        let mut module = Module::default();
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            module.items.extend(defined_name(item));
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let way: ModulePath = path.iter().cloned().chain([name.clone()]).collect();
                    module.children.insert(name);
                    let items = match &child.content {
                        Some((_, items)) => items.clone(),
                        None => parse(&format!("{}.rs", way.join("/")), source)?,
                    };
                    open.push((way, items));
                }
                other => Reader { module: &mut module }.visit_item(other),
            }
        }
        modules.insert(path, module);
    }
    Ok(modules)
}

fn parse(file: &str, source: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Item>> {
    let text = source(file).with_context(|| format!("there is no {file}"))?;
    Ok(syn::parse_file(&text).with_context(|| format!("cannot parse {file}"))?.items)
}

/// Collects what the code of one module names.
struct Reader<'a> {
    module: &'a mut Module,
}

impl Visit<'_> for Reader<'_> {
    fn visit_item(&mut self, item: &Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        let attributes = match item {
            ImplItem::Fn(function) => function.attrs.as_slice(),
            ImplItem::Const(constant) => constant.attrs.as_slice(),
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        // A leading `::` names another crate.
        if item.leading_colon.is_none() {
            add_use(&item.tree, &mut Vec::new(), self.module);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.module.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        visit::visit_macro(self, call);
        add_token_paths(call.tokens.clone(), &mut self.module.paths);
    }
}

fn add_use(tree: &UseTree, before: &mut Written, module: &mut Module) {
    let with = |before: &Written, name: String| {
        // `a::{self}` is `a`.
        let more = (name != "self" || before.is_empty()).then_some(name);
        before.iter().cloned().chain(more).collect::<Written>()
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            add_use(&path.tree, before, module);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| add_use(tree, before, module)),
        UseTree::Glob(_) => {
            module.paths.push(before.clone());
            module.globs.push(before.clone());
        }
        UseTree::Name(name) => {
            let path = with(before, name.ident.to_string());
            let name = path.last().cloned().unwrap_or_default();
            module.imports.entry(name).or_default().push(path.clone());
            module.paths.push(path);
        }
        UseTree::Rename(rename) => {
            let path = with(before, rename.ident.to_string());
            module.imports.entry(rename.rename.to_string()).or_default().push(path.clone());
            module.paths.push(path);
        }
    }
}

/// Finds what looks like a path of two names or more: `name :: name`.
fn add_token_paths(tokens: TokenStream, to: &mut Vec<Written>) {
    let mut current = Written::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ':' && !current.is_empty() => colons += 1,
            TokenTree::Ident(name) if colons == 2 => {
                current.push(name.to_string());
                colons = 0;
            }
            other => {
                end_path(&mut current, to);
                colons = 0;
                match other {
                    TokenTree::Ident(name) => current.push(name.to_string()),
                    TokenTree::Group(group) => add_token_paths(group.stream(), to),
                    TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                }
            }
        }
    }
    end_path(&mut current, to);
}

fn end_path(current: &mut Written, to: &mut Vec<Written>) {
    let path = std::mem::take(current);
    if path.len() > 1 {
        to.push(path);
    }
}

/// Whether the code is there for tests alone: `#[test]` and its like, `#[cfg(test)]`, `#[cfg(all(test, …))]`.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") {
            let condition = attribute.meta.require_list().map(|list| list.tokens.to_string());
            let condition = condition.unwrap_or_default();
            let words = || condition.split(|c: char| !c.is_alphanumeric() && c != '_');
            return words().any(|word| word == "test") && !words().any(|word| word == "not" || word == "any");
        }
        path.segments.last().is_some_and(|last| last.ident == "test")
    })
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
