//! A directory of tests, in which an actor is found when the test says so.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use tokio::sync::oneshot;

use super::directory::{Directory, Lookup};
use super::port::Port;
use crate::id::ActorId;
use crate::wire::RuntimeError;

pub(crate) type Found = Result<Arc<dyn Port>, RuntimeError>;

/// Knows an actor only once it is told of it.
struct Slow(Mutex<Option<oneshot::Receiver<Found>>>);

impl Directory for Slow {
    fn find(self: Arc<Self>, _: &ActorId) -> Lookup {
        let found = self.0.lock().unwrap().take().expect("it is asked once");
        Lookup::Pending(found.map(|found| found.expect("the test says what is found")).boxed())
    }
}

/// A directory for one look-up, and what ends that.
pub(crate) fn slow_directory() -> (Arc<dyn Directory>, oneshot::Sender<Found>) {
    let (tell, told) = oneshot::channel();
    (Arc::new(Slow(Mutex::new(Some(told)))), tell)
}
