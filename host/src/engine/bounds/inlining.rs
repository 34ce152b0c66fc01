//! How much there is of a component once all that it instantiates is written out: the engine does that, each time that
//! one is instantiated. Of a core module, each instance has the imports anew, whoever makes them.

/// What there is of a component, with all that it instantiates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Known(Sum),
    /// Which component it is depends on who instantiates the one that has it.
    Unknown,
}

/// What there is of something, each time that it is instantiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) definitions: u64,
    /// Memory of the host that its instances take.
    pub(super) bytes: u64,
    /// What is written to its memories, tables and globals before it runs, in bytes, or as long as these take.
    pub(super) filled: u64,
    /// Functions that it takes from elsewhere, from the host or from other components.
    pub(super) taken: u64,
    /// Instances of core modules that are not known.
    pub(super) given: u64,
}

impl Sum {
    fn add(&mut self, more: Self) {
        let Self { definitions, bytes, filled, taken, given } = self;
        *definitions = definitions.saturating_add(more.definitions);
        *bytes = bytes.saturating_add(more.bytes);
        *filled = filled.saturating_add(more.filled);
        *taken = taken.saturating_add(more.taken);
        *given = given.saturating_add(more.given);
    }
}

/// A component that is being read.
#[derive(Debug, Default)]
pub(super) struct Component {
    cost: Sum,
    /// Of the components that it has numbers for, in their order.
    components: Vec<Cost>,
    /// Of the core modules.
    modules: Vec<Cost>,
}

impl Component {
    pub(super) fn cost(&self) -> Sum {
        self.cost
    }

    pub(super) fn pay(&mut self, cost: Sum) {
        self.cost.add(cost);
    }

    /// The next component that it has a number for.
    pub(super) fn add(&mut self, component: Cost) {
        self.components.push(component);
    }

    /// The next core module that it has a number for.
    pub(super) fn add_module(&mut self, module: Cost) {
        self.modules.push(module);
    }

    /// The next is the one of this number.
    pub(super) fn name_again(&mut self, number: u32) {
        self.components.extend(self.find(number));
    }

    /// The same, of core modules.
    pub(super) fn name_module_again(&mut self, number: u32) {
        self.modules.extend(self.find_module(number));
    }

    pub(super) fn find_module(&self, number: u32) -> Option<Cost> {
        self.modules.get(usize::try_from(number).ok()?).copied()
    }

    pub(super) fn find(&self, number: u32) -> Option<Cost> {
        self.components.get(usize::try_from(number).ok()?).copied()
    }
}
