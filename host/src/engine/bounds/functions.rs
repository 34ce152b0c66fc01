//! What it costs to compile a function of a core module, beyond its bytes.
//!
//! A branch is a few bytes. The compiler takes note for each of what becomes of every local, and for each place that
//! branches lead to of all that is still needed there: products, so that a function of 20 KB takes 1 GB.

use wasmparser::{CompositeInnerType, FunctionBody, Operator, RecGroup};

use super::Fault;
use super::inlining::Sum;
use super::instances::CoreInstance;

/// Functions that cost no more than this, however they are made, are not looked into: nearly all.
const CHEAP: u64 = 1 << 18;

/// A core module that is being read.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The most that any of its types takes or gives: parameters, which are locals, and what blocks and calls leave.
    arity_max: u64,
    imports: u64,
    /// What an instance of it takes.
    pub(super) instance: CoreInstance,
}

/// What a function costs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FunctionCost {
    /// Its locals, and its parameters.
    pub(super) locals: u64,
    /// What is carried into the function, and over its branches and calls.
    pub(super) carried: u64,
    /// Its bytes, times its branches.
    pub(super) jumps: u64,
}

impl Module {
    /// What each instance of it costs.
    pub(super) fn sum(&self) -> Sum {
        Sum {
            definitions: self.imports,
            bytes: self.instance.bytes(),
            filled: self.instance.filled(),
            ..Sum::default()
        }
    }

    pub(super) fn import(&mut self) {
        self.imports = self.imports.saturating_add(1);
        self.instance.import();
    }

    /// Reads a group of types, and returns how many there are.
    pub(super) fn types(&mut self, group: &RecGroup) -> u64 {
        for kind in group.types() {
            let arity = match &kind.composite_type.inner {
                CompositeInnerType::Func(kind) => kind.params().len().max(kind.results().len()),
                // Beyond what the engine takes, for now.
                CompositeInnerType::Array(_)
                | CompositeInnerType::Struct(_)
                | CompositeInnerType::Cont(_) => 0,
            };
            self.arity_max = self.arity_max.max(arity as u64);
        }
        group.types().len() as u64
    }

    pub(super) fn cost(&self, body: &FunctionBody<'_>) -> Result<FunctionCost, Fault> {
        let mut locals = self.arity_max;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(group?.0.into());
        }
        // A branch takes a byte at least: this is the most that it may cost.
        let bytes = body.range().len() as u64;
        if locals.max(bytes).saturating_mul(bytes) <= CHEAP {
            return Ok(FunctionCost { locals, carried: locals, jumps: 0 });
        }
        let (mut branches, mut calls) = (0_u64, 0_u64);
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            branches = branches.saturating_add(branches_of(&operator));
            calls = calls.saturating_add(u64::from(is_call(&operator)));
        }
        // Each is set to zero at the function's begin, as if a way led there.
        let carried = locals.saturating_mul(branches.saturating_add(1));
        let carried = carried.saturating_add(self.arity_max.saturating_mul(calls));
        Ok(FunctionCost { locals, carried, jumps: bytes.saturating_mul(branches) })
    }
}

/// How many ways begin or join at an operator, at most.
fn branches_of(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::Block { .. } | Operator::Loop { .. } | Operator::Else | Operator::Br { .. } => 1,
        Operator::If { .. } | Operator::BrIf { .. } => 2,
        Operator::BrTable { targets } => u64::from(targets.len()).saturating_add(1),
        Operator::TryTable { try_table } => 1 + try_table.catches.len() as u64,
        Operator::BrOnNull { .. }
        | Operator::BrOnNonNull { .. }
        | Operator::BrOnCast { .. }
        | Operator::BrOnCastFail { .. } => 2,
        _goes_on => 0,
    }
}

fn is_call(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. })
}
