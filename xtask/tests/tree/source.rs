//! What single files of Rust define: structs and their fields, functions, the words of an enum.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Fields, ImplItem, Item, Lit, Type};

use crate::files;
use crate::modules::is_test;

/// Parses a file, named from the root of the tree.
pub(crate) fn parse(file: &str) -> Result<syn::File> {
    let text = files::read(&files::root()?.join(file))?;
    syn::parse_file(&text).with_context(|| format!("cannot parse {file}"))
}

/// A field of a struct, as a configuration names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// The name of its type, without what stands around or in it.
    pub(crate) of: String,
}

/// The fields of a struct, by the names that serde gives them.
pub(crate) fn serde_fields(rust: &syn::File, of: &str) -> Result<Vec<Field>> {
    let found = rust.items.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == of => Some(item),
        _ => None,
    });
    let Fields::Named(fields) = &found.with_context(|| format!("there is no struct `{of}`"))?.fields else {
        anyhow::bail!("`{of}` has no fields with names");
    };
    fields.named.iter().map(|field| serde_field(field).with_context(|| of.to_owned())).collect()
}

fn serde_field(field: &syn::Field) -> Result<Field> {
    let own = field.ident.as_ref().context("a field without a name")?.to_string();
    let name = serde_rename(&field.attrs)?.unwrap_or(own);
    let of = last_name(&field.ty).unwrap_or_default();
    Ok(Field { name, of })
}

fn serde_rename(attributes: &[Attribute]) -> Result<Option<String>> {
    let mut renamed = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.input.peek(syn::Token![=]) {
                return Ok(());
            }
            let value: syn::LitStr = meta.value()?.parse()?;
            if meta.path.is_ident("rename") {
                renamed = Some(value.value());
            }
            Ok(())
        })?;
    }
    Ok(renamed)
}

/// The texts that the method `as_str` of an enum gives, one for each variant.
pub(crate) fn words(rust: &syn::File, of: &str) -> Result<Vec<String>> {
    let methods = rust.items.iter().filter_map(|item| match item {
        Item::Impl(item) if item.trait_.is_none() && is_named(&item.self_ty, of) => Some(&item.items),
        _ => None,
    });
    let as_str = methods.flatten().find_map(|item| match item {
        ImplItem::Fn(function) if function.sig.ident == "as_str" => Some(function),
        _ => None,
    });
    let mut texts = Texts::default();
    texts.visit_impl_item_fn(as_str.with_context(|| format!("`{of}` has no method `as_str`"))?);
    ensure!(!texts.0.is_empty(), "`{of}::as_str` has no words");
    Ok(texts.0)
}

fn is_named(of: &Type, name: &str) -> bool {
    matches!(of, Type::Path(path) if path.path.is_ident(name))
}

#[derive(Default)]
struct Texts(Vec<String>);

impl Visit<'_> for Texts {
    fn visit_arm(&mut self, arm: &syn::Arm) {
        if let Expr::Lit(literal) = &*arm.body
            && let Lit::Str(text) = &literal.lit
        {
            self.0.push(text.value());
        }
        visit::visit_arm(self, arm);
    }
}

/// The names of all functions that a file defines, methods also as `Type::method`; those for tests aside.
pub(crate) fn functions(rust: &syn::File) -> BTreeSet<String> {
    let mut functions = Functions::default();
    functions.visit_file(rust);
    functions.found
}

#[derive(Default)]
struct Functions {
    /// The type or trait whose methods are being read.
    of: Option<String>,
    found: BTreeSet<String>,
}

impl Visit<'_> for Functions {
    fn visit_item(&mut self, item: &Item) {
        if is_test(crate::modules::attributes(item)) {
            return;
        }
        let of = match item {
            Item::Impl(item) => last_name(&item.self_ty),
            Item::Trait(item) => Some(item.ident.to_string()),
            _ => None,
        };
        let outer = std::mem::replace(&mut self.of, of);
        visit::visit_item(self, item);
        self.of = outer;
    }

    fn visit_signature(&mut self, signature: &syn::Signature) {
        let name = signature.ident.to_string();
        self.found.extend(self.of.as_ref().map(|of| format!("{of}::{name}")));
        self.found.insert(name);
        visit::visit_signature(self, signature);
    }
}

/// `Vec` of `std::vec::Vec<u8>`.
fn last_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    }
}

#[test]
fn fields_are_named_as_serde_names_them() {
    let rust = syn::parse_str(
        "struct Other; struct Limits { #[serde(default, rename = \"max\")] pub memory_max: ByteSize,
         #[serde(with = \"humantime_serde\")] grace: Option<Duration>, inner: crate::limits::Inner }",
    )
    .unwrap();
    let fields = serde_fields(&rust, "Limits").unwrap();
    let shown: Vec<_> = fields.iter().map(|field| format!("{}: {}", field.name, field.of)).collect();
    assert_eq!(shown, ["max: ByteSize", "grace: Option", "inner: Inner"]);
    assert!(serde_fields(&rust, "Other").is_err() && serde_fields(&rust, "None").is_err());
}

#[test]
fn words_are_the_texts_of_the_match_in_as_str() {
    let rust = syn::parse_str(
        "impl Other { fn as_str(&self) -> &str { match self { _ => \"no\" } } }
         impl Reason { fn as_str(&self) -> &str { match self { Self::A => \"one-word\", Self::B { .. } => \"two\" } } }",
    )
    .unwrap();
    assert_eq!(words(&rust, "Reason").unwrap(), ["one-word", "two"]);
    assert!(words(&rust, "Nobody").is_err());
}

#[test]
fn functions_are_those_of_modules_and_types_but_tests() {
    let rust = syn::parse_str(
        "fn a() { fn inner() {} call() } impl X { async fn b(&self) {} } trait T { fn c(); }
         #[cfg(test)] mod tests { fn d() {} } // fn e()",
    )
    .unwrap();
    let found = functions(&rust);
    assert_eq!(found.iter().collect::<Vec<_>>(), ["T::c", "X::b", "a", "b", "c", "inner"]);
}
