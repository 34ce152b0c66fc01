//! wasi 0.2, as guests get it: what a guest sizes in a call has a bound before the library sees it.
//!
//! A guest is preempted only while it computes itself, not within a call of the host: whatever a call takes, its thread is
//! taken for. The library bounds what it returns, and hardly what it is given. So `wasi:io` and `wasi:filesystem` are linked
//! with the host's own functions before those of the library, and all of them are named here: one that the library gets anew
//! does not compile until somebody has looked at what a guest sizes in it. What one call hands over altogether is bounded by
//! the store.
//!
//! What a guest may size, the bounds, and what happens there are in `docs/semantics.md`.

mod disk;
mod file_streams;
mod files;
mod io;
mod names;
mod random;

use wasmtime::component::{Linker, Resource};

use crate::instance::store::Guest;

/// A second handle of the same resource, for the library, which takes the one that it is given.
fn again<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

/// Offers all of wasi 0.2 but wasi:http.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    io::add_to_linker(linker)?;
    files::add_to_linker(linker)?;
    names::add_to_linker(linker)?;
    random::add_to_linker(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasmtime::Engine;

    use super::*;

    #[test]
    fn what_is_put_before_the_library_has_the_names_of_the_library() {
        let mut linker = Linker::<Guest>::new(&Engine::default());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        for add_to_linker in [names::add_to_linker, random::add_to_linker] {
            let error = add_to_linker(&mut linker).unwrap_err().to_string();
            assert!(error.contains("defined twice"), "{error}");
        }
    }
}
