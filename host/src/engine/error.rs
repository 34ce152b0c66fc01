//! Why a host cannot be made, and why a component cannot run on one. One clear line each.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use rustix::process::Signal;
use thiserror::Error;

use super::world::World;
use crate::text::{one_line, printable};

/// How much of an error is shown that may quote the component: enough for every error of the engine.
const ERROR_MAX_CHARS: usize = 2000;

/// How much of a version is shown.
const VERSION_MAX_CHARS: usize = 50;

/// Why a host cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// The folder for compiled code cannot be used.
    #[error("cannot keep compiled code in {}: {error}; give another folder", dir.display())]
    Cache {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        error: String,
    },
    /// The engine does not run on this machine.
    #[error("the WebAssembly engine does not run here: {0}")]
    Engine(String),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(String),
    /// It is not known which program compiles.
    #[error("cannot find this program, which compiles components: {0}")]
    Compiler(String),
}

impl BuildError {
    pub(super) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}

/// Why a component cannot run here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("{name}: cannot be read: {error}")]
    Unreadable {
        /// The file.
        name: String,
        /// What the system says.
        error: String,
    },
    /// It is larger than any component that is meant.
    #[error("{name}: has {bytes} bytes, more than the {max} that a component may have")]
    TooLarge {
        /// The file.
        name: String,
        /// Its length.
        bytes: u64,
        /// The most there may be.
        max: u64,
    },
    /// It is the address of something elsewhere.
    #[error("{name}: this is a URL, and components are files: download it first{}", how_to_download(.name))]
    Remote {
        /// The URL.
        name: String,
    },
    /// There is nothing in it.
    #[error("{name}: is empty")]
    Empty {
        /// The file.
        name: String,
    },
    /// It is something else.
    #[error("{name}: is no WebAssembly; build the actor for wasm32-wasip2 and give the .wasm file")]
    NotWasm {
        /// The file.
        name: String,
    },
    /// It is a module, not a component.
    #[error(
        "{name}: this is a core module; build for wasm32-wasip2 or wrap it with `wasm-tools component new`"
    )]
    CoreModule {
        /// The file.
        name: String,
    },
    /// It is a component in a format of another time.
    #[error(
        "{name}: is a component in version {encoding} of the encoding, and this host reads version {supported}: {}",
        encoding_advice(*.encoding, *.supported)
    )]
    OtherEncoding {
        /// The file.
        name: String,
        /// The version of the format.
        encoding: u16,
        /// The version that this host reads.
        supported: u16,
    },
    /// Its calls do not overlap, and it uses what calls that do need.
    #[error(
        "{name}: uses `async` of the component model, which a component that exports `{export}` cannot: build it without, or for `{}`",
        World::Overlapping.export()
    )]
    Async {
        /// The file.
        name: String,
        /// What it exports.
        export: &'static str,
    },
    /// A function that it exports is of another type than the contract has.
    #[error(
        "{name}: its `{export}` has a function `{function}` that is not `{expected}`: make its bindings of the WIT of this version"
    )]
    OtherType {
        /// The file.
        name: String,
        /// The interface.
        export: &'static str,
        /// The function.
        function: &'static str,
        /// Its type in the contract.
        expected: &'static str,
    },
    /// It ends too early, or is not what its format says.
    #[error("{name}: is damaged or cut short: {}", one_line(.error, ERROR_MAX_CHARS))]
    Malformed {
        /// The file.
        name: String,
        /// Where and how, as the parser says.
        error: String,
    },
    /// There is more of something in it than in any component that is meant, and it would cost too much to compile.
    #[error("{name}: costs too much to compile: it has {found} {what}, more than the {max} that it may have")]
    TooCostly {
        /// The file.
        name: String,
        /// Of what there is too much.
        what: &'static str,
        /// How much there is, at least.
        found: u64,
        /// The most there may be.
        max: u64,
    },
    /// Compiling it took more than it may, or ended without code.
    #[error("{name}: cannot be compiled: {end}")]
    Uncompiled {
        /// The file.
        name: String,
        /// What became of the compiler.
        end: CompilerEnd,
    },
    /// It does not export what an actor exports.
    #[error("{name}: is no actor: it lacks the export {}; it exports {}", any_world(), listed(.exports))]
    NoActor {
        /// The file.
        name: String,
        /// What it does export.
        exports: Vec<String>,
    },
    /// It is an actor of another version of the contract.
    #[error(
        "{name}: was built for version {} of the actor interface, and this host runs {supported}: {}",
        printable(.version, VERSION_MAX_CHARS), advice(.version, .supported)
    )]
    OtherVersion {
        /// The file.
        name: String,
        /// The version that it was built for.
        version: String,
        /// The version that this host runs.
        supported: &'static str,
    },
    /// It imports what the host does not offer.
    #[error("{name}: imports what this host does not offer: {}", listed(.imports))]
    Imports {
        /// The file.
        name: String,
        /// Which.
        imports: Vec<String>,
    },
    /// It is code that was compiled ahead, and the host was not told to take such.
    #[error("{name}: this is compiled code, which no sandbox holds, and this host does not trust any")]
    Untrusted {
        /// The file.
        name: String,
    },
    /// It is code that was compiled ahead, and its file is not called so.
    #[error(
        "{name}: this is compiled code, which no sandbox holds, under the name of something else; only a file that ends in `.{ending}` may be that"
    )]
    Disguised {
        /// The file.
        name: String,
        /// How it would have to end.
        ending: &'static str,
    },
    /// It is code that was compiled ahead, for another host.
    #[error("{name}: was compiled for another host ({}); compile it again with `pulsing-host compile`", one_line(.why, ERROR_MAX_CHARS))]
    OtherHost {
        /// The file.
        name: String,
        /// For which.
        why: String,
    },
    /// It does not fit the host in another way: a function has another type, say.
    #[error("{name}: does not fit this host: {}", one_line(.error, ERROR_MAX_CHARS))]
    Unfit {
        /// The file.
        name: String,
        /// What the engine says.
        error: String,
    },
    /// It could not be asked what it is.
    #[error("{name}: cannot describe itself: {}", one_line(.error, ERROR_MAX_CHARS))]
    Undescribed {
        /// The file.
        name: String,
        /// How it failed.
        error: String,
    },
}

/// How a process ended that was to compile a component, and gave no code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CompilerEnd {
    /// It wanted more memory than it may have.
    #[error("it took more than {} of memory", .0.display().iec())]
    Memory(ByteSize),
    /// It was not done in time.
    #[error("it took longer than {}", humantime::format_duration(*.0))]
    Time(Duration),
    /// It computed for longer than it may.
    #[error("it took more than {} of processor time", humantime::format_duration(*.0))]
    Processor(Duration),
    /// What it was given is too deep.
    #[error("it overflowed the compiler's stack")]
    Stack,
    /// The system ended it, or somebody did.
    #[error("the compiler was ended by signal {}{}", .0, hint(*.0))]
    Signal(i32),
    /// Its code is too large.
    #[error("its code has {bytes} bytes, more than the {max} that there may be")]
    Code {
        /// Its length.
        bytes: u64,
        /// The most there may be.
        max: u64,
    },
    /// Nobody waits for it any more.
    #[error("nobody waits for it any more")]
    Unwanted,
    /// It failed otherwise, or did not begin: in its own words, or the system's.
    #[error("the compiler failed: {}", one_line(.0, ERROR_MAX_CHARS))]
    Failed(String),
}

/// What a signal may mean that the host did not send.
fn hint(signal: i32) -> &'static str {
    if signal == Signal::KILL.as_raw() { "; the system may have had no memory left" } else { "" }
}

/// How a file is made of what is elsewhere.
fn how_to_download(url: &str) -> &'static str {
    match url.split_once("://") {
        Some(("oci", _)) => ", such as with `oras pull` or `wkg oci pull`",
        _ => ", such as with `curl -LO`",
    }
}

/// What to do about a component in another format.
fn encoding_advice(encoding: u16, supported: u16) -> &'static str {
    if encoding < supported {
        "build it again with the tools of today"
    } else {
        "use a newer host, or tools of its time"
    }
}

/// What to do about a component of another version.
fn advice(version: &str, supported: &str) -> &'static str {
    if version_order(version) < version_order(supported) {
        "build it again with the SDK of this version"
    } else {
        "use a newer host, or build it again with the SDK of this version"
    }
}

/// Where a version stands among others. One that is not made as versions are comes from a host that is not known here.
pub(super) fn version_order(version: &str) -> [u64; 3] {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(u64::MAX));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

/// What an actor exports: one of these.
fn any_world() -> String {
    let [serial, others @ ..] =
        [World::Serial, World::Resident, World::Overlapping, World::ResidentOverlapping];
    let others: Vec<_> = others.iter().map(|world| format!("`{}`", world.export())).collect();
    format!("`{}` (or {})", serial.export(), others.join(", "))
}

fn listed(names: &[String]) -> String {
    /// A hostile component may have thousands.
    const SHOWN_MAX: usize = 8;
    const NAME_MAX_CHARS: usize = 100;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<_> =
        names.iter().take(SHOWN_MAX).map(|name| format!("`{}`", printable(name, NAME_MAX_CHARS))).collect();
    let more = names.len().saturating_sub(SHOWN_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
