//! What an actor may reach beside its own memory: nothing, unless it stands here.

pub mod http;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use self::http::HttpGrant;
use crate::id::ActorName;

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
    pub ask: Vec<ActorName>,
    /// Hosts that it may speak HTTP with.
    pub http: Vec<HttpGrant>,
}

/// Why a text grants no environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an environment variable has a name, without `=` in it, and no zero byte")]
pub struct InvalidEnvironment;

/// Checks that an environment can hold this variable.
///
/// # Errors
///
/// [`InvalidEnvironment`] says what a variable is made of.
pub fn check_variable(name: &str, value: &str) -> Result<(), InvalidEnvironment> {
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
    fn a_variable_is_one_that_an_environment_can_hold() {
        let env = |text: &str| toml::from_str::<Grants>(text).map(|grants| grants.env.len());
        assert_eq!(env("env = { A = '', b-c = 'x=y' }"), Ok(2));
        for bad in ["'' = 'x'", "'A=B' = 'x'", "\"A\\u0000\" = 'x'", "A = \"\\u0000\""] {
            let error = env(&format!("env = {{ {bad} }}")).unwrap_err();
            assert_eq!(error.message(), InvalidEnvironment.to_string(), "{bad}");
        }
    }
}
