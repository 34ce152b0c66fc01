//! Component types, which are within each other, counted without a call for each level.
//!
//! What is no type of a component or an instance has no types within it: the parser's own readers take those.

use wasmparser::{BinaryReader, ComponentType, ComponentTypeDeclaration, InstanceTypeDeclaration};

use super::{Count, Fault};

/// What begins the type of a component, in the binary format (`componenttype`).
const COMPONENT: u8 = 0x41;
/// What begins the type of an instance (`instancetype`).
const INSTANCE: u8 = 0x42;
/// What begins a declaration of a type in either (`componentdecl`, `instancedecl`).
const DECLARES_TYPE: u8 = 0x01;

/// What a list that is being read is made of.
#[derive(Clone, Copy)]
enum Of {
    /// Types: this is the section.
    Types,
    Component,
    Instance,
}

/// A list that is being read, and how much of it is still to come.
struct List {
    of: Of,
    left: u32,
}

/// Counts the types of a section of them, and how deep they are within each other.
pub(super) fn count(
    mut reader: BinaryReader<'_>,
    types: &mut Count,
    levels: &mut Count,
) -> Result<(), Fault> {
    let mut open = vec![List { of: Of::Types, left: reader.read_var_u32()? }];
    while let Some(list) = open.last_mut() {
        let Some(left) = list.left.checked_sub(1) else {
            open.pop();
            continue;
        };
        list.left = left;
        let is_type = match list.of {
            Of::Types => true,
            Of::Component | Of::Instance => take(&mut reader, DECLARES_TYPE)?,
        };
        types.add(1_u8)?;
        if !is_type {
            skip_declaration(&mut reader, list.of)?;
        } else if let Some(of) = begins(&mut reader)? {
            open.push(List { of, left: reader.read_var_u32()? });
            // The section itself is none.
            levels.reach(open.len().saturating_sub(1) as u64)?;
        } else {
            reader.read::<ComponentType<'_>>()?;
        }
    }
    Ok(())
}

/// What a type has a list of, if it has one.
fn begins(reader: &mut BinaryReader<'_>) -> Result<Option<Of>, Fault> {
    Ok(match take(reader, COMPONENT)? {
        true => Some(Of::Component),
        false => take(reader, INSTANCE)?.then_some(Of::Instance),
    })
}

/// Whether the next byte is this one, which is then read.
fn take(reader: &mut BinaryReader<'_>, byte: u8) -> Result<bool, Fault> {
    let mut ahead = reader.clone();
    let is_next = ahead.read_u8()? == byte;
    if is_next {
        *reader = ahead;
    }
    Ok(is_next)
}

fn skip_declaration(reader: &mut BinaryReader<'_>, of: Of) -> Result<(), Fault> {
    match of {
        Of::Types | Of::Component => drop(reader.read::<ComponentTypeDeclaration<'_>>()?),
        Of::Instance => drop(reader.read::<InstanceTypeDeclaration<'_>>()?),
    }
    Ok(())
}
