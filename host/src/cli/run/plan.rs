//! What is to be run, made of the command line and the configuration file, and checked before anything starts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{ActorOptions, ByName, RunArgs};
use crate::cli::arguments;
use crate::cli::failure::Failure;
use crate::config::{ActorConfig, HostConfig};
use crate::engine::ComponentSource;
use crate::gateway::Options;
use crate::gateway::tls::{TlsFiles, TlsOfFiles};
use crate::gateway::token_files::{KeyringOfFiles, TokenFiles};
use crate::grants::check_variable;
use crate::host::ActorSpec;
use crate::id::ActorName;
use crate::limits::HostLimits;
use crate::wire::Payload;

/// Where a host listens if nobody says: where its clients look if nobody says.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7433);

/// What is to be run.
pub(super) struct Plan {
    pub(super) gateway: Options,
    pub(super) tokens: Option<KeyringOfFiles>,
    pub(super) tls: Option<TlsOfFiles>,
    pub(super) limits: HostLimits,
    /// What was read for this: no actor may write there.
    pub(super) files: Vec<PathBuf>,
    pub(super) actors: Vec<ActorSpec>,
}

impl Plan {
    /// Reads and checks everything but the components.
    ///
    /// # Errors
    ///
    /// What is wrong, with the file, flag or line that it is wrong in.
    pub(super) fn new(args: RunArgs) -> Result<Self, Failure> {
        let mut files = Files::default();
        let config = args.config.as_deref().map(|file| HostConfig::read(files.noted(file)));
        let config = config.transpose().map_err(Failure::usage)?;
        let config = config.unwrap_or_default();
        let token_file = args.token_file.or(config.token_file);
        let tokens = TokenFiles { tokens: args.tokens.or(config.tokens), token_file };
        let (certificate, key) = (args.tls_cert.or(config.tls_cert), args.tls_key.or(config.tls_key));
        for file in [&tokens.tokens, &tokens.token_file, &certificate, &key].into_iter().flatten() {
            files.noted(file);
        }
        let tokens = tokens.open().map_err(Failure::usage)?;
        let tls = tls(certificate, key)?;
        let listen = args.listen.or(config.listen).unwrap_or(LISTEN_DEFAULT);
        let mut gateway = Options {
            tokens: tokens.as_ref().map(KeyringOfFiles::keyring),
            tls: tls.as_ref().map(TlsOfFiles::tls),
            ..Options::new(listen)
        };
        gateway.origins.extend(config.origins.into_iter().chain(args.origins));
        gateway.connections_max =
            args.connections_max.or(config.connections_max).unwrap_or(gateway.connections_max);
        gateway.memory_max = args.http_memory_max.or(config.http_memory_max).unwrap_or(gateway.memory_max);
        let mut actors = ByName::new();
        for (name, actor) in config.actors {
            add(&mut actors, actor.component.clone(), configured(name, actor)?)?;
        }
        if args.name.is_some() && args.components.len() != 1 {
            return Err(Failure::usage("--name names one actor: give one component with it"));
        }
        let payload = args.actors.actor_config.as_deref();
        payload.and_then(arguments::file).map(|file| files.noted(file));
        let payload = payload.map(arguments::read_any).transpose()?;
        let payload = payload.map_or_else(Payload::none, Payload::json);
        for component in args.components {
            let source = ComponentSource::File(component.clone());
            source.check_is_here()?;
            let name = actor_name(args.name.as_deref(), &component)?;
            let spec = ActorSpec::new(name, source);
            let spec = args.actors.apply(ActorSpec { config: payload.clone(), ..spec });
            add(&mut actors, component, spec)?;
        }
        let actors = actors.into_values().map(|(_, spec)| spec).collect::<Vec<_>>();
        actors.iter().try_for_each(check_dirs)?;
        let limits = args.compiler.apply(HostLimits {
            memory_max: args.host_memory_max.or(config.limits.memory_max),
            actors: args.actors_max.or(config.limits.actors),
            open_files: args.host_open_files.or(config.limits.open_files),
            ..config.limits
        });
        Ok(Self { gateway, tokens, tls, limits, files: files.0, actors })
    }
}

/// The files that a host is told to read, beside components, each noted where it is read.
#[derive(Default)]
struct Files(Vec<PathBuf>);

impl Files {
    fn noted<'a>(&mut self, file: &'a Path) -> &'a Path {
        self.0.push(file.to_owned());
        file
    }
}

/// The certificate and its key, where both are given.
fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<TlsOfFiles>, Failure> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            TlsFiles { certificate, key }.open().map(Some).map_err(Failure::usage)
        }
        (Some(_), None) => Err(Failure::usage(
            "--tls-cert needs --tls-key, the private key of the certificate; in a file, `tls_cert` needs `tls_key`",
        )),
        (None, Some(_)) => Err(Failure::usage(
            "--tls-key needs --tls-cert, the certificate of the key; in a file, `tls_key` needs `tls_cert`",
        )),
    }
}

fn add(actors: &mut ByName, component: PathBuf, spec: ActorSpec) -> Result<(), Failure> {
    if let Some((other, _)) = actors.get(&spec.id) {
        return Err(Failure::usage(format!(
            "{} and {} would both be called `{}`; name one of them in a configuration file, or run it alone with --name",
            other.display(),
            component.display(),
            spec.id
        )));
    }
    actors.insert(spec.id.clone(), (component, spec));
    Ok(())
}

/// The name that was given, or the file's without its ending.
fn actor_name(given: Option<&str>, component: &Path) -> Result<ActorName, Failure> {
    let stem = || component.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = given.map_or_else(stem, str::to_owned);
    ActorName::new(&name).map_err(|error| match given {
        Some(_) => Failure::usage(error),
        None => Failure::usage(format!("{}: {error}; name it with --name", component.display())),
    })
}

fn configured(name: ActorName, actor: ActorConfig) -> Result<ActorSpec, Failure> {
    let config = match &actor.config {
        None => Payload::none(),
        Some(config) => Payload::from_value(config).map_err(|error| {
            Failure::usage(format!("the configuration of `{name}` has no JSON form: {error}"))
        })?,
    };
    Ok(ActorSpec {
        id: name.into(),
        component: ComponentSource::File(actor.component),
        config,
        limits: actor.limits,
        restart: actor.restart,
        grants: actor.grants,
    })
}

impl ActorOptions {
    fn apply(&self, mut spec: ActorSpec) -> ActorSpec {
        spec.restart.policy = self.restart.unwrap_or(spec.restart.policy);
        spec.restart.max_restarts = self.max_restarts.unwrap_or(spec.restart.max_restarts);
        spec.limits.ask_timeout = self.ask_timeout.unwrap_or(spec.limits.ask_timeout);
        spec.limits.memory_max = self.memory_max.unwrap_or(spec.limits.memory_max);
        spec.limits.open_files = self.open_files.unwrap_or(spec.limits.open_files);
        spec.limits.disk_max = self.disk_max.unwrap_or(spec.limits.disk_max);
        spec.limits.reply_cache = self.reply_cache.unwrap_or(spec.limits.reply_cache);
        spec.grants.dirs.extend(self.dirs.iter().cloned());
        spec.grants.env.extend(self.env.iter().cloned());
        spec.grants.ask.extend(self.ask.iter().cloned());
        spec.grants.http.extend(self.http.iter().cloned());
        spec.grants.from.0.extend(self.from.iter().cloned());
        spec
    }
}

/// Before anything is loaded, which may take long.
fn check_dirs(spec: &ActorSpec) -> Result<(), Failure> {
    match spec.grants.dirs.iter().find(|dir| !dir.host.is_dir()) {
        None => Ok(()),
        Some(dir) => Err(Failure::usage(format!(
            "`{}` is granted {}, which is no folder here",
            spec.id,
            dir.host.display()
        ))),
    }
}

/// Takes `NAME=VALUE` apart.
pub(super) fn environment_variable(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if check_variable(name, value).is_ok() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("is given as NAME=VALUE"),
    }
}
