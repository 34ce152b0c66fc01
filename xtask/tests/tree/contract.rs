//! The contract only grows: what was in it when its version was settled is in it word for word, and users read what a host
//! does not do yet wherever they read of it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::files;

/// The contract as it was settled.
const COPY: &str = "tests/fixtures/wit-0.2";
/// The contract as it is.
const CURRENT: &str = "wit";

/// An interface or a world, by its kind and name: its items, such as a function or a type, without white space and comments.
type Definitions = BTreeMap<String, Vec<String>>;

/// The words and signs of a text in WIT, without comments.
fn tokens(wit: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let (mut chars, mut joins) = (wit.chars().peekable(), false);
    while let Some(char) = chars.next() {
        match char {
            '/' if chars.peek() == Some(&'/') => {
                joins = false;
                chars.by_ref().find(|char| *char == '\n');
            }
            '/' if chars.peek() == Some(&'*') => {
                joins = false;
                pass_over_block(&mut chars);
            }
            '-' if chars.next_if_eq(&'>').is_some() => {
                joins = false;
                tokens.push("->".to_owned());
            }
            _ if char.is_whitespace() => joins = false,
            _ if is_of_word(char) => match tokens.last_mut().filter(|_| joins) {
                Some(word) => word.push(char),
                None => {
                    tokens.push(char.to_string());
                    joins = true;
                }
            },
            _ => {
                tokens.push(char.to_string());
                joins = false;
            }
        }
    }
    tokens
}

/// Passes over a comment of several lines, in which others may be, from its `*` on.
fn pass_over_block(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let (mut depth, mut before) = (1_usize, ' ');
    chars.next();
    for char in chars {
        match (before, char) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                before = char;
                continue;
            }
        }
        before = ' ';
        if depth == 0 {
            return;
        }
    }
}

/// Of a name, a number or a version.
fn is_of_word(char: char) -> bool {
    char.is_alphanumeric() || "-%@.".contains(char)
}

/// What a text in WIT defines at its outermost level. An item ends with its `;`, or with the brace that closes it.
fn definitions(wit: &str) -> Definitions {
    let mut found = Definitions::new();
    let (mut depth, mut head, mut item, mut items) = (0_usize, Vec::new(), Vec::new(), Vec::new());
    for token in tokens(wit) {
        depth = match token.as_str() {
            "{" => depth + 1,
            "}" => depth.saturating_sub(1),
            _ => depth,
        };
        match (depth, token.as_str()) {
            (0, "}") => {
                let head = std::mem::take(&mut head);
                found.insert(head.join(" "), std::mem::take(&mut items));
            }
            // Such as the package.
            (0, ";") => drop(found.insert(std::mem::take(&mut head).join(" "), Vec::new())),
            (0, _) => head.push(token),
            // The brace that opens the definition, and a `;` after one that closes an item.
            (1, "{" | ";") if item.is_empty() => {}
            (1, ";" | "}") => {
                item.push(token);
                items.push(std::mem::take(&mut item).join(" "));
            }
            _ => item.push(token),
        }
    }
    found
}

/// What of the settled contract is not in the current one, or other than it was. Only new definitions are let through: an
/// item that an interface gains is one that older hosts lack, in an interface that they say they have.
fn breaks(settled: &Definitions, current: &Definitions) -> Vec<String> {
    let mut found = Vec::new();
    for (name, settled) in settled {
        let Some(current) = current.get(name) else {
            found.push(format!("`{name}` is gone"));
            continue;
        };
        let lacking = |from: &[String], items: &[String]| -> Vec<String> {
            items.iter().filter(|item| !from.contains(item)).cloned().collect()
        };
        let gone = lacking(current, settled);
        let new = lacking(settled, current);
        found.extend(gone.iter().map(|item| format!("`{name}` has no longer `{item}`")));
        found.extend(new.iter().map(|item| format!("`{name}` has a new `{item}`")));
        if gone.is_empty() && new.is_empty() && settled != current {
            found.push(format!("`{name}` has another order, or an item twice"));
        }
    }
    found
}

/// All definitions of the files of a folder.
fn of_folder(folder: &Path) -> Result<Definitions> {
    let mut found = Definitions::new();
    for path in
        files::all(folder)?.iter().filter(|path| path.extension().is_some_and(|ending| ending == "wit"))
    {
        for (name, items) in definitions(&files::read(path)?) {
            ensure!(found.insert(name.clone(), items).is_none(), "{}: `{name}` comes twice", path.display());
        }
    }
    Ok(found)
}

#[test]
fn the_contract_has_all_that_it_had_when_it_was_settled() -> Result<()> {
    let root = files::root()?;
    let settled = of_folder(&root.join(COPY))?;
    let interfaces = settled.keys().filter(|name| name.starts_with("interface ")).count();
    let worlds = settled.keys().filter(|name| name.starts_with("world ")).count();
    let functions = settled.values().flatten().filter(|item| item.contains("func (")).count();
    ensure!((interfaces, worlds, functions) == (10, 3, 71), "{COPY}: {interfaces}, {worlds}, {functions}");
    let found = breaks(&settled, &of_folder(&root.join(CURRENT))?);
    ensure!(
        found.is_empty(),
        "{CURRENT}: components of this version would not run any more; add an interface or a world instead:\n{}",
        found.join("\n")
    );
    Ok(())
}

const SETTLED: &str = "package a:b@0.2.0;
/// Doc; with { signs }.
interface one {
  use two.{word, number};
  /// Does.
  run: func(n: u32) -> result<_, string>;
  record pair { left: u32, right: option<list<u8>> }
  enum kind { a, /* not { this */ b }
}
world all { import one; export two; }
";

#[test]
fn what_is_removed_changed_or_added_within_is_a_break() {
    let breaks = |from: &str, to: &str| {
        assert!(SETTLED.contains(from), "{from}");
        breaks(&definitions(SETTLED), &definitions(&SETTLED.replace(from, to)))
    };
    let none = Vec::<String>::new();
    // Another text, and the same contract.
    assert_eq!(breaks("/// Does.\n", "// Does;\n"), none);
    assert_eq!(breaks("{ a, /* not { this */ b }", "{\n    a,\n    /// B.\n    b\n  }"), none);
    // Additions of their own.
    assert_eq!(breaks("world all", "interface more { stop: func(); }\nworld all"), none);
    assert_eq!(breaks("world all", "world fewer { import one; }\nworld all"), none);
    for (from, to, found) in [
        ("world all { import one; export two; }", "", "`world all` is gone"),
        ("interface one", "interface uno", "`interface one` is gone"),
        ("a:b@0.2.0", "a:b@0.2.1", "`package a : b@0.2.0` is gone"),
        (" import one;", "", "`world all` has no longer `import one ;`"),
        ("n: u32", "n: u64", "has no longer `run : func ( n : u32 ) -> result < _ , string > ;`"),
        ("right: option<list<u8>>", "right: list<u8>", "has no longer `record pair {"),
        ("b }", "b, c }", "`interface one` has a new `enum kind { a , b , c }`"),
        ("/// Does.\n", "stop: func();\n", "`interface one` has a new `stop : func ( ) ;`"),
        ("use two.{word, number};", "use two.{word};", "has no longer `use two. { word , number }`"),
        ("import one; export two;", "export two; import one;", "another order"),
    ] {
        let broken = breaks(from, to).join("\n");
        assert!(broken.contains(found), "{from} -> {to}: {broken}");
    }
}

/// Where users read how an actor says that it wants to be restarted.
const TELL_OF_THE_WISH: [&str; 9] = [
    "wit/describe.md",
    "guest-sdk/src/lib.rs",
    "guest-sdk/c/pulsing.h",
    "guest-sdk/c/README.md",
    "guest-sdk/python/README.md",
    "guest-sdk/javascript/README.md",
    "guest-sdk/javascript/index.d.ts",
    "docs/cli.md",
    "docs/http.md",
];

#[test]
fn whoever_reads_how_an_actor_wants_to_be_restarted_reads_that_it_is_not_applied_yet() -> Result<()> {
    let root = files::root()?;
    for file in TELL_OF_THE_WISH {
        let text = files::read(&root.join(file))?;
        let words: Vec<_> =
            text.split_whitespace().filter(|word| !["//!", "///", "*"].contains(word)).collect();
        ensure!(
            words.join(" ").to_lowercase().contains("this host shows it and does not apply it yet"),
            "{file}"
        );
    }
    Ok(())
}
