//! What an ask costs without a sandbox: actors of other frameworks, and a task with a channel.
//!
//! All echo bytes. Their mailboxes hold as many messages as those of the host do by default.

use anyhow::{Context, Result};
use bytes::Bytes;
use kameo::actor::{ActorRef as KameoRef, Spawn as _};
use kameo::mailbox;
use kameo::message::{Context as KameoContext, Message};
use ractor::{ActorProcessingErr, ActorRef as RactorRef, RpcReplyPort};
use tokio::sync::{mpsc, oneshot};

use crate::asked::{Asked, Told};
use crate::peers::Relays;

/// As many as a mailbox of the host holds by default.
const MAILBOX: usize = 256;

/// A task that answers what comes through a channel.
#[derive(Clone)]
pub(crate) struct TokioEcho {
    requests: mpsc::Sender<(Bytes, oneshot::Sender<Bytes>)>,
    body: Bytes,
}

impl TokioEcho {
    pub(crate) fn start(body: Bytes) -> Self {
        let (requests, mut inbox) = mpsc::channel::<(Bytes, oneshot::Sender<Bytes>)>(MAILBOX);
        tokio::spawn(async move {
            while let Some((body, reply)) = inbox.recv().await {
                // Whoever asked waits for it.
                drop(reply.send(body));
            }
        });
        Self { requests, body }
    }
}

impl Asked for TokioEcho {
    async fn ask(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.requests.send((self.body.clone(), reply)).await.context("the task has ended")?;
        answer.await.map(drop).context("no answer")
    }
}

/// An actor of kameo.
#[derive(kameo::Actor)]
struct KameoActor {
    told: u64,
}

/// What it answers.
#[derive(kameo::Reply)]
struct Echoed(#[expect(dead_code, reason = "it is asked for, and not looked at")] Bytes);

impl Message<Bytes> for KameoActor {
    type Reply = Echoed;

    async fn handle(&mut self, body: Bytes, _: &mut KameoContext<Self, Self::Reply>) -> Echoed {
        Echoed(body)
    }
}

struct Note(#[expect(dead_code, reason = "it is told, and not looked at")] Bytes);

impl Message<Note> for KameoActor {
    type Reply = ();

    async fn handle(&mut self, _note: Note, _: &mut KameoContext<Self, Self::Reply>) {
        self.told += 1;
    }
}

struct HowMany;

impl Message<HowMany> for KameoActor {
    type Reply = u64;

    async fn handle(&mut self, _: HowMany, _: &mut KameoContext<Self, Self::Reply>) -> u64 {
        self.told
    }
}

#[derive(Clone)]
pub(crate) struct KameoEcho {
    actor: KameoRef<KameoActor>,
    body: Bytes,
}

impl KameoEcho {
    pub(crate) async fn start(body: Bytes) -> Self {
        let actor = KameoActor::spawn_with_mailbox(KameoActor { told: 0 }, mailbox::bounded(MAILBOX));
        actor.wait_for_startup().await;
        Self { actor, body }
    }
}

impl Asked for KameoEcho {
    async fn ask(&self) -> Result<()> {
        self.actor.ask(self.body.clone()).await.map(drop).map_err(|error| anyhow::anyhow!("{error}"))
    }
}

impl Told for KameoEcho {
    async fn tell(&self) -> Result<()> {
        self.actor.tell(Note(self.body.clone())).await.map_err(|error| anyhow::anyhow!("{error}"))
    }

    async fn told(&self) -> Result<u64> {
        self.actor.ask(HowMany).await.map_err(|error| anyhow::anyhow!("{error}"))
    }
}

/// Sends so many messages to the other, for whoever asks it to.
struct Relay {
    asks: u32,
    tells: u32,
    to: KameoEcho,
}

impl Message<Relay> for KameoActor {
    type Reply = Result<(), RelayError>;

    async fn handle(&mut self, relay: Relay, _: &mut KameoContext<Self, Self::Reply>) -> Self::Reply {
        for _ in 0..relay.asks {
            relay.to.ask().await.map_err(|error| RelayError(error.to_string()))?;
        }
        for _ in 0..relay.tells {
            relay.to.tell().await.map_err(|error| RelayError(error.to_string()))?;
        }
        Ok(())
    }
}

/// Why the other could not be reached.
#[derive(Debug)]
struct RelayError(#[expect(dead_code, reason = "it is shown by `Debug`")] String);

impl Relays for KameoEcho {
    async fn relay_asks(&self, count: u32, to: &Self) -> Result<()> {
        self.relay(Relay { asks: count, tells: 0, to: to.clone() }).await
    }

    async fn relay_tells(&self, count: u32, to: &Self) -> Result<()> {
        self.relay(Relay { asks: 0, tells: count, to: to.clone() }).await
    }
}

impl KameoEcho {
    async fn relay(&self, relay: Relay) -> Result<()> {
        self.actor.ask(relay).await.map_err(|error| anyhow::anyhow!("{error:?}"))
    }
}

/// An actor of ractor.
struct RactorActor;

enum RactorMessage {
    Ask(Bytes, RpcReplyPort<Bytes>),
    Note(#[expect(dead_code, reason = "it is told, and not looked at")] Bytes),
    HowMany(RpcReplyPort<u64>),
}

impl ractor::Actor for RactorActor {
    type Msg = RactorMessage;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: RactorRef<Self::Msg>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: RactorRef<Self::Msg>,
        message: Self::Msg,
        told: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RactorMessage::Ask(body, reply) => reply.send(body)?,
            RactorMessage::Note(_) => *told += 1,
            RactorMessage::HowMany(reply) => reply.send(*told)?,
        }
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct RactorEcho {
    actor: RactorRef<RactorMessage>,
    body: Bytes,
}

impl RactorEcho {
    pub(crate) async fn start(body: Bytes) -> Result<Self> {
        let (actor, _task) = ractor::Actor::spawn(None, RactorActor, ()).await.context("no ractor actor")?;
        Ok(Self { actor, body })
    }
}

impl Asked for RactorEcho {
    async fn ask(&self) -> Result<()> {
        let answer = self.actor.call(|reply| RactorMessage::Ask(self.body.clone(), reply), None).await;
        answer
            .map_err(|error| anyhow::anyhow!("{error}"))?
            .success_or(())
            .map(drop)
            .map_err(|()| anyhow::anyhow!("no answer"))
    }
}

impl Told for RactorEcho {
    async fn tell(&self) -> Result<()> {
        let told = self.actor.cast(RactorMessage::Note(self.body.clone()));
        told.map_err(|error| anyhow::anyhow!("{error}"))
    }

    async fn told(&self) -> Result<u64> {
        let answer = self.actor.call(RactorMessage::HowMany, None).await;
        let answer = answer.map_err(|error| anyhow::anyhow!("{error}"))?;
        answer.success_or(()).map_err(|()| anyhow::anyhow!("no answer"))
    }
}
