//! Asks from actor to actor that would wait for themselves, and asks that are tried again.

use std::time::Duration;

use pulsing_host::{ActorError, ActorRef, CallError, Host, Limits};
use pulsing_tests::{host, spawn, spec};

use crate::bounded;

const NAMES: [&str; 3] = ["a", "b", "o"];

/// An actor that may send messages to all of [`NAMES`].
async fn actor(host: &Host, name: &str, guest: &str, limits: Limits) -> ActorRef {
    let mut spec = spec(guest).unwrap();
    spec.id = name.parse().unwrap();
    spec.grants.ask = NAMES.map(|name| name.parse().unwrap()).to_vec();
    spec.limits = limits;
    spawn(host, spec).await.unwrap()
}

async fn ask_along(actor: &ActorRef, way: &[&str]) -> Result<u64, CallError> {
    bounded(actor.ask("ask_along", &(way,)).into_future()).await
}

/// What a guest says that was told of a deadlock.
fn deadlock(way: &str) -> Result<u64, CallError> {
    let message = format!("the call would wait for itself: {way}");
    Err(ActorError::System { message, recoverable: false, restart: false }.into())
}

#[tokio::test]
async fn a_guest_s_ask_that_would_wait_for_itself_fails_and_names_the_cycle() {
    let host = host().unwrap();
    let patient = || Limits { ask_timeout: Duration::from_secs(3600), ..Limits::default() };
    let a = actor(&host, "a", "rogue", patient()).await;
    let _b = actor(&host, "b", "rogue", patient()).await;
    let o = actor(&host, "o", "waiter", patient()).await;
    assert_eq!(ask_along(&a, &["a"]).await, deadlock("`a` → `a`"));
    assert_eq!(ask_along(&a, &["b", "a"]).await, deadlock("`a` → `b` → `a`"));
    assert_eq!(ask_along(&a, &["o", "b", "o", "a"]).await, deadlock("`a` → `o` → `b` → `o` → `a`"));
    assert_eq!(ask_along(&o, &["a", "o", "b", "o"]).await, Ok(4));
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_that_fills_its_own_mailbox_is_told_so() {
    let host = host().unwrap();
    let a = actor(&host, "a", "rogue", Limits::default()).await;
    let flood = bounded(a.ask::<()>("flood", &("a", 193)).timeout(Duration::from_secs(3600)).into_future());
    let error = flood.await.unwrap_err();
    assert_eq!(error.to_string(), "the call would wait for itself: `a` → `a`");
    // Those that had room are handled: three quarters of what a mailbox holds.
    assert_eq!(bounded(a.ask::<u64>("count", &()).into_future()).await.unwrap(), 193);
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_s_retry_keeps_its_key_and_another_ask_has_another() {
    let host = host().unwrap();
    let _a = actor(&host, "a", "rogue", Limits::default()).await;
    for (name, guest) in [("b", "rogue"), ("o", "waiter")] {
        let asking = actor(&host, name, guest, Limits::default()).await;
        for _ in 0..2 {
            let tries = bounded(asking.ask::<u64>("insist_on", &("a", 2)).into_future()).await;
            assert_eq!(tries, Ok(3));
        }
        let error = bounded(asking.ask::<u64>("insist_on", &("a", 3)).into_future()).await.unwrap_err();
        assert_eq!(error, ActorError::system("not yet").into());
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_guest_s_key_reaches_the_reply_cache_of_the_actor_it_asks() {
    let host = host().unwrap();
    let _a = actor(&host, "a", "rogue", Limits { reply_cache: 10, ..Limits::default() }).await;
    let o = actor(&host, "o", "waiter", Limits::default()).await;
    // An error that another try may better is not kept, an answer is.
    assert!(bounded(o.ask::<u64>("try_of", &("a", 1, "k")).into_future()).await.unwrap_err().is_retryable());
    for _ in 0..2 {
        assert_eq!(bounded(o.ask::<u64>("try_of", &("a", 1, "k")).into_future()).await, Ok(2));
    }
    host.shutdown().await;
}
