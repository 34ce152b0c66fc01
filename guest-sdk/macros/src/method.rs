//! One method of an actor: what it is called with and what it answers.

use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{
    Attribute, Error, Expr, ExprLit, GenericArgument, ImplItemFn, Lit, Meta, PathArguments, Result,
    ReturnType, Signature, Type, TypeImplTrait, TypeParamBound, parse_quote, parse_quote_spanned,
};

use crate::attribute::Marker;
use crate::signature::{self, Argument, Receiver};

/// A method that callers can name.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    pub(crate) receiver: Receiver,
    pub(crate) is_async: bool,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) answer: Answer,
    pub(crate) doc: String,
    /// `#[cfg]`s, which what is generated for the method carries too.
    pub(crate) conditions: Vec<Attribute>,
    /// Where the answer's type is written, for errors about it.
    pub(crate) output: Span,
    /// What it returns, or of a stream whose type says it, each of its items; none where that has no name.
    pub(crate) returned: Option<Type>,
}

/// What a method answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Value,
    Nothing,
    Stream { source: Source, resumes: bool },
}

/// What a stream is made of, as far as its type says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// `impl Iterator`.
    Iterator,
    /// `impl Stream`.
    Stream,
    /// A type with a name.
    Named,
}

impl Method {
    /// Checks a method and, where it streams, frees its stream from the borrow of `self`.
    pub(crate) fn parse(item: &mut ImplItemFn, receiver: Receiver, marker: Option<Marker>) -> Result<Self> {
        signature::check(&item.sig)?;
        let is_async = item.sig.asyncness.is_some();
        if let (Some(token), Receiver::Borrowed) = (item.sig.asyncness, receiver) {
            let message = "an `async` method takes `this: This<Self>`: \
                           a borrow of the state cannot be held while other handlers run";
            return Err(Error::new_spanned(token, message));
        }
        let arguments = signature::arguments(item.sig.inputs.iter().skip(1))?;
        let answer = answer(&item.sig, marker)?;
        if receiver == Receiver::Borrowed {
            free_from_borrows(&mut item.sig.output);
        }
        Ok(Self {
            ident: item.sig.ident.clone(),
            receiver,
            is_async,
            arguments,
            answer,
            doc: doc(&item.attrs),
            conditions: item
                .attrs
                .iter()
                .filter(|attribute| attribute.path().is_ident("cfg"))
                .cloned()
                .collect(),
            output: output_span(item),
            returned: returned(&item.sig.output),
        })
    }

    /// Whether other handlers have to be able to run while this one waits.
    pub(crate) fn waits(&self) -> bool {
        self.is_async || matches!(self.answer, Answer::Stream { source: Source::Stream, .. })
    }

    /// The name that callers use.
    pub(crate) fn name(&self) -> String {
        signature::method_name(&self.ident)
    }
}

fn output_span(item: &ImplItemFn) -> Span {
    match &item.sig.output {
        ReturnType::Default => item.sig.ident.span(),
        ReturnType::Type(_, ty) => ty.span(),
    }
}

fn answer(signature: &Signature, marker: Option<Marker>) -> Result<Answer> {
    let output = &signature.output;
    let source = match output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => source(ty),
    };
    match (marker, source, output) {
        (Some(Marker::Tell), None, _) => Ok(Answer::Nothing),
        (Some(Marker::Tell), Some(_), output) => Err(Error::new_spanned(
            output,
            "a `#[tell]` method answers nothing: take the `#[tell]` away to stream",
        )),
        (Some(Marker::Stream { .. }), None, ReturnType::Default) => {
            Err(Error::new_spanned(signature, "a `#[stream]` method returns an `Iterator` or a `Stream`"))
        }
        (Some(Marker::Stream { resumes }), source, _) => {
            Ok(Answer::Stream { source: source.unwrap_or(Source::Named), resumes })
        }
        (_, Some(source), _) => Ok(Answer::Stream { source, resumes: false }),
        (_, None, _) => Ok(Answer::Value),
    }
}

/// What the `impl Trait` in a return type streams: on its own, or within a `Result`.
fn source(ty: &Type) -> Option<Source> {
    match ty {
        Type::ImplTrait(ty) => ty.bounds.iter().find_map(source_of_bound),
        Type::Paren(ty) => source(&ty.elem),
        Type::Path(ty) => match &ty.path.segments.last()?.arguments {
            PathArguments::AngleBracketed(arguments) => {
                arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::Type(ty) => source(ty),
                    _ => None,
                })
            }
            _ => None,
        },
        _ => None,
    }
}

/// The type of what a caller gets, as far as it can be named: of an `impl Iterator<Item = T>`, `T`.
fn returned(output: &ReturnType) -> Option<Type> {
    let ty = match output {
        ReturnType::Default => return Some(parse_quote!(())),
        ReturnType::Type(_, ty) => &**ty,
    };
    let mut nameless = Nameless::default();
    nameless.visit_type(ty);
    if nameless.found { nameless.items.filter(|_| source(ty).is_some()) } else { Some(ty.clone()) }
}

/// Finds what stands in a type and has no name that generated code could use.
#[derive(Default)]
struct Nameless {
    found: bool,
    /// Of the first `impl` of a trait with items.
    items: Option<Type>,
}

impl<'ast> Visit<'ast> for Nameless {
    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.found = true;
        if self.items.is_none() {
            self.items = ty.bounds.iter().find_map(items_of_bound);
        }
    }
}

fn items_of_bound(bound: &TypeParamBound) -> Option<Type> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(item) if item.ident == "Item" => {
            let mut nameless = Nameless::default();
            nameless.visit_type(&item.ty);
            (!nameless.found).then(|| item.ty.clone())
        }
        _ => None,
    })
}

fn source_of_bound(bound: &TypeParamBound) -> Option<Source> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    match bound.path.segments.last()?.ident.to_string().as_str() {
        "Iterator" | "DoubleEndedIterator" | "ExactSizeIterator" => Some(Source::Iterator),
        "Stream" => Some(Source::Stream),
        _ => None,
    }
}

/// Adds `use<>` to each `impl Trait`: a stream is drawn on after the method has returned, so it cannot borrow
/// `self`, which this edition would otherwise let it do.
fn free_from_borrows(output: &mut ReturnType) {
    if let ReturnType::Type(_, ty) = output {
        visit_impl_trait(ty, &mut |ty| {
            if !ty.bounds.iter().any(|bound| matches!(bound, TypeParamBound::PreciseCapture(_))) {
                ty.bounds.push(parse_quote_spanned!(ty.span()=> use<>));
            }
        });
    }
}

fn visit_impl_trait(ty: &mut Type, visit: &mut impl FnMut(&mut TypeImplTrait)) {
    match ty {
        Type::ImplTrait(ty) => visit(ty),
        Type::Paren(ty) => visit_impl_trait(&mut ty.elem, visit),
        Type::Path(ty) => {
            let last = ty.path.segments.last_mut().map(|segment| &mut segment.arguments);
            if let Some(PathArguments::AngleBracketed(arguments)) = last {
                for argument in &mut arguments.args {
                    if let GenericArgument::Type(ty) = argument {
                        visit_impl_trait(ty, visit);
                    }
                }
            }
        }
        _ => (),
    }
}

/// The doc comment as people read it.
fn doc(attributes: &[Attribute]) -> String {
    let lines: Vec<_> = attributes.iter().filter_map(doc_line).collect();
    lines.join("\n").trim().to_owned()
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value else { return None };
    let text = text.value();
    meta.path.is_ident("doc").then(|| text.strip_prefix(' ').unwrap_or(&text).to_owned())
}
