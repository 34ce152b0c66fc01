//! Reads a component from its begin to its end, and counts what is in it.

use wasmparser::{
    BinaryReader, CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, CoreType, Encoding, Instance, Parser, Payload, TableInit,
};

use super::functions::Module;
use super::images::Images;
use super::inlining::{Component, Cost, Sum};
use super::instances::Whole;
use super::{Counts, Fault, IMPORTS, instances, types};

/// What is open while a component is read: a component, or a module in one.
pub(super) enum Part {
    Component(Component),
    Module(Module, Images),
}

struct Reader<'a> {
    bytes: &'a [u8],
    counts: Counts,
    whole: Whole,
    /// From the outermost to the innermost.
    open: Vec<Part>,
}

pub(super) fn count(bytes: &[u8], counts: Counts) -> Result<Counts, Fault> {
    let mut reader = Reader { bytes, counts, whole: Whole::default(), open: Vec::new() };
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
        let cost = match self.open.pop() {
            Some(Part::Component(ended)) => {
                let sum = ended.cost();
                self.counts.inlined.reach(sum.definitions)?;
                let Some(around) = self.innermost() else { return self.end_all(sum) };
                around.add(Cost::Known(sum));
                return Ok(());
            }
            Some(Part::Module(ended, _)) => ended.sum(),
            None => return Ok(()),
        };
        self.whole.see_module(cost);
        if let Some(around) = self.innermost() {
            around.add_module(Cost::Known(cost));
        }
        Ok(())
    }

    /// The outermost component has ended, with an instance of it.
    fn end_all(&mut self, sum: Sum) -> Result<(), Fault> {
        self.counts.instances.reach(self.whole.bytes(sum))?;
        Ok(self.counts.filled.reach(self.whole.filled(sum))?)
    }

    fn read_of_module(&mut self, payload: Payload<'_>) -> Result<(), Fault> {
        let (counts, Some(Part::Module(module, _))) = (&mut self.counts, self.open.last_mut()) else {
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
            Payload::FunctionSection(section) => {
                counts.functions.add(section.count())?;
                module.instance.functions(section.count());
            }
            Payload::TableSection(section) => {
                module.instance.tables(section.count());
                for table in section {
                    let table = table?;
                    counts.elements.add(table.ty.initial.saturating_add(1))?;
                    if let TableInit::Expr(_) = table.init {
                        module.instance.filled_with_one(table.ty.initial);
                    }
                }
            }
            Payload::MemorySection(section) => {
                counts.globals.add(section.count())?;
                module.instance.memories(section.count());
            }
            Payload::TagSection(section) => {
                counts.types.add(section.count())?;
                module.instance.tags(section.count());
            }
            Payload::GlobalSection(section) => {
                counts.globals.add(section.count())?;
                module.instance.computed(section.range().len());
                for global in section {
                    module.instance.global(&global?.init_expr)?;
                }
            }
            of_contents => self.read_contents_of_module(of_contents)?,
        }
        Ok(())
    }

    /// What a module has beside definitions.
    fn read_contents_of_module(&mut self, payload: Payload<'_>) -> Result<(), Fault> {
        let (counts, Some(Part::Module(module, images))) = (&mut self.counts, self.open.last_mut()) else {
            return Ok(());
        };
        match payload {
            Payload::ExportSection(section) => {
                counts.exports.add(section.count())?;
                for export in section {
                    module.instance.export(export?.kind);
                }
            }
            Payload::ElementSection(section) => {
                counts.segments.add(section.count())?;
                module.instance.elements(section)?;
            }
            Payload::DataSection(section) => {
                counts.segments.add(section.count())?;
                module.instance.data(section.count());
                for segment in section {
                    let segment = segment?;
                    module.instance.copied(&segment);
                    counts.images.add(images.add(&segment)?)?;
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
            Payload::ComponentCanonicalSection(section) => {
                self.define(section.count())?;
                section.into_iter().try_for_each(|function| {
                    self.cross(&function?);
                    Ok(())
                })
            }
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
                    name_again(&mut self.open, &alias?);
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
            component.pay(Sum { definitions: count, ..Sum::default() });
        }
        Ok(())
    }

    /// A function that crosses the edge of the innermost component.
    fn cross(&mut self, function: &CanonicalFunction) {
        self.whole.calls_within |= matches!(function, CanonicalFunction::Lift { .. }) && self.open.len() > 1;
        let taken = matches!(function, CanonicalFunction::Lower { .. }).into();
        if let Some(component) = self.innermost() {
            component.pay(Sum { bytes: instances::CROSSING_BYTES, taken, ..Sum::default() });
        }
    }

    /// What an instance of a core module takes of each import, or of each export that it is made of.
    fn core_instance(&mut self, instance: &Instance<'_>) {
        let Some(innermost) = self.innermost() else { return };
        let cost = match instance {
            Instance::FromExports(exports) => Sum { definitions: exports.len() as u64, ..Sum::default() },
            Instance::Instantiate { module_index, .. } => match innermost.find_module(*module_index) {
                Some(Cost::Known(sum)) => sum,
                // It is given one, and no tool makes such: as if that were the largest.
                Some(Cost::Unknown) => Sum { definitions: IMPORTS.max, given: 1, ..Sum::default() },
                // There is none of this number, which is told when it is validated.
                None => Sum::default(),
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
                    component.pay(Sum { bytes: instances::COMPONENT_BYTES, ..Sum::default() });
                }
            }
            Some(Cost::Unknown) => self.counts.given.add(1_u8)?,
            // There is none of this number, which is told when it is validated.
            None => {}
        }
        Ok(())
    }
}

/// An alias in the innermost of these parts: where it is one of a component or a core module, that is the next.
fn name_again(open: &mut [Part], alias: &ComponentAlias<'_>) {
    let around = |count: u32| match usize::try_from(count).ok().and_then(|count| open.iter().rev().nth(count))
    {
        Some(Part::Component(component)) => Some(component),
        Some(Part::Module(..)) | None => None,
    };
    let (mut component, mut module) = (None, None);
    match *alias {
        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
            component = around(count).and_then(|around| around.find(index));
        }
        ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, index } => {
            module = around(count).and_then(|around| around.find_module(index));
        }
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
            component = Some(Cost::Unknown);
        }
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. } => {
            module = Some(Cost::Unknown);
        }
        ComponentAlias::Outer { .. }
        | ComponentAlias::InstanceExport { .. }
        | ComponentAlias::CoreInstanceExport { .. } => {}
    }
    if let Some(Part::Component(innermost)) = open.last_mut() {
        component.into_iter().for_each(|component| innermost.add(component));
        module.into_iter().for_each(|module| innermost.add_module(module));
    }
}
