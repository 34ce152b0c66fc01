//! `new`: a project with an actor to begin from, which is the counter of the examples.
//!
//! The SDK is written into the project: it is that of this program, and nothing has to be fetched to match it.

mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::embedded::{Examples, Sdk, Wit, write, write_below};
use super::failure::Failure;
use super::output;
use super::project::{FILE, Language, Manifest};

/// The folder of the SDK in a project: laid out as the repository that it comes from.
const SDK: &str = "sdk";
/// Packages that a project of some language has already.
const TAKEN: [&str; 2] = ["pulsing-guest", "pulsing-guest-macros"];
/// Characters of a name: it becomes a folder, a file, a package and an actor.
const NAME_MAX_CHARS: usize = 64;

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The project's name, and its folder's: lower-case letters, digits and `-`.
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// What the actor is written in.
    #[arg(long, value_enum)]
    lang: Language,
}

fn name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins_well || !text.chars().all(is_allowed) || text.len() > NAME_MAX_CHARS {
        return Err(format!(
            "a name is lower-case letters, digits and `-`, begins with a letter, and has at most {NAME_MAX_CHARS} characters"
        ));
    }
    if TAKEN.contains(&text) {
        return Err(format!("`{text}` is what the SDK is called; choose another name"));
    }
    Ok(text.to_owned())
}

pub(super) fn new(args: &NewArgs) -> Result<(), Failure> {
    let NewArgs { name, lang } = args;
    let folder = PathBuf::from(name);
    fs::create_dir(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{name} is there already; choose another name"))
        }
        _ => Failure::system(format!("cannot create {name}: {error}")),
    })?;
    fill(&folder, name, *lang).inspect_err(|_| {
        // Half a project would only stand in the way of the next try.
        drop(fs::remove_dir_all(&folder));
    })?;
    output::line(format!("{name}: an actor in {}; go on as {name}/README.md says", lang.as_str()).as_bytes())
}

fn fill(folder: &Path, name: &str, language: Language) -> Result<(), Failure> {
    let (word, sdk) = (language.as_str(), folder.join(SDK));
    write_below::<Wit>("", &sdk.join("wit"))?;
    let (source, path) = match language {
        Language::Rust => {
            rust::fill(folder, name, &sdk)?;
            (None, None)
        }
        Language::Python => (Some("actor.py"), Some("guest-sdk/python")),
        Language::Javascript => (Some("actor.js"), Some("guest-sdk/javascript")),
        Language::C => (Some("actor.c"), Some("guest-sdk/c")),
    };
    if let Some(path) = path {
        write_below::<Sdk>(&format!("{word}/"), &sdk.join(path))?;
    }
    write_below::<Examples>(&format!("{word}/counter/"), folder)?;
    let manifest = Manifest {
        name: Some(name.to_owned()),
        language,
        source: source.map(PathBuf::from),
        sdk: path.map(|path| Path::new(SDK).join(path)),
    };
    let manifest = toml::to_string(&manifest).map_err(Failure::system)?;
    write(&folder.join(FILE), manifest.as_bytes())?;
    if language == Language::Rust {
        rust::write_manifest(folder, name)?;
    }
    if language == Language::Javascript {
        let package = Sdk::get("javascript/package.json").map(|file| file.data).unwrap_or_default();
        write(&folder.join("package.json"), &package_json(name, &package)?)?;
    }
    write(&folder.join("README.md"), readme(language).replace("NAME", name).as_bytes())?;
    write(&folder.join(".gitignore"), b"/*.wasm\n/target\n/.venv\nnode_modules\n__pycache__\n")
}

fn readme(language: Language) -> &'static str {
    match language {
        Language::Rust => include_str!("new/rust.md"),
        Language::Python => include_str!("new/python.md"),
        Language::Javascript => include_str!("new/javascript.md"),
        Language::C => include_str!("new/c.md"),
    }
}

/// A package with the tools that the SDK is built with.
fn package_json(name: &str, sdk: &[u8]) -> Result<Vec<u8>, Failure> {
    let sdk: serde_json::Value = serde_json::from_slice(sdk).map_err(Failure::system)?;
    let package = serde_json::json!({
        "name": name,
        "private": true,
        "type": "module",
        "scripts": { "test": "node --test" },
        "dependencies": { "pulsing-guest": "file:sdk/guest-sdk/javascript" },
        "devDependencies": sdk.get("devDependencies"),
    });
    serde_json::to_vec_pretty(&package).map_err(Failure::system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_good_as_a_folder_a_package_and_an_actor() {
        for good in ["a", "hello", "hello-2"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "-a",
            "2a",
            "A",
            "a/b",
            "..",
            "a b",
            "ä",
            "pulsing-guest",
            "pulsing-guest-macros",
            &"a".repeat(65),
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
