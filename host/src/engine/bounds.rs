//! What a component may have, counted before anything of it is validated or compiled.
//!
//! Its size says little of what it costs to compile: a few bytes nest, branch or instantiate, and the compiler's time and
//! memory grow with products of such counts, or faster; some of what reads components calls itself for each level. So every
//! count that it may choose has a bound in one table here: far above what any SDK makes, and low enough that what is
//! within all of them neither overflows a stack nor takes many GiB. What it takes beyond is for the limits of the process
//! that compiles it (`engine/compiler.rs`).
//!
//! The count itself takes time and memory in proportion to the component's bytes, and calls nothing of itself.

mod functions;
mod images;
mod inlining;
mod instances;
mod reader;
mod tally;
mod types;

use self::reader::count;
use self::tally::Bound;
use super::error::LoadError;

pub(super) use self::tally::{Count, Fault};

/// The most bytes that a component has. The largest that guest tools make today is a tenth of it.
pub(super) const COMPONENT_MAX_BYTES: u64 = 256 << 20;

/// A component's parts, and those of their parts: what is done for each of them may be done again for each around it.
const LEVELS: Bound = Bound { what: "levels of components and modules within each other", max: 32 };
/// Their readers call themselves for each level.
const TYPE_LEVELS: Bound = Bound { what: "levels of component types within each other", max: 32 };
const MODULES: Bound = Bound { what: "core modules", max: 500 };
const COMPONENTS: Bound = Bound { what: "components within it", max: 500 };
/// A component is compiled as if all that it instantiates were written out, each time: thirty of them, each of which
/// instantiates the one before it twice, would be a thousand million. And each instance of a core module has its imports.
const INLINED: Bound =
    Bound { what: "definitions, once all that it instantiates is written out", max: 100_000 };
/// It is set to zero and filled in one go, whatever else waits: some milliseconds.
const INSTANCES: Bound =
    Bound { what: "bytes of the host for its instances, beside memories and tables", max: 16 << 20 };
/// They are written in one go, too: some 50 to 100 ms. A component each of whose parts is instantiated once has no more data
/// than that; its elements, its globals and the places of its segments are computed one by one, and count for more.
const FILLED: Bound =
    Bound { what: "bytes that are written when it is instantiated", max: COMPONENT_MAX_BYTES };
/// How much these would be multiplied by cannot be told beforehand. No tool makes such.
const GIVEN: Bound = Bound { what: "instances of components that it imports or takes out of others", max: 0 };
/// Of the components themselves, as written.
const DEFINITIONS: Bound = Bound { what: "definitions of components", max: 50_000 };
const TYPES: Bound = Bound { what: "types", max: 50_000 };
/// Each costs some 6 KiB until all of them are compiled.
const FUNCTIONS: Bound = Bound { what: "core functions", max: 90_000 };
/// Each that is a function is compiled, too, to be called from outside.
const IMPORTS: Bound = Bound { what: "core imports", max: 20_000 };
/// As of imports.
const EXPORTS: Bound = Bound { what: "core exports", max: 40_000 };
const GLOBALS: Bound = Bound { what: "core globals", max: 20_000 };
const SEGMENTS: Bound = Bound { what: "segments of data and of elements", max: 60_000 };
/// They are laid out beforehand, as far as a table's first size goes, whatever is in them.
const ELEMENTS: Bound = Bound { what: "elements of tables", max: 500_000 };
/// They are laid out beforehand, as far as they are close to each other, with the zeros between them.
const IMAGES: Bound = Bound { what: "bytes that the first contents of memories span", max: 256 << 20 };
const CODE: Bound = Bound { what: "bytes of core functions", max: 64 << 20 };
/// Each is set to zero, whatever is done with it: 50,000 are a few bytes.
const LOCALS: Bound = Bound { what: "locals and parameters of all core functions", max: 20_000_000 };
const BODY: Bound = Bound { what: "bytes of one core function", max: 2 << 20 };
/// Where the compiler is a process that is limited, it may be given so many times as much of what only makes it slow: builds
/// that are not optimised have functions with a local for each value, and branches for each that may be wrong.
const APART_TIMES: u64 = 16;
/// Where ways join, the compiler carries every local over each of them.
const CARRIED: Bound = Bound { what: "locals times branches of one core function", max: 4_000_000 };
const ALL_CARRIED: Bound = Bound { what: "locals times branches of all core functions", max: 100_000_000 };
/// What waits on the stack is carried like locals; there is no more of it than bytes.
const JUMPS: Bound = Bound { what: "bytes times branches of one core function", max: 10_000_000_000 };

/// Of each bound, how much of it there is.
macro_rules! counts {
    ($($name:ident: $bound:ident,)*) => {
        #[derive(Debug)]
        struct Counts { $($name: Count,)* }

        impl Counts {
            const NONE: Self = Self { $($name: Count::of(&$bound),)* };

            fn all(self) -> impl Iterator<Item = Count> {
                [$(self.$name,)*].into_iter()
            }
        }
    };
}

counts! {
    levels: LEVELS,
    type_levels: TYPE_LEVELS,
    modules: MODULES,
    components: COMPONENTS,
    inlined: INLINED,
    instances: INSTANCES,
    filled: FILLED,
    given: GIVEN,
    definitions: DEFINITIONS,
    types: TYPES,
    functions: FUNCTIONS,
    imports: IMPORTS,
    exports: EXPORTS,
    globals: GLOBALS,
    segments: SEGMENTS,
    elements: ELEMENTS,
    images: IMAGES,
    code: CODE,
    locals: LOCALS,
    body: BODY,
    carried: CARRIED,
    all_carried: ALL_CARRIED,
    jumps: JUMPS,
}

/// A count of definitions, for whoever reads some before all is counted.
pub(super) const fn definitions() -> Count {
    Count::of(&DEFINITIONS)
}

/// How much a component has of something, and how much it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Of what, in words.
    pub what: &'static str,
    /// How much there is.
    pub found: u64,
    /// The most there may be.
    pub max: u64,
}

/// Checks that a component called `name` is within all bounds, and returns how much it has of everything that has one.
///
/// # Errors
///
/// [`LoadError::TooCostly`] names the first bound that it is beyond. [`LoadError::Malformed`] where it cannot be read.
pub fn measure(name: &str, bytes: &[u8]) -> Result<Vec<Measure>, LoadError> {
    let measure = |Count { what, max, found }| Measure { what, found, max };
    let counts = count(bytes, Counts::NONE).map_err(|fault| fault.of(name))?;
    Ok(counts.all().map(measure).collect())
}

/// Checks that a component called `name` is within the bounds that hold where the process that compiles it is limited.
/// Returns how many bytes of the host its instances take.
///
/// # Errors
///
/// As of [`measure`].
pub(super) fn measure_apart(name: &str, bytes: &[u8]) -> Result<usize, LoadError> {
    let Counts { carried, all_carried, jumps, .. } = Counts::NONE;
    let [carried, all_carried, jumps] = [carried, all_carried, jumps].map(|count| count.times(APART_TIMES));
    let counts = Counts { carried, all_carried, jumps, ..Counts::NONE };
    let counts = count(bytes, counts).map_err(|fault| fault.of(name))?;
    Ok(usize::try_from(counts.instances.found).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
