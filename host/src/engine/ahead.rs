//! Code that was compiled ahead, in a file: for machines that start many hosts, or that have little time to start.
//!
//! Such a file is machine code. Nothing can be checked of it that would keep it in the sandbox, so a host takes one
//! only where it was told to trust them. What is checked is that it fits: the version of the host, the machine, the
//! engine's settings, and that it is whole.
//!
//! The file: [`MAGIC`], the length of the head (four bytes, the lowest first), the head as JSON, and the code as
//! wasmtime makes it.

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;

use super::bounds::COMPONENT_MAX_BYTES;
use super::compiler::Stop;
use super::component::{CodeOrigin, ComponentSource, Content, Digest, Loaded, compile};
use super::{Engines, LoadError, World};

/// What a file with compiled code begins with. No component does.
const MAGIC: &[u8; 16] = b"\x7fpulsing-code-3\n";
/// The ending of files with compiled code. Under another name it is not taken: who trusts the one file does not trust
/// what a stranger calls a component.
pub const COMPILED_ENDING: &str = "pulsing";
/// The most bytes of a head: the names of imports are all of it that can grow.
const HEAD_MAX_BYTES: usize = 1 << 20;
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is known of the code.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Of the host that compiled it.
    version: String,
    /// The machine: architecture and system.
    machine: String,
    world: World,
    imports: Vec<String>,
    instance_bytes: usize,
    /// The SHA-256 of the component that it was compiled from.
    component: String,
    /// The CRC-32 of the code, to tell a damaged file from a whole one. It is no seal: who could change the code could
    /// change this, too.
    crc32: u32,
}

fn machine() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// Whether these bytes say that they are code that was compiled ahead.
pub(super) fn is_compiled(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// What tells such a file from all others: its head, which names the component and the code.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    let code_bytes = parts(bytes).map_or(0, |(_, code)| code.len());
    Digest::of(bytes.get(..bytes.len() - code_bytes).unwrap_or(bytes))
}

/// Compiles a component, and answers what a file of such code holds.
///
/// # Errors
///
/// As of [`load`](super::load), and [`LoadError::Unfit`] where the engine cannot put its code into a file.
///
/// # Blocking
///
/// As of [`load`](super::load).
pub fn compile_ahead(engines: &Engines, source: &ComponentSource) -> Result<Vec<u8>, LoadError> {
    let content = source.read()?;
    let digest = content.digest;
    let Loaded { name, component, world, imports, instance_bytes, .. } =
        compile(engines, content, &Stop::default())?;
    let unfit = |error: String| LoadError::Unfit { name: name.clone(), error };
    let code = component.serialize().map_err(|error| unfit(format!("{error:#}")))?;
    let head = Head {
        version: VERSION.to_owned(),
        machine: machine(),
        world,
        imports,
        instance_bytes,
        component: digest.to_string(),
        crc32: crc32fast::hash(&code),
    };
    let head = serde_json::to_vec(&head).map_err(|error| unfit(error.to_string()))?;
    let length = u32::try_from(head.len()).map_err(|error| unfit(error.to_string()))?;
    let file = [MAGIC.as_slice(), &length.to_le_bytes(), &head, &code].concat();
    match u64::try_from(file.len()) {
        Ok(..=COMPONENT_MAX_BYTES) => Ok(file),
        _more => Err(unfit(format!("its code has {} bytes, more than {COMPONENT_MAX_BYTES}", file.len()))),
    }
}

/// Makes a component of what [`compile_ahead`] answered.
///
/// # Errors
///
/// [`LoadError::Untrusted`] where the host was not told to trust such code; [`LoadError::Disguised`] where its file is not
/// called so; [`LoadError::OtherHost`] where another
/// version, or another machine, compiled it; [`LoadError::Malformed`] where it is not whole.
pub(super) fn revive(engines: &Engines, content: &Content) -> Result<Loaded, LoadError> {
    let name = content.name.clone();
    if !content.may_be_compiled {
        return Err(LoadError::Disguised { name, ending: COMPILED_ENDING });
    }
    if !engines.trusts_compiled() {
        return Err(LoadError::Untrusted { name });
    }
    let Some((head, code)) = parts(&content.bytes) else {
        return Err(LoadError::Malformed { name, error: "the compiled code is cut short".to_owned() });
    };
    let other = |why: String| LoadError::OtherHost { name: name.clone(), why };
    if head.version != VERSION || head.machine != machine() {
        let (version, machine) = (&head.version, &head.machine);
        return Err(other(format!("pulsing-host {version} on {machine}")));
    }
    if head.crc32 != crc32fast::hash(code) {
        let error = "the compiled code is not what was written".to_owned();
        return Err(LoadError::Malformed { name, error });
    }
    let world = head.world;
    // SAFETY: the code is what `Component::serialize` gave: whoever runs this host vouches for it with `trusts_compiled`,
    // which is off unless it is asked for. The engine itself refuses what other settings or other versions compiled.
    #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
    let component = unsafe { Component::deserialize(engines.of(world), code) };
    let component = component.map_err(|error| other(format!("a host with another engine: {error:#}")))?;
    tracing::info!(component = %name, "component loaded, which was compiled ahead");
    let Head { imports, instance_bytes, .. } = head;
    Ok(Loaded { name, component, world, imports, origin: CodeOrigin::Ahead, instance_bytes })
}

/// The head and the code, where the bytes are long enough for both.
fn parts(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > HEAD_MAX_BYTES {
        return None;
    }
    let (head, code) = rest.split_at_checked(length)?;
    Some((serde_json::from_slice(head).ok()?, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_anywhere_has_no_parts() {
        let head = Head {
            version: VERSION.to_owned(),
            machine: machine(),
            world: World::Serial,
            imports: vec!["a".to_owned()],
            instance_bytes: 0,
            component: String::new(),
            crc32: 0,
        };
        let head = serde_json::to_vec(&head).unwrap();
        let length = u32::try_from(head.len()).unwrap().to_le_bytes();
        let bytes = [MAGIC.as_slice(), &length, &head, b"code"].concat();
        assert_eq!(parts(&bytes).unwrap().1, b"code");
        for end in 0..bytes.len() - 4 {
            assert!(parts(&bytes[..end]).is_none(), "{end}");
        }
        let boastful = [MAGIC.as_slice(), &u32::MAX.to_le_bytes(), b"{}"].concat();
        assert!(parts(&boastful).is_none());
    }
}
