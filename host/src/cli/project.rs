//! A project that makes an actor: a folder with a `pulsing.toml`.
//!
//! ```toml
//! name = "counter"                        # of the component; the folder's, if it is left out
//! language = "python"                     # rust, python, javascript, c
//! source = "actor.py"                     # not for Rust: there it is the cargo package in the folder
//! sdk = "sdk/guest-sdk/python"            # not for Rust: there it is a dependency
//! ```

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::files::{self, ReadError};
use crate::id::ActorName;
use crate::text::one_line;

/// What a folder is recognised by.
pub(super) const FILE: &str = "pulsing.toml";
/// The most bytes that it has.
const FILE_MAX_BYTES: u64 = 1 << 20;
const MESSAGE_MAX_CHARS: usize = 500;

/// A language that actors are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    /// By cargo.
    Rust,
    /// By componentize-py.
    Python,
    /// By componentize-qjs or componentize-js.
    #[value(alias = "js")]
    #[serde(alias = "js")]
    Javascript,
    /// By zig or clang.
    C,
}

impl Language {
    /// The word for it on the command line, in files and in paths.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Javascript => "javascript",
            Self::C => "c",
        }
    }
}

/// What `pulsing.toml` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) language: Language,
    pub(super) source: Option<PathBuf>,
    pub(super) sdk: Option<PathBuf>,
}

/// A project.
#[derive(Debug)]
pub(super) struct Project {
    /// Absolute.
    pub(super) folder: PathBuf,
    pub(super) name: String,
    pub(super) language: Language,
    source: Option<PathBuf>,
    sdk: Option<PathBuf>,
}

impl Project {
    /// Reads the project in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join(FILE);
        let shown = file.display();
        let text = files::read_text(&file, FILE_MAX_BYTES).map_err(|error| match error {
            ReadError::Unreadable(error) if error.kind() == ErrorKind::NotFound => Failure::usage(format!(
                "{shown}: no such file; go to the folder of a project, or begin one with `pulsing-host new NAME --lang LANGUAGE`"
            )),
            ReadError::Unreadable(_) | ReadError::TooLarge { .. } => {
                Failure::usage(format!("{shown}: cannot be read: {error}"))
            }
        })?;
        let manifest: Manifest = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| 1 + text.chars().take(span.start).filter(|c| *c == '\n').count());
            Failure::usage(format!("{shown}:{line}: {}", one_line(error.message(), MESSAGE_MAX_CHARS)))
        })?;
        let folder = folder.canonicalize().map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
        if let Some(name) = &manifest.name {
            // It names a file, too.
            ActorName::new(name).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
        }
        let name = manifest.name.or_else(|| Some(folder.file_name()?.to_string_lossy().into_owned()));
        let name = name.ok_or_else(|| Failure::usage(format!("{shown}: give the actor a `name`")))?;
        let Manifest { language, source, sdk, .. } = manifest;
        Ok(Self {
            name,
            language,
            source: source.map(|path| folder.join(path)),
            sdk: sdk.map(|path| folder.join(path)),
            folder,
        })
    }

    /// The file that the actor is written in.
    pub(super) fn source(&self) -> Result<&Path, Failure> {
        self.existing("source", self.source.as_deref())
    }

    /// The folder of the language's SDK.
    pub(super) fn sdk(&self) -> Result<&Path, Failure> {
        self.existing("sdk", self.sdk.as_deref())
    }

    fn existing<'a>(&self, key: &str, path: Option<&'a Path>) -> Result<&'a Path, Failure> {
        let file = self.folder.join(FILE);
        let language = self.language.as_str();
        let Some(path) = path else {
            return Err(Failure::usage(format!("{}: a project in {language} needs `{key}`", file.display())));
        };
        if !path.exists() {
            return Err(Failure::usage(format!(
                "{}: `{key}` is {}, which is not there",
                file.display(),
                path.display()
            )));
        }
        Ok(path)
    }
}
