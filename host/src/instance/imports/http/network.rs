//! What the actors of a host share of its machine to look up names.
//!
//! The system's resolver holds a thread until it has an answer, and nobody can call it back. So whoever looks up a
//! name has a place that goes with the thread, also where nobody waits for the answer any more. Bounded:
//! [`LOOKUPS_MAX`] threads for all actors, shared as [`Places`] has it. Who comes beyond that waits, as long as a
//! connection may take.

mod places;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use self::places::Places;

/// How many names are looked up at once. The runtime has 512 threads for such work, and needs some itself.
const LOOKUPS_MAX: usize = 64;
/// How many addresses of a name are tried.
const ADDRESSES_MAX: usize = 16;

type Find = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Finds the addresses of a name, on a thread of its own. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Resolver(Arc<Find>);

impl Resolver {
    /// One that asks this.
    pub(crate) fn new(find: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    fn find(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        let found = (self.0)(name)?.into_iter().take(ADDRESSES_MAX);
        Ok(found.map(|address| SocketAddr::new(address, 0)).collect())
    }
}

impl Default for Resolver {
    /// The system's.
    fn default() -> Self {
        Self::new(|name| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

/// What the actors of one host share. Cheap to clone.
#[derive(Clone)]
pub(in crate::instance) struct Network {
    shared: Arc<Shared>,
}

struct Shared {
    resolver: Resolver,
    places: Mutex<Places<oneshot::Sender<Place>>>,
    actors: AtomicU64,
}

impl Shared {
    fn places(&self) -> MutexGuard<'_, Places<oneshot::Sender<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks up names for one actor.
#[derive(Clone)]
pub(super) struct Lookups {
    shared: Arc<Shared>,
    actor: u64,
}

/// The place of one lookup. Dropped, it is the next one's.
struct Place {
    shared: Arc<Shared>,
    actor: u64,
}

impl Network {
    pub(in crate::instance) fn new(resolver: Resolver) -> Self {
        let places = Mutex::new(Places::new(LOOKUPS_MAX));
        Self { shared: Arc::new(Shared { resolver, places, actors: AtomicU64::new(0) }) }
    }

    pub(super) fn for_actor(&self) -> Lookups {
        let actor = self.shared.actors.fetch_add(1, Ordering::Relaxed);
        Lookups { shared: Arc::clone(&self.shared), actor }
    }
}

impl Lookups {
    /// Asks the resolver for the addresses of a name.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up a place in line. A lookup that has begun goes on, and counts until its end.
    pub(super) async fn addresses(&self, name: String) -> io::Result<Vec<SocketAddr>> {
        let resolver = self.shared.resolver.clone();
        self.run(move || resolver.find(&name)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        look_up: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let place = self.place().await?;
        let look_up = move || {
            let _place = place;
            look_up()
        };
        tokio::task::spawn_blocking(look_up).await.map_err(io::Error::other)?
    }

    async fn place(&self) -> io::Result<Place> {
        let waiting = {
            let mut places = self.shared.places();
            if places.take(self.actor) {
                return Ok(Place { shared: Arc::clone(&self.shared), actor: self.actor });
            }
            let (waiter, waiting) = oneshot::channel();
            places.wait(self.actor, waiter, oneshot::Sender::is_closed);
            waiting
        };
        waiting.await.map_err(io::Error::other)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.places().give_back(self.actor);
        loop {
            // Not held any more below: a place that comes back takes it again.
            let next = self.shared.places().next(oneshot::Sender::is_closed);
            let Some((actor, waiter)) = next else { break };
            drop(waiter.send(Self { shared: Arc::clone(&self.shared), actor }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::FutureExt;

    use super::*;

    /// How many one actor alone has.
    const ALONE: usize = LOOKUPS_MAX / 2;

    fn network() -> Network {
        Network::new(Resolver::default())
    }

    #[tokio::test]
    async fn a_lookup_that_nobody_waits_for_counts_until_its_end() {
        let lookups = network().for_actor();
        let (release, released) = mpsc::sync_channel::<()>(ALONE);
        let released = Arc::new(Mutex::new(released));
        let (begun, mut has_begun) = tokio::sync::mpsc::channel(ALONE);
        for _ in 0..ALONE {
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
        for _ in 0..ALONE {
            release.send(()).unwrap();
        }
        lookups.run(|| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn actors_share_the_threads_for_lookups() {
        let network = network();
        let hog = network.for_actor();
        let mut held: Vec<_> = (0..ALONE).map(|_| hog.place().now_or_never().unwrap().unwrap()).collect();
        assert!(hog.place().now_or_never().is_none());
        // Whoever has none gets one, as long as there are any.
        for _ in 0..ALONE {
            held.push(network.for_actor().place().now_or_never().unwrap().unwrap());
        }
        let (again, late) = (network.for_actor(), network.for_actor());
        let mut greedy = Box::pin(hog.place());
        let mut gone = Box::pin(again.place());
        let mut waiting = Box::pin(late.place());
        for place in [&mut greedy, &mut gone, &mut waiting] {
            assert!(futures::poll!(place).is_pending());
        }
        drop(gone);
        drop(held.swap_remove(0));
        assert!(futures::poll!(&mut greedy).is_pending(), "its turn is after those that hold none");
        let place = waiting.now_or_never().unwrap().unwrap();
        drop((place, held));
        assert!(greedy.now_or_never().unwrap().is_ok());
        assert_eq!((0..ALONE).filter_map(|_| late.place().now_or_never()).count(), ALONE);
    }

    /// A place that was given to somebody who went away before it took it is the next one's.
    #[tokio::test]
    async fn a_place_that_nobody_takes_comes_back() {
        let network = network();
        let mut held: Vec<_> =
            (0..LOOKUPS_MAX).map(|_| network.for_actor().place().now_or_never().unwrap().unwrap()).collect();
        let (gone, next) = (network.for_actor(), network.for_actor());
        let (mut gone, mut next) = (Box::pin(gone.place()), Box::pin(next.place()));
        assert!(futures::poll!(&mut gone).is_pending() && futures::poll!(&mut next).is_pending());
        drop(held.pop());
        drop(gone);
        assert!(next.now_or_never().unwrap().is_ok());
    }
}
