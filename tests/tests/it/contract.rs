//! The contract between a host and its guests, `pulsing:actor`: components of older hosts of this version go on, and what
//! a message brings reaches every kind of guest.

use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt;
use pulsing_host::{
    ActorError, ActorName, ActorRef, ActorSpec, CallError, ComponentSource, Host, MethodKind, RestartPolicy,
    RestartWish,
};
use pulsing_tests::{host, spawn};
use serde_json::{Value, json};

use crate::{bounded, eventually};

/// One component of each world, built once: see the README.md beside them.
const WORLDS: [(&str, &str); 3] =
    [("serial", "serial"), ("overlapping", "overlapping"), ("overlapping-by-futures", "overlapping")];

fn component(world: &str) -> ComponentSource {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/wit-0.2");
    ComponentSource::File(folder.join(world).with_extension("wasm"))
}

fn spec(name: &str, world: &str) -> ActorSpec {
    ActorSpec::new(ActorName::new(name).unwrap(), component(world))
}

/// An actor that may send messages to another, `back`, of the same world.
async fn pair(host: &Host, world: &str) -> (ActorRef, ActorRef) {
    let mut front = spec("front", world);
    front.grants.ask = vec!["back".parse().unwrap()];
    (spawn(host, front).await.unwrap(), spawn(host, spec("back", world)).await.unwrap())
}

#[tokio::test]
async fn components_of_version_0_2_load_and_run() {
    for (world, lane) in WORLDS {
        let host = host().unwrap();
        let actor = spawn(&host, spec("fixture", world)).await.unwrap();
        assert_eq!(actor.snapshot().await.unwrap().lane.as_str(), lane, "{world}");
        let echo = actor.ask::<String>("echo", &json!({"text": "grüezi"})).into_future();
        assert_eq!(bounded(echo).await.unwrap(), "grüezi", "{world}");
        actor.tell("note", &()).await.unwrap();
        let noted = || actor.ask::<Vec<Value>>("noted", &()).into_future();
        eventually(noted, |noted| noted.as_ref().is_ok_and(|noted| noted.len() == 1)).await.unwrap();
        let stream = bounded(actor.stream("count", &(3,)).into_future()).await.unwrap();
        let items = stream.map(|item| item.unwrap().payload.to_value::<u64>().unwrap());
        assert_eq!(bounded(items.collect::<Vec<_>>()).await, [1, 2, 3], "{world}");
        let error = bounded(actor.ask::<()>("refuse", &()).into_future()).await.unwrap_err();
        let refused = matches!(&error, CallError::Actor(ActorError::Business { code: 409, .. }));
        assert!(refused, "{world}: {error:?}");
        assert_eq!(bounded(actor.stop()).await.unwrap().state.as_str(), "stopped", "{world}");
        host.shutdown().await;
    }
}

#[tokio::test]
async fn components_of_version_0_2_are_described_with_schemas_and_with_how_they_want_to_be_restarted() {
    let host = host().unwrap();
    for (world, _) in WORLDS {
        let description = host.check(component(world)).await.unwrap().description;
        let method = |name: &str| description.methods.iter().find(|method| method.name == name).unwrap();
        let schema = |schema: &Option<String>| schema.as_deref().map(|text| text.parse::<Value>().unwrap());
        let echo = method("echo");
        assert_eq!((echo.kind, echo.doc.as_str()), (MethodKind::Ask, "Returns what it is given."), "{world}");
        assert_eq!(schema(&echo.args_schema).unwrap()["required"], json!(["text"]), "{world}");
        assert_eq!(schema(&echo.answer_schema).unwrap()["type"], "string", "{world}");
        assert_eq!(schema(&method("count").item_schema).unwrap()["type"], "integer", "{world}");
        assert_eq!(method("note").kind, MethodKind::Tell, "{world}");
        let wish = RestartWish {
            policy: Some(RestartPolicy::OnFailure),
            max_restarts: Some(3),
            min_backoff: Some(Duration::from_millis(10)),
            max_backoff: Some(Duration::from_secs(1)),
        };
        assert_eq!(description.restart, Some(wish), "{world}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_context_and_the_name_of_the_caller_go_along_with_every_nested_message() {
    let context = json!({"traceparent": "00-1", "tenant": "ä"});
    for (world, _) in WORLDS {
        let host = host().unwrap();
        let (front, back) = pair(&host, world).await;
        let seen = |name: &str, caller: Value| json!({"name": name, "key": null, "caller": caller, "context": context});
        let ask = |method: &str| {
            let ask = front.ask::<Value>(method, &("back",));
            let ask = ask.context("traceparent", "00-1").unwrap().context("tenant", "ä").unwrap();
            bounded(ask.into_future())
        };
        let of_front = front.ask::<Value>("seen", &());
        let of_front = of_front.context("traceparent", "00-1").unwrap().context("tenant", "ä").unwrap();
        assert_eq!(bounded(of_front.into_future()).await.unwrap(), seen("front", json!(null)), "{world}");
        assert_eq!(ask("ask_peer").await.unwrap(), seen("back", json!("front")), "{world}");
        assert_eq!(ask("stream_peer").await.unwrap(), seen("back", json!("front")), "{world}");
        ask("tell_peer").await.unwrap();
        let noted = || back.ask::<Vec<Value>>("noted", &()).into_future();
        let noted =
            eventually(noted, |noted| noted.as_ref().is_ok_and(|noted| !noted.is_empty())).await.unwrap();
        assert_eq!(noted, [seen("back", json!("front"))], "{world}");
        // It is the call's own: another one has none of it.
        let other = bounded(front.ask::<Value>("ask_peer", &("back",)).into_future()).await.unwrap();
        assert_eq!(other["context"], json!({}), "{world}");
        host.shutdown().await;
    }
}
