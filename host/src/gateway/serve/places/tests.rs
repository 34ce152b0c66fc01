//! Who gives way to whom, on a clock that jumps.

use futures::FutureExt;

use super::*;

const HEALTH: Purpose = Purpose::Health;
const OPERATION: Purpose = Purpose::Operation;
const MESSAGE: Purpose = Purpose::Message;
const REFUSAL: Purpose = Purpose::Refusal;

async fn seat(places: &Arc<Places>) -> Arc<Seat> {
    // Each a little later than the one before.
    tokio::time::advance(Duration::from_millis(1)).await;
    Arc::new(places.take().await)
}

async fn seats(places: &Arc<Places>, count: usize) -> Vec<Arc<Seat>> {
    let mut seats = Vec::new();
    for _ in 0..count {
        seats.push(seat(places).await);
    }
    seats
}

/// Which of them have given way.
fn given_away(seats: &[Arc<Seat>]) -> Vec<usize> {
    let is_gone = |seat: &Arc<Seat>| !seat.places.table().places.contains_key(&seat.id);
    (0..seats.len()).filter(|index| is_gone(&seats[*index])).collect()
}

#[tokio::test(start_paused = true)]
async fn the_connection_that_has_waited_longest_for_a_head_gives_way() {
    let places = Places::new(2);
    let mut all = seats(&places, 2 + RESERVE).await;
    let _turns = [0, 2].map(|index| all[index].begin(MESSAGE, false).unwrap());
    assert_eq!(given_away(&all), [] as [usize; 0]);
    for gone in [vec![1], vec![1, 3], vec![1, 3, 4]] {
        all.push(seat(&places).await);
        assert_eq!(given_away(&all), gone, "those that carry a request stay");
    }
    assert!(all[1].given_away().now_or_never().is_some(), "and is told");
    assert!(all[5].given_away().now_or_never().is_none());
    assert_eq!(all[1].begin(MESSAGE, false).unwrap_err(), Unserved::Gone, "and its request reaches nobody");
    // One that answers, and waits again, goes to the end of the line.
    tokio::time::advance(FRESH).await;
    drop(all[5].begin(HEALTH, false).unwrap());
    all[5].flushed();
    all.push(seat(&places).await);
    assert_eq!(given_away(&all), [1, 3, 4, 6]);
    // And one that closes makes room.
    drop(all.remove(7));
    all.push(seat(&places).await);
    assert_eq!(given_away(&all), [1, 3, 4, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_keeps_its_place_for_a_second_after_it_came_whatever_it_does() {
    let places = Places::new(1);
    let mut all = seats(&places, 1 + RESERVE).await;
    let first_came = Instant::now() - Duration::from_millis(RESERVE as u64);
    all.push(Arc::new(places.take().await));
    assert_eq!(Instant::now() - first_came, FRESH);
    assert_eq!(given_away(&all), [0]);
    // Those that ask all the time keep it no longer.
    tokio::time::advance(FRESH).await;
    for seat in &all[1..] {
        drop(seat.begin(HEALTH, false).unwrap());
        seat.flushed();
    }
    let before = Instant::now();
    all.push(Arc::new(places.take().await));
    assert_eq!((Instant::now(), given_away(&all)), (before, vec![0, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_still_coming_gives_way_to_a_message_the_oldest_first() {
    let places = Places::new(3);
    let all = seats(&places, 5).await;
    let mut turns: Vec<_> = (0..3).map(|index| all[index].begin(MESSAGE, true).unwrap()).collect();
    assert_eq!(all[3].begin(MESSAGE, false).unwrap_err(), Unserved::Full, "not at once");
    // All of it has come.
    all[0].received(0);
    tokio::time::advance(BODY_MIN).await;
    turns.push(all[3].begin(MESSAGE, false).unwrap());
    assert_eq!(given_away(&all), [1]);
    turns.push(all[4].begin(MESSAGE, false).unwrap());
    assert_eq!(given_away(&all), [1, 2]);
    let late = seat(&places).await;
    tokio::time::advance(BODY_MIN + UNREAD_MIN).await;
    assert_eq!(late.begin(MESSAGE, true).unwrap_err(), Unserved::Full, "what an actor has got stays");
    assert_eq!(given_away(&all), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_gives_way_to_a_message() {
    let places = Places::new(2);
    let all = seats(&places, 4).await;
    let _turns = [0, 1].map(|index| all[index].begin(MESSAGE, false).unwrap());
    all[1].set_unread(true);
    tokio::time::advance(UNREAD_MIN - Duration::from_millis(1)).await;
    assert_eq!(all[2].begin(MESSAGE, false).unwrap_err(), Unserved::Full);
    // Some of it was read.
    all[1].set_unread(false);
    all[1].set_unread(true);
    all[0].set_unread(true);
    tokio::time::advance(UNREAD_MIN).await;
    let _turn = all[2].begin(MESSAGE, false).unwrap();
    assert_eq!(given_away(&all), [0]);
}

#[tokio::test(start_paused = true)]
async fn operators_have_a_reserve_and_health_is_always_served() {
    let places = Places::new(1);
    let all = seats(&places, 1 + RESERVE).await;
    let _message = all[0].begin(MESSAGE, false).unwrap();
    let operations: Vec<_> =
        (1..=OPERATORS_MAX).map(|index| all[index].begin(OPERATION, false).unwrap()).collect();
    let last = &all[OPERATORS_MAX + 1];
    assert_eq!(last.begin(OPERATION, false).unwrap_err(), Unserved::Full);
    drop(last.begin(HEALTH, false).unwrap());
    last.flushed();
    // One of them ends.
    drop(operations);
    assert_eq!(last.begin(OPERATION, false).unwrap_err(), Unserved::Full, "its answer has not left");
    all[1].flushed();
    let _operation = last.begin(OPERATION, false).unwrap();
    // Nobody can hold all places by asking for health, and reading nothing.
    let rest = RESERVE - OPERATORS_MAX;
    let _healthy: Vec<_> =
        (0..rest - 1).map(|more| all[OPERATORS_MAX + 2 + more].begin(HEALTH, false).unwrap()).collect();
    let _one_more = seat(&places).await;
    assert_eq!(given_away(&all), [1], "the one that waits for longest");
    let _one_more = seat(&places).await;
    assert_eq!(given_away(&all), [1, OPERATORS_MAX + 2]);
}

#[tokio::test(start_paused = true)]
async fn an_operators_request_takes_the_place_of_one_whose_answer_nobody_reads() {
    let places = Places::new(1);
    let all = seats(&places, 1 + RESERVE).await;
    let _message = all[0].begin(MESSAGE, false).unwrap();
    let mut turns: Vec<_> =
        (1..=OPERATORS_MAX).map(|index| all[index].begin(OPERATION, false).unwrap()).collect();
    all[0].set_unread(true);
    all[7].set_unread(true);
    let mut late = all[OPERATORS_MAX + 1..].iter();
    let mut next = || late.next().unwrap().begin(OPERATION, false);
    assert_eq!(next().unwrap_err(), Unserved::Full, "not at once");
    tokio::time::advance(OPERATOR_UNREAD_MIN).await;
    turns.push(next().unwrap());
    assert_eq!(given_away(&all), [7], "in the reserve of operators");
    assert_eq!(next().unwrap_err(), Unserved::Full, "those that are read stay");
    tokio::time::advance(UNREAD_MIN - OPERATOR_UNREAD_MIN).await;
    turns.push(next().unwrap());
    assert_eq!(given_away(&all), [0, 7], "and a message, later");
    let table = places.table();
    assert_eq!((table.requests, table.operators), (1, OPERATORS_MAX));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_its_sender_may_not_make_takes_nothing_from_others_and_gives_way() {
    let places = Places::new(1);
    let mut all = seats(&places, 1 + RESERVE).await;
    let _uploads = all[0].begin(MESSAGE, true).unwrap();
    tokio::time::advance(BODY_MIN + UNREAD_MIN).await;
    let _refused: Vec<_> = all[1..].iter().map(|seat| seat.begin(REFUSAL, true).unwrap()).collect();
    assert_eq!(given_away(&all), [] as [usize; 0]);
    assert_eq!(places.table().operators, 0);
    let operator = seat(&places).await;
    assert_eq!(given_away(&all), [1]);
    let _operation = operator.begin(OPERATION, false).unwrap();
    all.push(operator);
    assert_eq!(given_away(&all), [1]);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_socket_left_also_those_give_way_that_carry_a_request() {
    let places = Places::new(8);
    let all = seats(&places, 4).await;
    let _turns =
        [(0, false), (1, true), (2, false)].map(|(at, has_body)| all[at].begin(MESSAGE, has_body).unwrap());
    all[2].set_unread(true);
    assert!(!places.spare_one(Duration::ZERO).await, "they have just come");
    tokio::time::advance(UNREAD_MIN).await;
    for gone in [vec![3], vec![1, 3], vec![1, 2, 3]] {
        assert!(places.spare_one(Duration::ZERO).await);
        assert_eq!(given_away(&all), gone);
    }
    assert!(!places.spare_one(Duration::ZERO).await, "what an actor has got stays");
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_until_its_answer_has_left_and_once_if_the_next_comes_before() {
    let places = Places::new(1);
    let all = seats(&places, 2).await;
    drop(all[0].begin(MESSAGE, false).unwrap());
    assert_eq!(all[1].begin(MESSAGE, false).unwrap_err(), Unserved::Full);
    let next = all[0].begin(MESSAGE, false).unwrap();
    all[0].flushed();
    assert_eq!(all[1].begin(MESSAGE, false).unwrap_err(), Unserved::Full, "the next has not been answered");
    drop(next);
    all[0].flushed();
    drop(all[1].begin(MESSAGE, false).unwrap());
    drop(all);
    let table = places.table();
    assert_eq!((table.requests, table.operators, table.places.len()), (0, 0, 0));
}
