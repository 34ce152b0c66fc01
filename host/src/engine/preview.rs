//! What a component is, read from its bytes before any of it is compiled.
//!
//! The world decides which engine compiles it, and errors name what a person can do something about.

mod asynchronous;

use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use super::bounds::{self, Fault};
use super::error::{LoadError, version_order};
use super::world::World;

pub(super) use self::asynchronous::uses_async;

/// The version of all worlds.
const VERSION: &str = "0.2.0";

/// What a component is, from the outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Preview {
    pub(super) world: World,
    /// In its own order.
    pub(super) imports: Vec<String>,
}

/// Reads `bytes`, which came from something called `name`.
pub(super) fn preview(name: &str, bytes: &[u8]) -> Result<Preview, LoadError> {
    let called = name;
    let name = name.to_owned();
    if bytes.is_empty() {
        return Err(LoadError::Empty { name });
    }
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::CoreModule { name });
    }
    if let Some(encoding) = other_encoding(bytes) {
        return Err(LoadError::OtherEncoding { name, encoding, supported: COMPONENT_ENCODING });
    }
    if !Parser::is_component(bytes) {
        return Err(if b"\0asm".starts_with(bytes.get(..4).unwrap_or(bytes)) {
            LoadError::Malformed { name, error: "it ends within its first eight bytes".to_owned() }
        } else {
            LoadError::NotWasm { name }
        });
    }
    let Outline { imports, exports } = outline(bytes).map_err(|fault| fault.of(called))?;
    let imports = imports.into_iter().map(str::to_owned).collect();
    let world = World::ALL.into_iter().find(|world| exports.contains(&world.export()));
    if let Some(world) = world {
        Ok(Preview { world, imports })
    } else if let Some(version) = newest_version(&exports) {
        Err(LoadError::OtherVersion { name, version: version.to_owned(), supported: VERSION })
    } else {
        let exports = exports.into_iter().map(str::to_owned).collect();
        Err(LoadError::NoActor { name, exports })
    }
}

/// The version of the format of components, until it is standard.
const COMPONENT_ENCODING: u16 = 13;

/// The version of the format that a component says it is in, where that is another.
fn other_encoding(bytes: &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(b"\0asm")?;
    match rest.first_chunk()? {
        [low, high, 1, 0] => {
            Some(u16::from_le_bytes([*low, *high])).filter(|&version| version != COMPONENT_ENCODING)
        }
        _no_component => None,
    }
}

/// The version of the contract that an import names, where that is another.
pub(crate) fn other_version(import: &str) -> Option<&str> {
    let (interface, version) = import.split_once('@')?;
    (interface.starts_with(PACKAGE) && version != VERSION).then_some(version)
}

/// How the names of the contract begin.
const PACKAGE: &str = "pulsing:actor/";

/// The version of the contract that this host runs.
pub(crate) const fn supported() -> &'static str {
    VERSION
}

/// The newest version of the contract that exports name.
fn newest_version<'a>(exports: &[&'a str]) -> Option<&'a str> {
    exports.iter().filter_map(|export| actor_version(export)).max_by_key(|version| version_order(version))
}

/// The version of the contract that an actor's export names.
fn actor_version(export: &str) -> Option<&str> {
    World::ALL.iter().find_map(|world| export.strip_prefix(world.export().strip_suffix(VERSION)?))
}

/// The world of an actor's component.
///
/// # Errors
///
/// [`LoadError`] where it is no actor's component.
pub(crate) fn world(name: &str, bytes: &[u8]) -> Result<World, LoadError> {
    preview(name, bytes).map(|preview| preview.world)
}

/// The names that the outermost component imports and exports.
#[derive(Default)]
struct Outline<'a> {
    imports: Vec<&'a str>,
    exports: Vec<&'a str>,
}

/// Nothing is counted yet: no more names are kept than a component may have definitions.
fn outline(bytes: &[u8]) -> Result<Outline<'_>, Fault> {
    let Outline { mut imports, mut exports } = Outline::default();
    let mut names = bounds::definitions();
    // Components nest, and their payloads come in one flat sequence.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                names.add(section.count())?;
                for import in section {
                    imports.push(import?.name.name);
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                names.add(section.count())?;
                for export in section {
                    let export = export?;
                    if export.kind != ComponentExternalKind::Type {
                        exports.push(export.name.name);
                    }
                }
            }
            _not_of_interest => {}
        }
    }
    Ok(Outline { imports, exports })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &[u8] = b"\0asm\x01\0\0\0";
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn line(bytes: &[u8]) -> String {
        preview("x.wasm", bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_component_is_named() {
        assert_eq!(line(b""), "x.wasm: is empty");
        assert!(line(b"#!/bin/sh").starts_with("x.wasm: is no WebAssembly"));
        assert!(line(b"x").starts_with("x.wasm: is no WebAssembly"));
        assert!(line(&MODULE[..6]).starts_with("x.wasm: is damaged or cut short"));
        assert!(line(b"\0as").starts_with("x.wasm: is damaged or cut short"));
        assert!(line(MODULE).contains("this is a core module; build for wasm32-wasip2 or wrap it"));
    }

    #[test]
    fn a_component_in_another_encoding_is_told_so() {
        for (bytes, encoding, advice) in [
            (b"\0asm\x0a\0\x01\0", 10, "build it again with the tools of today"),
            (b"\0asm\x0c\0\x01\0", 12, "build it again with the tools of today"),
            (b"\0asm\x0e\0\x01\0", 14, "use a newer host, or tools of its time"),
        ] {
            let expected = format!(
                "x.wasm: is a component in version {encoding} of the encoding, and this host reads version 13: {advice}"
            );
            assert_eq!(line(bytes), expected);
        }
    }

    #[test]
    fn another_version_is_seen_in_what_is_imported() {
        assert_eq!(other_version("pulsing:actor/system@0.3.0"), Some("0.3.0"));
        for ours in ["pulsing:actor/system@0.2.0", "wasi:cli/stdout@0.2.6", "pulsing:other/system@0.3.0", "a"]
        {
            assert_eq!(other_version(ours), None, "{ours}");
        }
    }

    #[test]
    fn a_component_that_is_no_actor_is_told_what_it_lacks() {
        let line = line(COMPONENT);
        assert!(line.contains("lacks the export `pulsing:actor/actor@0.2.0`"), "{line}");
        assert!(line.ends_with("it exports nothing"), "{line}");
    }

    /// What actors export, without its version.
    fn unversioned() -> [&'static str; 4] {
        World::ALL.map(|world| world.export().strip_suffix(VERSION).unwrap())
    }

    /// A component that exports an empty instance under these names.
    fn exporting(names: &[&str]) -> Vec<u8> {
        let byte = |length: usize| u8::try_from(length).unwrap();
        let instance: &[u8] = &[5, 3, 1, 1, 0];
        // A section for each, since a length of one byte goes no further.
        let section = |name: &&str| {
            let export = [&[1, 0, byte(name.len())], name.as_bytes(), &[5, 0, 0]].concat();
            [&[11, byte(export.len())], export.as_slice()].concat()
        };
        [COMPONENT, instance, &names.iter().flat_map(section).collect::<Vec<_>>()].concat()
    }

    #[test]
    fn a_component_of_another_version_of_the_contract_is_told_what_to_do() {
        const BUILD: &str = "build it again with the SDK of this version";
        const EITHER: &str = "use a newer host, or build it again with the SDK of this version";
        for (version, advice) in [
            ("0.1.0", BUILD),
            ("0.0.9", BUILD),
            ("0.2.1", EITHER),
            ("0.3.0", EITHER),
            ("0.10.0", EITHER),
            ("1.0.0", EITHER),
            ("0.2.0-rc.1", EITHER),
        ] {
            for export in unversioned() {
                assert_eq!(
                    line(&exporting(&[&format!("{export}{version}")])),
                    format!(
                        "x.wasm: was built for version {version} of the actor interface, and this host runs 0.2.0: \
                         {advice}"
                    )
                );
            }
        }
        let [serial, overlapping, ..] = unversioned();
        let both = exporting(&[&format!("{serial}0.3.0"), &format!("{overlapping}0.1.0")]);
        assert!(line(&both).contains("was built for version 0.3.0"), "{}", line(&both));
    }

    #[test]
    fn a_component_that_exports_this_version_and_another_is_of_this_one() {
        for world in World::ALL {
            let export = world.export();
            let is_of = |names: &[&str]| {
                assert_eq!(preview("x.wasm", &exporting(names)), Ok(Preview { world, imports: Vec::new() }));
            };
            is_of(&[export]);
            for other in ["0.1.0", "0.2.1", "0.3.0"] {
                for kind in unversioned() {
                    let other = format!("{kind}{other}");
                    is_of(&[export, &other]);
                    is_of(&[&other, export]);
                }
            }
        }
        let all = preview("x.wasm", &exporting(&World::ALL.map(World::export)));
        assert_eq!(all, Ok(Preview { world: World::ResidentOverlapping, imports: Vec::new() }));
    }

    #[test]
    fn a_component_that_is_cut_short_is_damaged() {
        let mut bytes = COMPONENT.to_vec();
        bytes.extend([7, 100, 1]);
        assert!(line(&bytes).contains("is damaged or cut short"), "{}", line(&bytes));
    }

    #[test]
    fn names_are_counted_before_they_are_read() {
        // Sections that say that they have so many, and have none.
        for (id, count) in [(10, [0xd1, 0x86, 3]), (11, [0xd1, 0x86, 3])] {
            let bytes = [COMPONENT, &[id, 3], &count].concat();
            let says =
                "costs too much to compile: it has 50001 definitions of components, more than the 50000";
            assert!(line(&bytes).contains(says), "{}", line(&bytes));
        }
        // Two sections together.
        let one = [0, 1, b'a', 5, 0].repeat(30_000);
        let section = [&[10, 0xf3, 0x93, 9, 0xb0, 0xea, 1], one.as_slice()].concat();
        let twice = line(&[COMPONENT, &section, &section].concat());
        assert!(twice.contains("it has 60000 definitions of components"), "{twice}");
    }

    #[test]
    fn damage_is_told_in_one_line() {
        // A module inside, whose first bytes are others: the parser shows them, one a line.
        let bytes = [COMPONENT, &[1, 8], b"\0nope\n\n\n"].concat();
        let line = line(&bytes);
        assert!(line.contains("expected=[ 0x0, 0x61,"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}
