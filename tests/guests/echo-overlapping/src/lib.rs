//! The same as the guest `echo`, with handlers that overlap.

use std::time::Duration;

use pulsing_guest::{ActorRef, Bytes, Error, Stream, This, sleep, stream};

#[derive(Default)]
struct Echo {
    told: u64,
}

#[pulsing_guest::actor(overlapping, may_passivate)]
impl Echo {
    /// Answers the same bytes.
    fn echo(&self, body: Bytes) -> Bytes {
        body
    }

    /// Counts what it is told.
    #[tell]
    fn note(&mut self, body: Bytes) {
        drop(body);
        self.told += 1;
    }

    /// Returns how often it was told something.
    fn told(&self) -> u64 {
        self.told
    }

    /// Answers after so many milliseconds.
    async fn nap(_this: This<Self>, millis: u64) {
        sleep(Duration::from_millis(millis)).await;
    }

    /// Asks another actor to `echo` 16 bytes, `count` times, one after the other.
    async fn ask_peer(_this: This<Self>, peer: String, count: u64) -> Result<(), Error> {
        let peer = ActorRef::new(peer);
        for _ in 0..count {
            peer.ask::<Bytes>("echo", Bytes(vec![7; 16])).await?;
        }
        Ok(())
    }

    /// Tells another actor to `note` 16 bytes, `count` times.
    async fn tell_peer(_this: This<Self>, peer: String, count: u64) -> Result<(), Error> {
        let peer = ActorRef::new(peer);
        for _ in 0..count {
            peer.tell("note", Bytes(vec![7; 16])).await?;
        }
        Ok(())
    }

    /// Streams `count` items of 16 bytes.
    fn items(_this: This<Self>, count: u64) -> impl Stream<Item = Bytes> {
        stream! {
            for _ in 0..count {
                yield Bytes(vec![7; 16]);
            }
        }
    }
}
