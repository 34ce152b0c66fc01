//! Every language does what the scenarios ask, or fails as documented.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use pulsing_tests::languages::is_left_out;
use pulsing_tests::scenario::{Cannot, Cast, Peer, Scenario, all, cannot, run};

/// Each language with its guests, those whose handlers overlap first.
const LANGUAGES: [(&str, &[Guest]); 4] = [
    ("rust", &[Guest::overlapping("polyglot-rust"), Guest::serial("polyglot-rust-serial")]),
    ("python", &[Guest::overlapping("polyglot-python"), Guest::serial("polyglot-python-serial")]),
    ("javascript", &[Guest::overlapping("polyglot-javascript"), Guest::serial("polyglot-javascript-serial")]),
    ("c", &[Guest::serial("polyglot-c")]),
];

#[derive(Clone, Copy)]
struct Guest {
    name: &'static str,
    overlaps: bool,
}

impl Guest {
    const fn overlapping(name: &'static str) -> Self {
        Self { name, overlaps: true }
    }

    const fn serial(name: &'static str) -> Self {
        Self { name, overlaps: false }
    }
}

/// Runs a scenario on every guest of a language that it is for. What it says: `ok`, `cannot`, or what went wrong.
async fn cell(
    scenario: &Scenario,
    language: &str,
    guests: &[Guest],
    cannot: &[Cannot],
) -> Result<&'static str, String> {
    let mut verdict = None;
    for guest in guests {
        let exception = cannot.iter().find(|cannot| {
            let is_guest = cannot.guest.as_deref().is_none_or(|name| name == guest.name);
            cannot.scenario == scenario.name && cannot.language == language && is_guest
        });
        if scenario.overlapping && !guest.overlaps && exception.is_none() {
            continue;
        }
        let steps = exception.map_or(&scenario.steps, |cannot| &cannot.steps);
        for peer in peers(scenario) {
            let cast = Cast { actor: guest.name, peer };
            let with = peer.map_or_else(String::new, |peer| format!(" with {peer}"));
            let ran = run(cast, scenario.config.as_ref(), steps).await;
            ran.map_err(|error| format!("{}{with}: {error:#}", guest.name))?;
            if exception.is_some() && run(cast, scenario.config.as_ref(), &scenario.steps).await.is_ok() {
                return Err(format!("{}{with} can, and `cannot.json` says otherwise", guest.name));
            }
        }
        verdict = if exception.is_some() { Some("cannot") } else { verdict.or(Some("ok")) };
    }
    verdict.ok_or_else(|| "no guest can, and nothing says so".to_owned())
}

/// The guests that the actor talks with, one after the other.
fn peers(scenario: &Scenario) -> Vec<Option<&'static str>> {
    match scenario.peer {
        Peer::None => vec![None],
        Peer::Each => {
            let taken = LANGUAGES.iter().filter(|(language, _)| !is_left_out(language));
            taken.flat_map(|(_, guests)| guests.iter()).map(|guest| Some(guest.name)).collect()
        }
    }
}

type Verdicts = BTreeMap<(String, &'static str), Result<&'static str, String>>;

fn matrix(scenarios: &[Scenario], verdicts: &Verdicts, cannot: &[Cannot]) -> String {
    let mut text = format!("\n{:18}", "scenario");
    for (language, _) in LANGUAGES {
        let _infallible = write!(text, " {language:10}");
    }
    text.push('\n');
    for scenario in scenarios {
        let _infallible = write!(text, "{:18}", scenario.name);
        for (language, _) in LANGUAGES {
            let word = match &verdicts[&(scenario.name.clone(), language)] {
                Ok(word) => word,
                Err(_) => "FAILED",
            };
            let _infallible = write!(text, " {word:10}");
        }
        text.push('\n');
    }
    for Cannot { language, guest, scenario, reason, upstream, .. } in cannot {
        let who = guest.as_deref().unwrap_or(language);
        let upstream = upstream.as_ref().map_or_else(String::new, |upstream| format!(" ({upstream})"));
        let _infallible = writeln!(text, "cannot: {who}, {scenario}: {reason}{upstream}");
    }
    for ((scenario, language), verdict) in verdicts {
        if let Err(error) = verdict {
            let _infallible = writeln!(text, "FAILED: {language}, {scenario}: {error}");
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_language_does_what_the_scenarios_ask_or_fails_as_documented() {
    let (scenarios, cannot) = (all().unwrap(), cannot().unwrap());
    for Cannot { language, guest, .. } in &cannot {
        let guests = LANGUAGES.iter().find(|(name, _)| name == language).map(|(_, guests)| guests);
        let guests = guests.unwrap_or_else(|| panic!("`cannot.json` names no language: `{language}`"));
        let is_named = guest.as_ref().is_none_or(|name| guests.iter().any(|guest| guest.name == name));
        assert!(is_named, "`cannot.json` names no guest of {language}: {guest:?}");
    }
    let mut verdicts = Verdicts::new();
    for scenario in &scenarios {
        for (language, guests) in LANGUAGES {
            let verdict = match is_left_out(language) {
                true => Ok("left out"),
                false => cell(scenario, language, guests, &cannot).await,
            };
            verdicts.insert((scenario.name.clone(), language), verdict);
        }
    }
    // Not by a macro: the harness would keep it to itself.
    std::io::stdout().write_all(matrix(&scenarios, &verdicts, &cannot).as_bytes()).unwrap();
    assert!(verdicts.values().all(Result::is_ok), "see the matrix");
}
