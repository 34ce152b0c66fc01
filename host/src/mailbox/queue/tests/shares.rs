use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A message of an actor: its name and a number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Of(Caller, u32);

impl FromSender for Of {
    fn sender(&self) -> &Caller {
        &self.0
    }
}

fn of(sender: &str, number: u32) -> Of {
    Of(sender.parse().unwrap(), number)
}

fn empty(capacity: usize, overflow: Overflow) -> Queue<Of> {
    Queue::new(NonZeroUsize::new(capacity).unwrap(), overflow)
}

/// Sends until nothing more is taken. Returns how many were.
fn flood(queue: &Queue<Of>, sender: &Caller) -> usize {
    let sent = (0..).map(|number| queue.try_send(Of(sender.clone(), number)));
    sent.take_while(|sent| matches!(sent, Ok(Sent::Queued { .. }))).count()
}

fn pop(queue: &Queue<Of>) -> Option<(String, u32)> {
    queue.pop().map(|Of(sender, number)| (sender.to_string(), number))
}

#[test]
fn whoever_is_alone_has_three_quarters_of_the_places_and_the_next_ones_a_share_of_the_rest() {
    for (capacity, alone) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (8, 6), (256, 192), (10_000, 7_500)] {
        let queue = empty(capacity, Overflow::Reject);
        assert_eq!(flood(&queue, &Caller::Http), alone, "of {capacity}");
        assert_eq!(queue.len(), alone);
    }
    let queue = empty(256, Overflow::Reject);
    let next = ["1", "2", "3", "4", "5"].map(|name| flood(&queue, &Caller::Client(name.into())));
    assert_eq!(next, [192, 48, 12, 3, 1]);
    let queue = empty(256, Overflow::Reject);
    assert_eq!(flood(&queue, &Caller::Program), 256, "the program has no share to keep to");
}

#[test]
fn whoever_has_few_messages_has_room_until_there_is_none() {
    let queue = empty(256, Overflow::Reject);
    for number in 0..256 {
        let sent = queue.try_send(of(&format!("actor-{number}"), number));
        assert!(matches!(sent, Ok(Sent::Queued { .. })), "{number}");
    }
    assert_eq!(queue.try_send(of("late", 0)), Err(SendError::Full(of("late", 0))));
}

#[test]
fn who_floods_gets_room_again_as_what_it_sent_is_taken() {
    let queue = empty(8, Overflow::Reject);
    let (loud, quiet) = ("loud".parse().unwrap(), "quiet".parse().unwrap());
    assert_eq!((flood(&queue, &loud), flood(&queue, &quiet)), (6, 2));
    for expected in 0..3 {
        assert_eq!(pop(&queue), Some(("loud".to_owned(), expected)));
    }
    // Three and two are left, and three places are free: whoever has fewer may have more of them.
    assert_eq!((flood(&queue, &quiet), flood(&queue, &loud)), (2, 0));
    while queue.pop().is_some() {}
    assert_eq!(flood(&queue, &loud), 6);
}

#[test]
fn nobody_is_counted_before_three_quarters_are_full_nor_once_half_is_free() {
    let queue = empty(8, Overflow::Reject);
    let is_counted = || queue.lock().shares.is_some();
    for number in 0..6 {
        assert!(queue.try_send(of("a", number)).is_ok() && !is_counted());
    }
    assert!(queue.try_send(of("a", 6)).is_err() && is_counted());
    assert!(queue.pop().is_some() && is_counted());
    assert!(queue.pop().is_some() && !is_counted(), "four of eight wait");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_fewest_messages_gets_room_first_and_of_several_the_one_that_asked_first() {
    let queue = empty(4, Overflow::Wait);
    assert_eq!(flood(&queue, &"loud".parse().unwrap()), 3);
    assert!(matches!(queue.try_send(of("few", 0)), Ok(Sent::Queued { .. })));
    let send = |sender, number| {
        let mut sending = Box::pin(Queue::send(&queue, of(sender, number)).done());
        assert!(sending.as_mut().now_or_never().is_none(), "there is no room");
        sending
    };
    let _loud = [send("loud", 3), send("loud", 4)];
    let _few = send("few", 1);
    let _first = [send("first", 0), send("first", 1)];
    let _second = send("second", 0);
    drop(send("gone", 0));
    let out: Vec<_> = std::iter::from_fn(|| pop(&queue)).collect();
    let names: Vec<_> = out.iter().map(|(sender, number)| format!("{sender} {number}")).collect();
    // As each of the first is taken, one comes in: of those that have none at first, then of those that have one.
    let expected = [
        "loud 0", "loud 1", "loud 2", "few 0", // in from the beginning
        "first 0", "second 0", "loud 3", "few 1", "first 1", "loud 4",
    ];
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_late_at_the_place_it_got_gives_up_no_other() {
    let queue = empty(4, Overflow::Wait);
    for round in 0..2 {
        assert_eq!(flood(&queue, &"loud".parse().unwrap()), 3);
        let granted = Queue::send(&queue, of("loud", 3));
        while queue.pop().is_some() {}
        assert!(queue.lock().shares.is_none(), "the next one is of another count");
        assert_eq!(flood(&queue, &"loud".parse().unwrap()), 3);
        let mut waiting = Box::pin(Queue::send(&queue, of("loud", 10)).done());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(granted);
        while queue.pop().is_some() {}
        assert!(matches!(waiting.await, Ok(Sent::Queued { .. })), "{round}");
    }
}

#[test]
fn a_sender_over_its_share_displaces_its_own_oldest_and_nobody_else_s() {
    let queue = empty(8, Overflow::DropOldest);
    for number in 0..2 {
        assert!(matches!(queue.try_send(of("quiet", number)), Ok(Sent::Queued { .. })));
    }
    for number in 0..5 {
        assert!(matches!(queue.try_send(of("loud", number)), Ok(Sent::Queued { .. })), "{number}");
    }
    for number in 5..50 {
        assert_eq!(queue.try_send(of("loud", number)), Ok(Sent::Displaced(of("loud", number - 5))));
    }
    assert!(matches!(queue.try_send(of("quiet", 2)), Ok(Sent::Queued { .. })));
    assert_eq!(queue.try_send(of("late", 0)), Ok(Sent::Displaced(of("quiet", 0))), "there is no room");
    assert_eq!(queue.try_send(of("late", 1)), Ok(Sent::Displaced(of("late", 0))), "nor for a second one");
    assert_eq!(queue.len(), 8);
}

#[test]
fn a_sender_whose_messages_are_all_far_behind_is_dropped_and_nobody_is_displaced() {
    let queue = empty(256, Overflow::DropOldest);
    for number in 0..u32::try_from(OWN_LOOK_MAX).unwrap() {
        assert!(queue.try_send(of(&format!("actor-{number}"), 0)).is_ok());
    }
    assert_eq!(flood(&queue, &"loud".parse().unwrap()), 144);
    assert_eq!(queue.try_send(of("loud", 999)), Ok(Sent::Dropped(of("loud", 999))));
    assert!(queue.pop().is_some());
    assert!(matches!(queue.try_send(of("loud", 999)), Ok(Sent::Queued { .. })), "a place is free now");
    assert!(matches!(queue.try_send(of("loud", 1_000)), Ok(Sent::Displaced(_))), "the oldest is near now");
}

/// What happens to a queue.
#[derive(Debug, Clone)]
enum Step {
    Send {
        sender: usize,
    },
    Pop,
    /// Gives the place in line up that was taken so many before.
    GiveUp {
        place: usize,
    },
    /// Takes all of one sender.
    TakeAll {
        sender: usize,
    },
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..SENDERS.len()).prop_map(|sender| Step::Send { sender }),
        6 => Just(Step::Pop),
        1 => (0..8_usize).prop_map(|place| Step::GiveUp { place }),
        1 => (0..SENDERS.len()).prop_map(|sender| Step::TakeAll { sender }),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 0..200)
}

static SENDERS: [&str; 5] = ["program", "@http", "loud", "louder", "quiet"];

fn sender(number: usize) -> Caller {
    if number == 0 { Caller::Program } else { SENDERS[number].parse().unwrap() }
}

/// What the counts have to be.
fn check(queue: &Queue<Of>) {
    let state = queue.lock();
    let (waiting, capacity) = (state.messages.len(), queue.capacity.get());
    assert!(waiting == queue.len() && waiting <= capacity);
    let Some(shares) = &state.shares else { return };
    for sender in (0..SENDERS.len()).map(sender) {
        let queued = state.messages.iter().filter(|message| *message.sender() == sender).count();
        let counted = if sender == Caller::Program { 0 } else { queued };
        assert_eq!(shares.queued(&sender), counted, "{sender}");
    }
    assert!(shares.nobody_waits_in_vain(capacity - waiting));
}

proptest! {
    #[test]
    fn shares_of_a_queue_hold_whatever_comes(
        capacity in 1..24_usize,
        overflow in prop_oneof![Just(Overflow::Wait), Just(Overflow::Reject), Just(Overflow::DropOldest)],
        // Louder ones, too.
        steps in steps(),
    ) {
        let queue = empty(capacity, overflow);
        let mut in_line = Vec::new();
        let mut last = BTreeMap::new();
        let mut note = |message: &Of| {
            let before = last.insert(message.0.to_string(), message.1);
            assert!(before.is_none_or(|before| before < message.1), "each sender's come in their order");
        };
        for (number, step) in (0..).zip(steps) {
            let was_full = queue.len() == capacity;
            match step {
                Step::Send { sender: from } => {
                    let sender = sender(from);
                    let has_none = queue.look_ahead(capacity, |of| Some(of.0 == sender)).iter().all(|own| !own);
                    match Queue::send(&queue, Of(sender, number)) {
                        Sending::Done(Ok(Sent::Queued { .. })) => prop_assert!(!was_full),
                        Sending::InLine(line) => {
                            in_line.push(line);
                            prop_assert!(was_full || !has_none, "there was room for its first message");
                        }
                        Sending::Done(Err(SendError::Full(_))) => prop_assert!(was_full || !has_none),
                        Sending::Done(_) => prop_assert_eq!(overflow, Overflow::DropOldest),
                    }
                }
                Step::Pop => queue.pop().iter().for_each(&mut note),
                Step::GiveUp { place } => {
                    if let Some(place) = in_line.len().checked_sub(place + 1) {
                        drop(in_line.remove(place));
                    }
                }
                Step::TakeAll { sender: from } => {
                    queue.take_all(|message| message.0 == sender(from)).iter().for_each(&mut note);
                }
                Step::Reopen => {
                    queue.close();
                    in_line.clear();
                    queue.open();
                }
            }
            check(&queue);
        }
        while let Some(message) = queue.pop() {
            note(&message);
            check(&queue);
        }
        prop_assert!(queue.lock().shares.is_none() && queue.is_empty());
    }
}
