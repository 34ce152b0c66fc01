//! What `#[actor]` expands to: the `impl` block as it was, the traits that the runtime drives it through, and
//! the component's exports.

mod handle;
mod hooks;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::actor::{Actor, World};
use crate::method::{Answer, Method, Source};
use crate::options::Restart;

/// The whole expansion.
pub(crate) fn actor(actor: &Actor) -> TokenStream {
    let Actor { item, ty, may_passivate, restart, .. } = actor;
    let restart = self::restart(restart.as_ref());
    let methods = actor.methods.iter().map(describe);
    let world = match actor.world {
        World::Serial => serial(actor),
        World::Overlapping => overlapping(actor),
    };
    quote! {
        #item

        #[allow(unsafe_code, unused_imports, unused_variables, clippy::all, clippy::pedantic, reason = "generated")]
        const _: () = {
            use ::pulsing_guest::__private as private;
            use private::{
                DerivedSchema as _, Fallible as _, Iterates as _, MightFail as _, NeverFails as _, NoItems as _,
                NoSchema as _, Plain as _, PlainSchema as _, Streams as _,
            };

            impl private::Actor for #ty {
                fn cell() -> &'static ::std::thread::LocalKey<private::ActorCell<Self>> {
                    ::std::thread_local! {
                        static ACTOR: private::ActorCell<#ty> = const { ::std::cell::RefCell::new(None) };
                    }
                    &ACTOR
                }

                const MAY_PASSIVATE: bool = #may_passivate;

                const RESTART: ::std::option::Option<private::Restart> = #restart;

                fn methods() -> ::std::vec::Vec<private::Method> {
                    let mut methods = ::std::vec::Vec::new();
                    #(#methods)*
                    methods
                }
            }

            #world
        };
    }
}

/// A statement that adds one method's description.
fn describe(method: &Method) -> TokenStream {
    let Method { conditions, doc, .. } = method;
    let name = method.name();
    let kind = match method.answer {
        Answer::Value => quote!(Ask),
        Answer::Nothing => quote!(Tell),
        Answer::Stream { .. } => quote!(Stream),
    };
    let types = types(method);
    let arguments = method.arguments.iter().map(|argument| {
        let (name, ty) = (&argument.name, &argument.ty);
        quote_spanned!(ty.span()=> (#name, (&&&private::Probe::<#ty>::new()).schema()))
    });
    let returned = returned(method);
    quote! {
        #(#conditions)*
        methods.push(private::method::<#types>(
            #name,
            private::MethodKind::#kind,
            #doc,
            &[#(#arguments),*],
            #returned,
        ));
    }
}

/// What writes the schema of a method's value or of its stream's items, if there is one. What the type must be is
/// checked elsewhere: here every type will do.
fn returned(method: &Method) -> TokenStream {
    let ty = match (&method.returned, method.answer) {
        (Some(ty), Answer::Value | Answer::Stream { .. }) => ty,
        (None, _) | (_, Answer::Nothing) => return quote!(::std::option::Option::None),
    };
    let span = method.output;
    let value = quote_spanned!(span=> (&private::Probe::<#ty>::new()).ok());
    match method.answer {
        // The type is that of the stream, and not that of its items.
        Answer::Stream { source: Source::Named, .. } => {
            quote_spanned!(span=> (&&&(&(&&&#value).items()).ok()).schema())
        }
        Answer::Stream { .. } | Answer::Value | Answer::Nothing => {
            quote_spanned!(span=> (&&&#value).schema())
        }
    }
}

fn restart(restart: Option<&Restart>) -> TokenStream {
    let Some(Restart { policy, max_restarts, min_backoff_ms, max_backoff_ms }) = restart else {
        return quote!(::std::option::Option::None);
    };
    let policy = option(policy.as_ref());
    let [min, max] = [min_backoff_ms, max_backoff_ms].map(|delay| option(delay.as_ref()));
    let max_restarts = option(max_restarts.as_ref());
    quote! {
        ::std::option::Option::Some(private::Restart {
            policy: #policy,
            max_restarts: #max_restarts,
            min_backoff_ms: #min,
            max_backoff_ms: #max,
        })
    }
}

fn option(value: Option<&impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::std::option::Option::Some(#value)),
        None => quote!(::std::option::Option::None),
    }
}

/// The method's arguments as one tuple type. Errors about it point at the argument if there is only one, else at
/// the method.
fn types(method: &Method) -> TokenStream {
    let types = method.arguments.iter().map(|argument| &argument.ty);
    let span = match method.arguments.as_slice() {
        [only] => only.ty.span(),
        _ => method.ident.span(),
    };
    quote_spanned!(span=> (#(#types,)*))
}

fn serial(actor: &Actor) -> TokenStream {
    let ty = &actor.ty;
    let start = hooks::start(actor);
    let stop = hooks::stop(actor);
    let arms = actor.methods.iter().map(handle::serial);
    quote! {
        impl private::SerialActor for #ty {
            fn start(config: private::Payload) -> ::std::result::Result<Self, ::pulsing_guest::Error> {
                #start
            }

            fn handle(
                this: &::pulsing_guest::This<Self>,
                method: &str,
                args: private::Payload,
            ) -> ::std::option::Option<::std::result::Result<private::Outcome<private::Items>, ::pulsing_guest::Error>>
            {
                ::std::option::Option::Some(match method {
                    #(#arms)*
                    _ => return ::std::option::Option::None,
                })
            }

            fn stop(this: &::pulsing_guest::This<Self>) {
                #stop
            }
        }

        type Export = private::SerialExport<#ty>;
        private::export_serial!(Export with_types_in private::serial_bindings);
    }
}

fn overlapping(actor: &Actor) -> TokenStream {
    let ty = &actor.ty;
    let start = hooks::start(actor);
    let stop = hooks::stop(actor);
    let arms = actor.methods.iter().map(handle::overlapping);
    quote! {
        impl private::OverlappingActor for #ty {
            fn start(
                config: private::Payload,
            ) -> private::LocalBoxFuture<'static, ::std::result::Result<Self, ::pulsing_guest::Error>> {
                ::std::boxed::Box::pin(async move { #start })
            }

            fn handle(
                this: &::pulsing_guest::This<Self>,
                method: &str,
                args: private::Payload,
            ) -> ::std::option::Option<private::Handling> {
                ::std::option::Option::Some(match method {
                    #(#arms)*
                    _ => return ::std::option::Option::None,
                })
            }

            fn stop(this: &::pulsing_guest::This<Self>) -> private::LocalBoxFuture<'static, ()> {
                let this = this.clone();
                ::std::boxed::Box::pin(async move { #stop })
            }
        }

        type Export = private::OverlappingExport<#ty>;
        private::export_overlapping!(Export with_types_in private::overlapping_bindings);
    }
}
