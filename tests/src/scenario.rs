//! The scenarios in `tests/scenarios`: what an actor of any language is asked, and what must come back.

mod run;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

pub use run::{Cast, run};

/// What an actor is asked, and what must come back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name of its folder.
    #[serde(skip)]
    pub name: String,
    /// What it shows, in one sentence.
    pub about: String,
    /// Only for actors whose handlers overlap.
    #[serde(default)]
    pub overlapping: bool,
    /// What the actor is started with.
    #[serde(default)]
    pub config: Option<Value>,
    /// With whom the actor talks.
    #[serde(default)]
    pub peer: Peer,
    /// One after the other.
    pub steps: Vec<Step>,
}

/// Whether there is a second actor, called `peer`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// There is none.
    #[default]
    None,
    /// The scenario is run with one of each language.
    Each,
}

/// One message, and what comes of it. Of `ask`, `tell`, `stream`, `raw` and `describes` there is one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The method to ask.
    pub ask: Option<String>,
    /// The method to tell.
    pub tell: Option<String>,
    /// The method to read a stream of.
    pub stream: Option<String>,
    /// The method to ask with arguments that need not be JSON: the text in `bytes`.
    pub raw: Option<String>,
    /// Every method that the actor says it has, with its kind.
    pub describes: Option<BTreeMap<String, String>>,
    /// The first lines of the documentation of some methods.
    #[serde(default)]
    pub docs: BTreeMap<String, String>,
    /// Parts of the schemas of some methods: `args`, `answer` and `item`. What is null must not be there.
    #[serde(default)]
    pub schemas: BTreeMap<String, BTreeMap<String, Value>>,
    /// What `raw` sends: a text, which may be written short as in `args`.
    #[serde(default)]
    pub bytes: Value,
    /// By position or by name. `{"$repeat": [value, times]}` stands for a long text or list.
    #[serde(default)]
    pub args: Value,
    /// What goes along with an ask.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// How many of it are sent at once.
    pub at_once: Option<usize>,
    /// For how long the answer is waited for.
    pub timeout_ms: Option<u64>,
    /// The number of the last item that the reader has.
    pub resume_after: Option<u64>,
    /// How many items are read before the reader goes away.
    pub take: Option<usize>,
    /// The answer, or all items; where it is left out, any will do.
    #[serde(default, deserialize_with = "some")]
    pub gives: Option<Value>,
    /// How many items come, where they are not listed.
    pub count: Option<usize>,
    /// Fields of the error. `message_has` is a part of its message.
    pub fails: Option<BTreeMap<String, Value>>,
    /// How long the answer takes at least.
    #[serde(default)]
    pub at_least_ms: u64,
    /// Asked again until it comes out as wanted.
    #[serde(default)]
    pub eventually: bool,
}

/// What a language cannot do, and how it fails.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cannot {
    /// Which language.
    pub language: String,
    /// Only its guest of this name, where others can; all, where it is left out.
    pub guest: Option<String>,
    /// Which scenario.
    pub scenario: String,
    /// Why, for people.
    pub reason: String,
    /// Where the cause is known.
    pub upstream: Option<String>,
    /// What comes instead.
    pub steps: Vec<Step>,
}

/// Every value that is there, `null` too.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// All scenarios, by name.
///
/// # Errors
///
/// Where one cannot be read, or is not as described here.
pub fn all() -> Result<Vec<Scenario>> {
    let folder = folder();
    let mut scenarios = Vec::new();
    for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            let mut scenario: Scenario = read(&path.join("scenario.json"))?;
            scenario.name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            ensure!(!scenario.steps.is_empty(), "scenario `{}` has no steps", scenario.name);
            check(&scenario.steps).with_context(|| format!("scenario `{}`", scenario.name))?;
            scenarios.push(scenario);
        }
    }
    scenarios.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(scenarios)
}

/// What languages cannot do.
///
/// # Errors
///
/// Where the table cannot be read.
pub fn cannot() -> Result<Vec<Cannot>> {
    let cannot: Vec<Cannot> = read(&folder().join("cannot.json"))?;
    for one in &cannot {
        check(&one.steps).with_context(|| format!("what {} cannot: `{}`", one.language, one.scenario))?;
    }
    Ok(cannot)
}

/// Whether each step sends one message, and wants what can come of it.
fn check(steps: &[Step]) -> Result<()> {
    for step in steps {
        let verbs = [&step.ask, &step.tell, &step.stream, &step.raw].into_iter().flatten().count();
        let messages = verbs + usize::from(step.describes.is_some());
        ensure!(messages == 1, "a step has one message: {step:?}");
        let is_answered = step.gives.is_some() || step.fails.is_some();
        ensure!(step.tell.is_none() || !is_answered, "nothing comes of a tell: {step:?}");
        ensure!(step.context.is_empty() || step.ask.is_some(), "a context goes along with an ask: {step:?}");
        let describes = step.describes.is_some() || (step.docs.is_empty() && step.schemas.is_empty());
        ensure!(describes, "nothing is described: {step:?}");
        ensure!(step.at_once != Some(0), "a step that is never taken: {step:?}");
    }
    Ok(())
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// The value that is meant: `{"$repeat": [value, times]}` stands for a text or a list that is long.
#[must_use]
pub fn expanded(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match fields.get("$repeat").and_then(Value::as_array).map(Vec::as_slice) {
            Some([what, times]) => repeated(what, times.as_u64().unwrap_or_default()),
            _fields => fields.iter().map(|(name, value)| (name.clone(), expanded(value))).collect(),
        },
        Value::Array(values) => values.iter().map(expanded).collect(),
        plain => plain.clone(),
    }
}

fn repeated(what: &Value, times: u64) -> Value {
    let times = usize::try_from(times).unwrap_or_default();
    match what {
        Value::String(text) => text.repeat(times).into(),
        Value::Array(values) => values.iter().cycle().take(values.len() * times).cloned().collect(),
        other => vec![other.clone(); times].into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_values_are_written_short() {
        assert_eq!(expanded(&json!([{"$repeat": ["ab", 2]}, 1])), json!(["abab", 1]));
        assert_eq!(expanded(&json!({"a": {"$repeat": [[1, 2], 2]}})), json!({"a": [1, 2, 1, 2]}));
    }

    #[test]
    fn every_scenario_reads_and_every_exception_names_one() {
        let names: Vec<_> = all().unwrap().into_iter().map(|scenario| scenario.name).collect();
        assert!(!names.is_empty());
        for cannot in cannot().unwrap() {
            assert!(names.contains(&cannot.scenario), "no scenario is called `{}`", cannot.scenario);
            assert!(!cannot.steps.is_empty(), "{}: nothing shows how it fails", cannot.scenario);
        }
    }
}
