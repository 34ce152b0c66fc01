//! A host under misuse of every kind at once, chosen by a seed: what it does to whom, and whether all is as promised.
//!
//! | checked | how |
//! |---|---|
//! | each ask is answered once and in its time | every wait has a bound, and asks and answers are counted |
//! | healthy actors answer what they should | a model of each: `model` |
//! | clients of the gateway get their answers, whatever others do there | one that counts beside those of `clients` |
//! | each end of a life is told once | a watch on every actor: `watching` |
//! | nothing of a life is left | linear memory, messages and items kept, after all actors have stopped |
//! | nothing of a host is left | tasks, threads, descriptors and resident memory, after each round: `footprint` |
//! | the host does not panic | a hook counts panics, and ends of lives tell of faults of the host |
//!
//! A run is several rounds, each with a host of its own that goes on with the plan of the seed. The first one fills
//! what allocators keep for good, and the memory of the others is compared with it. A process runs this and nothing else: what
//! it holds is counted.

mod acts;
mod clients;
mod fault;
mod footprint;
mod model;
mod plan;
mod report;
mod round;
mod send;
mod tally;
mod watching;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use footprint::Footprint;
pub use footprint::LARGE_PIECES;
use plan::Plan;
pub use report::Report;
use tally::Tally;

/// How long a round lasts at most: what a ledger notes fits one answer.
const ROUND_MAX_SECS: u32 = 60;
const ROUNDS_MIN: u32 = 2;
/// Two, as on a small machine: what loops has fewer of them than there are actors.
const WORKER_THREADS: usize = 2;
/// Why asking an actor for its state does not fail.
const REACHED: &str = "an actor of this process can be reached";

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Parser)]
#[command(name = "chaos")]
pub struct Options {
    /// Where chance begins.
    #[arg(long)]
    pub seed: u64,
    /// For how long things are done to actors, all rounds together.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub secs: u32,
}

impl Options {
    /// How many rounds there are, and how long each lasts.
    fn rounds(self) -> (u32, Duration) {
        let rounds = self.secs.div_ceil(ROUND_MAX_SECS).max(ROUNDS_MIN);
        (rounds, Duration::from_secs(self.secs.into()) / rounds)
    }
}

/// Runs it, in a process of its own.
///
/// # Errors
///
/// Where it cannot be run: the guests were not built, or this is not Linux. What is wrong with the host is in the
/// report.
pub fn run(options: Options) -> Result<Report> {
    let panics = count_panics();
    // Threads that wait for work are gone before they are counted.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .thread_keep_alive(Duration::from_millis(100))
        .enable_all()
        .build()
        .context("the system gives no threads")?;
    let mut report = runtime.block_on(run_rounds(options))?;
    let panics = panics.load(Ordering::Relaxed);
    if panics > 0 {
        report.findings.push(format!("there were {panics} panics"));
    }
    Ok(report)
}

async fn run_rounds(options: Options) -> Result<Report> {
    let tally = Arc::new(Tally::default());
    let (rounds, length) = options.rounds();
    let mut plan = Plan::new(options.seed).peekable();
    world::compile_all().await?;
    let before = Footprint::at_rest().await?;
    let mut after = Vec::new();
    for number in 0..rounds {
        let (from, to) = (length * number, length * (number + 1));
        let steps = std::iter::from_fn(|| plan.next_if(|step| step.at < to));
        round::run(&tally, from, steps).await?;
        let now = Footprint::settled(&before).await?;
        let memory = after.first().and_then(|first| now.check_memory(first));
        let wrong = now.check(&before).into_iter().chain(memory);
        wrong.for_each(|wrong| tally.find(format!("after round {}: {wrong}", number + 1)));
        after.push(now);
        if !tally.findings().is_empty() {
            break;
        }
    }
    tally.check_answers();
    if tally.findings().is_empty() {
        tally.check_faults(&plan::faults_within(options.seed, length * rounds));
    }
    let (counts, findings) = (tally.counts().clone(), tally.findings());
    Ok(Report { options, counts, before, after, findings })
}

/// Counts panics from now on, and shows each as before.
fn count_panics() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, show) = (Arc::clone(&count), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        counted.fetch_add(1, Ordering::Relaxed);
        show(panic);
    }));
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_rounds_of_a_minute_at_most() {
        for (secs, rounds, length_ms) in [(5, 2, 2_500), (120, 2, 60_000), (121, 3, 40_333)] {
            let (count, length) = Options { seed: 1, secs }.rounds();
            assert_eq!((count, length.as_millis()), (rounds, length_ms), "{secs}");
        }
    }
}
