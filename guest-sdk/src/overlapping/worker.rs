//! The loop of an overlapping actor, in `run`: work comes in, woken tasks go on, what came of it goes out.
//!
//! | order | of each list |
//! |--:|---|
//! | 1 | what is no message: ends of waits, cancellations, draws, closes |
//! | 2 | the tasks that are ready |
//! | 3 | each message: a `step`, its handler's first poll, the tasks that are ready |
//! | 4 | `next`, with what came of it all |
//!
//! Tasks that wake themselves without an end would keep the host from its turn. So there is a bound on the polls
//! between two calls of `next`, which then would wait for others: a wait that is over at once makes it return.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::task::Poll;

use futures::future::LocalBoxFuture;
use pulsing_work::work::{Message, Work};

use super::job::{Job, JobEnd, TASKS};
use super::{HOST, open};
use crate::actor::{self, Handling, OverlappingActor};
use crate::answer::{Outcome, Source};
use crate::bindings::Verdict;
use crate::bindings::types::{Payload, StreamBatch};
use crate::done::Done;
use crate::pull::{Letter, Pull, entry, unpack};
use crate::tasks::{Begun, TaskId};
use crate::{Call, Error, This, wait};

/// How many polls there may be in one turn beyond those of the tasks that were ready at its beginning.
const EXTRA_POLLS: usize = 256;

/// How many polls there may be before what came of them is handed in: callers wait for it, and a handler that has ended
/// counts as one that runs until then.
const POLLS_WITH_OUTCOMES: usize = 32;

/// What an overlapping actor has in hand. It outlives `run`, which may be left and called again.
pub(super) struct Worker {
    done: Done,
    /// The method of the message that begins.
    method: String,
    /// The calls whose handlers wait or whose streams are open.
    calls: BTreeMap<u64, InHand>,
    /// The wait that makes `next` return for tasks that are ready.
    nap: Option<u64>,
}

enum InHand {
    Handler(TaskId),
    Stream {
        stream: u64,
        /// The draw that waits.
        draw: Option<TaskId>,
    },
}

/// Why there is no more to do for now.
enum End {
    Stop,
    Leave,
}

impl Worker {
    pub(super) const fn new() -> Self {
        Self { done: Done::new(), method: String::new(), calls: BTreeMap::new(), nap: None }
    }

    /// Works until the host says that it is enough.
    pub(super) fn run<A: OverlappingActor>(&mut self, host: &mut impl Pull) {
        let this = actor::this::<A>();
        loop {
            self.run_ready(host);
            let list = self.done.hand_in(|done| host.next(done));
            match self.list(&this, list, host) {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(End::Leave) => return,
                ControlFlow::Break(End::Stop) => return self.stop(&this, host),
            }
        }
    }

    /// Runs `hook` to its end, and other tasks beside it. Meanwhile there are no messages.
    pub(super) fn complete<T: 'static>(
        &mut self,
        hook: LocalBoxFuture<'static, T>,
        host: &mut impl Pull,
    ) -> T {
        let place = Rc::new(RefCell::new(None));
        let result = Rc::clone(&place);
        let work = async move {
            let output = hook.await;
            place.replace(Some(output));
        };
        self.begin(Job::Beside(Call::none().scoped(Box::pin(work))));
        loop {
            if let Some(output) = result.take() {
                return output;
            }
            self.run_ready(host);
            if result.borrow().is_none() {
                let list = self.done.hand_in(|done| host.next(done));
                self.events(&list);
            }
        }
    }

    fn stop<A: OverlappingActor>(&mut self, this: &This<A>, host: &mut impl Pull) {
        for (call, stream, draw) in self.streams() {
            self.give_up_draw(call, stream, draw);
        }
        open::remove_all();
        drop(actor::remove::<A>());
        self.complete(A::stop(this), host);
    }

    /// Polls what is ready, within the bound.
    fn run_ready(&mut self, host: &mut impl Pull) {
        let mut polls = TASKS.with(|tasks| tasks.ready()).saturating_add(EXTRA_POLLS);
        let mut polled = 0;
        while polls > 0 && !self.done.is_full() && (polled < POLLS_WITH_OUTCOMES || self.done.is_empty()) {
            polls -= 1;
            polled += 1;
            match TASKS.with(|tasks| tasks.turn()) {
                None => return,
                Some(Poll::Pending) => {}
                Some(Poll::Ready(end)) => self.ended(end),
            }
        }
        if self.nap.is_none() && TASKS.with(|tasks| tasks.ready()) > 0 {
            self.nap = Some(host.nap());
        }
    }

    /// Does what a list says.
    fn list<A: OverlappingActor>(
        &mut self,
        this: &This<A>,
        mut list: Vec<u8>,
        host: &mut impl Pull,
    ) -> ControlFlow<End> {
        if let Some(letter) = Letter::only(&mut list, &HOST, &mut self.method) {
            self.handle(this, letter, list);
            return ControlFlow::Continue(());
        }
        let (mut works, mut is_first) = (unpack(&list), true);
        while let Some(work) = entry(&mut works) {
            match work {
                Work::Ask(message) | Work::Tell(message) => match self.verdict(is_first, host) {
                    Verdict::GoOn => self.message(this, &message, matches!(work, Work::Tell(_))),
                    Verdict::Skip => {}
                    Verdict::GiveBack => break,
                },
                event => self.event(&event)?,
            }
            is_first = false;
        }
        ControlFlow::Continue(())
    }

    /// What becomes of the next message: the first of all has begun.
    fn verdict(&mut self, is_first: bool, host: &mut impl Pull) -> Verdict {
        if is_first {
            return Verdict::GoOn;
        }
        self.run_ready(host);
        self.done.hand_in(|done| host.step(done))
    }

    fn message<A: OverlappingActor>(&mut self, this: &This<A>, message: &Message<'_>, is_tell: bool) {
        let letter = Letter::open(message, is_tell, &HOST, &mut self.method);
        self.handle(this, letter, message.args.body.to_vec());
    }

    /// A list where there can be no messages.
    fn events(&mut self, list: &[u8]) {
        let mut works = unpack(list);
        while let Some(work) = entry(&mut works) {
            let flow = self.event(&work);
            assert!(flow.is_continue(), "the host stops an actor once, and not while it starts");
        }
    }

    /// Work that is no message.
    fn event(&mut self, work: &Work<'_>) -> ControlFlow<End> {
        match *work {
            Work::Ended { wait } if self.nap == Some(wait) => self.nap = None,
            Work::Ended { wait } => wait::ended(wait),
            Work::Cancel { call } => self.cancel(call),
            Work::Draw { call, stream, max_items } => self.begin_draw(call, stream, max_items),
            Work::Close { call, stream } => self.close(call, stream),
            Work::Stop => return ControlFlow::Break(End::Stop),
            Work::Leave => return ControlFlow::Break(End::Leave),
            Work::Ask(_) | Work::Tell(_) => {
                unreachable!("the host sends no messages while an actor starts or stops")
            }
        }
        ControlFlow::Continue(())
    }

    fn handle<A: OverlappingActor>(&mut self, this: &This<A>, letter: Letter, body: Vec<u8>) {
        let Letter { mut call, is_tell, encoding } = letter;
        let args = Payload { encoding, body };
        match call.scope(|| A::handle(this, &self.method, args)) {
            None => {
                let unknown = Err(actor::unknown_method::<A>(&self.method));
                self.handled(call, is_tell, unknown);
            }
            Some(Handling::Done(outcome)) => self.handled(call, is_tell, outcome),
            Some(Handling::Waits(work)) => {
                let id = call.id();
                if let Some(task) = self.begin(Job::Handler { work: call.scoped(work), is_tell }) {
                    self.calls.insert(id, InHand::Handler(task));
                }
            }
        }
    }

    /// Begins a job, which is over at once or has a task.
    fn begin(&mut self, job: Job) -> Option<TaskId> {
        match TASKS.with(|tasks| tasks.begin(job)) {
            Begun::Waits(task) => Some(task),
            Begun::Over(end) => {
                self.ended(end);
                None
            }
        }
    }

    fn ended(&mut self, end: JobEnd) {
        match end {
            JobEnd::Handled { call, is_tell, outcome } => {
                self.calls.remove(&call.id());
                self.handled(call, is_tell, outcome);
            }
            JobEnd::Drawn { call, stream, drawn } => self.drawn(call, stream, drawn),
            JobEnd::Beside => {}
        }
    }

    fn handled(&mut self, call: Call, is_tell: bool, outcome: Result<Outcome<Source>, Error>) {
        let Self { done, calls, .. } = self;
        done.handled(call, is_tell, outcome, |opened, call| {
            let id = call.id();
            let stream = open::insert(opened, call);
            calls.insert(id, InHand::Stream { stream, draw: None });
            stream
        });
    }

    fn begin_draw(&mut self, call: u64, stream: u64, max_items: u32) {
        let job = Job::Draw { call, stream, max_items };
        // Later, where what is to be handed in is large already.
        let task =
            if self.done.is_full() { Some(TASKS.with(|tasks| tasks.add(job))) } else { self.begin(job) };
        if let Some(InHand::Stream { draw, .. }) = self.calls.get_mut(&call) {
            *draw = task;
        }
    }

    fn drawn(&mut self, call: u64, stream: u64, drawn: Result<StreamBatch, Error>) {
        if drawn.as_ref().map_or(true, |batch| batch.done) {
            self.calls.remove(&call);
            open::remove(stream);
        } else if let Some(InHand::Stream { draw, .. }) = self.calls.get_mut(&call) {
            *draw = None;
        }
        self.done.drawn(call, drawn);
    }

    /// Its handler ends where it waits. A call that is not in hand has ended meanwhile.
    fn cancel(&mut self, call: u64) {
        match self.calls.get(&call) {
            None => {}
            Some(&InHand::Handler(task)) => {
                self.calls.remove(&call);
                drop(TASKS.with(|tasks| tasks.remove(task)));
                self.done.failed(call, &Error::cancelled());
            }
            Some(&InHand::Stream { stream, draw }) => {
                open::cancel(stream);
                self.give_up_draw(call, stream, draw);
            }
        }
    }

    fn close(&mut self, call: u64, stream: u64) {
        if let Some(InHand::Stream { draw, .. }) = self.calls.remove(&call) {
            self.give_up_draw(call, stream, draw);
        }
        open::remove(stream);
        self.done.closed(call);
    }

    /// Ends a draw that waits.
    fn give_up_draw(&mut self, call: u64, stream: u64, draw: Option<TaskId>) {
        if let Some(task) = draw {
            drop(TASKS.with(|tasks| tasks.remove(task)));
            self.drawn(call, stream, Err(Error::cancelled()));
        }
    }

    fn streams(&self) -> Vec<(u64, u64, Option<TaskId>)> {
        let streams = self.calls.iter().filter_map(|(&call, in_hand)| match *in_hand {
            InHand::Stream { stream, draw } => Some((call, stream, draw)),
            InHand::Handler(_) => None,
        });
        streams.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use pulsing_work::work::pack;

    use super::*;
    use crate::wait::tests::{given_up, wait};

    /// A host that says in turn which waits are over.
    struct Ends(Vec<u64>);

    impl Pull for Ends {
        fn next(&mut self, _: &[u8]) -> Vec<u8> {
            pack(&[Work::Ended { wait: self.0.remove(0) }]).unwrap()
        }

        fn count_in(&mut self, _: &'static AtomicU32) {
            unreachable!("rows are for serial actors")
        }

        fn step(&mut self, _: &[u8]) -> Verdict {
            unreachable!("there is no message")
        }

        fn nap(&mut self) -> u64 {
            unreachable!("nobody is always ready")
        }
    }

    fn beside(work: impl Future<Output = ()> + 'static) {
        let _task = TASKS.with(|tasks| tasks.add(Job::Beside(Call::none().scoped(Box::pin(work)))));
    }

    #[test]
    fn a_hook_waits_with_others_beside_it() {
        let mut worker = Worker::new();
        let order = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&order);
        beside(async move {
            let ended = wait(2).await;
            noted.borrow_mut().push(ended);
        });
        let noted = Rc::clone(&order);
        let hook = async move {
            for id in [1, 3] {
                let ended = wait(id).await;
                noted.borrow_mut().push(ended);
            }
            "done"
        };
        let mut host = Ends(vec![2, 1, 3, 4]);
        assert_eq!(worker.complete(Box::pin(hook), &mut host), "done");
        assert_eq!(*order.borrow(), [2, 1, 3]);
        // It asks for nothing after that.
        assert_eq!(host.0, [4]);
    }

    #[test]
    fn a_hook_that_does_not_wait_asks_the_host_for_nothing() {
        let mut worker = Worker::new();
        assert_eq!(worker.complete(Box::pin(async { 5 }), &mut Ends(Vec::new())), 5);
    }

    #[test]
    fn a_cancelled_handler_gives_up_its_wait() {
        let mut worker = Worker::new();
        let call = crate::call::tests::call(1);
        let work: LocalBoxFuture<'static, _> = Box::pin(async {
            wait(1).await;
            Err(Error::system("it goes on"))
        });
        let task = worker.begin(Job::Handler { work: call.scoped(work), is_tell: false }).unwrap();
        worker.calls.insert(1, InHand::Handler(task));
        worker.cancel(1);
        assert_eq!(given_up(), [1]);
        let outcomes = worker.done.hand_in(|done| {
            pulsing_work::outcome::unpack(done)
                .unwrap()
                .map(|outcome| outcome.unwrap().call)
                .collect::<Vec<_>>()
        });
        assert_eq!(outcomes, [1]);
        // Its end was on its way.
        assert!(worker.event(&Work::Ended { wait: 1 }).is_continue());
        worker.cancel(1);
    }
}
