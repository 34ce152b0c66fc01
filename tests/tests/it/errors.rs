//! Every class of error, with its fields, on every path from guest to caller.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytesize::ByteSize;
use pulsing_host::{ActorError, CallError, Overflow, RestartPolicy};
use pulsing_tests::{guest_file, host, spawn};
use serde_json::{Value, json};

use crate::bounded;
use crate::ledgers::{BOTH, chain, drain, ledger};
use crate::program::{RunningHost, text};

struct Class {
    name: &'static str,
    error: ActorError,
    /// What another guest sees of it.
    seen: Value,
    /// What problem details say of it.
    problem: Value,
    exit_code: i32,
}

fn classes() -> Vec<Class> {
    let business = ActorError::Business {
        code: 409,
        message: "already there".to_owned(),
        details: Some("[1,2]".to_owned()),
    };
    let fatal = ActorError::System { message: "disk burnt".to_owned(), recoverable: false, restart: false };
    let timeout =
        ActorError::Timeout { operation: "reading".to_owned(), duration: Duration::from_millis(1500) };
    let unsupported = ActorError::Unsupported { operation: "teleport".to_owned(), nearest: None };
    let class = |name, error, seen, problem, exit_code| Class { name, error, seen, problem, exit_code };
    vec![
        class(
            "business",
            business,
            json!({"business": [409, "already there", "[1,2]"]}),
            json!({"kind": "business", "code": 409, "details": [1, 2]}),
            1,
        ),
        class(
            "system",
            ActorError::system("disk gone"),
            json!({"system": ["disk gone", true, false]}),
            json!({"kind": "system", "recoverable": true}),
            3,
        ),
        class(
            "fatal",
            fatal,
            json!({"system": ["disk burnt", false, false]}),
            json!({"kind": "system", "recoverable": false}),
            3,
        ),
        class("timeout", timeout, json!({"timeout": ["reading", 1500]}), json!({"kind": "timeout"}), 4),
        class(
            "unsupported",
            unsupported,
            json!({"unsupported": ["teleport", null]}),
            json!({"kind": "unsupported"}),
            5,
        ),
        class("cancelled", ActorError::Cancelled, json!("cancelled"), json!({"kind": "cancelled"}), 6),
    ]
}

#[tokio::test]
async fn every_class_survives_each_hop_from_guest_to_guest() {
    for guest in BOTH {
        let host = host().unwrap();
        let [a, b, c] = chain(&host, guest).await;
        for class in classes() {
            for path in [vec!["b"], vec!["b", "c"]] {
                let see = a.ask::<Value>("see", &(&path, "fail", [class.name])).into_future();
                assert_eq!(bounded(see).await.unwrap(), class.seen, "{guest} {path:?}");
                let forward = a.ask::<Value>("forward", &(&path, "fail", [class.name])).into_future();
                assert_eq!(bounded(forward).await, Err(class.error.clone().into()), "{guest} {path:?}");
            }
        }
        let unsupported = json!({"unsupported": ["cuont", "count"]});
        for path in [vec!["b"], vec!["b", "c"]] {
            let see = a.ask::<Value>("see", &(&path, "cuont", [(); 0])).into_future();
            assert_eq!(bounded(see).await.unwrap(), unsupported, "{guest}: the nearest goes along");
        }
        for actor in [a, b, c] {
            assert_eq!(actor.status().await.unwrap().generation.0, 0, "{guest}");
        }
        host.shutdown().await;
    }
}

#[tokio::test]
async fn every_class_survives_each_hop_in_mid_stream() {
    for guest in BOTH {
        let host = host().unwrap();
        let [a, _b, c] = chain(&host, guest).await;
        for class in classes() {
            let args = json!([3, 0, class.name]);
            let error = Some(CallError::Actor(class.error.clone()));
            let direct = c.stream("count", &args).await.unwrap();
            assert_eq!(drain(direct).await, (3, error.clone()), "{guest}");
            for path in [vec!["b"], vec!["b", "c"]] {
                let see = a.ask::<Value>("see_stream", &(&path, "count", &args)).into_future();
                assert_eq!(bounded(see).await.unwrap(), json!([3, class.seen]), "{guest} {path:?}");
                let relay = a.stream("relay", &(&path, "count", &args, None::<u64>)).await.unwrap();
                assert_eq!(drain(relay).await, (3, error.clone()), "{guest} {path:?}");
            }
        }
        host.shutdown().await;
    }
}

/// What the actor `a` of `guest` sees of an ask of `b`.
async fn seen(a: &pulsing_host::ActorRef, peer: &str, method: &str, args: Value) -> Value {
    bounded(a.ask::<Value>("see", &([peer], method, args)).into_future()).await.unwrap()
}

#[tokio::test]
async fn a_guest_is_told_which_way_the_host_failed_it() {
    for guest in BOTH {
        let host = host().unwrap();
        let a = spawn(&host, ledger(guest, "a", &["nobody", "stopped", "small", "full"])).await.unwrap();
        let stopped = spawn(&host, ledger(guest, "stopped", &[])).await.unwrap();
        bounded(stopped.stop()).await.unwrap();
        let mut small = ledger(guest, "small", &[]);
        small.limits.message_max = ByteSize::b(2000);
        spawn(&host, small).await.unwrap();
        let mut full = ledger(guest, "full", &[]);
        full.limits.mailbox_messages = const { NonZeroUsize::new(1).unwrap() };
        full.limits.max_in_flight = const { NonZeroUsize::new(1).unwrap() };
        full.limits.overflow = Overflow::Reject;
        full.restart.policy = RestartPolicy::Never;
        let full = spawn(&host, full).await.unwrap();
        // One runs, and one fills the mailbox.
        let running = tokio::spawn(full.ask::<Value>("nap", &(1, 1, 3_600_000)).into_future());
        crate::eventually(|| async { full.snapshot().await.unwrap().in_flight }, |running| *running == 1)
            .await;
        full.tell("scribble", &(1, 2)).await.unwrap();

        for (peer, method, args, kind, says) in [
            ("nobody", "notes", json!([]), "ActorNotFound", "no actor is called `nobody`"),
            ("ungranted", "notes", json!([]), "PermissionDenied", "may not send messages to `ungranted`"),
            ("stopped", "notes", json!([]), "ActorStopped", "`stopped` has stopped"),
            ("full", "notes", json!([]), "MailboxFull", "the mailbox of `full` is full"),
            (
                "small",
                "fail",
                json!(["x".repeat(3000)]),
                "MessageTooLarge",
                "more than the 2000 that it takes",
            ),
            ("small", "answer", json!([3000]), "MessageTooLarge", "more than its limit of 2000"),
        ] {
            let seen = seen(&a, peer, method, args).await;
            assert_eq!(seen["runtime"], kind, "{guest}: {seen}");
            assert!(seen["message"].as_str().unwrap().contains(says), "{guest}: {seen}");
        }
        running.abort();
        host.shutdown().await;
    }
}

#[test]
fn every_class_in_mid_stream_survives_http_and_the_command_line() {
    for guest in BOTH {
        let host = RunningHost::start(&[text(&guest_file(guest).unwrap())], 1);
        for class in classes() {
            let args = json!([2, 0, class.name]).to_string();
            let events = crate::http::events(&host, &format!("{guest}/stream/count"), &args);
            let (last, items) = events.split_last().unwrap();
            assert_eq!(items, ["id: 1", "data: 1", "id: 2", "data: 2", "event: error"], "{guest}");
            let problem: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
            for (field, wanted) in class.problem.as_object().unwrap() {
                assert_eq!(&problem[field], wanted, "{guest}: {problem}");
            }
            let left = host.client(&["stream", guest, "count", &args]);
            assert_eq!((left.code, left.stdout.as_str()), (Some(class.exit_code), "1\n2\n"), "{left:?}");
            assert!(left.stderr.contains(&class.error.to_string()), "{left:?}");
        }
    }
}
