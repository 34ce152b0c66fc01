//! How much there is of a component once all that it instantiates is written out: the engine does that, each time that
//! one is instantiated.

use wasmparser::{ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind};

use super::Part;

/// How many definitions there are in a component, with all that it instantiates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Known(u64),
    /// Which component it is depends on who instantiates the one that has it.
    Unknown,
}

/// A component that is being read.
#[derive(Debug, Default)]
pub(super) struct Component {
    cost: u64,
    /// Of the components that it has numbers for, in their order.
    components: Vec<Cost>,
}

impl Component {
    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    pub(super) fn pay(&mut self, cost: u64) {
        self.cost = self.cost.saturating_add(cost);
    }

    /// The next component that it has a number for.
    pub(super) fn add(&mut self, component: Cost) {
        self.components.push(component);
    }

    /// The next is one that it is given.
    pub(super) fn give(&mut self) {
        self.add(Cost::Unknown);
    }

    /// The next is the one of this number.
    pub(super) fn name_again(&mut self, number: u32) {
        self.components.extend(self.find(number));
    }

    pub(super) fn find(&self, number: u32) -> Option<Cost> {
        self.components.get(usize::try_from(number).ok()?).copied()
    }
}

/// An alias in the innermost of these parts: where it is one of a component, that is the next.
pub(super) fn alias(open: &mut [Part], alias: &ComponentAlias<'_>) {
    let found = match *alias {
        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
            let around = usize::try_from(count).ok().and_then(|count| open.iter().rev().nth(count));
            match around {
                Some(Part::Component(component)) => component.find(index),
                Some(Part::Module(_)) | None => None,
            }
        }
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => Some(Cost::Unknown),
        ComponentAlias::Outer { .. }
        | ComponentAlias::InstanceExport { .. }
        | ComponentAlias::CoreInstanceExport { .. } => None,
    };
    if let (Some(Part::Component(innermost)), Some(found)) = (open.last_mut(), found) {
        innermost.add(found);
    }
}
