//! The headers that a guest makes of wasi:http, and looks for: how long their texts are in one call.
//!
//! The library has a bound for what it keeps of them, and looks at it once all is copied. It finds no fault with what it only
//! looks for, and with what is no header at all.

use wasmtime::StoreContextMut;
use wasmtime::component::{Lift, LinkerInstance, Resource, WasmList};
use wasmtime_wasi_http::p2::HeaderResult;
use wasmtime_wasi_http::p2::bindings::http::types::{HeaderError, HostFields as _};
use wasmtime_wasi_http::{FieldMap, WasiHttpView as _};

use crate::instance::imports::handed::{check_entries, check_texts};
use crate::instance::store::Guest;

type Store<'a> = StoreContextMut<'a, Guest>;
type Fields = Resource<FieldMap>;
type Value = Vec<u8>;
type Done<T = ()> = wasmtime::Result<(Result<T, HeaderError>,)>;

pub(super) fn limit(types: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    types.func_wrap(
        "[static]fields.from-list",
        |mut store: Store<'_>, (entries,): (WasmList<(String, Value)>,)| {
            let entries = listed(&mut store, &entries, |(name, value)| name.len() + value.len())?;
            done(store.data_mut().http().from_list(entries))
        },
    )?;
    types.func_wrap("[method]fields.get", |mut store: Store<'_>, (fields, name): (Fields, String)| {
        check_texts(name.len())?;
        Ok((store.data_mut().http().get(fields, name)?,))
    })?;
    types.func_wrap("[method]fields.has", |mut store: Store<'_>, (fields, name): (Fields, String)| {
        check_texts(name.len())?;
        Ok((store.data_mut().http().has(fields, name)?,))
    })?;
    types.func_wrap(
        "[method]fields.set",
        |mut store: Store<'_>, (fields, name, values): (Fields, String, WasmList<Value>)| {
            check_texts(name.len())?;
            let values = listed(&mut store, &values, Vec::len)?;
            done(store.data_mut().http().set(fields, name, values))
        },
    )?;
    types.func_wrap("[method]fields.delete", |mut store: Store<'_>, (fields, name): (Fields, String)| {
        check_texts(name.len())?;
        done(store.data_mut().http().delete(fields, name))
    })?;
    types.func_wrap(
        "[method]fields.append",
        |mut store: Store<'_>, (fields, name, value): (Fields, String, WasmList<u8>)| {
            check_texts(name.len().saturating_add(value.len()))?;
            let value = value.as_le_slice(&store).to_vec();
            done(store.data_mut().http().append(fields, name, value))
        },
    )
}

/// Copies a list one by one, until it is too long.
fn listed<T: Lift>(
    store: &mut Store<'_>,
    list: &WasmList<T>,
    length: impl Fn(&T) -> usize,
) -> wasmtime::Result<Vec<T>> {
    check_entries(list.len())?;
    let mut bytes = 0_usize;
    let entries = list.iter(&mut *store)?.map(|entry| {
        let entry = entry?;
        bytes = bytes.saturating_add(length(&entry));
        check_texts(bytes)?;
        Ok(entry)
    });
    entries.collect()
}

fn done<T>(done: HeaderResult<T>) -> Done<T> {
    Ok((match done {
        Ok(done) => Ok(done),
        Err(error) => Err(error.downcast()?),
    },))
}
