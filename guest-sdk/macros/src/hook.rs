//! The functions that begin and end an actor's life: `#[start]` and `#[stop]`.

use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::{Error, ImplItemFn, Result, ReturnType, Type};

use crate::signature::{self, Receiver};

/// `#[start]`.
pub(crate) struct Start {
    pub(crate) ident: Ident,
    pub(crate) is_async: bool,
    /// The type of the configuration, for an actor that takes one.
    pub(crate) config: Option<Type>,
    /// Where the type that it makes is written, for errors about it.
    pub(crate) output: Span,
}

/// `#[stop]`.
pub(crate) struct Stop {
    pub(crate) ident: Ident,
    pub(crate) is_async: bool,
    pub(crate) receiver: Receiver,
}

impl Start {
    pub(crate) fn parse(item: &ImplItemFn) -> Result<Self> {
        signature::check(&item.sig)?;
        if signature::receiver(&item.sig)?.is_some() {
            let message =
                "`#[start]` makes the actor, so there is none yet: `fn new(config: Config) -> Self`";
            return Err(Error::new_spanned(item.sig.inputs.first(), message));
        }
        let ReturnType::Type(_, output) = &item.sig.output else {
            return Err(Error::new_spanned(&item.sig, "`#[start]` returns `Self` or a `Result<Self, _>`"));
        };
        let mut arguments = signature::arguments(item.sig.inputs.iter())?.into_iter();
        let config = arguments.next().map(|argument| argument.ty);
        if arguments.next().is_some() {
            let message =
                "`#[start]` takes the actor's configuration and nothing else: put it into one structure";
            return Err(Error::new_spanned(&item.sig.inputs, message));
        }
        Ok(Self {
            ident: item.sig.ident.clone(),
            is_async: item.sig.asyncness.is_some(),
            config,
            output: output.span(),
        })
    }
}

impl Stop {
    pub(crate) fn parse(item: &ImplItemFn) -> Result<Self> {
        signature::check(&item.sig)?;
        let is_async = item.sig.asyncness.is_some();
        let receiver = match signature::receiver(&item.sig)? {
            Some(receiver) if item.sig.inputs.len() == 1 => receiver,
            _ => {
                return Err(Error::new_spanned(
                    &item.sig,
                    "`#[stop]` takes `&mut self` or `this: This<Self>`, and nothing else",
                ));
            }
        };
        if let (Some(token), Receiver::Borrowed) = (item.sig.asyncness, receiver) {
            return Err(Error::new_spanned(token, "an `async` `#[stop]` takes `this: This<Self>`"));
        }
        if let ReturnType::Type(_, ty) = &item.sig.output {
            return Err(Error::new_spanned(ty, "`#[stop]` answers nothing: nobody is left to hear it"));
        }
        Ok(Self { ident: item.sig.ident.clone(), is_async, receiver })
    }
}
