//! `token`: the file with the tokens that let clients in.
//!
//! Edits the file in place, with all that people have written there, and takes turns with itself. A host that runs
//! sees the change.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::compile::write_private;
use super::failure::Failure;
use super::output;
use crate::gateway::keys::{Key, Keys, KeysError, TokenName};
use crate::gateway::scope::{Scope, Scopes};
use crate::gateway::token::Token;
use crate::gateway::token_files::{read_keys, read_text};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token, add its hash to the file, and print the token, which nobody can do again.
    New(NewTokenArgs),
    /// List the tokens of the file.
    List(ListArgs),
    /// Take a token out of the file.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
struct NewTokenArgs {
    /// What the log calls it.
    name: TokenName,
    /// What it allows: read, send, control or deploy. May be repeated.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    /// Which.
    name: TokenName,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The file of the tokens; `new` makes it.
    #[arg(long, value_name = "FILE", env = "PULSING_TOKENS")]
    tokens: PathBuf,
}

/// # Blocking
///
/// Reads and writes the file.
pub(super) fn token(args: TokenArgs) -> Result<(), Failure> {
    match args.verb {
        TokenVerb::New(args) => {
            let token = Token::random();
            add(&args.file.tokens, args.name, &token, args.scopes)?;
            output::line(token.expose().as_bytes())
        }
        TokenVerb::List(args) => list(&args.file.tokens),
        TokenVerb::Remove(args) => remove(&args.file.tokens, &args.name),
    }
}

fn list(file: &Path) -> Result<(), Failure> {
    let keys = read_keys(file).map_err(Failure::usage)?;
    let words = |key: &Key| key.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(",");
    let rows: Vec<_> = keys.iter().map(|(name, key)| vec![name.to_string(), words(key)]).collect();
    output::table(&["NAME", "SCOPES"], &rows)
}

fn add(file: &Path, name: TokenName, token: &Token, scopes: Vec<Scope>) -> Result<(), Failure> {
    let scopes = Scopes::new(scopes).map_err(Failure::usage)?;
    let words: Array = scopes.iter().map(Scope::as_str).collect();
    let key = Key { sha256: token.hash(), scopes };
    let mut entry = Table::new();
    entry.insert("sha256", Item::Value(Value::from(key.sha256.to_string())));
    entry.insert("scopes", Item::Value(Value::from(words)));
    change(file, |mut keys, document| {
        let word = name.to_string();
        keys.insert(name, key).map_err(Failure::usage)?;
        let tokens = document.entry("tokens").or_insert_with(|| {
            let mut tokens = Table::new();
            tokens.set_implicit(true);
            Item::Table(tokens)
        });
        // It is one, or the keys would not have been read.
        if let Some(tokens) = tokens.as_table_like_mut() {
            tokens.insert(&word, Item::Table(entry));
        }
        Ok(())
    })
}

fn remove(file: &Path, name: &TokenName) -> Result<(), Failure> {
    change(file, |_, document| {
        let tokens = document.get_mut("tokens").and_then(Item::as_table_like_mut);
        let removed = tokens.and_then(|tokens| tokens.remove(name.as_str()));
        removed
            .map(drop)
            .ok_or_else(|| Failure::usage(format!("{}: there is no token `{name}`", file.display())))
    })
}

/// Changes the file, whole or not at all, while nobody else does.
fn change(
    file: &Path,
    edit: impl FnOnce(Keys, &mut DocumentMut) -> Result<(), Failure>,
) -> Result<(), Failure> {
    // Where a link leads to, there the file is replaced, and there is its turn.
    let file = &file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let _turn = turn(file)?;
    let text = match read_text(file) {
        Err(KeysError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(Failure::usage)?,
    };
    let keys = Keys::parse(&text, file).map_err(Failure::usage)?;
    let mut document: DocumentMut = text.parse().map_err(Failure::system)?;
    edit(keys, &mut document)?;
    let text = document.to_string();
    // What is written is what a host will read.
    Keys::parse(&text, file).map_err(Failure::system)?;
    write_private(file, text.as_bytes())
}

/// A turn with the file, until it is dropped: a lock of its folder, since the file itself is replaced.
fn turn(file: &Path) -> Result<File, Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cannot = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", folder.display()));
    let turn = File::open(folder).map_err(|error| cannot(&error))?;
    match turn.try_lock() {
        Ok(()) => Ok(turn),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(Failure::usage(format!("{} is being changed by another command", file.display())))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &Path) -> Vec<String> {
        read_keys(file).unwrap().iter().map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn what_people_wrote_beside_the_tokens_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        let new = |name: &str| add(&file, name.parse().unwrap(), &Token::random(), vec![Scope::Read]);
        new("ci").unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("# ours\n{text}")).unwrap();
        new("dashboard").unwrap();
        assert_eq!(names(&file), ["ci", "dashboard"]);
        assert!(new("ci").is_err(), "the name is taken");
        remove(&file, &"dashboard".parse().unwrap()).unwrap();
        assert!(remove(&file, &"dashboard".parse().unwrap()).is_err(), "it has gone");
        assert_eq!(names(&file), ["ci"]);
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("# ours\n"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_file_of_tokens_in_one_line_is_changed_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        let hash = Token::random().hash();
        std::fs::write(&file, format!("tokens = {{ a = {{ sha256 = \"{hash}\", scopes = [\"send\"] }} }}"))
            .unwrap();
        add(&file, "b".parse().unwrap(), &Token::random(), Scope::ALL.into()).unwrap();
        assert_eq!(names(&file), ["a", "b"]);
    }

    #[test]
    fn who_comes_second_is_told_so_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        let held = turn(&file).unwrap();
        assert!(add(&file, "a".parse().unwrap(), &Token::random(), Scope::ALL.into()).is_err());
        assert!(!file.exists());
        drop(held);
        add(&file, "a".parse().unwrap(), &Token::random(), Scope::ALL.into()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.toml");
        add(&file, "a".parse().unwrap(), &Token::random(), Scope::ALL.into()).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
