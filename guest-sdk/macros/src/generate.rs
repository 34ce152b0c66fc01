//! What `#[actor]` expands to: the `impl` block as it was, the traits that the runtime drives it through, and
//! the component's exports.

mod handle;
mod hooks;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::actor::{Actor, World};
use crate::method::{Answer, Method};

/// The whole expansion.
pub(crate) fn actor(actor: &Actor) -> TokenStream {
    let Actor { item, ty, may_passivate, .. } = actor;
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
            use private::{DerivedSchema as _, Fallible as _, NoSchema as _, Plain as _, PlainSchema as _};

            impl private::Actor for #ty {
                fn cell() -> &'static ::std::thread::LocalKey<private::ActorCell<Self>> {
                    ::std::thread_local! {
                        static ACTOR: private::ActorCell<#ty> = const { ::std::cell::RefCell::new(None) };
                    }
                    &ACTOR
                }

                const MAY_PASSIVATE: bool = #may_passivate;

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
    quote! {
        #(#conditions)*
        methods.push(private::method::<#types>(#name, private::MethodKind::#kind, #doc, &[#(#arguments),*]));
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
