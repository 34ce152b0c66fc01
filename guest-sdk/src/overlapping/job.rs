//! What an overlapping actor has tasks for.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::LocalBoxFuture;

use super::open;
use crate::answer::{Outcome, Source};
use crate::bindings::types::StreamBatch;
use crate::call::Scoped;
use crate::tasks::Tasks;
use crate::{Call, Error};

/// A task.
pub(super) enum Job {
    /// A handler that waits.
    Handler { work: Scoped<LocalBoxFuture<'static, Result<Outcome<Source>, Error>>>, is_tell: bool },
    /// A draw on a stream of ours.
    Draw { call: u64, stream: u64, max_items: u32 },
    /// What is done for no call: `#[start]`, `#[stop]`, and what was begun with `spawn`.
    Beside(Scoped<LocalBoxFuture<'static, ()>>),
}

/// What a task came to.
pub(super) enum JobEnd {
    Handled { call: Call, is_tell: bool, outcome: Result<Outcome<Source>, Error> },
    Drawn { call: u64, stream: u64, drawn: Result<StreamBatch, Error> },
    Beside,
}

thread_local! {
    /// What is left at the end of a life is never dropped, as no guest's memory is.
    pub(super) static TASKS: ManuallyDrop<Tasks<Job>> = ManuallyDrop::new(Tasks::new());
}

impl Future for Job {
    type Output = JobEnd;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobEnd> {
        match self.get_mut() {
            Self::Handler { work, is_tell } => Pin::new(&mut *work).poll(cx).map(|outcome| JobEnd::Handled {
                call: work.take_call(),
                is_tell: *is_tell,
                outcome,
            }),
            Self::Draw { call, stream, max_items } => open::poll_draw(*stream, *max_items, cx)
                .map(|drawn| JobEnd::Drawn { call: *call, stream: *stream, drawn }),
            Self::Beside(work) => Pin::new(work).poll(cx).map(|()| JobEnd::Beside),
        }
    }
}
