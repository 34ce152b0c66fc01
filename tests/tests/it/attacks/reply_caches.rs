//! Clients that use each other's idempotency keys, and more of them than an actor keeps.

use pulsing_host::gateway::scope::Scope;
use pulsing_tests::guest_file;
use serde_json::json;

use super::tokens::{Tokens, client};
use crate::program::{RunningHost, text};

/// Adds to a counter that keeps its answers by key, and says what it answered.
async fn add(host: &RunningHost, token: &str, key: &str, n: u64) -> u64 {
    let url = format!("{}/v1/actors/counter/ask/increment", host.url);
    let request = client().post(url).bearer_auth(token).header("Idempotency-Key", key);
    let response = request.json(&json!({ "n": n })).send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    response.json().await.unwrap()
}

#[tokio::test]
async fn shares_of_a_reply_cache_are_each_clients_own() {
    let tokens = Tokens::new();
    let [loud, quiet] = ["loud", "quiet"].map(|name| tokens.make(name, &[Scope::Send]));
    let (guest, file) = (guest_file("counter").unwrap(), tokens.file());
    let host = RunningHost::start(&[text(&guest), "--tokens", text(&file), "--reply-cache", "4"], 1);
    assert_eq!(add(&host, &quiet, "key", 1).await, 1);
    // With other arguments, which would be refused if it were the same key.
    assert_eq!(add(&host, &loud, "key", 2).await, 3);
    for n in 0..20 {
        assert_eq!(add(&host, &loud, &n.to_string(), 1).await, 4 + n);
    }
    assert_eq!(add(&host, &quiet, "key", 1).await, 1, "which is kept");
    assert_eq!(add(&host, &loud, "19", 1).await, 23, "and the last ones of the other, too");
    assert_eq!(add(&host, &loud, "key", 2).await, 25, "but not its oldest");
    assert_eq!(add(&host, &quiet, "key", 1).await, 1);
}
