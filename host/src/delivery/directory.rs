//! How the actor of a name is found.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::lookup::LookupPort;
use super::port::Port;
use super::reference::ActorRef;
use crate::grants::Caller;
use crate::id::ActorId;
use crate::wire::RuntimeError;

/// Finds actors by their ids.
pub(crate) trait Directory: Send + Sync + 'static {
    /// Finds the actor `id`.
    fn find(self: Arc<Self>, id: &ActorId) -> Lookup;
}

/// What came of looking for an actor.
pub(crate) enum Lookup {
    /// It is there.
    Found(Arc<dyn Port>),
    /// It is not: why.
    Missing(RuntimeError),
    /// That is known only after a while.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "the directory of one host knows at once; one of several machines does not"
        )
    )]
    Pending(BoxFuture<'static, Result<Arc<dyn Port>, RuntimeError>>),
}

/// A reference to the actor `id`, for messages of `caller`. Where finding it takes a while, messages wait for that in the
/// order in which they are sent.
///
/// # Errors
///
/// Why there is no such actor, where that is known at once.
pub(crate) fn find(
    directory: Arc<dyn Directory>,
    id: &ActorId,
    caller: Caller,
) -> Result<ActorRef, RuntimeError> {
    let port = match directory.find(id) {
        Lookup::Found(port) => port,
        Lookup::Missing(error) => return Err(error),
        Lookup::Pending(found) => LookupPort::new(id.clone(), found) as Arc<dyn Port>,
    };
    Ok(ActorRef::new(port, caller))
}
