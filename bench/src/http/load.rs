//! Load on a server: by wrk, and where that is missing by a client of our own.
//!
//! wrk takes little of the two cores that server and client share. Our own client takes several times as much, so its
//! figures are not to be put beside those of wrk; they are for machines that cannot have it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

/// Who makes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Wrk,
    Own,
}

impl Client {
    /// wrk, where it is installed.
    pub(crate) fn find() -> Self {
        match Command::new("wrk").arg("--version").output() {
            Ok(_) => Self::Wrk,
            Err(_) => Self::Own,
        }
    }

    /// What is put behind the name of the work, so that figures of both are told apart.
    pub(crate) const fn note(self) -> &'static str {
        match self {
            Self::Wrk => "",
            Self::Own => ", without wrk",
        }
    }
}

/// What is asked for, by how many connections at once, for how long.
#[derive(Debug)]
pub(crate) struct Load {
    client: Client,
    connections: u32,
    time: Duration,
    body: &'static str,
    /// Tells wrk to send the body.
    script: PathBuf,
}

impl Load {
    /// Writes into `folder` what wrk has to be told in a file.
    pub(crate) fn new(
        client: Client,
        connections: u32,
        secs: u64,
        body: &'static str,
        folder: &Path,
    ) -> Result<Self> {
        let script = folder.join("post.lua");
        std::fs::create_dir_all(folder)?;
        std::fs::write(&script, format!("wrk.method = 'POST'\nwrk.body = '{body}'\n"))?;
        Ok(Self { client, connections, time: Duration::from_secs(secs), body, script })
    }

    pub(crate) const fn client(&self) -> Client {
        self.client
    }

    /// How many requests with the body are answered in a second.
    pub(crate) fn posts_per_sec(&self, url: &str) -> Result<f64> {
        match self.client {
            Client::Wrk => requests_per_sec(self.wrk().arg("--script").arg(&self.script).arg(url)),
            Client::Own => self.own(url, Some(self.body)),
        }
    }

    /// The same without a body.
    pub(crate) fn gets_per_sec(&self, url: &str) -> Result<f64> {
        match self.client {
            Client::Wrk => requests_per_sec(self.wrk().arg(url)),
            Client::Own => self.own(url, None),
        }
    }

    fn wrk(&self) -> Command {
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", "1", "--connections", &self.connections.to_string()]);
        wrk.args(["--duration", &format!("{}s", self.time.as_secs())]);
        wrk
    }

    /// One thread makes all requests, as wrk's does.
    fn own(&self, url: &str, body: Option<&'static str>) -> Result<f64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build()?;
            let begun = Instant::now();
            let mut connections = JoinSet::new();
            for _ in 0..self.connections {
                let request = match body {
                    Some(body) => client.post(url).body(body),
                    None => client.get(url),
                };
                connections.spawn(answered(request, begun, self.time));
            }
            let mut requests = 0;
            while let Some(answered) = connections.join_next().await {
                requests += answered.context("a client panicked")??;
            }
            Ok(f64::from(requests) / begun.elapsed().as_secs_f64())
        })
    }
}

/// Sends the request again and again until the time is over. Returns how often.
async fn answered(request: reqwest::RequestBuilder, begun: Instant, time: Duration) -> Result<u32> {
    let mut requests = 0;
    while begun.elapsed() < time {
        let request = request.try_clone().context("a request that cannot be sent twice")?;
        request.send().await?.error_for_status()?.bytes().await?;
        requests += 1;
    }
    Ok(requests)
}

/// What wrk counts.
fn requests_per_sec(wrk: &mut Command) -> Result<f64> {
    let output = wrk.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && !text.contains("Non-2xx"), "wrk says: {text}");
    let rate = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.context("wrk says no rate")?.trim().parse().context("wrk says no number")
}
