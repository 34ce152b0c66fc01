//! Returns what it is told, as cheaply as a guest can: what is measured with it is the host and the SDK.

use pulsing_guest::blocking::ActorRef;
use pulsing_guest::{Bytes, Error};

#[derive(Default)]
struct Echo {
    told: u64,
}

#[pulsing_guest::actor(may_passivate)]
impl Echo {
    /// Answers the same bytes.
    fn echo(&self, body: Bytes) -> Bytes {
        body
    }

    /// Answers the same text, by way of JSON.
    fn say(&self, text: String) -> String {
        text
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

    /// Asks another actor to `echo` 16 bytes, `count` times, one after the other.
    fn ask_peer(&self, peer: String, count: u64) -> Result<(), Error> {
        let peer = ActorRef::new(peer);
        for _ in 0..count {
            peer.ask::<Bytes>("echo", Bytes(vec![7; 16]))?;
        }
        Ok(())
    }

    /// Tells another actor to `note` 16 bytes, `count` times.
    fn tell_peer(&self, peer: String, count: u64) -> Result<(), Error> {
        let peer = ActorRef::new(peer);
        for _ in 0..count {
            peer.tell("note", Bytes(vec![7; 16]))?;
        }
        Ok(())
    }

    /// Streams `count` items of 16 bytes.
    fn items(&self, count: u64) -> impl Iterator<Item = Bytes> + use<> {
        (0..count).map(|_| Bytes(vec![7; 16]))
    }

    /// Counts to `last`, and then panics.
    fn numbers_then_crash(&self, last: u64) -> impl Iterator<Item = u64> + use<> {
        (1..=last).chain(std::iter::from_fn(|| panic!("told to crash after the last")))
    }

    /// Panics: the host ends this life.
    fn crash(&self) {
        panic!("told to crash")
    }
}
