//! C, by zig or by clang of the WASI SDK. The bindings and the component are made here.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_component::ComponentEncoder;

use super::Work;
use super::tool::{answers, python_with, run};
use crate::cli::failure::Failure;

const MISSING: &str = "there is no compiler for C: python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1 (or put \
                       zig on the path, or set WASI_SDK_PATH)";
/// What C knows of the contract.
const WORLD: &str = "serial";
/// For all compilers: without an entry, small, and strict about what is plainly wrong.
const FLAGS: [&str; 5] = ["-mexec-model=reactor", "-std=gnu11", "-Os", "-s", "-Wall"];

pub(super) fn build(work: &Work<'_>) -> Result<(), Failure> {
    let (source, sdk) = (work.project.source()?, work.project.sdk()?);
    let mut compiler = compiler(&work.project.folder).ok_or_else(|| Failure::system(MISSING))?;
    let bindings = work.scratch.join("bindings");
    fs::create_dir(&bindings).map_err(Failure::system)?;
    let generated = write_bindings(work.wit, &bindings)?;
    let module = work.scratch.join("actor.core.wasm");
    compiler.args(FLAGS).arg("-I").arg(sdk).arg("-I").arg(&bindings).arg(source);
    compiler.args([sdk.join("pulsing.c"), sdk.join("vendor/yyjson.c")]);
    compiler.args(generated.iter().map(|name| bindings.join(name))).arg("-o").arg(&module);
    run(compiler.current_dir(&work.project.folder), MISSING)?;
    let module = fs::read(&module).map_err(Failure::system)?;
    fs::write(work.out, component(&module)?).map_err(Failure::system)
}

/// The first compiler that is there: the project's zig, zig on the path, or clang of the WASI SDK.
fn compiler(folder: &Path) -> Option<Command> {
    let with = |program: OsString, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args);
        command
    };
    if let Some(python) = python_with("ziglang", folder) {
        return Some(with(python.into(), &["-m", "ziglang", "cc", "-target", "wasm32-wasi"]));
    }
    if answers(Command::new("zig").arg("version")) {
        return Some(with("zig".into(), &["cc", "-target", "wasm32-wasi"]));
    }
    let sdk = std::env::var_os("WASI_SDK_PATH")?;
    Some(with(Path::new(&sdk).join("bin/clang").into(), &["--target=wasm32-wasip1"]))
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
