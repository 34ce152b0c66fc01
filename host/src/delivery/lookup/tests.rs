//! Messages to an actor that is still being looked for.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::*;
use crate::call::Answer;
use crate::delivery::directory::find;
use crate::delivery::slow::slow_directory;
use crate::delivery::{ActorRef, SendOptions};
use crate::wire::{ActorError, CallError, Payload};

/// Notes the methods of what is sent to it, and answers calls by their method.
struct Noting {
    profile: Profile,
    methods: Mutex<Vec<String>>,
}

impl Noting {
    fn new() -> Arc<Self> {
        let profile = Profile::new("there".parse().unwrap(), Arc::default());
        Arc::new(Self { profile, methods: Mutex::default() })
    }

    fn note(&self, method: &str) {
        self.methods.lock().unwrap().push(method.to_owned());
    }

    fn noted(&self) -> Vec<String> {
        self.methods.lock().unwrap().clone()
    }
}

impl Port for Noting {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn admit(&self, _: &Caller) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn call(&self, caller: &Caller, message: Arc<Message>, _: CallContext) -> Call {
        self.note(&message.method);
        Call::Ended(Ok(Answer::Value(Payload::json(format!("\"{caller}: {}\"", message.method)))))
    }

    fn tell(&self, _: &Caller, message: Message, _: CallContext) -> Told {
        self.note(&message.method);
        Told::Ended(Ok(()))
    }

    fn watch(self: Arc<Self>, _: &Caller) -> BoxFuture<'static, Result<Watch, RuntimeError>> {
        std::future::pending().boxed()
    }

    fn control(self: Arc<Self>, _: Command) -> BoxFuture<'static, Result<Done, RuntimeError>> {
        std::future::pending().boxed()
    }

    fn status(self: Arc<Self>, _: Option<Status>) -> BoxFuture<'static, Result<Seen, RuntimeError>> {
        std::future::pending().boxed()
    }

    fn snapshot(self: Arc<Self>, _: View) -> BoxFuture<'static, Result<ActorSnapshot, RuntimeError>> {
        std::future::pending().boxed()
    }
}

/// A reference to an actor that is looked for, and what ends the look-up.
fn looked_for() -> (ActorRef, oneshot::Sender<Found>) {
    let (directory, tell) = slow_directory();
    let asker = Caller::Actor("asker".parse().unwrap());
    (find(directory, &"there".parse().unwrap(), asker).unwrap(), tell)
}

fn message(method: &str) -> Message {
    Message::new(method, Payload::none())
}

fn ask(actor: &ActorRef, method: &str) -> BoxFuture<'static, Result<Payload, CallError>> {
    let (actor, message) = (actor.clone(), message(method));
    async move { actor.ask_message(message, SendOptions::default()).await }.boxed()
}

#[tokio::test(start_paused = true)]
async fn messages_keep_the_order_in_which_they_were_sent_over_a_look_up() {
    let (actor, found) = looked_for();
    let mut first = ask(&actor, "first");
    assert!((&mut first).now_or_never().is_none());
    let tell = actor.clone();
    let mut second =
        async move { tell.tell_message(message("second"), SendOptions::default()).await }.boxed();
    assert!((&mut second).now_or_never().is_none());
    let mut third = ask(&actor, "third");
    assert!((&mut third).now_or_never().is_none());
    let port = Noting::new();
    assert!(found.send(Ok(Arc::clone(&port) as Arc<dyn Port>)).is_ok());
    // The last to have been sent is the first to look: the others go ahead of it all the same.
    assert_eq!(third.await.unwrap(), Payload::json("\"asker: third\""));
    assert_eq!(port.noted(), ["first", "second", "third"]);
    assert_eq!(ask(&actor, "fourth").await.unwrap(), Payload::json("\"asker: fourth\""));
    assert_eq!(first.await.unwrap(), Payload::json("\"asker: first\""));
    second.await.unwrap();
    assert_eq!(port.noted(), ["first", "second", "third", "fourth"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_given_up_during_a_look_up_is_not_sent() {
    let (actor, found) = looked_for();
    assert!(ask(&actor, "given up").now_or_never().is_none());
    let port = Noting::new();
    assert!(found.send(Ok(Arc::clone(&port) as Arc<dyn Port>)).is_ok());
    ask(&actor, "kept").await.unwrap();
    assert_eq!(port.noted(), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn an_ask_is_answered_by_its_timeout_also_during_a_look_up() {
    let (actor, _found) = looked_for();
    let error = ask(&actor, "x").await.unwrap_err();
    assert!(matches!(error, CallError::Actor(ActorError::Timeout { .. })), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_found_is_told_to_all_who_waited_and_to_all_who_come() {
    let (actor, found) = looked_for();
    let mut waiting = ask(&actor, "x");
    assert!((&mut waiting).now_or_never().is_none());
    let missing = RuntimeError::not_found("there", None);
    assert!(found.send(Err(missing.clone())).is_ok());
    assert_eq!(waiting.await, Err(missing.clone().into()));
    assert_eq!(ask(&actor, "y").await, Err(missing.clone().into()));
    assert_eq!(actor.tell_message(message("z"), SendOptions::default()).await, Err(missing));
}

#[tokio::test(start_paused = true)]
async fn a_look_up_keeps_no_more_messages_than_its_line_holds() {
    let (actor, _found) = looked_for();
    let mut waiting: Vec<_> = (0..LINE_MAX).map(|_| ask(&actor, "x")).collect();
    assert!(waiting.iter_mut().all(|ask| ask.now_or_never().is_none()));
    let error = ask(&actor, "one more").await.unwrap_err();
    let CallError::Runtime(error) = error else { panic!("{error}") };
    assert_eq!(error.kind, RuntimeErrorKind::MailboxFull);
}
