//! Runs the steps of a scenario on an actor in a host of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use futures::future::try_join_all;
use pulsing_host::{ActorError, ActorRef, ActorSpec, CallError, Message, Payload, SendOptions};
use serde_json::{Map, Value, json};

use super::{Step, expanded};
use crate::{host, spawn, spec};

/// The longest that a step takes: a first life of a large guest may have to be compiled.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
const ACTOR: &str = "actor";
const PEER: &str = "peer";

/// Who plays in a scenario: the names of guests.
#[derive(Debug, Clone, Copy)]
pub struct Cast<'a> {
    /// The actor that is asked.
    pub actor: &'a str,
    /// The one that it talks with.
    pub peer: Option<&'a str>,
}

/// Runs `steps` on the actors of `cast`.
///
/// # Errors
///
/// What came instead of what was wanted, with the step that it was.
pub async fn run(cast: Cast<'_>, config: Option<&Value>, steps: &[Step]) -> Result<()> {
    let host = host()?;
    let outcome = async {
        let mut actor = cast_as(cast.actor, ACTOR)?;
        actor.grants.ask = vec![PEER.parse()?];
        if let Some(config) = config {
            actor.config = Payload::from_value(config)?;
        }
        if let Some(peer) = cast.peer {
            spawn(&host, cast_as(peer, PEER)?).await?;
        }
        let actor = spawn(&host, actor).await?;
        for (number, step) in steps.iter().enumerate() {
            let taken = tokio::time::timeout(PATIENCE, take(&actor, step)).await;
            let taken = taken.unwrap_or_else(|_late| bail!("it took longer than {PATIENCE:?}"));
            taken.with_context(|| format!("step {} ({})", number + 1, step.what()))?;
        }
        Ok(())
    };
    let outcome = outcome.await;
    host.shutdown().await;
    outcome
}

fn cast_as(guest: &str, name: &str) -> Result<ActorSpec> {
    let mut spec = spec(guest)?;
    spec.id = name.parse()?;
    Ok(spec)
}

impl Step {
    fn what(&self) -> String {
        let (verb, method) =
            [("ask", &self.ask), ("tell", &self.tell), ("stream", &self.stream), ("raw", &self.raw)]
                .into_iter()
                .find_map(|(verb, method)| Some((verb, method.as_deref()?)))
                .unwrap_or(("describes", ""));
        format!("{verb} {method}")
    }
}

async fn take(actor: &ActorRef, step: &Step) -> Result<()> {
    loop {
        let begun = Instant::now();
        let taken = try_join_all((0..step.at_once.unwrap_or(1)).map(|_| take_once(actor, step))).await;
        match taken {
            Err(_) if step.eventually => tokio::time::sleep(Duration::from_millis(10)).await,
            taken => {
                let (_all, took) = (taken?, begun.elapsed());
                let wanted = Duration::from_millis(step.at_least_ms);
                ensure!(took >= wanted, "it took {took:?}; wanted are {wanted:?} at least");
                return Ok(());
            }
        }
    }
}

async fn take_once(actor: &ActorRef, step: &Step) -> Result<()> {
    let args = expanded(&step.args);
    let timeout = step.timeout_ms.map_or(PATIENCE, Duration::from_millis);
    if let Some(method) = &step.ask {
        let mut request = actor.ask::<Value>(method, &args).timeout(timeout);
        for (name, value) in &step.context {
            request = request.context(name, value)?;
        }
        return compare(step, request.await);
    }
    if let Some(method) = &step.raw {
        let bytes = expanded(&step.bytes).as_str().context("`bytes` is no text")?.to_owned();
        let message = Message::new(method.as_str(), Payload::json(bytes.into_bytes()));
        let answer = actor.ask_message(message, SendOptions { timeout: Some(timeout), ..Default::default() });
        let answer = answer.await.map(|payload| payload.to_value::<Value>());
        return compare(step, answer.map(|value| value.unwrap_or_else(|error| json!(error.to_string()))));
    }
    if let Some(method) = &step.tell {
        return Ok(actor.tell(method, &args).await?);
    }
    if let Some(method) = &step.stream {
        return read(actor, method, &args, step).await;
    }
    let methods = step.describes.as_ref().context("a step without a message")?;
    describes(actor, methods, step).await
}

fn compare(step: &Step, answer: Result<Value, CallError>) -> Result<()> {
    match (answer, &step.fails) {
        (Ok(value), None) => same(&value, step.gives.as_ref()),
        (Err(error), Some(_)) => same_error(&error, step),
        (Ok(value), Some(fails)) => bail!("it answers {}; wanted is the error {fails:?}", short(&value)),
        (Err(error), None) => bail!("it fails with {}", fields(&error)),
    }
}

async fn read(actor: &ActorRef, method: &str, args: &Value, step: &Step) -> Result<()> {
    let mut request = actor.stream(method, args);
    if let Some(number) = step.resume_after {
        request = request.resume_after(number);
    }
    let mut items = Vec::new();
    let mut failed = None;
    match request.await {
        Err(error) => failed = Some(error),
        Ok(mut stream) => {
            while step.take.is_none_or(|take| items.len() < take) {
                match stream.next().await {
                    Some(Ok(item)) => items.push(item.payload.to_value::<Value>()?),
                    Some(Err(error)) => failed = Some(error),
                    None => break,
                }
            }
        }
    }
    match (&failed, &step.fails) {
        (Some(error), Some(_)) => same_error(error, step)?,
        (Some(error), None) => bail!("the stream fails with {} after {items:?}", fields(error)),
        (None, Some(fails)) => bail!("the stream ends; wanted is the error {fails:?}"),
        (None, None) => {}
    }
    let wanted = step.count.unwrap_or(items.len());
    ensure!(items.len() == wanted, "{} items; wanted are {wanted}", items.len());
    same(&items.into(), step.gives.as_ref())
}

fn same(value: &Value, wanted: Option<&Value>) -> Result<()> {
    let Some(wanted) = wanted.map(expanded) else { return Ok(()) };
    // A language with one kind of number may write 1 as 1.0.
    let is_same_number = value.as_f64().zip(wanted.as_f64()).is_some_and(|(one, other)| one == other);
    ensure!(*value == wanted || is_same_number, "it gives {}; wanted is {}", short(value), short(&wanted));
    Ok(())
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

fn same_error(error: &CallError, step: &Step) -> Result<()> {
    let shown = fields(error);
    for (name, wanted) in step.fails.iter().flatten() {
        let is_so = match name.strip_suffix("_has") {
            Some(name) => {
                let text = shown.get(name).and_then(Value::as_str).unwrap_or_default();
                text.contains(wanted.as_str().unwrap_or("\0"))
            }
            None => shown.get(name) == Some(wanted),
        };
        ensure!(is_so, "it fails with {shown}; wanted is the error {:?}", step.fails);
    }
    Ok(())
}

/// The error as JSON.
fn fields(error: &CallError) -> Value {
    let message = error.to_string();
    match error {
        CallError::Runtime(error) => {
            json!({"class": "runtime", "kind": error.kind.as_str(), "message": message})
        }
        CallError::Actor(ActorError::Business { code, message, details }) => {
            let details = details.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
            json!({"class": "business", "code": code, "message": message, "details": details})
        }
        CallError::Actor(ActorError::System { message, recoverable, .. }) => {
            json!({"class": "system", "message": message, "recoverable": recoverable})
        }
        CallError::Actor(ActorError::Timeout { operation, duration }) => {
            json!({"class": "timeout", "operation": operation, "duration_ms": u64::try_from(duration.as_millis()).ok()})
        }
        CallError::Actor(ActorError::Unsupported { operation, nearest }) => {
            json!({"class": "unsupported", "operation": operation, "nearest": nearest})
        }
        CallError::Actor(ActorError::Cancelled) => json!({"class": "cancelled"}),
    }
}

async fn describes(actor: &ActorRef, wanted: &BTreeMap<String, String>, step: &Step) -> Result<()> {
    let description = actor.snapshot().await?.description;
    let methods = &description.methods;
    let named: Map<_, _> =
        methods.iter().map(|method| (method.name.clone(), method.kind.as_str().into())).collect();
    same(&named.into(), Some(&json!(wanted)))?;
    for (name, wanted) in &step.docs {
        let method = methods.iter().find(|method| method.name == *name).context("it is described")?;
        let doc = method.doc.lines().next().unwrap_or_default();
        ensure!(doc == wanted, "`{name}` is described as {doc:?}");
    }
    for (name, wanted) in &step.schemas {
        let method = methods.iter().find(|method| method.name == *name).context("it is described")?;
        for (member, wanted) in wanted {
            let text = match member.as_str() {
                "args" => &method.args_schema,
                "answer" => &method.answer_schema,
                "item" => &method.item_schema,
                other => bail!("no member of a method is called `{other}`"),
            };
            let schema = text.as_deref().map(serde_json::from_str).transpose()?.unwrap_or(Value::Null);
            ensure!(has(&schema, wanted), "`{member}` of `{name}` is {}; wanted is {wanted}", short(&schema));
        }
    }
    Ok(())
}

/// Whether what is wanted is in a value, which may have more members.
fn has(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(members), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| members.get(name).is_some_and(|member| has(member, wanted)))
        }
        (value, wanted) => value == wanted,
    }
}
