mod shares;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::task::AtomicWaker;

use super::*;

/// Of the program, which has no share to keep to.
impl FromSender for u32 {
    fn sender(&self) -> &Caller {
        &Caller::Program
    }
}

fn queue(capacity: usize, overflow: Overflow) -> Queue<u32> {
    Queue::new(NonZeroUsize::new(capacity).unwrap(), overflow)
}

fn filled(capacity: u32, overflow: Overflow) -> Queue<u32> {
    let queue = queue(capacity as usize, overflow);
    for n in 0..capacity {
        assert!(matches!(queue.try_send(n), Ok(Sent::Queued { .. })));
    }
    queue
}

#[test]
fn messages_come_out_in_the_order_in_which_they_went_in() {
    let queue = filled(4, Overflow::Wait);
    assert_eq!(std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(queue.is_empty());
}

#[test]
fn how_many_wait_is_known_after_every_step() {
    let queue = filled(2, Overflow::DropOldest);
    assert_eq!((queue.len(), queue.is_empty()), (2, false));
    assert_eq!(queue.try_send(9), Ok(Sent::Displaced(0)));
    assert_eq!(queue.pop_if(|oldest| *oldest == 9), None);
    assert_eq!(queue.len(), 2);
    assert_eq!((queue.pop(), queue.len()), (Some(1), 1));
    queue.close();
    assert_eq!(queue.len(), 1, "what is queued stays");
    assert_eq!((queue.take_all(|_| true), queue.len()), (vec![9], 0));
    assert!(queue.is_empty());
}

#[tokio::test]
async fn a_message_that_is_taken_from_a_full_mailbox_leaves_as_many_where_somebody_waits_in_line() {
    let queue = filled(2, Overflow::Wait);
    let mut waiting = Box::pin(Queue::send(&queue, 10).done());
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!((queue.pop(), queue.len()), (Some(0), 2));
    assert_eq!((queue.take_all(|n| *n == 1), queue.len()), (vec![1], 1));
    assert!(matches!(waiting.await, Ok(Sent::Queued { .. })));
}

#[tokio::test]
async fn messages_are_taken_by_key_from_the_front_and_their_places_go_to_those_in_line() {
    let queue = filled(4, Overflow::Wait);
    let mut waiting = Box::pin(Queue::send(&queue, 10).done());
    assert!(waiting.as_mut().now_or_never().is_none());
    let pop_each = |keys: &[u32]| queue.pop_each(keys.iter(), |message, key| message == *key);
    assert_eq!((pop_each(&[1, 2]), queue.len()), (vec![], 4), "another is the oldest");
    assert_eq!((pop_each(&[0, 9, 1]), queue.len()), (vec![0, 1], 3), "what is not there is passed over");
    assert!(matches!(waiting.await, Ok(Sent::Queued { .. })));
    assert_eq!((pop_each(&[2, 3, 10, 11]), queue.len()), (vec![2, 3, 10], 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_reader_that_registers_before_it_looks_misses_no_message() {
    const EACH: u32 = 20_000;
    let (queue, waker) = (Arc::new(queue(4, Overflow::Wait)), Arc::new(AtomicWaker::new()));
    for _ in 0..2 {
        let (queue, waker) = (Arc::clone(&queue), Arc::clone(&waker));
        tokio::spawn(async move {
            for n in 0..EACH {
                assert!(matches!(Queue::send(&*queue, n).done().await, Ok(Sent::Queued { .. })));
                waker.wake();
            }
        });
    }
    let next = || {
        poll_fn(|context| {
            waker.register(context.waker());
            queue.pop().map_or(Poll::Pending, Poll::Ready)
        })
    };
    let all = async {
        for _ in 0..2 * EACH {
            next().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("a message was missed");
}

#[test]
fn a_full_mailbox_rejects_displaces_or_drops_as_its_policy_says() {
    let rejecting = filled(2, Overflow::Reject);
    assert_eq!(rejecting.try_send(9), Err(SendError::Full(9)));
    let displacing = filled(2, Overflow::DropOldest);
    assert_eq!(displacing.try_send(9), Ok(Sent::Displaced(0)));
    assert_eq!((displacing.pop(), displacing.pop(), displacing.pop()), (Some(1), Some(9), None));
    let dropping = filled(2, Overflow::DropNewest);
    assert_eq!(dropping.try_send(9), Ok(Sent::Dropped(9)));
    assert_eq!((dropping.pop(), dropping.pop(), dropping.pop()), (Some(0), Some(1), None));
}

#[tokio::test(start_paused = true)]
async fn senders_get_room_in_the_order_in_which_they_asked() {
    let queue = filled(1, Overflow::Wait);
    let mut first = Box::pin(Queue::send(&queue, 10).done());
    let mut second = Box::pin(Queue::send(&queue, 11).done());
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(queue.pop(), Some(0));
    assert_eq!(queue.try_send(12), Err(SendError::Full(12)), "the place is the first waiter's");
    assert!(second.as_mut().now_or_never().is_none());
    assert!(matches!(first.await, Ok(Sent::Queued { .. })));
    assert_eq!(queue.pop(), Some(10));
    assert!(matches!(second.await, Ok(Sent::Queued { .. })));
    assert_eq!(queue.pop(), Some(11));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_message_is_taken_only_if_it_is_wanted_and_its_place_is_the_first_waiter_s() {
    let queue = filled(2, Overflow::Wait);
    let mut waiting = Box::pin(Queue::send(&queue, 10).done());
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(queue.pop_if(|oldest| *oldest == 1), None);
    assert!(waiting.as_mut().now_or_never().is_none(), "nothing was taken");
    assert_eq!(queue.pop_if(|oldest| *oldest == 0), Some(0));
    assert_eq!(queue.try_send(11), Err(SendError::Full(11)), "the place is the first waiter's");
    assert!(matches!(waiting.await, Ok(Sent::Queued { .. })));
    assert_eq!((queue.pop(), queue.pop(), queue.pop_if(|_| true)), (Some(1), Some(10), None));
}

#[test]
fn a_look_ahead_takes_nothing_and_ends_at_its_bound_or_where_nothing_is_found() {
    let queue = filled(4, Overflow::Wait);
    let mut looked_at = Vec::new();
    let found = queue.look_ahead(2, |n| {
        looked_at.push(*n);
        Some(n * 10)
    });
    assert_eq!((found, looked_at), (vec![0, 10], vec![0, 1]));
    assert_eq!(queue.look_ahead(9, |n| (*n < 3).then_some(*n)), [0, 1, 2]);
    assert!(queue.look_ahead(9, |n| (*n > 0).then_some(*n)).is_empty());
    assert!(queue.look_ahead(0, |n| Some(*n)).is_empty());
    assert_eq!(queue.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_a_sender_in_line_that_has_yet_to_look() {
    let queue = filled(2, Overflow::Wait);
    let mut waiting = Box::pin(Queue::send(&queue, 10).done());
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!((queue.pop(), queue.pop()), (Some(0), Some(1)));
    assert!(matches!(queue.try_send(11), Ok(Sent::Queued { .. })), "there is room for both");
    assert_eq!((queue.pop(), queue.pop()), (Some(10), Some(11)));
    assert!(matches!(waiting.await, Ok(Sent::Queued { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_gives_up_leaves_nothing_behind() {
    let queue = filled(1, Overflow::Wait);
    assert!(Queue::send(&queue, 10).done().now_or_never().is_none());
    assert_eq!(queue.pop(), Some(0));
    assert!(matches!(queue.try_send(11), Ok(Sent::Queued { .. })));
    assert_eq!((queue.pop(), queue.pop()), (Some(11), None));
}

#[tokio::test(start_paused = true)]
async fn closing_refuses_those_who_wait_and_keeps_what_is_queued() {
    let queue = Arc::new(filled(1, Overflow::Wait));
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { Queue::send(queue, 10).done().await }
    });
    tokio::task::yield_now().await;
    queue.close();
    assert_eq!(waiting.await.unwrap(), Err(SendError::Closed(10)));
    assert_eq!(Queue::send(&*queue, 11).done().await, Err(SendError::Closed(11)));
    assert_eq!((queue.pop(), queue.pop()), (Some(0), None));
    queue.open();
    assert!(matches!(Queue::send(&*queue, 12).done().await, Ok(Sent::Queued { .. })));
}

#[tokio::test]
async fn no_room_is_lost_to_a_mailbox_that_was_closed() {
    let queue = queue(2, Overflow::Wait);
    for _ in 0..10 {
        queue.close();
        assert_eq!(queue.try_send(1), Err(SendError::Closed(1)));
        queue.open();
    }
    assert!(matches!(
        (queue.try_send(1), queue.try_send(2)),
        (Ok(Sent::Queued { .. }), Ok(Sent::Queued { .. }))
    ));
}
