//! What the host keeps for an actor beside its memory.

use bytesize::ByteSize;
use futures::StreamExt;
use serde_json::{Value, json};

use super::native::{Setup, settle};
use crate::grants::Caller;
use crate::limits::Limits;
use crate::wire::{ActorError, CallError, RuntimeErrorKind};

/// Limits for messages that are small beside `max`, which there is room for at least.
fn kept(max: ByteSize) -> Limits {
    Limits { kept_max: max, message_max: ByteSize::b(max.as_u64() / 2), ..Limits::default() }
}

#[tokio::test(start_paused = true)]
async fn an_actor_keeps_no_more_bytes_of_messages_than_its_limit() {
    let fixture = Setup { limits: kept(ByteSize::kib(100)), ..Setup::default() }.spawn();
    let sleeper = fixture.ask_in_background("sleep", json!(3_600_000));
    settle().await;
    let text = "x".repeat(30 << 10);
    for _ in 0..3 {
        fixture.actor.tell("log", &text).await.unwrap();
    }
    let refused = fixture.actor.tell("log", &text).await.unwrap_err();
    assert_eq!(refused.kind, RuntimeErrorKind::MailboxFull);
    let refused = fixture.ask("echo", json!(text)).await.unwrap_err();
    assert!(refused.is_retryable(), "{refused:?}");
    // What was handled makes room.
    sleeper.abort();
    settle().await;
    assert_eq!(fixture.ask("echo", json!(text)).await, Ok(json!(text)));
}

#[tokio::test(start_paused = true)]
async fn a_sender_of_large_messages_leaves_bytes_to_others() {
    let fixture = Setup { limits: kept(ByteSize::kib(100)), ..Setup::default() }.spawn();
    let sleeper = fixture.ask_in_background("sleep", json!(3_600_000));
    settle().await;
    let [loud, quiet] = ["loud", "quiet"].map(|name| fixture.actor.on_behalf_of(Caller::Client(name.into())));
    let text = "x".repeat(5 << 10);
    let refused = loop {
        if let Err(refused) = loud.tell("log", &text).await {
            break refused;
        }
    };
    assert_eq!(refused.kind, RuntimeErrorKind::MailboxFull);
    let accepted = fixture.actor.snapshot().await.unwrap().mailbox_depth;
    assert!((10..19).contains(&accepted), "{accepted} of nineteen that fit");
    for _ in 0..2 {
        quiet.tell("log", &text).await.unwrap();
    }
    sleeper.abort();
    settle().await;
    assert_eq!(fixture.ask("echo", json!(1)).await, Ok(json!(1)));
    assert_eq!(fixture.journal.of("log").len(), accepted + 2);
    loud.tell("log", &text).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_over_the_bytes_that_may_wait_is_ended_and_the_others_go_on() {
    // Room for the items of three streams that nobody reads, half of a buffer each and one, and for no fourth.
    let limits = Limits { message_max: ByteSize::b(64), ..kept(ByteSize::b(64 + 4096)) };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(fixture.actor.stream("count", &1000).await.unwrap());
        // Until all that may wait does, and without a moment in which one has waited for longer than another.
        for _ in 0..32 {
            settle().await;
        }
    }
    let mut fourth = streams.pop().unwrap();
    // A few fit, as draws begin with one.
    let items: Vec<_> = fourth.by_ref().collect().await;
    assert!(items.len() < 17, "{items:?}");
    let error = items.into_iter().next_back().unwrap().unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::System { recoverable: true, .. })), "{error:?}");
    // A reader that takes all gets more at once than the two others leave.
    drop(streams.pop());
    let read = streams.remove(0).take(1000).filter(|item| std::future::ready(item.is_ok())).count().await;
    assert_eq!(read, 1000);
    // What was read, and what is given up, makes room.
    drop(streams);
    settle().await;
    let again = fixture.actor.stream("count", &1000).await.unwrap();
    assert_eq!(again.filter(|item| std::future::ready(item.is_ok())).count().await, 1000);
    assert_eq!(fixture.ask("echo", json!(1)).await, Ok::<Value, CallError>(json!(1)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_gives_way_to_one_that_is_read() {
    let limits = Limits { message_max: ByteSize::b(64), ..kept(ByteSize::b(2 * 32 * (64 + 4))) };
    let fixture = Setup { limits, ..Setup::default() }.spawn();
    let mut unread = Vec::new();
    for _ in 0..2 {
        unread.push(fixture.actor.stream("count", &1000).await.unwrap());
        settle().await;
    }
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let read = fixture.actor.stream("count", &1000).await.unwrap();
    assert_eq!(read.filter(|item| std::future::ready(item.is_ok())).count().await, 1000);
    // One of the two was broken off, and says so; its producer was told.
    let mut ends = Vec::new();
    for mut stream in unread {
        ends.push(stream.next().await.unwrap().is_err());
    }
    ends.sort_unstable();
    assert_eq!(ends, [false, true]);
    settle().await;
    assert_eq!(fixture.actor.snapshot().await.unwrap().streams, 0);
}
