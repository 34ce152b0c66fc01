//! Messages to healthy actors, and whether their answers are what the model says.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use pulsing_host::{ActorError, ActorRef, CallError, Item, RuntimeErrorKind, StreamReader};
use serde_json::Value;

use super::acts::{bounded, unless_given_up};
use super::plan::{Healthy, Message, Reading};
use super::world::World;

/// All that is sent to one actor comes from one sender.
const SENDER: u64 = 0;
/// How long a nap takes.
const NAP_MS: u64 = 5;

/// Sends in its first poll, and looks at what comes of it.
pub(super) fn to_healthy(
    world: Arc<World>,
    number: u64,
    whom: Healthy,
    message: Message,
) -> BoxFuture<'static, ()> {
    async move {
        let sending = Sending { world: &world, number, whom, actor: world.healthy(whom) };
        if whom == Healthy::Counter {
            return sending.increment().await;
        }
        world.with_ledger(whom, |ledger| ledger.sending(number));
        match message {
            Message::Ask { method, timeout_ms, give_up_ms } => {
                sending.ask(method, timeout_ms, give_up_ms).await;
            }
            Message::Tell => sending.tell().await,
            Message::Stream { last, read } => sending.stream(last, read).await,
        }
    }
    .boxed()
}

/// One message on its way.
struct Sending<'a> {
    world: &'a World,
    number: u64,
    whom: Healthy,
    actor: &'a ActorRef,
}

impl Sending<'_> {
    fn find(&self, what: impl std::fmt::Display) {
        self.world.tally.find(format!("{}: message {}: {what}", self.actor.id(), self.number));
    }

    fn what(&self) -> String {
        format!("{}: the answer to message {}", self.actor.id(), self.number)
    }

    fn noted(&self, entry: &Value) {
        let noted = self.world.with_ledger(self.whom, |ledger| ledger.noted(self.number, entry));
        if let Err(wrong) = noted {
            self.find(wrong);
        }
    }

    async fn increment(&self) {
        self.world.tally.counts().asks += 1;
        let n = i64::try_from(self.number % 7).unwrap_or_default() + 1;
        let expected = self.world.counter().add(n);
        let ask = self.actor.ask::<i64>("increment", &(n,));
        let Some(answer) = bounded(self.world, || self.what(), ask.into_future()).await else { return };
        self.world.tally.answered(&answer);
        if answer != Ok(expected) {
            self.find(format!("answered {answer:?}, not {expected}"));
        }
    }

    async fn ask(&self, method: &str, timeout_ms: Option<u64>, give_up_ms: Option<u64>) {
        self.world.tally.counts().asks += 1;
        let args =
            if method == "nap" { vec![SENDER, self.number, NAP_MS] } else { vec![SENDER, self.number] };
        let mut ask = self.actor.ask::<Value>(method, &args);
        if let Some(ms) = timeout_ms {
            ask = ask.timeout(Duration::from_millis(ms));
        }
        let answer = unless_given_up(give_up_ms, ask.into_future());
        match bounded(self.world, || self.what(), answer).await {
            Some(Some(answer)) => {
                self.world.tally.answered(&answer);
                self.judge(method, timeout_ms.is_some(), answer);
            }
            Some(None) => self.world.tally.counts().given_up += 1,
            None => {}
        }
    }

    fn judge(&self, method: &str, hurries: bool, answer: Result<Value, CallError>) {
        match answer {
            Ok(entry) if method != "refuse" => self.noted(&entry),
            Err(CallError::Actor(ActorError::Business { code: 409, details: Some(details), .. }))
                if method == "refuse" =>
            {
                self.noted(&serde_json::from_str(&details).unwrap_or_default());
            }
            Err(CallError::Actor(ActorError::Timeout { .. })) if hurries => {}
            Err(error) if self.is_of_an_end(&error) => {}
            other => self.find(format!("`{method}` answered {other:?}")),
        }
    }

    /// Whether an actor that is stopped, killed and restarted may answer so.
    fn is_of_an_end(&self, error: &CallError) -> bool {
        self.whom.is_stirred()
            && match error {
                CallError::Actor(ActorError::System { .. }) => true,
                CallError::Runtime(error) => error.kind == RuntimeErrorKind::ActorStopped,
                CallError::Actor(_) => false,
            }
    }

    async fn tell(&self) {
        let tell = self.actor.tell("scribble", &(SENDER, self.number)).into_future();
        match bounded(self.world, || self.what(), tell).await {
            Some(Ok(())) => {
                self.world.tally.counts().tells += 1;
                self.world.with_ledger(self.whom, |ledger| ledger.taken(self.number));
            }
            Some(Err(error)) if self.is_of_an_end(&error.clone().into()) => {}
            Some(Err(error)) => self.find(format!("a tell was refused: {error}")),
            None => {}
        }
    }

    async fn stream(&self, last: u64, reading: Reading) {
        let opened = self.actor.stream("items", &(SENDER, self.number, last, 0)).into_future();
        let stream = match bounded(self.world, || self.what(), opened).await {
            Some(Ok(stream)) => stream,
            Some(Err(error)) if self.is_of_an_end(&error) => return,
            Some(Err(error)) => return self.find(format!("a stream was refused: {error}")),
            None => return,
        };
        self.world.tally.counts().streams += 1;
        self.world.with_ledger(self.whom, |ledger| ledger.taken(self.number));
        match reading {
            Reading::Whole => self.read(stream, last, u64::MAX).await,
            Reading::Part(items) => self.read(stream, last, items).await,
            Reading::Never(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                drop(stream);
            }
        }
    }

    /// Reads so many items, or all.
    async fn read(&self, mut stream: StreamReader, last: u64, items: u64) {
        let mut read = 0;
        while read < items {
            match bounded(self.world, || self.what(), stream.next()).await {
                None => return,
                Some(Some(Ok(item))) => {
                    read += 1;
                    self.look(&item, read);
                }
                Some(Some(Err(error))) if self.is_of_an_end(&error) => return,
                Some(Some(Err(error))) => return self.find(format!("its stream failed: {error}")),
                Some(None) if read == last => return,
                Some(None) => return self.find(format!("its stream of {last} ended after {read} items")),
            }
        }
    }

    fn look(&self, item: &Item, number: u64) {
        match item.payload.to_value::<(u64, Value)>() {
            Ok((value, entry)) if (item.number, value) == (number, number) => self.noted(&entry),
            other => self.find(format!("item {} is {other:?} where {number} should be", item.number)),
        }
    }
}
