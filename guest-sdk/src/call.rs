//! The message that is being handled, for code that needs more of it than its arguments.
//!
//! The current call is task-local: it is put in place for the time of each poll, so that it is right whichever
//! of several overlapping handlers runs.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pulsing_work::work::Message;

use crate::bindings::types::ContextEntry;

/// The call that the running code belongs to.
#[derive(Clone, Debug)]
pub struct Call {
    id: u64,
    idempotency_key: Option<String>,
    resume_after: Option<u64>,
    remaining_ms: Option<u64>,
    host: &'static Host,
}

/// What a [`Call`] needs of the host, which each world imports from an interface of its own.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) is_cancelled: fn(call: u64) -> bool,
    pub(crate) caller: fn(call: u64) -> Option<String>,
    pub(crate) context: fn(call: u64) -> Vec<ContextEntry>,
}

thread_local! {
    static CURRENT: RefCell<Call> = const { RefCell::new(Call::NONE) };
}

static NO_HOST: Host = Host { is_cancelled: |_| false, caller: |_| None, context: |_| Vec::new() };

impl Call {
    /// Names no call. What a handler waits for is dropped with it, so that the host need not cut it short.
    pub(crate) const NO_ID: u64 = 0;

    const NONE: Self = Self {
        id: Self::NO_ID,
        idempotency_key: None,
        resume_after: None,
        remaining_ms: None,
        host: &NO_HOST,
    };

    pub(crate) fn new(message: &Message<'_>, host: &'static Host) -> Self {
        Self {
            id: message.call,
            idempotency_key: message.idempotency_key.map(str::to_owned),
            resume_after: message.resume_after,
            remaining_ms: message.remaining_ms,
            host,
        }
    }

    /// The call that is being handled: in a stream, the one that opened it. In `#[start]` and `#[stop]`, which
    /// nobody called, a call with number 0 that has no deadline.
    pub fn current() -> Self {
        CURRENT.with_borrow(Self::clone)
    }

    /// What belongs to no call.
    pub(crate) fn none() -> Self {
        Self::NONE
    }

    pub(crate) fn current_id() -> u64 {
        CURRENT.with_borrow(|call| call.id)
    }

    /// A number that is this call's own for as long as this life of the actor.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How long the caller waits, counted from the start of the handler; none where it waits without end.
    ///
    /// Asks of other actors keep within it by themselves. Whoever needs the time that is left takes an
    /// [`Instant`](std::time::Instant) first: that costs as much as a small message, so the SDK does not.
    pub fn timeout(&self) -> Option<Duration> {
        self.remaining_ms.map(Duration::from_millis)
    }

    /// Set by a caller that may send the same message twice; see [`Dedup`](crate::Dedup).
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// The actor that sent the message, as `name` or `name:key`; none where no actor did. The host says so: no sender
    /// can claim another's name. Asked of the host each time; none once the call has ended.
    pub fn caller(&self) -> Option<String> {
        (self.host.caller)(self.id)
    }

    /// What came along with the message under this name: of a request over HTTP, `traceparent`, `tracestate` and
    /// `baggage`.
    ///
    /// It goes along with every message that this actor sends from within the call, without its help. It comes from
    /// outside, so do not trust it. Asked of the host each time, with all entries: who needs several takes
    /// [`context_entries`](Self::context_entries). Nothing once the call has ended.
    pub fn context(&self, name: &str) -> Option<String> {
        self.context_entries().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All that came along with the message, name by name: see [`context`](Self::context).
    pub fn context_entries(&self) -> impl Iterator<Item = (String, String)> + use<> {
        (self.host.context)(self.id).into_iter().map(|entry| (entry.name, entry.value))
    }

    /// The number of the last item that the reader of a stream already has, where it takes one up again.
    /// For methods marked `#[stream(resumes)]`; in all others the SDK skips that many items.
    pub fn resume_after(&self) -> Option<u64> {
        self.resume_after
    }

    /// Whether the caller is gone or its time is up. For handlers that work long without waiting: one that
    /// waits is stopped there.
    pub fn is_cancelled(&self) -> bool {
        (self.host.is_cancelled)(self.id)
    }

    /// Runs `work` as a part of this call.
    pub(crate) fn scope<R>(&mut self, work: impl FnOnce() -> R) -> R {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self));
        let result = work();
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self));
        result
    }

    /// Runs each poll of `work` as a part of this call, and its destructors too.
    pub(crate) fn scoped<F: Future + Unpin>(self, work: F) -> Scoped<F> {
        Scoped { call: self, work: Some(work) }
    }
}

/// See [`Call::scoped`].
pub(crate) struct Scoped<F> {
    call: Call,
    /// None once it is over.
    work: Option<F>,
}

impl<F> Scoped<F> {
    /// The call, of work that is over.
    pub(crate) fn take_call(&mut self) -> Call {
        std::mem::replace(&mut self.call, Call::NONE)
    }
}

impl<F: Future + Unpin> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { call, work } = &mut *self;
        call.scope(|| {
            let running = work.as_mut().expect("work that is over is not polled");
            let polled = Pin::new(running).poll(cx);
            if polled.is_ready() {
                *work = None;
            }
            polled
        })
    }
}

impl<F> Drop for Scoped<F> {
    fn drop(&mut self) {
        let Self { call, work } = self;
        if let Some(work) = work.take() {
            call.scope(|| drop(work));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    static HOST: Host = Host {
        is_cancelled: |id| id == 7,
        caller: |id| (id == 7).then(|| "front:7".to_owned()),
        context: |_| vec![ContextEntry { name: "traceparent".into(), value: "00-1".into() }],
    };

    pub(crate) fn call(id: u64) -> Call {
        let message = Message {
            call: id,
            method: "m",
            args: pulsing_work::Payload { encoding: pulsing_work::Encoding::Json, body: b"" },
            idempotency_key: Some(&format!("key-{id}")),
            resume_after: None,
            remaining_ms: Some(60_000),
        };
        Call::new(&message, &HOST)
    }

    #[test]
    fn overlapping_handlers_each_see_their_own_call() {
        let work = || Box::pin(async { (Call::current().id(), futures::pending!(), Call::current().id()) });
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let (mut a, mut b) = (call(1).scoped(work()), call(2).scoped(work()));
        assert!(Pin::new(&mut a).poll(&mut cx).is_pending());
        assert!(Pin::new(&mut b).poll(&mut cx).is_pending());
        assert_eq!(Pin::new(&mut a).poll(&mut cx), Poll::Ready((1, (), 1)));
        assert_eq!(Pin::new(&mut b).poll(&mut cx), Poll::Ready((2, (), 2)));
        assert_eq!(Call::current().id(), 0);
    }

    #[test]
    fn a_call_knows_what_its_message_said() {
        call(7).scope(|| {
            let call = Call::current();
            assert_eq!(call.idempotency_key(), Some("key-7"));
            assert_eq!(call.caller().as_deref(), Some("front:7"));
            assert_eq!(call.context("traceparent").as_deref(), Some("00-1"));
            assert_eq!(call.context("baggage"), None);
            assert!(call.is_cancelled());
            assert_eq!(call.timeout(), Some(Duration::from_secs(60)));
        });
        let none = Call::current();
        assert_eq!((none.caller(), none.context("traceparent"), none.is_cancelled()), (None, None, false));
    }
}
