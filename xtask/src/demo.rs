//! Shows the host at work: asks, a stream, a tell, and a crash with its restart, each as a user would type it.
//!
//! Every outcome is checked, so the demo fails, naming the command, where the host does not do what it promises.
//! Bounds: the host's start and stop, each command, and the wait for the restart. A failure or Ctrl-C ends the
//! host that the demo started, and no other process.

pub(crate) mod host;
mod shell;

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use crate::build;
use crate::process;
use crate::tree::Tree;
use host::RunningHost;
use shell::{Reply, Shell};

/// The host's exit code for a business error: the request was wrong (docs/semantics.md, errors).
const EXIT_BUSINESS: i32 = 1;
/// The host's exit code for a system error: the handler failed.
const EXIT_SYSTEM: i32 = 3;
/// The host's exit code for its own refusals, of which "restarting" is one.
const EXIT_RUNTIME: i32 = 7;

/// The first restart comes after 100 ms; the rest is for a busy machine.
const RESTART_BOUND: Duration = Duration::from_secs(30);
const RESTART_PAUSE: Duration = Duration::from_millis(200);

const ACTORS: [&str; 2] = ["counter", "mixed"];

/// Builds everything, then runs the script against a host of its own.
///
/// # Errors
///
/// When something does not build or start, or an outcome is not the promised one.
pub(crate) fn run(tree: &Tree) -> Result<()> {
    build::build(tree)?;
    title("A host with two actors");
    let host = RunningHost::start(tree, &tree.host_binary(), &ACTORS)?;
    let shell = Shell::new(tree, host.url());
    asks(&shell)?;
    patterns(&shell)?;
    crash(&shell)?;
    http(&shell)?;
    title("SIGTERM ends the host in good order");
    host.stop()?;
    println!("\nThe demo is over; all outcomes were as promised.");
    Ok(())
}

fn title(title: &str) {
    println!("\n==> {title}");
}

fn asks(shell: &Shell) -> Result<()> {
    title("What runs there");
    let listing = shell.host("ls", &[])?.exits(0)?;
    for actor in ACTORS {
        listing.mentions(actor)?;
    }
    title("Asks: one message, one answer, in order");
    shell.host("ask", &["counter", "increment", r#"{"n":5}"#])?.answers(&json!(5))?;
    shell.host("ask", &["counter", "increment"])?.answers(&json!(6))?;
    shell.host("ask", &["counter", "get_average"])?.answers(&json!(5.5))
}

fn patterns(shell: &Shell) -> Result<()> {
    title("An ask whose handler waits, while others go on");
    let rows = shell.host("ask", &["mixed", "fetch_from_db", r#"{"query":"colour = red"}"#])?.exits(0)?;
    ensure!(
        rows.json()?.as_array().is_some_and(|rows| rows.len() == 3),
        "{}: expected three rows",
        rows.typed()
    );
    title("A business error: back to its caller, and nothing else happens");
    shell.host("ask", &["mixed", "fetch_from_db", r#"{"query":""}"#])?.exits(EXIT_BUSINESS)?;
    title("A stream: items as they are made");
    let records = r#"{"dataset_id":"demo","records":3,"delay_ms":100}"#;
    let stream = shell.host("stream", &["mixed", "process_large_dataset", records])?.exits(0)?;
    ensure!(stream.lines() == 3, "{}: expected three items, one a line", stream.typed());
    title("A tell: no answer, only that it is in the mailbox");
    shell.host("tell", &["mixed", "log", r#"{"entry":{"level":"info","message":"told"}}"#])?.exits(0)?;
    shell.host("ask", &["mixed", "get_stats"])?.answers(&json!({"processed": 3, "logged": 1}))
}

fn crash(shell: &Shell) -> Result<()> {
    title("A crash: a system error for its caller, a new life for the actor");
    shell.host("ask", &["counter", "crash"])?.exits(EXIT_SYSTEM)?;
    let answered = process::until("counter's next life", RESTART_BOUND, RESTART_PAUSE, || next_life(shell))?;
    answered.answers(&json!(5))?;
    let counter = shell.host("inspect", &["counter"])?.exits(0)?;
    let state = counter.json()?;
    let generation = state.get("generation").unwrap_or(&Value::Null);
    ensure!(*generation == json!(1), "{}: expected generation 1, it is {generation}", counter.typed());
    Ok(())
}

/// One ask; `None` while the host says that the actor is not back yet.
fn next_life(shell: &Shell) -> Result<Option<Reply>> {
    let reply = shell.host("ask", &["counter", "increment", r#"{"n":5}"#])?;
    match reply.code() {
        Some(0) => Ok(Some(reply)),
        Some(EXIT_SYSTEM | EXIT_RUNTIME) => Ok(None),
        _ => bail!("{}: neither an answer nor an error that a restart explains", reply.typed()),
    }
}

fn http(shell: &Shell) -> Result<()> {
    title("The same over HTTP");
    match shell.curl("/v1/actors/counter/ask/increment", r#"{"n":5}"#)? {
        Some(reply) => reply.answers(&json!(10)),
        None => {
            println!("(left out: there is no curl on this machine)");
            Ok(())
        }
    }
}
