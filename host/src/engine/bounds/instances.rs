//! How much memory of the host an instance takes, beside its memories and the entries of its tables: those are counted as
//! they grow. And how much is written before it runs, which nobody can preempt.
//!
//! An instance of a core module is one allocation with a place for each thing that the module defines or imports
//! (wasmtime's `VMContext`, laid out in `wasmtime_environ::VMOffsets`), and a few smaller ones. The sizes are those of
//! wasmtime 48 on machines of 64 bits, rounded up; `budgets_hold_what_instances_take_of_the_host` compares their sum with
//! what a host grows by.

use wasmparser::{
    ConstExpr, Data, DataKind, ElementItems, ElementKind, ElementSectionReader, ExternalKind, Operator,
};

use super::Fault;
use super::inlining::Sum;

/// An instance of a core module with nothing in it: its head, its fixed part, and its entries in the store.
const INSTANCE_BYTES: u64 = 512;
/// `VMFunctionImport` has 32 bytes, `VMGlobalImport` and `VMTableImport` 24, others less.
const IMPORT_BYTES: u64 = 32;
/// `VMGlobalDefinition`: a vector of 128 bits fits.
const GLOBAL_BYTES: u64 = 16;
/// `VMFuncRef`: of each function that can be called from elsewhere than its module's code.
const REFERENCE_BYTES: u64 = 32;
/// `VMTableDefinition`, and what owns the entries.
const TABLE_BYTES: u64 = 192;
/// `VMMemoryDefinition`, what owns the mapping, and the pages of the system's own tables for one that lies alone.
const MEMORY_BYTES: u64 = 16 << 10;
/// Where a segment of data is, and how long.
const DATA_BYTES: u64 = 16;
/// A passive segment of elements: its head, and `ValRaw` for each element.
const PASSIVE_BYTES: u64 = 64;
const ELEMENT_BYTES: u64 = 16;
/// How many bytes are copied while one byte of a component becomes an element of a table, which takes some 50 ns.
const ELEMENT_AS_BYTES: u64 = 256;
/// The same, of an element that a table has from the first.
const SAME_ELEMENT_AS_BYTES: u64 = 64;
/// The same, of an expression that is computed: a global, or the place of a segment of data.
const COMPUTED_AS_BYTES: u64 = 32;
/// `VMGlobalDefinition` of a component's instance that may not be left, its table of handles, and its state.
pub(super) const COMPONENT_BYTES: u64 = 512;
/// A function that crosses the edge of a component: `VMFuncRef`, `VMLowering`, and what it is called with.
pub(super) const CROSSING_BYTES: u64 = 80;
/// A function of one component that another calls: the engine makes a core module for such, with an instance of its own, that
/// imports what both sides need.
const ADAPTER_BYTES: u64 = INSTANCE_BYTES + 24 * IMPORT_BYTES;

/// A core module that is being read.
#[derive(Debug, Default)]
pub(super) struct CoreInstance {
    bytes: u64,
    functions: u64,
    references: u64,
    filled: u64,
}

impl CoreInstance {
    /// Of one instance.
    pub(super) fn bytes(&self) -> u64 {
        let references = self.references.min(self.functions).saturating_mul(REFERENCE_BYTES);
        INSTANCE_BYTES.saturating_add(self.bytes).saturating_add(references)
    }

    /// What is written before it runs.
    pub(super) fn filled(&self) -> u64 {
        self.filled
    }

    /// So many bytes of the component are expressions.
    pub(super) fn computed(&mut self, bytes: usize) {
        self.fill(bytes, COMPUTED_AS_BYTES);
    }

    fn fill(&mut self, bytes: usize, each: u64) {
        self.filled = self.filled.saturating_add((bytes as u64).saturating_mul(each));
    }

    /// A table of so many elements is made of the same one.
    pub(super) fn filled_with_one(&mut self, elements: u64) {
        self.filled = self.filled.saturating_add(elements.saturating_mul(SAME_ELEMENT_AS_BYTES));
    }

    /// A segment of data is copied to its place. Most lie in an image of their memory, and are not; some cannot.
    pub(super) fn copied(&mut self, segment: &Data<'_>) {
        if let DataKind::Active { offset_expr, .. } = &segment.kind {
            self.computed(offset_expr.get_binary_reader().range().len());
            self.fill(segment.data.len(), 1);
        }
    }

    fn add(&mut self, count: impl Into<u64>, each: u64) {
        self.bytes = self.bytes.saturating_add(count.into().saturating_mul(each));
    }

    pub(super) fn import(&mut self) {
        self.add(1_u8, IMPORT_BYTES);
        // It may be a function.
        self.functions = self.functions.saturating_add(1);
    }

    pub(super) fn functions(&mut self, count: u32) {
        self.functions = self.functions.saturating_add(count.into());
    }

    pub(super) fn tables(&mut self, count: u32) {
        self.add(count, TABLE_BYTES);
    }

    pub(super) fn memories(&mut self, count: u32) {
        self.add(count, MEMORY_BYTES);
    }

    pub(super) fn tags(&mut self, count: u32) {
        self.add(count, GLOBAL_BYTES);
    }

    pub(super) fn data(&mut self, count: u32) {
        self.add(count, DATA_BYTES);
    }

    pub(super) fn export(&mut self, kind: ExternalKind) {
        let is_function = matches!(kind, ExternalKind::Func | ExternalKind::FuncExact);
        self.references = self.references.saturating_add(is_function.into());
    }

    pub(super) fn global(&mut self, initial: &ConstExpr<'_>) -> Result<(), Fault> {
        self.add(1_u8, GLOBAL_BYTES);
        for operator in initial.get_operators_reader() {
            let is_reference = matches!(operator?, Operator::RefFunc { .. });
            self.references = self.references.saturating_add(is_reference.into());
        }
        Ok(())
    }

    pub(super) fn elements(&mut self, section: ElementSectionReader<'_>) -> Result<(), Fault> {
        self.fill(section.range().len(), ELEMENT_AS_BYTES);
        for segment in section {
            let segment = segment?;
            let items = match segment.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            self.references = self.references.saturating_add(items.into());
            if let ElementKind::Passive = segment.kind {
                self.add(1_u8, PASSIVE_BYTES);
                self.add(items, ELEMENT_BYTES);
            }
        }
        Ok(())
    }
}

/// What is known only once a whole component was read.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// Of an instance of the largest of its core modules.
    largest_bytes: u64,
    most_filled: u64,
    /// Whether a component within it has functions for others.
    pub(super) calls_within: bool,
}

impl Whole {
    /// There is a core module that costs this.
    pub(super) fn see_module(&mut self, module: Sum) {
        self.largest_bytes = self.largest_bytes.max(module.bytes);
        self.most_filled = self.most_filled.max(module.filled);
    }

    /// What is written before an instance of the outermost component runs.
    pub(super) fn filled(&self, all: Sum) -> u64 {
        all.filled.saturating_add(all.given.saturating_mul(self.most_filled))
    }

    /// What an instance of the outermost component takes, all that it instantiates included.
    pub(super) fn bytes(&self, all: Sum) -> u64 {
        let adapter = if self.calls_within { ADAPTER_BYTES } else { 0 };
        let given = all.given.saturating_mul(self.largest_bytes);
        let taken = all.taken.saturating_mul(adapter);
        [COMPONENT_BYTES, given, taken].into_iter().fold(all.bytes, u64::saturating_add)
    }
}
