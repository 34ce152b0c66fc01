//! Real guests in a real host, and the real command line.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "these are tests, and clippy knows only functions marked as such"
)]

mod asks;
mod attacks;
mod bad_input;
mod chaos;
mod cli;
mod components;
mod contract;
mod corpora;
mod deadlines;
mod deadlocks;
mod desertion;
mod documents;
mod errors;
mod examples;
mod faults;
mod hoarding;
mod http;
mod isolation;
mod lanes;
mod leaving;
mod ledgers;
mod neighbours;
mod outgoing_http;
mod peers;
mod polyglot;
mod program;
mod projects;
mod properties;
mod readmes;
mod request_forms;
mod rows;
mod sabotage;
mod semantics;
mod servers;
mod services;
mod start_up;
mod stream_hops;
mod stream_load;
mod streams;

use std::time::Duration;

/// The longest that a test waits for what it knows will come: a busy machine may take minutes for what takes seconds
/// elsewhere, and what never comes is a failure all the same.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Waits for `work`, and fails the test if it does not come.
async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it comes in time")
}

/// Asks again and again until the answer is such as wanted.
async fn eventually<T, F: Future<Output = T>>(mut ask: impl FnMut() -> F, wanted: impl Fn(&T) -> bool) -> T {
    bounded(async {
        loop {
            let answer = ask().await;
            if wanted(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}
