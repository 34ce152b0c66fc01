//! What can be asked and told, whoever's actor it is, and how long that takes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use pulsing_host::{ActorRef, Message, Payload, SendOptions};
use tokio::task::JoinSet;

/// Something that answers.
pub(crate) trait Asked: Clone + Send + Sync + 'static {
    fn ask(&self) -> impl Future<Output = Result<()>> + Send;
}

/// Something that counts what it is told.
pub(crate) trait Told: Clone + Send + Sync + 'static {
    fn tell(&self) -> impl Future<Output = Result<()>> + Send;

    /// How often it was told something: answered after all that was told before.
    fn told(&self) -> impl Future<Output = Result<u64>> + Send;
}

/// An actor of the host, and what it is sent.
#[derive(Clone)]
pub(crate) struct Sandboxed {
    pub(crate) actor: ActorRef,
    pub(crate) method: &'static str,
    pub(crate) args: Payload,
}

impl Asked for Sandboxed {
    async fn ask(&self) -> Result<()> {
        let message = Message::new(self.method, self.args.clone());
        self.actor.ask_message(message, SendOptions::default()).await?;
        Ok(())
    }
}

impl Told for Sandboxed {
    async fn tell(&self) -> Result<()> {
        let message = Message::new(self.method, self.args.clone());
        self.actor.tell_message(message, SendOptions::default()).await?;
        Ok(())
    }

    async fn told(&self) -> Result<u64> {
        Ok(self.actor.ask::<u64>("told", &()).await?)
    }
}

/// An actor of the host that is asked with the calls that programs use, and answers a number.
#[derive(Clone)]
pub(crate) struct Counting {
    pub(crate) actor: ActorRef,
}

impl Asked for Counting {
    async fn ask(&self) -> Result<()> {
        self.actor.ask::<u64>("increment", &(1,)).await?;
        Ok(())
    }
}

/// Asks one after the other for so long. Answers the middle time, in nanoseconds.
pub(crate) async fn ask_p50(asked: impl Asked, time: Duration) -> Result<f64> {
    let mut took = Histogram::<u64>::new(3)?;
    let end = Instant::now() + time;
    let mut begun = Instant::now();
    while begun < end {
        asked.ask().await?;
        let now = Instant::now();
        took.record(u64::try_from((now - begun).as_nanos())?)?;
        begun = now;
    }
    Ok(f64::from(u32::try_from(took.value_at_quantile(0.5)).context("an ask took seconds")?))
}

/// Asks from so many callers at once for so long. Returns how many asks a second that makes.
pub(crate) async fn asks_per_sec(asked: impl Asked, callers: usize, time: Duration) -> Result<f64> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let asked = asked.clone();
        tasks.spawn(async move {
            let mut asks = 0_u32;
            while begun.elapsed() < time {
                asked.ask().await?;
                asks += 1;
            }
            anyhow::Ok(asks)
        });
    }
    let mut asks = 0;
    while let Some(task) = tasks.join_next().await {
        asks += task.context("a caller panicked")??;
    }
    Ok(f64::from(asks) / begun.elapsed().as_secs_f64())
}

/// Tells so often, and waits until all of it was handled. Returns how many a second that makes.
pub(crate) async fn tells_per_sec(told: impl Told, count: u32) -> Result<f64> {
    let before = told.told().await?;
    let begun = Instant::now();
    for _ in 0..count {
        told.tell().await?;
    }
    let after = told.told().await?;
    let took = begun.elapsed();
    ensure!(after - before == u64::from(count), "{} of {count} arrived", after - before);
    Ok(f64::from(count) / took.as_secs_f64())
}
