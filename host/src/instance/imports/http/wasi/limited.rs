//! What a guest holds of wasi:http before it sends anything: how many bodies, and how long its texts are.
//!
//! The library bounds neither, and keeps all of it in the host's memory. So the functions by which it grows are put
//! before the library's own, for which they check.

use http_body_util::BodyExt;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method, Scheme};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostOutgoingRequest, HostOutgoingResponse};

use super::fields;
use crate::instance::imports::handed::check_texts;
use crate::instance::imports::http::request::{METHOD_MAX_BYTES, URL_MAX_BYTES};
use crate::instance::store::Guest;

/// The interface as the library names it. A test finds out when that changes: the bounds do not hold then.
const TYPES: &str = "wasi:http/types@0.2.12";
/// A name of the DNS and a port, with room for both to be escaped.
const AUTHORITY_MAX_BYTES: usize = 1024;
/// As the library has it, for what it can read.
const SCHEME_MAX_BYTES: usize = 64;

type Request = Resource<HostOutgoingRequest>;
/// wasi:http says no more than that it did not succeed.
type Done<T = ()> = (Result<T, ()>,);

/// Offers wasi:http to a guest.
pub(in crate::instance::imports) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    limit(&mut linker.instance(TYPES)?)?;
    fields::limit(&mut linker.instance(TYPES)?)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn limit(types: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    types.func_wrap("[method]outgoing-request.body", |mut store: Store<'_>, (request,): (Request,)| {
        let body: Done<Resource<HostOutgoingBody>> = (store.data_mut().body_of_request(request)?,);
        Ok(body)
    })?;
    // Guests here answer no HTTP.
    types.func_wrap(
        "[method]outgoing-response.body",
        |_: Store<'_>, (_,): (Resource<HostOutgoingResponse>,)| {
            let body: Done<Resource<HostOutgoingBody>> = (Err(()),);
            Ok(body)
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: Store<'_>, (request, method): (Request, Method)| {
            let name = if let Method::Other(name) = &method { Some(name) } else { None };
            let fits = fits(name, METHOD_MAX_BYTES)?;
            let done = fits.then(|| store.data_mut().http().set_method(request, method));
            done_or_refused(done)
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: Store<'_>, (request, authority): (Request, Option<String>)| {
            let fits = fits(authority.as_ref(), AUTHORITY_MAX_BYTES)?;
            done_or_refused(fits.then(|| store.data_mut().http().set_authority(request, authority)))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: Store<'_>, (request, path): (Request, Option<String>)| {
            let fits = fits(path.as_ref(), URL_MAX_BYTES)?;
            done_or_refused(fits.then(|| store.data_mut().http().set_path_with_query(request, path)))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store: Store<'_>, (request, scheme): (Request, Option<Scheme>)| {
            let name = if let Some(Scheme::Other(name)) = &scheme { Some(name) } else { None };
            let fits = fits(name, SCHEME_MAX_BYTES)?;
            done_or_refused(fits.then(|| store.data_mut().http().set_scheme(request, scheme)))
        },
    )
}

type Store<'a> = StoreContextMut<'a, Guest>;

/// Whether a text may be so long; a trap, where it is far too long.
fn fits(text: Option<&String>, max: usize) -> wasmtime::Result<bool> {
    let bytes = text.map_or(0, String::len);
    check_texts(bytes)?;
    Ok(bytes <= max)
}

/// What the library did; refused where it was not asked.
fn done_or_refused(done: Option<wasmtime::Result<Result<(), ()>>>) -> wasmtime::Result<Done> {
    Ok((done.unwrap_or(Ok(Err(())))?,))
}

impl Guest {
    fn body_of_request(
        &mut self,
        request: Request,
    ) -> wasmtime::Result<Result<Resource<HostOutgoingBody>, ()>> {
        let Some(taken) = self.wasi_http.take_for_body() else { return Ok(Err(())) };
        let again = Request::new_borrow(request.rep());
        let body = self.http().body(request)?;
        if body.is_ok() {
            let kept = &mut self.table.get_mut(&again)?.body;
            // The other end of what the guest writes to: what it has written goes when this is dropped.
            *kept = kept.take().map(|sent| {
                let counted = sent.map_frame(move |frame| {
                    let _until_it_is_dropped = &taken;
                    frame
                });
                counted.boxed_unsync()
            });
        }
        Ok(body)
    }
}
