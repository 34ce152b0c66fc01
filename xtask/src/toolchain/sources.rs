//! Reads apt's own lists of sources, to learn which mirror this machine gets its release from.
//!
//! Both forms: one line per source (`.list`) and paragraphs (`.sources`, deb822). Only what is needed to ask the
//! same mirror for another suite is kept; see sources.list(5).

use std::fmt::Write;

/// One `deb` entry of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) uris: Vec<String>,
    pub(super) suites: Vec<String>,
    pub(super) components: Vec<String>,
    /// A key file, a fingerprint or a whole key, as it stands in the list.
    pub(super) signed_by: Option<String>,
    /// The administrator's word that this mirror needs no signature (or may never do without).
    pub(super) trusted: Option<String>,
}

impl Source {
    /// Whether this is where the release's own packages come from, not its updates or a vendor's.
    pub(super) fn serves_main_of(&self, codename: &str) -> bool {
        let has = |list: &[String], word: &str| list.iter().any(|entry| entry == word);
        has(&self.suites, codename) && has(&self.components, "main") && self.mirror().is_some()
    }

    /// The first address that packages can be fetched from.
    fn mirror(&self) -> Option<&str> {
        self.uris.iter().map(String::as_str).find(|uri| !uri.starts_with("cdrom:"))
    }

    /// A list of its own, in deb822, for one suite of the same mirror; `keyring` where the entry names no key.
    pub(super) fn list_for(&self, suite: &str, keyring: Option<&str>) -> String {
        let mirror = self.mirror().unwrap_or_default();
        let mut list =
            format!("Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nTargets: Packages\n");
        let fields =
            [("Signed-By", self.signed_by.as_deref().or(keyring)), ("Trusted", self.trusted.as_deref())];
        for (field, value) in fields {
            if let Some(value) = value {
                // Writing to a String cannot fail.
                let _ = writeln!(list, "{field}: {value}");
            }
        }
        list
    }
}

/// The entries of a `.list`: `deb [option=value …] URI SUITE COMPONENT…`, one a line.
pub(super) fn one_line(text: &str) -> Vec<Source> {
    text.lines().filter_map(one_line_entry).collect()
}

fn one_line_entry(line: &str) -> Option<Source> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb")?.strip_prefix(char::is_whitespace)?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => ("", rest),
    };
    let option = |name: &str| {
        let mut pairs = options.split_whitespace().filter_map(|option| option.split_once('='));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.replace(',', " "))
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: option("signed-by"),
        trusted: option("trusted"),
    })
}

/// The enabled entries of a `.sources`: paragraphs of `Field: value`, where an indented line goes on with the value.
pub(super) fn deb822(text: &str) -> Vec<Source> {
    paragraphs(text).iter().filter_map(deb822_entry).collect()
}

type Fields = Vec<(String, String)>;

fn paragraphs(text: &str) -> Vec<Fields> {
    let mut paragraphs = vec![Fields::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(fields) = paragraphs.last_mut() else { break };
        if line.trim().is_empty() {
            paragraphs.push(Fields::new());
        } else if line.starts_with(char::is_whitespace) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
    }
    paragraphs
}

fn deb822_entry(fields: &Fields) -> Option<Source> {
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    let words = |name: &str| -> Vec<String> {
        field(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let disabled =
        field("enabled").is_some_and(|value| matches!(value.to_lowercase().as_str(), "no" | "false"));
    if disabled || !words("types").iter().any(|kind| kind == "deb") {
        return None;
    }
    Some(Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by"),
        trusted: field("trusted"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

    fn main_of_bookworm(sources: &[Source]) -> Option<&Source> {
        sources.iter().find(|source| source.serves_main_of("bookworm"))
    }

    #[test]
    fn a_paragraph_list_gives_the_mirror_of_the_release() {
        let sources = deb822(
            "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n\
             \n\
             # A comment\nTypes: deb deb-src\n# another, inside\nURIs: http://mirror.example/debian\n\
             Suites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /keys/debian.gpg\n",
        );
        let source = main_of_bookworm(&sources).unwrap();
        assert_eq!(source.uris, ["http://mirror.example/debian"]);
        assert_eq!(source.signed_by.as_deref(), Some("/keys/debian.gpg"));
        assert!(!sources.iter().any(|source| source.serves_main_of("trixie")));
    }

    #[test]
    fn disabled_and_source_only_paragraphs_do_not_count() {
        let rest = "URIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n";
        assert!(deb822(&format!("Types: deb\nEnabled: no\n{rest}")).is_empty());
        assert!(deb822(&format!("Types: deb-src\n{rest}")).is_empty());
        assert_eq!(deb822(&format!("Types: deb\nEnabled: yes\n{rest}")).len(), 1);
    }

    #[test]
    fn a_key_inside_a_paragraph_list_is_carried_over_whole() {
        let key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n -----END PGP PUBLIC KEY BLOCK-----";
        let text = format!(
            "Types: deb\nURIs:\n http://one.example/d\n http://two.example/d\nSuites: bookworm\nComponents: main\nSigned-By:{key}\n"
        );
        let sources = deb822(&text);
        let list = main_of_bookworm(&sources).unwrap().list_for("trixie", Some(KEYRING));
        assert!(list.contains("URIs: http://one.example/d\n"), "{list}");
        let again = deb822(&list);
        assert_eq!(again[0].signed_by, sources[0].signed_by);
        assert_eq!(again[0].suites, ["trixie"]);
    }

    #[test]
    fn a_one_line_list_gives_the_mirror_of_the_release() {
        let sources = one_line(
            "# deb http://off.example/debian bookworm main\n\
             deb-src http://mirror.example/debian bookworm main\n\
             deb cdrom:[Debian] bookworm main\n\
             deb http://mirror.example/debian bookworm-updates main\n\
             deb [arch=amd64 Signed-By=/a.gpg,/b.gpg trusted=yes] https://mirror.example/debian bookworm main # here\n",
        );
        let source = main_of_bookworm(&sources).unwrap();
        assert_eq!(source.uris, ["https://mirror.example/debian"]);
        assert_eq!(source.signed_by.as_deref(), Some("/a.gpg /b.gpg"));
        assert_eq!(source.trusted.as_deref(), Some("yes"));
    }

    #[test]
    fn a_list_without_a_key_gets_the_archives_keyring() {
        let sources = one_line("deb http://mirror.example/debian bookworm main non-free-firmware");
        let list = main_of_bookworm(&sources).unwrap().list_for("trixie", Some(KEYRING));
        assert_eq!(
            list,
            format!(
                "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n\
                 Targets: Packages\nSigned-By: {KEYRING}\n"
            )
        );
    }

    #[test]
    fn lines_that_are_no_entries_are_passed_over() {
        for line in ["", "deb", "debian http://x y main", "deb [arch=amd64 http://x y main", "deb http://x"] {
            assert_eq!(one_line(line), [], "{line}");
        }
    }
}
