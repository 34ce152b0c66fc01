//! `run`: a host with its gateway, from the command line and a configuration file.
//!
//! Says `listening URL`, `ready NAME …` and `failed NAME …` on stdout when they are true. Ends in good order at SIGTERM,
//! Ctrl-C or a closed terminal, and at once at a second of them.

mod open_files;
mod plan;
mod signals;
mod starting;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use tokio::sync::oneshot;

use self::plan::Plan;
use self::starting::WhenFailed;
use super::compiler::CompilerArgs;
use super::failure::Failure;
use super::{CacheArgs, log, output};
use crate::config::listen::listen;
use crate::engine::LoadError;
use crate::files::HostFile;
use crate::gateway::front::Front;
use crate::gateway::{BindError, Gateway};
use crate::grants::http::HttpGrant;
use crate::grants::{Caller, DirGrant, PageOrigin};
use crate::host::{ActorSpec, Host, HostBuilder, SpawnError};
use crate::id::ActorId;
use crate::limits::written::{some_size, some_time};
use crate::policy::RestartPolicy;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The files with the actors' components.
    #[arg(value_name = "ACTOR.wasm", required_unless_present = "config")]
    components: Vec<PathBuf>,
    /// The actor's name, where there is one actor; if not given, that of its file without the ending.
    #[arg(long)]
    name: Option<String>,
    /// Where to listen: ADDRESS:PORT, or PORT of 127.0.0.1; port 0 for a free one. [default: 127.0.0.1:7433]
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// A file with the hashes of the tokens that clients must show, each with its scopes: see `pulsing-host token`.
    #[arg(long, value_name = "FILE", env = "PULSING_TOKENS")]
    tokens: Option<PathBuf>,
    /// A file with one token, which has all scopes.
    #[arg(long, value_name = "FILE", env = "PULSING_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Encrypt connections (TLS), with the certificate in this file, PEM. Needs --tls-key.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Where pages in browsers come from that may use the host: SCHEME://HOST[:PORT].
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<PageOrigin>,
    /// How many requests are served at once. [default: 2048]
    #[arg(long, value_name = "N")]
    connections_max: Option<NonZeroUsize>,
    /// The most memory for what clients send and have not read yet, together. [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    http_memory_max: Option<ByteSize>,
    /// A configuration file: see docs/cli.md. What the command line says goes before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The most memory of all actors together. [default: three quarters of what there is]
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    host_memory_max: Option<ByteSize>,
    /// How many actors there may be. [default: 10000]
    #[arg(long, value_name = "N")]
    actors_max: Option<NonZeroUsize>,
    /// How many files and folders all actors have open at once. [default: half of what the process may have]
    #[arg(long, value_name = "N")]
    host_open_files: Option<NonZeroUsize>,
    #[command(flatten)]
    compiler: CompilerArgs,
    #[command(flatten)]
    actors: ActorOptions,
    /// End the host when the first actor fails to start, also where others run.
    #[arg(long)]
    fail_fast: bool,
    /// Take files of `pulsing-host compile`, too: machine code, which no sandbox holds.
    #[arg(long)]
    trust_compiled: bool,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    log: log::LogArgs,
}

/// What holds for every actor of the command line.
#[derive(Debug, Args)]
struct ActorOptions {
    /// After which ends an actor is started again: never, on_failure or always.
    #[arg(long, value_name = "POLICY")]
    restart: Option<RestartPolicy>,
    /// How many restarts there may be within a minute.
    #[arg(long, value_name = "N")]
    max_restarts: Option<u32>,
    /// How long an ask waits that names no timeout. [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    ask_timeout: Option<Duration>,
    /// The most memory of an actor. [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    memory_max: Option<ByteSize>,
    /// How many files and folders an actor has open at once. [default: 128]
    #[arg(long, value_name = "N")]
    open_files: Option<NonZeroUsize>,
    /// The most that an actor writes to its folders. [default: 16GiB]
    #[arg(long, value_name = "SIZE")]
    disk_max: Option<ByteSize>,
    /// How many answers are kept by idempotency key, for callers that repeat a call. [default: 0]
    #[arg(long, value_name = "N")]
    reply_cache: Option<usize>,
    /// A folder that the actors may use: HOST[::GUEST][:ro].
    #[arg(long = "dir", value_name = "DIR")]
    dirs: Vec<DirGrant>,
    /// An environment variable that the actors see.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = plan::environment_variable)]
    env: Vec<(String, String)>,
    /// An actor that the actors may send messages to.
    #[arg(long = "ask", value_name = "NAME")]
    ask: Vec<ActorId>,
    /// A host that the actors may reach over HTTP: [http://|https://]HOST[:PORT], *.NAME, or * for any.
    #[arg(long = "http", value_name = "HOST")]
    http: Vec<HttpGrant>,
    /// Who may send the actors messages, another actor or @http for clients; anybody, if this is not given.
    #[arg(long = "from", value_name = "NAME")]
    from: Vec<Caller>,
    /// What the actors' start is given: JSON, @FILE or - for stdin.
    #[arg(long, value_name = "JSON")]
    actor_config: Option<String>,
}

/// How long clients have to read their last answers, once all actors have ended.
const ANSWERS_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn run(args: RunArgs) -> Result<(), Failure> {
    let _log = args.log.install()?;
    open_files::raise();
    let (cache, trusts_compiled) = (args.cache.clone(), args.trust_compiled);
    let when_failed = if args.fail_fast { WhenFailed::End } else { WhenFailed::GoOn };
    let Plan { gateway, tokens, tls, limits, files, actors } = Plan::new(args)?;
    let mut signals = signals::Signals::listen().map_err(Failure::system)?;
    let builder = Host::builder().limits(limits).trust_compiled(trusts_compiled);
    let host = cache.host(files.into_iter().fold(builder, HostBuilder::reads))?;
    let gateway = Gateway::bind(gateway, Arc::clone(host.registry())).await;
    let gateway = gateway.map_err(|error| match error {
        BindError::NeedsToken { .. } => {
            Failure::usage(format!("{error}; `--tokens` and `--token-file` give some"))
        }
        BindError::Refused { .. } => Failure::usage(error),
    })?;
    let front = Front::new().and_then(|front| gateway.with_front(front));
    let gateway = front.map_err(|error| Failure::system(format!("cannot start: {error}")))?;
    let address = gateway.local_addr();
    if tls.is_none() && !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            "tokens and messages are not encrypted on their way here: see `--tls-cert`, or let a proxy do it"
        );
    }
    let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    // They end with the process.
    tokens.map(|tokens| tokio::spawn(tokens.follow()));
    tls.map(|tls| tokio::spawn(tls.follow()));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(gateway.serve(async {
        // Its other end is dropped only with this function.
        drop(stopped.await);
    }));
    let served = tokio::select! {
        served = serve(&host, &url, actors, when_failed) => served,
        () = signals.next() => Ok(()),
    };
    if served.is_ok() {
        tracing::info!("stopping; once more to end at once");
    }
    drop(stop);
    tokio::select! {
        () = host.shutdown() => {}
        () = signals.next() => signals::end_at_once(),
    }
    tokio::select! {
        // A task that is never aborted, and whose panic would have been the gateway's own affair.
        _ended = tokio::time::timeout(ANSWERS_TIMEOUT, serving) => {}
        () = signals.next() => signals::end_at_once(),
    }
    served
}

/// Starts the actors, says so, and goes on until it is dropped.
async fn serve(
    host: &Host,
    url: &str,
    specs: Vec<ActorSpec>,
    when_failed: WhenFailed,
) -> Result<(), Failure> {
    announce(&format!("listening {url}"));
    let (count, mut actors) = (specs.len(), Vec::new());
    for spec in specs {
        let id = spec.id.clone();
        match host.spawn(spec).await {
            Ok(actor) => actors.push(actor),
            // Its compiler met a limit or was ended, perhaps because the machine is busy: no reason to end the others.
            Err(SpawnError::Load(error @ LoadError::Uncompiled { .. }))
                if count > 1 && when_failed == WhenFailed::GoOn =>
            {
                starting::announce_failed(&id, &Failure::from(error).told());
            }
            Err(error) => return Err(unspawned(error)),
        }
    }
    starting::announce_all(actors, count, when_failed).await?;
    std::future::pending().await
}

fn unspawned(error: SpawnError) -> Failure {
    match error {
        SpawnError::Load(error) => error.into(),
        SpawnError::NameTaken { .. } => Failure::usage(error),
        SpawnError::TooMany { .. } => Failure::usage(format!("{error}; `--actors-max` sets that")),
        SpawnError::CacheGranted { .. } => {
            Failure::usage(format!("{error}; see `:ro` of `--dir`, and `--cache-dir`"))
        }
        // Not for reading either.
        SpawnError::HostFileGranted { what: HostFile::Processes, .. } => Failure::usage(error),
        SpawnError::HostFileGranted { .. } | SpawnError::GrantWithinGrant { .. } => {
            Failure::usage(format!("{error}; see `:ro` of `--dir`"))
        }
        SpawnError::FolderUnusable { .. } => Failure::usage(error),
    }
}

/// Says something on stdout. A host goes on when nobody listens to it any more.
fn announce(line: &str) {
    drop(output::line(line.as_bytes()));
}

/// Actors by name, each with where it comes from: for telling which two want one name.
type ByName = BTreeMap<ActorId, (PathBuf, ActorSpec)>;
