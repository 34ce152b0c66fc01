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
mod tally;
mod types;

use wasmparser::{
    BinaryReader, ComponentExternalKind, ComponentInstance, ComponentTypeRef, CoreType, Encoding, Instance,
    Parser, Payload,
};

use self::functions::Module;
use self::images::Images;
use self::inlining::{Component, Cost};
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
///
/// # Errors
///
/// As of [`measure`].
pub(super) fn measure_apart(name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let Counts { carried, all_carried, jumps, .. } = Counts::NONE;
    let [carried, all_carried, jumps] = [carried, all_carried, jumps].map(|count| count.times(APART_TIMES));
    let counts = Counts { carried, all_carried, jumps, ..Counts::NONE };
    count(bytes, counts).map(drop).map_err(|fault| fault.of(name))
}

/// What is open while a component is read: a component, or a module in one.
enum Part {
    Component(Component),
    Module(Module, Images),
}

struct Reader<'a> {
    bytes: &'a [u8],
    counts: Counts,
    /// From the outermost to the innermost.
    open: Vec<Part>,
}

fn count(bytes: &[u8], counts: Counts) -> Result<Counts, Fault> {
    let mut reader = Reader { bytes, counts, open: Vec::new() };
    // Parts come in one flat sequence with what is around them.
    for payload in Parser::new(0).parse_all(bytes) {
        reader.read(payload?)?;
    }
    Ok(reader.counts)
}

impl Reader<'_> {
    fn read(&mut self, payload: Payload<'_>) -> Result<(), Fault> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding)?,
            Payload::End(_) => self.end()?,
            of_either => match self.open.last_mut() {
                Some(Part::Module(..)) => self.read_of_module(of_either)?,
                Some(Part::Component(_)) => self.read_of_component(of_either)?,
                // The parser gives nothing before a version.
                None => {}
            },
        }
        Ok(())
    }

    fn begin(&mut self, encoding: Encoding) -> Result<(), Fault> {
        let part = match encoding {
            Encoding::Module => {
                self.counts.modules.add(1_u8)?;
                Part::Module(Module::default(), Images::default())
            }
            Encoding::Component => {
                // The outermost is not within itself.
                self.counts.components.add(u8::from(!self.open.is_empty()))?;
                Part::Component(Component::default())
            }
        };
        self.open.push(part);
        Ok(self.counts.levels.reach(self.open.len() as u64)?)
    }

    fn end(&mut self) -> Result<(), Fault> {
        let ended = self.open.pop();
        if let Some(Part::Component(ended)) = &ended {
            self.counts.inlined.reach(ended.cost())?;
        }
        match (ended, self.innermost()) {
            (Some(Part::Component(ended)), Some(around)) => around.add(Cost::Known(ended.cost())),
            (Some(Part::Module(ended, _)), Some(around)) => around.add_module(Cost::Known(ended.imports())),
            (_, None) | (None, _) => {}
        }
        Ok(())
    }

    fn read_of_module(&mut self, payload: Payload<'_>) -> Result<(), Fault> {
        let (counts, Some(Part::Module(module, images))) = (&mut self.counts, self.open.last_mut()) else {
            return Ok(());
        };
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    counts.types.add(module.types(&group?))?;
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    import?;
                    counts.imports.add(1_u8)?;
                    module.import();
                }
            }
            Payload::FunctionSection(section) => counts.functions.add(section.count())?,
            Payload::TableSection(section) => {
                for table in section {
                    counts.elements.add(table?.ty.initial.saturating_add(1))?;
                }
            }
            Payload::MemorySection(section) => counts.globals.add(section.count())?,
            Payload::TagSection(section) => counts.types.add(section.count())?,
            Payload::GlobalSection(section) => counts.globals.add(section.count())?,
            Payload::ExportSection(section) => counts.exports.add(section.count())?,
            Payload::ElementSection(section) => counts.segments.add(section.count())?,
            Payload::DataSection(section) => {
                counts.segments.add(section.count())?;
                for segment in section {
                    counts.images.add(images.add(&segment?)?)?;
                }
            }
            Payload::CodeSectionEntry(body) => {
                counts.code.add(body.range().len() as u64)?;
                counts.body.reach(body.range().len() as u64)?;
                let cost = module.cost(&body)?;
                counts.locals.add(cost.locals)?;
                counts.carried.reach(cost.carried)?;
                counts.all_carried.add(cost.carried)?;
                counts.jumps.reach(cost.jumps)?;
            }
            // Of components, which the parser does not find in a module; or of no cost beyond their bytes.
            _of_no_interest => {}
        }
        Ok(())
    }

    fn read_of_component(&mut self, payload: Payload<'_>) -> Result<(), Fault> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                let bytes = self.bytes.get(section.range()).unwrap_or_default();
                let reader = BinaryReader::new(bytes, section.range().start);
                types::count(reader, &mut self.counts.types, &mut self.counts.type_levels)?;
                self.define(section.count())
            }
            Payload::CoreTypeSection(section) => {
                for of_core in section {
                    let types = match of_core? {
                        CoreType::Rec(group) => group.types().len(),
                        CoreType::Module(declarations) => declarations.len(),
                    };
                    self.counts.types.add(types as u64)?;
                    self.define(types as u64)?;
                }
                Ok(())
            }
            Payload::ComponentCanonicalSection(section) => self.define(section.count()),
            Payload::ComponentStartSection { .. } => self.define(1_u8),
            Payload::InstanceSection(section) => {
                self.define(section.count())?;
                section.into_iter().try_for_each(|instance| {
                    self.core_instance(&instance?);
                    Ok(())
                })
            }
            Payload::ComponentInstanceSection(section) => {
                self.define(section.count())?;
                section.into_iter().try_for_each(|instance| self.instance(&instance?))
            }
            Payload::ComponentAliasSection(section) => {
                self.define(section.count())?;
                section.into_iter().try_for_each(|alias| {
                    inlining::alias(&mut self.open, &alias?);
                    Ok(())
                })
            }
            Payload::ComponentImportSection(section) => {
                self.define(section.count())?;
                section.into_iter().try_for_each(|import| {
                    let (kind, innermost) = (import?.ty, self.innermost());
                    match (kind, innermost) {
                        (ComponentTypeRef::Component(_), Some(innermost)) => innermost.add(Cost::Unknown),
                        (ComponentTypeRef::Module(_), Some(innermost)) => innermost.add_module(Cost::Unknown),
                        _not_instantiated => {}
                    }
                    Ok(())
                })
            }
            Payload::ComponentExportSection(section) => {
                self.define(section.count())?;
                section.into_iter().try_for_each(|export| {
                    let export = export?;
                    match (export.kind, self.innermost()) {
                        (ComponentExternalKind::Component, Some(around)) => around.name_again(export.index),
                        (ComponentExternalKind::Module, Some(around)) => {
                            around.name_module_again(export.index)
                        }
                        _not_instantiated => {}
                    }
                    Ok(())
                })
            }
            // Of modules; or of no cost beyond their bytes.
            _of_no_interest => Ok(()),
        }
    }

    fn innermost(&mut self) -> Option<&mut Component> {
        match self.open.last_mut() {
            Some(Part::Component(component)) => Some(component),
            Some(Part::Module(..)) | None => None,
        }
    }

    /// So many definitions of the innermost component.
    fn define(&mut self, count: impl Into<u64>) -> Result<(), Fault> {
        let count = count.into();
        self.counts.definitions.add(count)?;
        if let Some(component) = self.innermost() {
            component.pay(count);
        }
        Ok(())
    }

    /// What an instance of a core module takes of each import, or of each export that it is made of.
    fn core_instance(&mut self, instance: &Instance<'_>) {
        let Some(innermost) = self.innermost() else { return };
        let cost = match instance {
            Instance::FromExports(exports) => exports.len() as u64,
            Instance::Instantiate { module_index, .. } => match innermost.find_module(*module_index) {
                Some(Cost::Known(imports)) => imports,
                // It is given one, and no tool makes such: as if that were the largest.
                Some(Cost::Unknown) => IMPORTS.max,
                // There is none of this number, which is told when it is validated.
                None => 0,
            },
        };
        innermost.pay(cost);
    }

    fn instance(&mut self, instance: &ComponentInstance<'_>) -> Result<(), Fault> {
        let ComponentInstance::Instantiate { component_index, .. } = instance else { return Ok(()) };
        match self.innermost().and_then(|component| component.find(*component_index)) {
            Some(Cost::Known(cost)) => {
                if let Some(component) = self.innermost() {
                    component.pay(cost);
                }
            }
            Some(Cost::Unknown) => self.counts.given.add(1_u8)?,
            // There is none of this number, which is told when it is validated.
            None => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
