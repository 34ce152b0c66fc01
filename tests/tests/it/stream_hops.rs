//! A stream read through three actors: each draws on the next, and the last one makes the items.

use pulsing_host::{ActorError, ActorRef, CallError, StreamReader};
use pulsing_tests::host;
use serde_json::{Value, json};

use crate::ledgers::{BOTH, chain, count, count_becomes, drain, idle, items, read};

/// The default buffer of a stream.
const BUFFER: u64 = 32;

/// `count` of `c`, through `b`, as `a` relays it.
async fn relay(a: &ActorRef, args: Value, after: Option<u64>) -> StreamReader {
    crate::bounded(a.stream("relay", &(["b", "c"], "count", args, after)).into_future()).await.unwrap()
}

#[tokio::test]
async fn a_stream_over_three_hops_keeps_order_and_numbers() {
    for guest in BOTH {
        let host = host().unwrap();
        let [a, b, c] = chain(&host, guest).await;
        let mut stream = relay(&a, json!([1000, 0, null]), None).await;
        assert_eq!(read(&mut stream, 2000).await, items(1, 1000), "{guest}");
        for actor in [a, b, c] {
            idle(&actor).await;
            assert_eq!((count(&actor, "finished").await, count(&actor, "dropped").await), (1, 0), "{guest}");
        }
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_stream_over_three_hops_is_taken_up_again_at_either_end() {
    for guest in BOTH {
        let host = host().unwrap();
        let [a, _b, c] = chain(&host, guest).await;
        // Where it is made: the hops between count what they get from 1.
        let mut stream = relay(&a, json!([50, 0, null]), Some(40)).await;
        let values: Vec<_> = (1..).zip(41..=50).map(|(number, value)| (number, json!(value))).collect();
        assert_eq!(read(&mut stream, 99).await, values, "{guest}");
        // Where it is read: the numbers go on, and what the reader has is passed over.
        let args = (["b", "c"], "count", json!([50, 0, null]), None::<u64>);
        let mut stream = a.stream("relay", &args).resume_after(45).await.unwrap();
        assert_eq!(read(&mut stream, 99).await, items(46, 50), "{guest}");
        assert_eq!(count(&c, "finished").await, 2);
        host.shutdown().await;
    }
}

#[tokio::test]
async fn what_a_stream_sends_while_it_is_drawn_on_carries_the_context_of_its_call() {
    for guest in BOTH {
        let host = host().unwrap();
        let [a, _b, _c] = chain(&host, guest).await;
        let args = (["b", "c"], "context", json!([]), 3);
        let open = |value: &str| {
            crate::bounded(a.stream("asks", &args).context("traceparent", value).unwrap().into_future())
        };
        // Two that are open at once: each has its own.
        let (first, second) = (open("00-1").await.unwrap(), open("00-2").await.unwrap());
        for (mut stream, value) in [(first, "00-1"), (second, "00-2")] {
            let seen = json!({"traceparent": value});
            let expected: Vec<_> = (1..=3).map(|number| (number, seen.clone())).collect();
            assert_eq!(read(&mut stream, 99).await, expected, "{guest}");
        }
        host.shutdown().await;
    }
}

#[tokio::test]
async fn an_error_in_mid_stream_comes_over_three_hops_after_the_items_before_it() {
    for guest in BOTH {
        let host = host().unwrap();
        let [a, b, c] = chain(&host, guest).await;
        let (items, error) = drain(relay(&a, json!([75, 0, "business"]), None).await).await;
        let expected = ActorError::Business {
            code: 409,
            message: "already there".to_owned(),
            details: Some("[1,2]".to_owned()),
        };
        assert_eq!((items, error), (75, Some(CallError::Actor(expected))), "{guest}");
        for actor in [a, b, c] {
            idle(&actor).await;
            assert_eq!(actor.status().await.unwrap().generation.0, 0);
        }
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_reader_that_waits_holds_up_the_producer_three_hops_away() {
    for guest in BOTH {
        let host = host().unwrap();
        let [a, _b, c] = chain(&host, guest).await;
        let mut stream = relay(&a, json!([u32::MAX, 0, null]), None).await;
        assert_eq!(read(&mut stream, 1).await, items(1, 1));
        // Each hop holds its own buffer and one draw that it has yet to hand on; the last one only the buffer.
        let most = 1 + 3 * BUFFER + 2 * BUFFER;
        // 50 answers of the last actor leave each actor on the way its turns many times over.
        let mut made = 0;
        for _ in 0..50 {
            made = count(&c, "made").await;
            count(&a, "made").await;
            assert!(made <= most, "{guest}: {made} made where at most {most} fit");
        }
        assert!(made > BUFFER, "{guest}: and the hops are filled: {made}");
        drop(stream);
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_producers_of_all_three_hops() {
    for guest in BOTH {
        let host = host().unwrap();
        let [a, b, c] = chain(&host, guest).await;
        // In full flow, and while all three wait for an item that is an hour away.
        for (round, last) in [(1, u32::MAX), (2, 10)] {
            if guest == "ledger-serial" && round == 2 {
                // A serial actor that waits answers nobody, so that its counts cannot be asked for meanwhile.
                continue;
            }
            let mut stream = relay(&a, json!([last, 3_600_000, null]), None).await;
            assert_eq!(read(&mut stream, 10).await, items(1, 10));
            drop(stream);
            for actor in [&a, &b, &c] {
                count_becomes(actor, "dropped", round).await;
                idle(actor).await;
                assert_eq!(
                    (count(actor, "running").await, actor.status().await.unwrap().generation.0),
                    (0, 0),
                    "{guest}"
                );
            }
        }
        host.shutdown().await;
    }
}
