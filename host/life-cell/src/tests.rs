use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use futures::FutureExt;
use futures::task::ArcWake;

use super::*;

type Cell = LifeCell<u32, ()>;

struct Wakes(AtomicUsize);

impl ArcWake for Wakes {
    fn wake_by_ref(this: &Arc<Self>) {
        this.0.fetch_add(1, Relaxed);
    }
}

fn counted() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
    let waker = futures::task::waker(Arc::clone(&wakes));
    (wakes, waker)
}

/// A cell with a life at home that its owner has polled, and that waits.
fn polled_once(life: BoxFuture<'static, u32>, waker: &Waker) -> (Cell, LifeNumber) {
    let cell = Cell::default();
    let life = cell.occupy(life, Some(()));
    assert_eq!(poll(&cell, life, waker), Poll::Pending);
    (cell, life)
}

fn poll(cell: &Cell, life: LifeNumber, waker: &Waker) -> Poll<Option<u32>> {
    cell.poll(life, &mut Context::from_waker(waker), |life, context| life.poll(context))
}

fn visit(cell: &Cell) -> Option<Poll<u32>> {
    cell.visit(|life, context, ()| {
        let poll = life.poll(context);
        (poll, poll)
    })
}

/// Ends with its number at the poll of that number.
fn after(polls: u32) -> BoxFuture<'static, u32> {
    let mut polled = 0;
    std::future::poll_fn(move |_| {
        polled += 1;
        if polled >= polls { Poll::Ready(polls) } else { Poll::Pending }
    })
    .boxed()
}

#[test]
fn who_came_for_a_life_does_not_poll_the_next() {
    let cell = Cell::default();
    let before = cell.occupy(std::future::pending().boxed(), None);
    assert!(cell.vacate());
    let life = cell.occupy(after(1), None);
    assert_eq!(poll(&cell, before, Waker::noop()), Poll::Ready(None));
    assert_eq!(poll(&cell, life, Waker::noop()), Poll::Ready(Some(1)));
}

#[test]
fn a_life_that_panics_as_it_is_dropped_is_gone_all_the_same() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("cannot end");
        }
    }
    let (cell, bad) = (Cell::default(), Bad);
    let life = cell.occupy(
        async move {
            let _bad = bad;
            std::future::pending().await
        }
        .boxed(),
        None,
    );
    assert!(cell.vacate());
    assert_eq!(poll(&cell, life, Waker::noop()), Poll::Ready(None));
}

#[test]
fn a_life_is_visited_only_once_its_owner_has_polled_it_and_where_it_has_a_home() {
    let cell = Cell::default();
    assert_eq!(visit(&cell), None, "there is no life");
    let life = cell.occupy(after(3), Some(()));
    assert_eq!(visit(&cell), None, "its owner has not polled it");
    assert_eq!(poll(&cell, life, Waker::noop()), Poll::Pending);
    assert_eq!(visit(&cell), Some(Poll::Pending));
    assert!(cell.vacate());
    assert_eq!(visit(&cell), None, "it has ended");
    let life = cell.occupy(after(3), None);
    assert_eq!(poll(&cell, life, Waker::noop()), Poll::Pending);
    assert_eq!(visit(&cell), None, "it has no home");
}

#[test]
fn an_end_that_a_visitor_saw_wakes_the_owner_and_is_told_once() {
    let (wakes, waker) = counted();
    let (cell, life) = polled_once(after(2), &waker);
    assert_eq!(visit(&cell), Some(Poll::Ready(2)));
    assert_eq!(wakes.0.load(Relaxed), 1);
    assert_eq!(visit(&cell), None);
    assert_eq!(poll(&cell, life, &waker), Poll::Ready(Some(2)));
    assert_eq!(poll(&cell, life, &waker), Poll::Ready(None));
}

#[test]
fn whoever_comes_while_the_life_is_polled_goes_away_and_the_owner_is_woken_afterwards() {
    let (wakes, waker) = counted();
    let (cell, life) = polled_once(after(3), &waker);
    let visited = cell.visit(|polled, context, ()| {
        assert_eq!(poll(&cell, life, &waker), Poll::Pending);
        assert_eq!(visit(&cell), None);
        assert_eq!(wakes.0.load(Relaxed), 0);
        (polled.poll(context), ())
    });
    assert_eq!((visited, wakes.0.load(Relaxed)), (Some(()), 1));
    assert_eq!(poll(&cell, life, &waker), Poll::Ready(Some(3)));
}

#[test]
fn a_life_that_is_vacated_while_it_is_polled_is_dropped_by_who_polls_it() {
    let (wakes, waker) = counted();
    let (cell, life) = polled_once(after(3), &waker);
    let visited = cell.visit(|polled, context, ()| {
        assert!(cell.poll_vacated(&Context::from_waker(&waker)).is_pending());
        (polled.poll(context), ())
    });
    assert_eq!((visited, wakes.0.load(Relaxed)), (Some(()), 1));
    assert_eq!(visit(&cell), None);
    assert_eq!(poll(&cell, life, &waker), Poll::Ready(None));
    assert!(cell.poll_vacated(&Context::from_waker(&waker)).is_ready());
}

#[test]
fn idle_is_what_was_said_last_until_the_life_goes() {
    let cell = Cell::default();
    cell.occupy(after(1), None);
    assert!(!cell.is_idle());
    cell.set_idle(true);
    assert!(cell.is_idle());
    assert!(cell.vacate());
    assert!(!cell.is_idle());
    cell.set_idle(true);
    cell.occupy(after(1), None);
    assert!(!cell.is_idle());
}
