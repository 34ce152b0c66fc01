//! C, by zig or by clang of the WASI SDK. The bindings and the component are made here.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_component::ComponentEncoder;

use super::Work;
use super::tool::{answers, python_with, run};
use crate::cli::failure::Failure;

const MISSING: &str = "there is no compiler for C: python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1 (or put \
                       zig on the path, or set WASI_SDK_PATH)";
/// What C knows of the contract.
const WORLD: &str = "resident";
/// For all compilers: without an entry, small, strict about what is plainly wrong, and with the names of functions, which
/// traps show. zig has no flag for the names alone: see [`without_debug`].
const FLAGS: [&str; 8] = [
    "-mexec-model=reactor",
    "-std=gnu11",
    "-Os",
    "-gline-tables-only",
    "-Wall",
    "-Werror=return-type",
    "-Werror=implicit-function-declaration",
    "-Wl,-z,stack-size=1048576",
];

pub(super) fn build(work: &Work<'_>) -> Result<(), Failure> {
    let (source, sdk) = (work.project.source()?, work.project.sdk()?);
    let mut compiler = compiler(&work.project.folder).ok_or_else(|| Failure::system(MISSING))?;
    let bindings = work.scratch.join("bindings");
    fs::create_dir(&bindings).map_err(Failure::system)?;
    let generated = write_bindings(work.wit, &bindings)?;
    let module = work.scratch.join("actor.core.wasm");
    compiler.args(FLAGS).arg("-I").arg(sdk).arg("-I").arg(&bindings).arg(source);
    compiler.args(sources(&sdk.join("src"))?).arg(sdk.join("vendor/yyjson.c"));
    compiler.args(generated.iter().map(|name| bindings.join(name))).arg("-o").arg(&module);
    run(compiler.current_dir(&work.project.folder), MISSING)?;
    let module = fs::read(&module).map_err(Failure::system)?;
    fs::write(work.out, component(&without_debug(&module)?)?).map_err(Failure::system)
}

/// The files of the SDK, in an order that is the same each time.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure::system(format!("{}: {error}", folder.display()));
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}

/// The first compiler that is there: clang of the WASI SDK that was named, the project's zig, or zig on the path.
///
/// The stack is to come first in memory, so that one that runs over traps: zig's always does, and zig knows no flag
/// for it.
fn compiler(folder: &Path) -> Option<Command> {
    let with = |program: OsString, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args);
        command
    };
    // An empty one has no absolute path.
    if let Some(sdk) = std::env::var_os("WASI_SDK_PATH").and_then(|sdk| std::path::absolute(sdk).ok()) {
        return Some(with(sdk.join("bin/clang").into(), &["--target=wasm32-wasip1", "-Wl,--stack-first"]));
    }
    if let Some(python) = python_with("ziglang", folder) {
        return Some(with(python.into(), &["-m", "ziglang", "cc", "-target", "wasm32-wasi"]));
    }
    if answers(Command::new("zig").arg("version")) {
        return Some(with("zig".into(), &["cc", "-target", "wasm32-wasi"]));
    }
    None
}

/// Writes what C needs to know of the contract, and answers what of it is to be compiled and linked.
fn write_bindings(wit: &Path, folder: &Path) -> Result<Vec<String>, Failure> {
    let broken = |error: anyhow::Error| Failure::system(format!("the contract cannot be read: {error:#}"));
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).map_err(broken)?;
    let world = resolve.select_world(&[package], Some(WORLD)).map_err(broken)?;
    let mut files = Files::default();
    let generator = wit_bindgen_c::Opts::default().build();
    let mut generator: Box<dyn wit_bindgen_core::WorldGenerator> = generator;
    generator.generate(&mut resolve, world, &mut files).map_err(broken)?;
    for (name, bytes) in files.iter() {
        fs::write(folder.join(name), bytes).map_err(Failure::system)?;
    }
    Ok(files.iter().map(|(name, _)| name.to_owned()).filter(|name| !name.ends_with(".h")).collect())
}

/// The module without what only debuggers read, which is most of it; the names of functions stay.
fn without_debug(module: &[u8]) -> Result<Vec<u8>, Failure> {
    let broken = |error| Failure::system(format!("the compiler made no module: {error}"));
    let (mut kept, mut from) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(broken)?;
        let end = if let Payload::Version { range, .. } = &payload {
            range.end
        } else if let Some((_, range)) = payload.as_section() {
            range.end
        } else {
            // A function, which is within a section.
            continue;
        };
        let is_debug =
            matches!(&payload, Payload::CustomSection(section) if section.name().starts_with(".debug_"));
        if !is_debug {
            kept.extend_from_slice(module.get(from..end).unwrap_or_default());
        }
        from = end;
    }
    Ok(kept)
}

/// The component of a module that was linked with the bindings, which say what its world is.
fn component(module: &[u8]) -> Result<Vec<u8>, Failure> {
    let encoded = ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        })
        .and_then(|encoder| encoder.encode());
    encoded.map_err(|error| Failure::system(format!("the module becomes no component: {error:#}")))
}
