//! The bodies of `start` and `stop`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::actor::Actor;
use crate::hook::{Start, Stop};
use crate::signature::Receiver;

/// From `config` to a `Result<Self, Error>`.
pub(super) fn start(actor: &Actor) -> TokenStream {
    let Some(Start { ident, is_async, config, output }) = &actor.start else {
        let ty = &actor.ty;
        // The span makes a missing `Default` an error at the type and not at the attribute.
        let default = quote_spanned!(ty.span()=> <#ty as ::std::default::Default>::default());
        return quote! {
            private::no_config(&config)?;
            ::std::result::Result::Ok(#default)
        };
    };
    let (check, argument) = match config {
        Some(config) => (quote!(), quote_spanned!(config.span()=> private::read_config::<#config>(&config)?)),
        None => (quote!(private::no_config(&config)?;), quote!()),
    };
    let wait = is_async.then(|| quote!(.await));
    let state = quote_spanned!(*output=> (&private::Answer::of(&state)).kind().unwrapped(state));
    quote! {
        #check
        let state = Self::#ident(#argument) #wait;
        #state
    }
}

/// With `this` to nothing.
pub(super) fn stop(actor: &Actor) -> TokenStream {
    match &actor.stop {
        None => quote!(),
        Some(Stop { ident, receiver: Receiver::Borrowed, .. }) => {
            quote!(this.with(|state| Self::#ident(state)))
        }
        Some(Stop { ident, is_async, receiver: Receiver::This }) => {
            let wait = is_async.then(|| quote!(.await));
            quote!(Self::#ident(this.clone()) #wait)
        }
    }
}
