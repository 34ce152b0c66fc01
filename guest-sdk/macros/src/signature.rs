//! What methods and hooks have in common: a receiver, owned arguments with names, no generics.

use proc_macro2::Ident;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Error, FnArg, Pat, PatType, Receiver as SelfArg, Result, Signature, Type};

/// As many as the SDK can read: the length of the longest tuple with traits.
const MAX_ARGUMENTS: usize = 12;

/// How a method gets at the actor's state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// `&self` or `&mut self`.
    Borrowed,
    /// `this: This<Self>`.
    This,
}

/// An argument that a caller sends.
pub(crate) struct Argument {
    /// As it is written, less a `r#`.
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// The receiver of `signature`, or none for a function that has nothing to do with an actor's state.
pub(crate) fn receiver(signature: &Signature) -> Result<Option<Receiver>> {
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) => borrowed(receiver).map(Some),
        Some(FnArg::Typed(argument)) if is_this(&argument.ty) => Ok(Some(Receiver::This)),
        _ => Ok(None),
    }
}

fn borrowed(receiver: &SelfArg) -> Result<Receiver> {
    if receiver.reference.is_some() && receiver.colon_token.is_none() {
        return Ok(Receiver::Borrowed);
    }
    let message =
        "a method takes `&self`, `&mut self` or `this: This<Self>`: the actor outlives its messages";
    Err(Error::new_spanned(receiver, message))
}

fn is_this(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "This"))
}

/// The arguments after the receiver.
pub(crate) fn arguments<'a>(inputs: impl Iterator<Item = &'a FnArg>) -> Result<Vec<Argument>> {
    let mut arguments = Vec::new();
    for input in inputs {
        let FnArg::Typed(typed) = input else { continue };
        if arguments.len() == MAX_ARGUMENTS {
            return Err(Error::new_spanned(
                typed,
                "a method takes at most 12 arguments: put some into a structure",
            ));
        }
        arguments.push(argument(typed)?);
    }
    Ok(arguments)
}

fn argument(typed: &PatType) -> Result<Argument> {
    let Some(name) = plain_name(&typed.pat) else {
        return Err(Error::new_spanned(&typed.pat, "an argument needs a name: callers use it"));
    };
    owned(&typed.ty)?;
    Ok(Argument { name: method_name(name), ty: (*typed.ty).clone() })
}

fn plain_name(pattern: &Pat) -> Option<&Ident> {
    match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => Some(&pattern.ident),
        _ => None,
    }
}

/// The name that callers use for a Rust name.
pub(crate) fn method_name(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// Refuses types that cannot be made from a message.
fn owned(ty: &Type) -> Result<()> {
    let mut borrows = Borrows(None);
    borrows.visit_type(ty);
    borrows.0.map_or(Ok(()), Err)
}

struct Borrows(Option<Error>);

impl Borrows {
    fn found(&mut self, at: impl Spanned, message: &str) {
        self.0.get_or_insert_with(|| Error::new(at.span(), message));
    }
}

impl<'ast> Visit<'ast> for Borrows {
    fn visit_type_reference(&mut self, ty: &'ast syn::TypeReference) {
        self.found(
            ty,
            "an argument is owned, as it outlives the message: `String` for `&str`, `Vec<T>` for `&[T]`",
        );
    }

    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        self.found(lifetime, "an argument is owned: it cannot borrow from the message");
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.found(ty, "an argument has a concrete type: it is read from JSON");
    }

    fn visit_type(&mut self, ty: &'ast Type) {
        if is_this(ty) {
            self.found(ty, "`This<Self>` comes first");
        }
        visit::visit_type(self, ty);
    }
}

/// Refuses what no message can express.
pub(crate) fn check(signature: &Signature) -> Result<()> {
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a method that is called by name cannot be generic",
        ));
    }
    if let Some(unsafety) = &signature.unsafety {
        return Err(Error::new_spanned(unsafety, "anybody may call a method: it cannot be unsafe"));
    }
    Ok(())
}
