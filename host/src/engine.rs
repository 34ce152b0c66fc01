//! The two wasmtime engines, their clock, and the compiled code that is kept on disk.
//!
//! The only room that makes a `wasmtime::Config`. Actors whose calls do not overlap have an engine of their own, without
//! support for concurrent calls, because a plain call is two to four times as fast there. One thread ticks both
//! engines' epochs; it ends with the last clone of [`Engines`]. Nothing here runs a guest.

mod ahead;
mod bounds;
mod cache;
mod compiler;
mod component;
mod error;
mod preview;
mod progress;
mod world;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use wasmtime::{Config, Engine, WasmBacktraceDetails};

pub use self::ahead::{COMPILED_ENDING, compile_ahead};
pub use self::bounds::{Measure, measure};
use self::cache::CodeCache;
pub(crate) use self::compiler::{
    Compiler, Stop, StopOnDrop, VERB as COMPILER_VERB, serve as compile_for_parent,
};
pub use self::component::{CodeOrigin, ComponentSource, load};
pub(crate) use self::component::{Content, Digest, Loaded, compile};
pub use self::error::{BuildError, CompilerEnd, LoadError};
pub(crate) use self::preview::{other_version, supported, world};
pub use self::world::World;

/// How long a guest runs at most before others get a turn, and the resolution of forced ends.
///
/// Shorter slices cost more switches between guests, longer ones more waiting for the others.
pub const EPOCH_TICK: Duration = Duration::from_millis(5);

/// How far apart the first contents of a memory may be and still be laid out as one image, zeros included, when a component is
/// compiled. By default it is 16 MiB, for each memory that has two bytes that far apart. Contents that fill half of what they
/// span are laid out however large they are: those of all guests that SDKs make. Others are copied when an instance is made.
const SPARSE_IMAGE_MAX_BYTES: u64 = 1 << 20;

/// The engines. Cheap to clone.
#[derive(Clone)]
pub struct Engines {
    serial: Engine,
    overlapping: Engine,
    cache: Option<CodeCache>,
    trusts_compiled: bool,
    compiler: Option<Arc<Compiler>>,
    /// Its end ends the ticker's thread.
    _ticker: Arc<mpsc::SyncSender<()>>,
}

impl Engines {
    /// Makes both engines. Compiled code is kept in `cache_dir`, and nowhere without one.
    ///
    /// # Errors
    ///
    /// [`BuildError`] where the folder cannot be used, or this machine lacks what the engine needs.
    pub fn new(cache_dir: Option<PathBuf>) -> Result<Self, BuildError> {
        let cache = cache_dir.map(|dir| CodeCache::open(&dir)).transpose()?;
        let engine = |world| Engine::new(&config(world)).map_err(BuildError::engine);
        let (serial, overlapping) = (engine(World::Serial)?, engine(World::Overlapping)?);
        let ticker = start_ticker([serial.clone(), overlapping.clone()])?;
        let (trusts_compiled, compiler) = (false, None);
        Ok(Self { serial, overlapping, cache, trusts_compiled, compiler, _ticker: Arc::new(ticker) })
    }

    /// Takes code that was compiled ahead, too. It is machine code, and no sandbox holds what another made of it.
    #[must_use]
    pub fn trust_compiled(self, trusts_compiled: bool) -> Self {
        Self { trusts_compiled, ..self }
    }

    /// Lets a process of its own compile components, which has limits. Without one, this process does, within what `bounds`
    /// allows a component to cost.
    pub(crate) fn compile_with(self, compiler: Compiler) -> Self {
        Self { compiler: Some(Arc::new(compiler)), ..self }
    }

    fn compiler(&self) -> Option<&Compiler> {
        self.compiler.as_deref()
    }

    fn trusts_compiled(&self) -> bool {
        self.trusts_compiled
    }

    /// The folder of compiled code. Whoever may write there, or on the way to it, could put other code there, which the
    /// next host would run.
    #[must_use]
    pub fn cache_dir(&self) -> Option<&Path> {
        self.cache.as_ref().map(CodeCache::dir)
    }

    fn cache(&self) -> Option<&CodeCache> {
        self.cache.as_ref()
    }

    /// The engine of a world.
    #[must_use]
    pub fn of(&self, world: World) -> &Engine {
        if world.calls_overlap() { &self.overlapping } else { &self.serial }
    }
}

/// Without inlining (`compiler_inlining`): to inline, the compiler keeps all functions at once until the last is done, and
/// callers may grow to many times what they were. What that takes is in docs/design/0014.
fn config(world: World) -> Config {
    let mut config = Config::new();
    config.cranelift_opt_level(wasmtime::OptLevel::Speed);
    config.epoch_interruption(true);
    config.concurrency_support(world.calls_overlap());
    // File and line, where a component has debug info. By default the environment decides.
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config.memory_guaranteed_dense_image_size(SPARSE_IMAGE_MAX_BYTES);
    config
}

/// Starts the thread that advances the epochs. It ends when the answered sender is dropped.
fn start_ticker(engines: [Engine; 2]) -> Result<mpsc::SyncSender<()>, BuildError> {
    let (alive, ended) = mpsc::sync_channel::<()>(1);
    let tick = move || {
        while ended.recv_timeout(EPOCH_TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            engines.iter().for_each(Engine::increment_epoch);
        }
    };
    let thread = std::thread::Builder::new().name("pulsing-epochs".to_owned()).spawn(tick);
    thread.map(|_| alive).map_err(|error| BuildError::Thread(error.to_string()))
}
