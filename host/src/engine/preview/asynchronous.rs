//! Whether a component uses `async` of the component model, anywhere in it: for saying why it cannot be compiled.
//!
//! Bounded by what was counted before: types are nested no deeper than the bounds let them.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentDefinedType, ComponentType, ComponentTypeDeclaration,
    InstanceTypeDeclaration, Parser, Payload,
};

/// Whether a component does. What cannot be read does not.
pub(crate) fn uses_async(bytes: &[u8]) -> bool {
    Parser::new(0).parse_all(bytes).map_while(Result::ok).any(|payload| match payload {
        Payload::ComponentCanonicalSection(section) => {
            section.into_iter().map_while(Result::ok).any(|function| is_async(&function))
        }
        Payload::ComponentTypeSection(section) => {
            section.into_iter().map_while(Result::ok).any(|ty| type_is(&ty))
        }
        _has_none => false,
    })
}

fn is_async(function: &CanonicalFunction) -> bool {
    match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => options
            .iter()
            .any(|option| matches!(option, CanonicalOption::Async | CanonicalOption::Callback(_))),
        CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => false,
        // Tasks, streams, futures, and what waits for them.
        _built_in => true,
    }
}

fn type_is(ty: &ComponentType<'_>) -> bool {
    match ty {
        ComponentType::Func(function) => function.async_,
        ComponentType::Defined(defined) => {
            matches!(defined, ComponentDefinedType::Future(_) | ComponentDefinedType::Stream(_))
        }
        ComponentType::Instance(declared) => declared.iter().any(|declared| match declared {
            InstanceTypeDeclaration::Type(ty) => type_is(ty),
            _other => false,
        }),
        ComponentType::Component(declared) => declared.iter().any(|declared| match declared {
            ComponentTypeDeclaration::Type(ty) => type_is(ty),
            _other => false,
        }),
        ComponentType::Resource { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn async_is_found_in_types_of_every_level_and_in_built_ins() {
        let with = |section: &[u8]| uses_async(&[COMPONENT, section].concat());
        assert!(!with(&[]));
        // A function that takes and returns nothing; the same, and it is async; the second within an instance's type.
        assert!(!with(&[7, 5, 1, 0x40, 0, 1, 0]));
        assert!(with(&[7, 5, 1, 0x43, 0, 1, 0]));
        assert!(with(&[7, 8, 1, 0x42, 1, 1, 0x43, 0, 1, 0]));
        // `future`, and `task.cancel`.
        assert!(with(&[7, 3, 1, 0x65, 0]));
        assert!(with(&[8, 2, 1, 5]));
        assert!(!uses_async(b"no component"));
    }
}
