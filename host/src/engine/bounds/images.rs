//! How much of a module's memories their first contents span.
//!
//! Two segments of a byte each, far apart, are a few bytes of the component, and everything between them of an image of the
//! memory.

use std::collections::BTreeMap;

use wasmparser::{ConstExpr, Data, DataKind, Operator};

use super::Fault;

/// What the segments of data that were read so far span of each memory, by its number: whether it is the module's own or
/// imported, of 32 bits or of 64.
#[derive(Debug, Default)]
pub(super) struct Images(BTreeMap<u32, Span>);

#[derive(Debug)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    /// Of numbers that the component chose.
    fn bytes(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

impl Images {
    /// Reads a segment, and returns how many bytes more are spanned with it.
    pub(super) fn add(&mut self, segment: &Data<'_>) -> Result<u64, Fault> {
        let DataKind::Active { memory_index, offset_expr } = &segment.kind else { return Ok(0) };
        // One that has its place from elsewhere is copied there when an instance is made.
        let Some(start) = constant(offset_expr)? else { return Ok(0) };
        if segment.data.is_empty() {
            return Ok(0);
        }
        let end = start.saturating_add(segment.data.len() as u64);
        let span = self.0.entry(*memory_index).or_insert(Span { start, end: start });
        let before = span.bytes();
        *span = Span { start: span.start.min(start), end: span.end.max(end) };
        Ok(span.bytes().saturating_sub(before))
    }
}

/// The number that an expression is, if it is one.
fn constant(expression: &ConstExpr<'_>) -> Result<Option<u64>, Fault> {
    let mut operators = expression.get_operators_reader();
    let start = match operators.read()? {
        // Of 32 bits without a sign, as addresses are.
        Operator::I32Const { value } => u64::from(value.cast_unsigned()),
        Operator::I64Const { value } => value.cast_unsigned(),
        _computed => return Ok(None),
    };
    Ok(matches!(operators.read()?, Operator::End).then_some(start))
}
