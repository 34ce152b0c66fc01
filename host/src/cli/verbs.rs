//! The verbs that speak to a running host.

use std::ops::ControlFlow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::client::{HostClient, with_timeout};
use super::event_stream::{Event, EventReader};
use super::failure::Failure;
use super::{HostArgs, arguments, output};
use crate::gateway::problem::Problem;
use crate::stream::NUMBER_MAX;

/// A message to an actor.
#[derive(Debug, Args)]
struct MessageArgs {
    /// The actor's name.
    actor: String,
    /// The method's name.
    method: String,
    /// The arguments: a JSON object by name or an array by position; @FILE or - for stdin.
    #[arg(value_name = "JSON")]
    arguments: Option<String>,
    /// Names the message, so that the actor can tell a repeated one.
    #[arg(long, value_name = "KEY", value_parser = arguments::idempotency_key)]
    idempotency_key: Option<String>,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, Args)]
pub(super) struct AskArgs {
    #[command(flatten)]
    message: MessageArgs,
    /// How long to wait for the answer, such as 5s; the actor's own ask timeout if not given.
    #[arg(long, value_name = "TIME", value_parser = arguments::timeout)]
    timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct TellArgs {
    #[command(flatten)]
    message: MessageArgs,
}

#[derive(Debug, Args)]
pub(super) struct StreamArgs {
    #[command(flatten)]
    message: MessageArgs,
    /// How long to wait for the stream to begin, such as 5s.
    #[arg(long, value_name = "TIME", value_parser = arguments::timeout)]
    timeout: Option<Duration>,
    /// Take the stream up again after the item with this number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=NUMBER_MAX))]
    resume_after: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct ActorArgs {
    /// The actor's name.
    actor: String,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    /// Tell them to the actor again, and take them out of the dead letters.
    #[arg(long)]
    requeue: bool,
    #[command(flatten)]
    of: ActorArgs,
}

#[derive(Debug, Args)]
pub(super) struct LsArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl MessageArgs {
    /// The request that carries this message.
    fn request(&self, client: &HostClient, pattern: &str) -> Result<reqwest::RequestBuilder, Failure> {
        let body = arguments::read(self.arguments.as_deref())?;
        let request = client.request(Method::POST, &[&self.actor, pattern, &self.method]).body(body);
        let request = request.header(CONTENT_TYPE, "application/json");
        Ok(match &self.idempotency_key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
    }
}

pub(super) async fn ask(args: AskArgs) -> Result<(), Failure> {
    let client = HostClient::new(&args.message.host)?;
    let request = with_timeout(args.message.request(&client, "ask")?, args.timeout);
    let response = client.send(request).await?;
    let is_json = response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind == "application/json");
    let body = response.bytes().await.map_err(|error| client.unreachable(&error))?;
    if is_json { output::answer(&body) } else { output::raw(&body) }
}

pub(super) async fn tell(args: TellArgs) -> Result<(), Failure> {
    let client = HostClient::new(&args.message.host)?;
    client.send(args.message.request(&client, "tell")?).await.map(drop)
}

pub(super) async fn stream(args: StreamArgs) -> Result<(), Failure> {
    let client = HostClient::new(&args.message.host)?;
    let mut request = args.message.request(&client, "stream")?;
    if let Some(timeout) = args.timeout {
        // For the beginning alone: the stream itself may last.
        request = request.header("Pulsing-Timeout-Ms", timeout.as_millis().to_string());
    }
    if let Some(number) = args.resume_after {
        request = request.header("Last-Event-ID", number);
    }
    let mut response = client.send(request).await?;
    let mut reader = EventReader::default();
    let mut last = args.resume_after.unwrap_or(0);
    while let Some(bytes) = response.chunk().await.map_err(|_error| broken(last))? {
        for event in reader.push(&bytes)? {
            last = event.id.unwrap_or(last);
            if print_event(event)?.is_break() {
                return Ok(());
            }
        }
    }
    Err(broken(last))
}

fn broken(last: u64) -> Failure {
    Failure::unreachable(format!(
        "the connection broke before the stream's end; take it up again with --resume-after {last}"
    ))
}

/// Prints an item; breaks at the stream's end.
fn print_event(event: Event) -> Result<ControlFlow<()>, Failure> {
    match event.name.as_str() {
        // A line is an item: line breaks in JSON stand between its tokens only.
        "" => output::answer(event.data.replace('\n', " ").as_bytes())?,
        "bytes" => match STANDARD.decode(&event.data) {
            Ok(bytes) => output::raw(&bytes)?,
            Err(_) => return Err(Failure::unreachable("the host sends bytes that are not in base64")),
        },
        "done" => return Ok(ControlFlow::Break(())),
        "error" => {
            return Err(match serde_json::from_str::<Problem>(&event.data) {
                Ok(problem) => problem.into_refusal().into(),
                Err(_) => Failure::unreachable("the host ends the stream with an error that cannot be read"),
            });
        }
        _of_a_later_version => {}
    }
    Ok(ControlFlow::Continue(()))
}

/// Sends a request that answers JSON.
async fn json(host: &HostArgs, method: Method, segments: &[&str]) -> Result<Value, Failure> {
    let client = HostClient::new(host)?;
    let response = client.send(client.request(method, segments)).await?;
    response.json().await.map_err(|error| client.unreachable(&error))
}

fn print_json(value: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::system)?;
    output::json(&text)
}

pub(super) async fn ls(args: LsArgs) -> Result<(), Failure> {
    let actors = json(&args.host, Method::GET, &[]).await?;
    if args.json {
        return print_json(&actors);
    }
    const HEAD: [&str; 9] =
        ["NAME", "STATE", "GENERATION", "LANE", "MAILBOX", "IN FLIGHT", "STREAMS", "MEMORY", "CPU"];
    let rows: Vec<_> = actors.as_array().into_iter().flatten().map(row).collect();
    output::table(&HEAD, &rows)
}

fn row(actor: &Value) -> Vec<String> {
    let text = |field: &str| match actor.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "?".to_owned(),
    };
    let memory = actor.get("memory_bytes").and_then(Value::as_u64).unwrap_or(0);
    let cpu = actor.get("cpu_seconds").and_then(Value::as_f64).unwrap_or(0.0);
    vec![
        text("name"),
        text("state"),
        text("generation"),
        text("lane"),
        text("mailbox_depth"),
        text("in_flight"),
        text("streams"),
        bytesize::ByteSize::b(memory).to_string(),
        format!("{cpu:.3} s"),
    ]
}

pub(super) async fn inspect(args: ActorArgs) -> Result<(), Failure> {
    print_json(&json(&args.host, Method::GET, &[&args.actor]).await?)
}

pub(super) async fn dead_letters(args: DeadLettersArgs) -> Result<(), Failure> {
    let DeadLettersArgs { requeue, of: ActorArgs { actor, host } } = args;
    let answer = if requeue {
        json(&host, Method::POST, &[&actor, "dead-letters", "requeue"]).await?
    } else {
        json(&host, Method::GET, &[&actor, "dead-letters"]).await?
    };
    print_json(&answer)
}

pub(super) async fn stop(args: ActorArgs) -> Result<(), Failure> {
    change(&args, "stop").await
}

pub(super) async fn restart(args: ActorArgs) -> Result<(), Failure> {
    change(&args, "restart").await
}

/// Tells an actor to change its state, waits for that, and prints the new one.
async fn change(args: &ActorArgs, verb: &str) -> Result<(), Failure> {
    let actor = json(&args.host, Method::POST, &[&args.actor, verb]).await?;
    let fields = ["name", "state", "generation"];
    let brief = fields.map(|field| (field.to_owned(), actor.get(field).cloned().unwrap_or_default()));
    output::json(&Value::Object(brief.into_iter().collect()).to_string())?;
    if let Some(notice) = actor.get("notice").and_then(Value::as_str) {
        output::notice(notice);
    }
    Ok(())
}
