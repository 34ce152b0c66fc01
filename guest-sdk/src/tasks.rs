//! The executor of an actor whose handlers overlap: tasks, of which those that were woken are polled, first come
//! first served.
//!
//! One thread, no locks that are ever contended: a waker has to be `Send`, and that is what they are for. A waker says
//! where a task is, and not which: who keeps one beyond its task's end wakes the next task at that place for nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Names a task until it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId(usize);

/// All tasks of one actor. Places are used again, so there are as many as there ever were tasks at once.
pub(crate) struct Tasks<F> {
    places: RefCell<Vec<Place<F>>>,
    free: RefCell<Vec<TaskId>>,
    ready: Arc<Ready>,
}

struct Place<F> {
    /// None while it is polled, and where the place is free.
    task: Option<F>,
    token: Arc<Token>,
}

/// What a place's wakers share.
struct Token {
    id: TaskId,
    is_ready: AtomicBool,
    ready: Arc<Ready>,
}

/// The places that were woken, each once.
#[derive(Default)]
struct Ready {
    ids: Mutex<VecDeque<TaskId>>,
}

impl Ready {
    fn ids(&self) -> MutexGuard<'_, VecDeque<TaskId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_ready.swap(true, Ordering::Relaxed) {
            self.ready.ids().push_back(self.id);
        }
    }
}

/// What the first poll of a task came to.
pub(crate) enum Begun<T> {
    /// It is over.
    Over(T),
    /// It is kept.
    Waits(TaskId),
}

impl<F: Future + Unpin> Tasks<F> {
    pub(crate) fn new() -> Self {
        Self { places: RefCell::new(Vec::new()), free: RefCell::new(Vec::new()), ready: Arc::default() }
    }

    /// Polls a task once, now, and keeps it where it waits.
    pub(crate) fn begin(&self, task: F) -> Begun<F::Output> {
        let (id, token) = self.place();
        match self.poll(id, token, task) {
            Poll::Ready(output) => Begun::Over(output),
            Poll::Pending => Begun::Waits(id),
        }
    }

    /// Adds a task, which gets its turn after those that are ready.
    pub(crate) fn add(&self, task: F) -> TaskId {
        let (id, token) = self.place();
        self.put(id, task);
        token.wake();
        id
    }

    /// Polls the task that is ready for longest: none where none is ready, else what it came to.
    pub(crate) fn turn(&self) -> Option<Poll<F::Output>> {
        loop {
            let id = self.ready.ids().pop_front()?;
            let Some((task, token)) = self.take(id) else { continue };
            return Some(self.poll(id, token, task));
        }
    }

    /// How many are ready.
    pub(crate) fn ready(&self) -> usize {
        self.ready.ids().len()
    }

    /// Takes a task that waits out, to be dropped where that is right.
    pub(crate) fn remove(&self, id: TaskId) -> Option<F> {
        let (task, _token) = self.take(id)?;
        self.free.borrow_mut().push(id);
        Some(task)
    }

    /// No place is lent while this runs: a task may add others.
    fn poll(&self, id: TaskId, token: Arc<Token>, mut task: F) -> Poll<F::Output> {
        // A wake during the poll counts.
        token.is_ready.store(false, Ordering::Relaxed);
        let waker = Waker::from(token);
        let polled = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
        match &polled {
            Poll::Ready(_) => self.free.borrow_mut().push(id),
            Poll::Pending => self.put(id, task),
        }
        polled
    }

    fn place(&self) -> (TaskId, Arc<Token>) {
        let mut places = self.places.borrow_mut();
        if let Some(id) = self.free.borrow_mut().pop()
            && let Some(place) = places.get(id.0)
        {
            return (id, Arc::clone(&place.token));
        }
        let id = TaskId(places.len());
        let token = Arc::new(Token { id, is_ready: AtomicBool::new(false), ready: Arc::clone(&self.ready) });
        places.push(Place { task: None, token: Arc::clone(&token) });
        (id, token)
    }

    fn put(&self, id: TaskId, task: F) {
        if let Some(place) = self.places.borrow_mut().get_mut(id.0) {
            place.task = Some(task);
        }
    }

    /// None where a waker outlived its task. Whatever is polled next at this place is woken by who wakes it.
    fn take(&self, id: TaskId) -> Option<(F, Arc<Token>)> {
        let mut places = self.places.borrow_mut();
        let place = places.get_mut(id.0)?;
        match place.task.take() {
            Some(task) => Some((task, Arc::clone(&place.token))),
            None => {
                place.token.is_ready.store(false, Ordering::Relaxed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use futures::channel::oneshot;
    use futures::future::LocalBoxFuture;

    use super::*;

    type Work = LocalBoxFuture<'static, u32>;

    /// The outputs of all that gets ready, in order.
    fn run(tasks: &Tasks<Work>) -> Vec<u32> {
        let turns = std::iter::from_fn(|| tasks.turn());
        turns
            .filter_map(|polled| if let Poll::Ready(output) = polled { Some(output) } else { None })
            .collect()
    }

    fn waits(begun: Begun<u32>) -> TaskId {
        match begun {
            Begun::Waits(id) => id,
            Begun::Over(_) => unreachable!("it is over"),
        }
    }

    fn received(number: u32) -> (oneshot::Sender<()>, Work) {
        let (sender, receiver) = oneshot::channel();
        let work = async move {
            receiver.await.unwrap();
            number
        };
        (sender, Box::pin(work))
    }

    #[test]
    fn what_is_ready_at_once_leaves_nothing_behind() {
        let tasks = Tasks::<Work>::new();
        for _ in 0..2 {
            assert!(matches!(tasks.begin(Box::pin(async { 5 })), Begun::Over(5)));
        }
        assert_eq!((tasks.places.borrow().len(), tasks.ready()), (1, 0));
    }

    #[test]
    fn tasks_go_on_in_the_order_in_which_they_were_woken() {
        let tasks = Tasks::<Work>::new();
        let (senders, works): (Vec<_>, Vec<_>) = (0..3).map(received).unzip();
        for work in works {
            waits(tasks.begin(work));
        }
        let [first, second, third] = <[_; 3]>::try_from(senders).unwrap();
        for sender in [third, first, second] {
            sender.send(()).unwrap();
        }
        assert_eq!(tasks.ready(), 3);
        assert_eq!(run(&tasks), [2, 0, 1]);
    }

    #[test]
    fn a_task_that_was_added_within_another_gets_its_turn() {
        let tasks = Rc::new(Tasks::<Work>::new());
        let inner = Rc::clone(&tasks);
        tasks.add(Box::pin(async move {
            let _task = inner.add(Box::pin(async { 2 }));
            1
        }));
        assert_eq!(run(&tasks), [1, 2]);
    }

    #[test]
    fn a_wake_during_the_poll_is_not_lost() {
        let tasks = Tasks::<Work>::new();
        let mut polls = 0;
        let work = poll_fn(move |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            if polls < 3 { Poll::Pending } else { Poll::Ready(polls) }
        });
        waits(tasks.begin(Box::pin(work)));
        assert_eq!(tasks.ready(), 1);
        assert_eq!(run(&tasks), [3]);
        assert!(tasks.turn().is_none());
    }

    #[test]
    fn a_task_that_is_taken_out_is_whole_and_its_place_is_used_again() {
        struct SetOnDrop(Rc<Cell<bool>>);
        impl Drop for SetOnDrop {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }

        let tasks = Tasks::<Work>::new();
        let is_dropped = Rc::new(Cell::new(false));
        let guard = SetOnDrop(Rc::clone(&is_dropped));
        let id = waits(tasks.begin(Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        })));
        let task = tasks.remove(id);
        assert!(!is_dropped.get());
        drop(task);
        assert!(is_dropped.get());
        let (_sender, work) = received(1);
        assert_eq!(waits(tasks.begin(work)), id);
    }

    #[test]
    fn a_waker_that_outlives_its_task_harms_nobody() {
        let tasks = Tasks::<Work>::new();
        let old = Rc::new(Cell::new(None));
        let place = Rc::clone(&old);
        let first = waits(tasks.begin(Box::pin(poll_fn(move |cx| {
            place.set(Some(cx.waker().clone()));
            Poll::Pending
        }))));
        drop(tasks.remove(first));
        let old = old.take().unwrap();
        old.wake_by_ref();
        assert!(tasks.turn().is_none());
        let (sender, work) = received(7);
        assert_eq!(waits(tasks.begin(work)), first);
        old.wake();
        assert!(run(&tasks).is_empty());
        sender.send(()).unwrap();
        assert_eq!(run(&tasks), [7]);
    }
}
