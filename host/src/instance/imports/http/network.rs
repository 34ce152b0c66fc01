//! What the actors of a host share of its machine to look up names.
//!
//! The system's resolver holds a thread until it has an answer, and nobody can call it back. So whoever looks up a
//! name has a permit that goes with the thread, also where nobody waits for the answer any more. Bounded:
//! [`LOOKUPS_MAX`] threads for all actors, [`LOOKUPS_MAX_PER_ACTOR`] for each. Who comes beyond that waits, as long as
//! a connection may take.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::Semaphore;

/// How many names are looked up at once. The runtime has 512 threads for such work, and needs some itself.
const LOOKUPS_MAX: usize = 64;
const LOOKUPS_MAX_PER_ACTOR: usize = 8;
/// How many addresses of a name are tried.
const ADDRESSES_MAX: usize = 16;

/// What the actors of one host share. Cheap to clone.
#[derive(Clone)]
pub(in crate::instance) struct Network {
    lookups: Arc<Semaphore>,
}

/// Looks up names for one actor.
#[derive(Clone)]
pub(super) struct Lookups {
    of_all: Arc<Semaphore>,
    of_the_actor: Arc<Semaphore>,
}

impl Network {
    pub(in crate::instance) fn new() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }

    pub(super) fn for_actor(&self) -> Lookups {
        let of_the_actor = Arc::new(Semaphore::new(LOOKUPS_MAX_PER_ACTOR));
        Lookups { of_all: Arc::clone(&self.lookups), of_the_actor }
    }
}

impl Lookups {
    /// Asks the system for the addresses of a name.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up a place in line. A lookup that has begun goes on, and counts until its end.
    pub(super) async fn addresses(&self, name: String) -> io::Result<Vec<SocketAddr>> {
        self.run(move || Ok((name.as_str(), 0).to_socket_addrs()?.take(ADDRESSES_MAX).collect())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        look_up: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        // Its own comes first: who waits for one of those holds up no other actor.
        let own = Arc::clone(&self.of_the_actor).acquire_owned().await;
        let shared = Arc::clone(&self.of_all).acquire_owned().await;
        let permits = own.and_then(|own| Ok((own, shared?))).map_err(io::Error::other)?;
        let look_up = move || {
            let _permits = permits;
            look_up()
        };
        tokio::task::spawn_blocking(look_up).await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_lookup_that_nobody_waits_for_counts_until_its_end() {
        let lookups = Network::new().for_actor();
        let (release, released) = mpsc::sync_channel::<()>(LOOKUPS_MAX_PER_ACTOR);
        let released = Arc::new(std::sync::Mutex::new(released));
        let (begun, mut has_begun) = tokio::sync::mpsc::channel(LOOKUPS_MAX_PER_ACTOR);
        for _ in 0..LOOKUPS_MAX_PER_ACTOR {
            let (begun, released) = (begun.clone(), Arc::clone(&released));
            let abandoned = lookups.run(move || {
                begun.blocking_send(()).unwrap();
                released.lock().unwrap().recv().unwrap();
                Ok(())
            });
            assert!(abandoned.now_or_never().is_none());
            has_begun.recv().await.unwrap();
        }
        assert!(lookups.run(|| Ok(())).now_or_never().is_none());
        assert_eq!(lookups.of_the_actor.available_permits(), 0);
        assert_eq!(lookups.of_all.available_permits(), LOOKUPS_MAX - LOOKUPS_MAX_PER_ACTOR);
        for _ in 0..LOOKUPS_MAX_PER_ACTOR {
            release.send(()).unwrap();
        }
        lookups.run(|| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn actors_share_the_threads_for_lookups() {
        let network = Network::new();
        let shared = Arc::clone(&network.lookups);
        let all = shared.acquire_many_owned(u32::try_from(LOOKUPS_MAX).unwrap()).await.unwrap();
        let (one, other) = (network.for_actor(), network.for_actor());
        let waiting = tokio::spawn(async move { one.run(|| Ok(1)).await.unwrap() });
        assert!(other.run(|| Ok(2)).now_or_never().is_none());
        drop(all);
        assert_eq!((waiting.await.unwrap(), other.run(|| Ok(2)).await.unwrap()), (1, 2));
    }
}
