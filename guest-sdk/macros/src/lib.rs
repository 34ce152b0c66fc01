//! The attribute `#[pulsing_guest::actor]`: from a plain `impl` block to a component's exports.
//!
//! `attribute` reads the markers on methods, `method` and `actor` check the `impl` block and make a model of
//! it, `generate` writes code from the model. Whatever is wrong is reported where it is written, all of it at
//! once.

mod actor;
mod attribute;
mod generate;
mod hook;
mod method;
mod options;
mod signature;

use proc_macro::TokenStream;

/// Makes an actor of a type: every method of this `impl` block can be asked, told or streamed.
///
/// See the documentation of `pulsing_guest` for what a method may look like.
#[proc_macro_attribute]
pub fn actor(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match actor::Actor::parse(options.into(), item.clone()) {
        Ok(actor) => generate::actor(&actor).into(),
        Err(error) => {
            // With the block itself, so that what uses it is not reported as well.
            let item = actor::without_markers(item);
            let error = error.into_compile_error();
            quote::quote!(#item #error).into()
        }
    }
}
