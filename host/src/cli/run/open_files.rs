//! How many files and sockets the process has open at once.

/// Raises it as far as the system lets this process: the usual 1,024 are fewer than the gateway has connections.
pub(super) fn raise() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
            tracing::warn!(%error, "the number of open files stays at {:?}", limit.current);
        }
    }
}
