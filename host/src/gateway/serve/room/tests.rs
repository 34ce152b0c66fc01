//! Who finds room, and who waits for it, on a clock that jumps.

use futures::FutureExt;

use super::super::places::{Places, Purpose, Turn};
use super::*;

const MIB: usize = 1 << 20;
/// How long a client may read nothing.
const STILL_MIN: Duration = Duration::from_secs(4);

/// Three quarters of its room are 3 MiB.
struct Clients {
    room: Arc<Room>,
    places: Arc<Places>,
}

struct Client {
    seat: Arc<Seat>,
    keeper: Keeper,
    _turn: Turn,
}

impl Clients {
    fn new() -> Self {
        Self { room: Room::new(4 * MIB), places: Places::new(100) }
    }

    async fn client(&self) -> Client {
        self.client_with(false).await
    }

    async fn client_of(&self, token: &str) -> Client {
        let mut client = self.client().await;
        client.keeper.sender = Caller::Client(token.into());
        client
    }

    async fn client_with(&self, has_body: bool) -> Client {
        let seat = Arc::new(self.places.take().await);
        let turn = seat.begin(Purpose::Message, has_body).unwrap();
        let keeper = Keeper::new(Arc::clone(&self.room), Arc::clone(&seat), Caller::Http);
        Client { seat, keeper, _turn: turn }
    }
}

impl Client {
    /// What a connection does that is thrown out: it lets go of what is kept for it.
    fn until_thrown_out(self, kept: Kept) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            self.seat.given_away().await;
            drop((kept, self));
        })
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_is_kept_than_there_is_room_for_and_all_comes_back() {
    let clients = Clients::new();
    let client = clients.client().await;
    let mut kept = Vec::new();
    while let Ok(more) = client.keeper.keep_now(MIB / 2) {
        kept.push(more);
        assert!(clients.room.used() <= clients.room.max());
    }
    // All but the reserve for answers.
    assert_eq!((clients.room.used(), kept.len()), (7 * MIB / 2, 7));
    assert_eq!(client.seat.kept().load(Ordering::Relaxed), 7 * MIB / 2);
    let mut all = kept.pop();
    kept.into_iter().for_each(|more| Kept::add(&mut all, more));
    assert_eq!(all.as_ref().map(Kept::bytes), Some(7 * MIB / 2));
    assert_eq!(client.seat.kept().load(Ordering::Relaxed), 7 * MIB / 2);
    drop(all);
    assert_eq!((clients.room.used(), client.seat.kept().load(Ordering::Relaxed)), (0, 0));
    let mut free = None;
    client.keeper.keep_up_to(FREE_MAX_BYTES, &mut free).unwrap();
    assert!(free.is_none());
    client.keeper.keep_up_to(FREE_MAX_BYTES + 1, &mut free).unwrap();
    client.keeper.keep_up_to(2 * FREE_MAX_BYTES, &mut free).unwrap();
    assert_eq!(clients.room.used(), 2 * FREE_MAX_BYTES);
}

#[tokio::test(start_paused = true)]
async fn whoever_keeps_most_and_stands_still_gives_way_first() {
    let clients = Clients::new();
    let (most, less, reads) = (clients.client().await, clients.client().await, clients.client().await);
    let kept = [(&most, MIB), (&less, MIB / 2), (&reads, 3 * MIB / 2)]
        .map(|(client, bytes)| client.keeper.keep_now(bytes).unwrap());
    for client in [&most, &less, &reads] {
        client.seat.set_unread(true);
    }
    let other = clients.client().await;
    // As yet all may be about to read.
    assert!(other.keeper.keep(MIB / 4, Duration::from_millis(500)).await.is_err());
    tokio::time::advance(STILL_MIN - Duration::from_millis(400)).await;
    reads.seat.read_on();
    let reading = Arc::clone(&reads.seat);
    let [of_most, of_less, of_reads] = kept;
    let (most, less) = (most.until_thrown_out(of_most), less.until_thrown_out(of_less));
    let reads = reads.until_thrown_out(of_reads);
    let first = other.keeper.keep(MIB / 4, WAIT_MAX).await.unwrap();
    most.await.unwrap();
    assert!(!less.is_finished() && !reads.is_finished());
    let second = other.keeper.keep(MIB, WAIT_MAX).await.unwrap();
    less.await.unwrap();
    assert!(!reads.is_finished(), "it has read a moment ago");
    // One that reads a little again and again gives way in the end.
    drop((first, second));
    while other.keeper.keep(2 * MIB, STILL_MIN / 2).await.is_err() {
        reading.read_on();
    }
    reads.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_slowly_gives_way_and_not_to_itself() {
    let clients = Clients::new();
    let slow = clients.client_with(true).await;
    let kept = slow.keeper.keep(3 * MIB, WAIT_MAX).await.unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(slow.keeper.keep(1, WAIT_MAX).await.is_err());
    assert!(slow.seat.given_away().now_or_never().is_none());
    let slow = slow.until_thrown_out(kept);
    let other = clients.client().await;
    assert!(other.keeper.keep(3 * MIB, WAIT_MAX).await.is_ok());
    slow.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_waits_in_the_reserve_and_no_other() {
    let clients = Clients::new();
    let hog = clients.client().await;
    hog.seat.set_unread(true);
    let kept = hog.keeper.keep_now(3 * MIB).unwrap();
    let hog = hog.until_thrown_out(kept);
    let (first, second) = (clients.client().await, clients.client().await);
    let waiting = tokio::spawn(async move { first.keeper.keep_made(MIB / 4).await.map(|kept| kept.bytes()) });
    tokio::task::yield_now().await;
    assert_eq!(clients.room.used(), 13 * MIB / 4);
    let refused = second.keeper.keep_made(MIB / 2).now_or_never().unwrap().unwrap_err();
    assert!(!refused.is_final());
    assert_eq!(waiting.await.unwrap(), Ok(MIB / 4));
    hog.await.unwrap();
    assert_eq!(clients.room.used(), 0);
    let never = second.keeper.keep_made(3 * MIB + 1).now_or_never();
    assert!(never.unwrap().unwrap_err().is_final());
}

#[tokio::test(start_paused = true)]
async fn operators_whose_answers_nobody_reads_take_nothing_from_answers_that_wait() {
    let clients = Clients::new();
    let views = clients.client().await;
    let mut unread = Vec::new();
    while let Ok(kept) = views.keeper.keep_now(MIB / 8) {
        unread.push(kept);
    }
    let answered = clients.client().await;
    let waiting =
        tokio::spawn(async move { answered.keeper.keep_made(MIB / 4).await.map(|kept| kept.bytes()) });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "it is not lost at once");
    drop(unread);
    assert_eq!(waiting.await.unwrap(), Ok(MIB / 4));
}

#[tokio::test(start_paused = true)]
async fn what_never_has_room_is_refused_at_once_and_throws_out_nobody() {
    let clients = Clients::new();
    let still = clients.client().await;
    still.seat.set_unread(true);
    let mut kept = Some(still.keeper.keep_now(MIB).unwrap());
    tokio::time::advance(2 * STILL_MIN).await;
    let other = clients.client().await;
    for refused in [
        other.keeper.keep(3 * MIB + 1, WAIT_MAX).now_or_never().unwrap().unwrap_err(),
        other.keeper.keep_made(3 * MIB + 1).now_or_never().unwrap().unwrap_err(),
        other.keeper.keep_now(3 * MIB + 1).unwrap_err(),
        // Together with what it has.
        still.keeper.keep_in_all(3 * MIB + 1, &mut kept, WAIT_MAX).now_or_never().unwrap().unwrap_err(),
    ] {
        assert!(refused.is_final());
    }
    assert!(still.seat.given_away().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_large_message_waits_no_longer_for_many_small_ones() {
    let clients = Clients::new();
    let client = clients.client().await;
    let kept: Vec<_> =
        (0..12).map(|_| client.keeper.room.all.take(&Caller::Http, MIB / 4).unwrap()).collect();
    let mut large = std::pin::pin!(client.keeper.keep(2 * MIB, WAIT_MAX));
    assert!((&mut large).now_or_never().is_none());
    for held in kept.into_iter().take(8) {
        assert!(client.keeper.keep(MIB / 4, Duration::ZERO).await.is_err(), "nobody passes it");
        drop(held);
    }
    assert_eq!(large.now_or_never().unwrap().unwrap().bytes(), 2 * MIB);
}

#[tokio::test(start_paused = true)]
async fn who_keeps_much_waits_behind_those_who_keep_less() {
    let clients = Clients::new();
    let (greedy, modest) = (clients.client_of("greedy").await, clients.client_of("modest").await);
    let mut kept: Vec<_> = (0..3).map(|_| greedy.keeper.keep_now(MIB).unwrap()).collect();
    let mut first = std::pin::pin!(greedy.keeper.keep(MIB, WAIT_MAX));
    let mut second = std::pin::pin!(modest.keeper.keep(MIB, WAIT_MAX));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    kept.pop();
    assert!(first.as_mut().now_or_never().is_none(), "it came first, and has two already");
    assert_eq!(second.now_or_never().unwrap().unwrap().bytes(), MIB);
    // What was given up in line goes to the next, and what is left comes back.
    kept.pop();
    drop(first.now_or_never().unwrap().unwrap());
    drop(kept);
    assert_eq!(clients.room.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_waits_for_its_room_does_not_stand_still() {
    let clients = Clients::new();
    let (busy, waits) = (clients.client().await, clients.client_with(true).await);
    let all = busy.keeper.keep_now(3 * MIB - 1).unwrap();
    let _one = waits.keeper.keep_now(1).unwrap();
    let mut waiting = std::pin::pin!(waits.keeper.keep(MIB, WAIT_MAX));
    assert!((&mut waiting).now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(4)).await;
    busy.seat.make_room(MIB);
    assert!(waits.seat.given_away().now_or_never().is_none(), "it is the host that lets it wait");
    drop(all);
    let _kept = waiting.now_or_never().unwrap().unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    busy.seat.make_room(MIB);
    assert!(waits.seat.given_away().now_or_never().is_some(), "and from then on its client");
}
