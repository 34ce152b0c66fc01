//! One arm of the `match` over method names: decode the arguments, call the method, convert its answer.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::types;
use crate::actor::World;
use crate::method::{Answer, Method, Source};
use crate::signature::Receiver;

/// An arm that comes to a `Result<Outcome<Items>, Error>`.
pub(super) fn serial(method: &Method) -> TokenStream {
    let (pattern, decode, bindings) = parts(method);
    let (call, outcome) = (call(method), outcome(method, World::Serial));
    quote! {
        #pattern => #decode.and_then(|(#(#bindings,)*)| {
            let answer = #call;
            #outcome
        }),
    }
}

/// An arm that comes to a `Handling`.
pub(super) fn overlapping(method: &Method) -> TokenStream {
    let (pattern, decode, bindings) = parts(method);
    let (call, outcome) = (call(method), outcome(method, World::Overlapping));
    if !method.is_async {
        return quote! {
            #pattern => private::Handling::Done(#decode.and_then(|(#(#bindings,)*)| {
                let answer = #call;
                #outcome
            })),
        };
    }
    quote! {
        #pattern => match #decode {
            ::std::result::Result::Err(error) => private::Handling::Done(::std::result::Result::Err(error)),
            ::std::result::Result::Ok((#(#bindings,)*)) => {
                let work = #call;
                private::Handling::Waits(::std::boxed::Box::pin(async move {
                    let answer = work.await;
                    #outcome
                }))
            }
        },
    }
}

/// The arm's pattern, the call that decodes its arguments, and the names to bind them to.
fn parts(method: &Method) -> (TokenStream, TokenStream, Vec<Ident>) {
    let (conditions, name, types) = (&method.conditions, method.name(), types(method));
    let names = method.arguments.iter().map(|argument| &argument.name);
    let pattern = quote!(#(#conditions)* #name);
    let decode = quote!(private::decode::<#types>(args, &[#(#names),*]));
    (pattern, decode, bindings(method))
}

fn bindings(method: &Method) -> Vec<Ident> {
    (0..method.arguments.len()).map(|index| format_ident!("argument_{index}")).collect()
}

fn call(method: &Method) -> TokenStream {
    let (ident, bindings) = (&method.ident, bindings(method));
    match method.receiver {
        Receiver::Borrowed => quote!(this.with(|state| Self::#ident(state, #(#bindings),*))),
        Receiver::This => quote!(Self::#ident(this.clone(), #(#bindings),*)),
    }
}

/// From `answer` to a `Result<Outcome<_>, Error>`. Errors about its type point at where that is written.
fn outcome(method: &Method, world: World) -> TokenStream {
    let span = method.output;
    let kind = quote_spanned!(span=> (&private::Answer::of(&answer)).kind());
    match method.answer {
        Answer::Value => quote_spanned!(span=> #kind.value(answer)),
        Answer::Nothing => quote_spanned!(span=> #kind.nothing(answer)),
        Answer::Stream { source, resumes } => {
            let source = self::source(method, world, source);
            quote_spanned! {span=>
                let stream = #kind.unwrapped(answer)?;
                ::std::result::Result::Ok(private::Outcome::stream(#source, #resumes))
            }
        }
    }
}

/// From `stream` to what the runtime of `world` draws on. A type with a name is what streams in that world are
/// made of: it cannot be looked into before the compiler knows it.
fn source(method: &Method, world: World, source: Source) -> TokenStream {
    let span = method.output;
    let items = quote_spanned!(span=> (&private::Answer::of_items(&stream)).kind().items(stream));
    match (world, source) {
        (World::Serial, _) => items,
        (World::Overlapping, Source::Iterator) => quote!(private::Source::Ready(#items)),
        (World::Overlapping, Source::Stream | Source::Named) => quote_spanned! {span=>
            private::Source::Waits((&private::Answer::of_stream(&stream)).kind().stream(stream))
        },
    }
}
