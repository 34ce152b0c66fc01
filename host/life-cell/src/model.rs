//! The cell under every interleaving of its threads, as `cargo xtask model` runs it.
//!
//! A lost wake shows as a deadlock: an owner that was not woken waits for ever, and loom says so. A life that is polled
//! by two at once, polled after its end, or not dropped exactly once fails an assertion of [`Watched`].
//!
//! Loads and stores that are sequentially consistent in the cell are acquire and release here (see `sync::model`); only
//! fences are sequentially consistent. So what holds here holds because of the fences.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Wake;

use futures::FutureExt;
use loom::sync::Notify;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use loom::thread::{self, JoinHandle};

use super::*;
use crate::sync;

type Cell = LifeCell<usize, ()>;

/// How often the threads of a model are preempted where they could go on, in all. Nearly all that is known to break the
/// cell breaks it with two; each more takes up to ten times as long.
const TWO_THREADS: usize = 5;
const THREE_THREADS: usize = 3;
/// Two that send, and the owner: the longest of the models.
const WITH_WORK: usize = 2;

fn preemptions(visitors: usize) -> usize {
    if visitors == 1 { TWO_THREADS } else { THREE_THREADS }
}

/// Checks a model with threads that are preempted so many times at most where they could go on.
fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}

/// What is known of one life from outside. Flags are not loom's: they are to see an order, and not to make one.
#[derive(Default)]
struct Watched {
    is_polled: AtomicBool,
    /// Whether its owner has polled it.
    is_known: AtomicBool,
    /// loom's, so that whoever learns of the end without what came before it sees none.
    drops: AtomicUsize,
    /// Whether it was said to have ended.
    is_over: AtomicBool,
}

impl Watched {
    /// A life of which this tells, and which does what `poll` does.
    fn life(
        self: &Arc<Self>,
        mut poll: impl FnMut(&Context<'_>) -> Poll<usize> + Send + 'static,
    ) -> BoxFuture<'static, usize> {
        let watched = Dropped(Arc::clone(self));
        std::future::poll_fn(move |context| {
            assert!(!watched.0.is_over.load(Relaxed), "polled after its end");
            assert!(!watched.0.is_polled.swap(true, Relaxed), "polled by two at once");
            let poll = poll(context);
            watched.0.is_polled.store(false, Relaxed);
            poll
        })
        .boxed()
    }

    fn assert_over(&self) {
        self.is_over.store(true, Relaxed);
        assert_eq!(self.drops.load(Relaxed), 1, "a life is dropped once");
    }
}

struct Dropped(Arc<Watched>);

impl Drop for Dropped {
    fn drop(&mut self) {
        // A model that has failed is being torn down, and loom with it.
        if !std::thread::panicking() {
            assert!(!self.0.is_polled.load(Relaxed), "dropped while it is polled");
            self.0.drops.fetch_add(1, Relaxed);
        }
    }
}

/// The owner's task.
#[derive(Default)]
struct Task(Notify);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// A cell with its owner.
#[derive(Default)]
struct Model {
    cell: Cell,
    task: Arc<Task>,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Polls as the owner of a life.
    fn poll(&self, watched: &Watched, life: LifeNumber) -> Poll<Option<usize>> {
        let waker = Waker::from(Arc::clone(&self.task));
        self.cell.poll(life, &mut Context::from_waker(&waker), |life, context| {
            watched.is_known.store(true, Relaxed);
            life.poll(context)
        })
    }

    /// Polls as the owner, whenever it is woken, until the life has ended.
    fn run(&self, watched: &Watched, life: LifeNumber) -> Option<usize> {
        loop {
            match self.poll(watched, life) {
                Poll::Ready(end) => return end,
                Poll::Pending => self.task.0.wait(),
            }
        }
    }

    /// Ends the life as its owner, and waits for that.
    fn end(&self) {
        let waker = Waker::from(Arc::clone(&self.task));
        while self.cell.poll_vacated(&Context::from_waker(&waker)).is_pending() {
            self.task.0.wait();
        }
    }

    /// Visits the life that is there. Returns whether it was polled.
    fn visit(&self) -> bool {
        self.cell.visit(|life, context, ()| (life.poll(context), ())).is_some()
    }

    fn spawn_visitor(self: &Arc<Self>) -> JoinHandle<()> {
        let model = Arc::clone(self);
        thread::spawn(move || {
            model.visit();
        })
    }
}

/// A queue of work that has no content, and who is to be woken for it.
#[derive(Default)]
struct Work {
    sent: AtomicUsize,
    arrived: sync::AtomicWaker,
}

impl Work {
    /// Sends a piece of work, as an ask does: visits the life, and wakes its owner where that did not work.
    fn send(&self, model: &Model) {
        self.sent.fetch_add(1, AcqRel);
        if !model.visit() {
            self.arrived.wake();
        }
    }

    /// A life that does so many pieces of work, and then ends.
    fn life(self: &Arc<Self>, watched: &Arc<Watched>, pieces: usize) -> BoxFuture<'static, usize> {
        let work = Arc::clone(self);
        watched.life(move |context| {
            work.arrived.register(context.waker());
            let done = work.sent.load(Acquire);
            if done == pieces { Poll::Ready(done) } else { Poll::Pending }
        })
    }
}

fn assert_work_is_done(preemptions: usize, senders: usize) {
    check(preemptions, move || {
        let (model, work, watched) = (Model::new(), Arc::new(Work::default()), Arc::new(Watched::default()));
        let life = model.cell.occupy(work.life(&watched, senders), Some(()));
        // With it, visitors may come.
        assert!(model.poll(&watched, life).is_pending());
        let senders: Vec<_> = std::iter::repeat_with(|| (Arc::clone(&model), Arc::clone(&work)))
            .take(senders)
            .map(|(model, work)| thread::spawn(move || work.send(&model)))
            .collect();
        let sent = senders.len();
        assert_eq!(model.run(&watched, life), Some(sent));
        watched.assert_over();
        senders.into_iter().for_each(|sender| sender.join().expect("it does not panic"));
    });
}

#[test]
fn an_end_that_a_visitor_saw_reaches_the_owner() {
    assert_work_is_done(TWO_THREADS, 1);
}

#[test]
fn work_that_comes_while_a_visitor_polls_is_done() {
    assert_work_is_done(WITH_WORK, 2);
}

#[test]
fn an_owner_that_found_the_life_being_polled_is_woken_once_it_is_not() {
    for visitors in [1, 2] {
        check(preemptions(visitors), move || {
            let (model, watched) = (Model::new(), Arc::new(Watched::default()));
            let rang = Arc::new(loom::sync::atomic::AtomicBool::new(false));
            let alarm = Arc::clone(&rang);
            let end = move |_: &Context<'_>| if alarm.load(Acquire) { Poll::Ready(1) } else { Poll::Pending };
            let life = model.cell.occupy(watched.life(end), Some(()));
            assert!(model.poll(&watched, life).is_pending());
            // None of them is this thread, which then would have to be preempted for another to go first.
            for _ in 0..visitors {
                model.spawn_visitor();
            }
            let owner = thread::spawn(move || {
                // As a timer of the runtime would, which wakes the owner alone, and once.
                rang.store(true, Release);
                assert_eq!(model.run(&watched, life), Some(1));
                watched.assert_over();
            });
            owner.join().unwrap();
        });
    }
}

#[test]
fn a_life_that_is_vacated_while_it_is_visited_ends_once_and_its_owner_hears_of_it() {
    for visitors in [1, 2] {
        check(preemptions(visitors), move || {
            let (model, watched) = (Model::new(), Arc::new(Watched::default()));
            let life = model.cell.occupy(watched.life(|_| Poll::Pending), Some(()));
            assert!(model.poll(&watched, life).is_pending());
            let visitors: Vec<_> = (0..visitors).map(|_| model.spawn_visitor()).collect();
            model.end();
            watched.assert_over();
            visitors.into_iter().for_each(|visitor| visitor.join().unwrap());
        });
    }
}

#[test]
fn a_life_whose_owner_does_not_wait_for_its_end_is_dropped_once_by_whoever_holds_it() {
    check(TWO_THREADS, || {
        let (model, watched) = (Model::new(), Arc::new(Watched::default()));
        let life = model.cell.occupy(watched.life(|_| Poll::Pending), Some(()));
        assert!(model.poll(&watched, life).is_pending());
        let visitor = model.spawn_visitor();
        if model.cell.vacate() {
            watched.assert_over();
        }
        visitor.join().unwrap();
        watched.assert_over();
    });
}

#[test]
fn a_life_that_ends_in_a_visit_while_it_is_vacated_is_dropped_once() {
    check(TWO_THREADS, || {
        let (model, watched) = (Model::new(), Arc::new(Watched::default()));
        let mut polls = 0;
        let end = move |_: &Context<'_>| {
            polls += 1;
            if polls == 2 { Poll::Ready(1) } else { Poll::Pending }
        };
        let life = model.cell.occupy(watched.life(end), Some(()));
        assert!(model.poll(&watched, life).is_pending());
        let visitor = model.spawn_visitor();
        model.end();
        visitor.join().unwrap();
        watched.assert_over();
        assert_eq!(model.poll(&watched, life), Poll::Ready(None), "its end went with it");
    });
}

#[test]
fn who_came_for_one_life_neither_polls_nor_ends_the_next() {
    check(TWO_THREADS, || {
        let (model, first) = (Model::new(), Arc::new(Watched::default()));
        let life = model.cell.occupy(first.life(|_| Poll::Pending), Some(()));
        assert!(model.poll(&first, life).is_pending());
        let next = Arc::new(Watched::default());
        let visitor = {
            let (model, first, next) = (Arc::clone(&model), Arc::clone(&first), Arc::clone(&next));
            thread::spawn(move || {
                model.cell.visit(|life, context, ()| {
                    let is_first = !first.is_over.load(Relaxed);
                    assert!(is_first || next.is_known.load(Relaxed), "its owner has not polled it");
                    (life.poll(context), ())
                });
            })
        };
        model.end();
        first.assert_over();
        let mut polls = 0;
        let end = move |context: &Context<'_>| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls == 2 { Poll::Ready(2) } else { Poll::Pending }
        };
        let life = model.cell.occupy(next.life(end), Some(()));
        assert_eq!(model.run(&next, life), Some(2));
        next.assert_over();
        visitor.join().unwrap();
    });
}

#[test]
fn a_task_that_polled_one_life_does_not_poll_the_next() {
    for first_end in [Poll::Pending, Poll::Ready(1)] {
        check(TWO_THREADS, move || {
            let (model, first) = (Model::new(), Arc::new(Watched::default()));
            let life = model.cell.occupy(first.life(move |_| first_end), None);
            let other = {
                let (model, first) = (Arc::clone(&model), Arc::clone(&first));
                // In a pool, where it has been aborted, and has not heard of it yet.
                thread::spawn(move || {
                    let waker = Waker::noop();
                    model.cell.poll(life, &mut Context::from_waker(waker), |life, context| {
                        assert!(!first.is_over.load(Relaxed), "this is another life");
                        life.poll(context)
                    })
                })
            };
            model.end();
            first.assert_over();
            let next = Arc::new(Watched::default());
            let life = model.cell.occupy(next.life(|_| Poll::Ready(2)), None);
            assert_eq!(model.run(&next, life), Some(2));
            next.assert_over();
            assert_ne!(other.join().unwrap(), Poll::Ready(Some(2)));
        });
    }
}
