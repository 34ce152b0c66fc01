//! What an actor may reach beside its own memory: nothing, unless it stands here. And who may reach it.

pub(crate) mod http;
mod page_origin;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use self::http::HttpGrant;
pub use self::page_origin::{PageOrigin, PageOriginError};
use crate::id::{ActorId, InvalidActorId};

/// What one actor may reach. Nothing by default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Folders of the machine.
    pub dirs: Vec<DirGrant>,
    /// Environment variables that it sees, by name.
    #[serde(deserialize_with = "environment")]
    pub env: BTreeMap<String, String>,
    /// Actors that it may send messages to.
    pub ask: Vec<ActorId>,
    /// Hosts that it may speak HTTP with.
    pub http: Vec<HttpGrant>,
    /// Who may send it messages.
    pub from: Callers,
}

/// Who may send an actor messages: anybody, if nobody is named. An actor needs to be granted the other by `ask`, too;
/// whoever embeds the host may always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Callers(pub Vec<Caller>);

impl Callers {
    /// Whether `caller` may send the actor messages.
    #[must_use]
    pub fn admit(&self, caller: &Caller) -> bool {
        // A token says which client it is, and is no grant of its own.
        let named = if matches!(caller, Caller::Client(_)) { &Caller::Http } else { caller };
        *caller == Caller::Program || self.0.is_empty() || self.0.contains(named)
    }
}

/// Who sends messages. As text: an actor's id, or `@http`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Caller {
    /// The program that the host is a part of. It may always, so that no text stands for it.
    Program,
    /// A client of the gateway: over HTTP, or by the command line. Without tokens all of them are one.
    Http,
    /// One that has shown the token of this name. It may send where [`Self::Http`] may, and no text stands for it.
    Client(Arc<str>),
    /// Another actor of the host.
    Actor(ActorId),
}

impl Caller {
    /// The actor, if it is one.
    #[must_use]
    pub fn actor(&self) -> Option<&ActorId> {
        match self {
            Self::Actor(id) => Some(id),
            Self::Program | Self::Http | Self::Client(_) => None,
        }
    }
}

/// What no actor can be called.
const HTTP_CALLER: &str = "@http";

/// Why a text names nobody who sends messages.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}; or `@http` for clients")]
pub struct InvalidCaller(InvalidActorId);

impl FromStr for Caller {
    type Err = InvalidCaller;

    fn from_str(text: &str) -> Result<Self, InvalidCaller> {
        if text == HTTP_CALLER {
            return Ok(Self::Http);
        }
        text.parse().map(Self::Actor).map_err(InvalidCaller)
    }
}

impl TryFrom<String> for Caller {
    type Error = InvalidCaller;

    fn try_from(text: String) -> Result<Self, InvalidCaller> {
        text.parse()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http | Self::Client(_) => f.write_str(HTTP_CALLER),
            Self::Program => f.write_str("the host's own program"),
            Self::Actor(id) => id.fmt(f),
        }
    }
}

/// What an import of a component is of no use without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Every actor has it: clocks, random numbers, its log.
    Nothing,
    /// [`Grants::ask`].
    Ask,
    /// [`Grants::dirs`].
    Dir,
    /// [`Grants::env`].
    Env,
    /// [`Grants::http`].
    Http,
    /// What is not granted to anybody.
    Never,
}

impl Need {
    /// How it is granted on the command line; none where it is not.
    #[must_use]
    pub fn flag(self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::Never => None,
            Self::Ask => Some("--ask"),
            Self::Dir => Some("--dir"),
            Self::Env => Some("--env"),
            Self::Http => Some("--http"),
        }
    }
}

/// Why a text grants no environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an environment variable has a name, without `=` in it, and no zero byte")]
pub(crate) struct InvalidEnvironment;

/// Checks that an environment can hold this variable.
///
/// # Errors
///
/// [`InvalidEnvironment`] says what a variable is made of.
pub(crate) fn check_variable(name: &str, value: &str) -> Result<(), InvalidEnvironment> {
    let sound = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
    if sound { Ok(()) } else { Err(InvalidEnvironment) }
}

fn environment<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let variables = BTreeMap::deserialize(from)?;
    let checked =
        variables.iter().try_for_each(|(name, value): (&String, &String)| check_variable(name, value));
    checked.map(|()| variables).map_err(de::Error::custom)
}

/// A folder of the machine that an actor may use. As text: `HOST[::GUEST][:ro]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DirGrant {
    /// Where it is on the machine.
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: String,
    /// Whether the guest may only read it.
    pub read_only: bool,
}

/// Why a text grants no folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a folder is granted as HOST[::GUEST][:ro], such as ./data::/data:ro")]
pub struct InvalidDirGrant;

impl FromStr for DirGrant {
    type Err = InvalidDirGrant;

    fn from_str(text: &str) -> Result<Self, InvalidDirGrant> {
        let (paths, read_only) = text.strip_suffix(":ro").map_or((text, false), |paths| (paths, true));
        let (host, guest) = paths.split_once("::").unwrap_or((paths, paths));
        if host.is_empty() || guest.is_empty() || text.contains('\0') {
            return Err(InvalidDirGrant);
        }
        Ok(Self { host: host.into(), guest: guest.to_owned(), read_only })
    }
}

impl TryFrom<String> for DirGrant {
    type Error = InvalidDirGrant;

    fn try_from(text: String) -> Result<Self, InvalidDirGrant> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_granted_with_or_without_another_name_and_for_reading_only() {
        let grant = |host: &str, guest: &str, read_only| {
            Ok(DirGrant { host: host.into(), guest: guest.to_owned(), read_only })
        };
        assert_eq!("data".parse(), grant("data", "data", false));
        assert_eq!("./data::/data".parse(), grant("./data", "/data", false));
        assert_eq!("./data::/data:ro".parse(), grant("./data", "/data", true));
        assert_eq!("/srv:ro".parse(), grant("/srv", "/srv", true));
        for bad in ["", ":ro", "::/data", "data::", "da\0ta"] {
            assert_eq!(bad.parse::<DirGrant>(), Err(InvalidDirGrant), "{bad}");
        }
    }

    #[test]
    fn who_is_not_named_is_admitted_only_where_nobody_is() {
        let Grants { from, .. } = toml::from_str("from = ['a', '@http']").unwrap();
        let caller = |text: &str| text.parse::<Caller>().unwrap();
        assert!(from.admit(&caller("a")) && from.admit(&caller("@http")) && !from.admit(&caller("b")));
        let client = Caller::Client("ci".into());
        assert!(from.admit(&client) && !Callers(vec![caller("a")]).admit(&client));
        assert_eq!(client.to_string(), "@http");
        let anybody = Callers::default();
        assert!(anybody.admit(&caller("b")) && anybody.admit(&Caller::Http));
        assert_eq!((caller("a").to_string(), Caller::Http.to_string()), ("a".to_owned(), "@http".to_owned()));
        let error = "@else".parse::<Caller>().unwrap_err().to_string();
        assert!(error.ends_with("the first a letter or a digit; or `@http` for clients"), "{error}");
    }

    #[test]
    fn a_variable_is_one_that_an_environment_can_hold() {
        let env = |text: &str| toml::from_str::<Grants>(text).map(|grants| grants.env.len());
        assert_eq!(env("env = { A = '', b-c = 'x=y' }"), Ok(2));
        for bad in ["'' = 'x'", "'A=B' = 'x'", "\"A\\u0000\" = 'x'", "A = \"\\u0000\""] {
            let error = env(&format!("env = {{ {bad} }}")).unwrap_err();
            assert_eq!(error.message(), InvalidEnvironment.to_string(), "{bad}");
        }
    }
}
