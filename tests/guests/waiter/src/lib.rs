//! An overlapping guest whose handlers wait, and that counts how they end.

use std::time::Duration;

use pulsing_guest::{
    ActorRef, CallError, Error, Retry, RuntimeErrorKind, Stream, This, sleep, spawn, stream, try_stream,
};

#[derive(Default)]
struct Waiter {
    started: u64,
    running: u64,
    most_running: u64,
    /// How many handlers and streams were dropped before their end.
    dropped: u64,
    order: Vec<u64>,
    counted: u64,
}

/// Counts a handler that does not come to its end.
struct Unfinished {
    this: This<Waiter>,
    finished: bool,
}

impl Unfinished {
    fn new(this: &This<Waiter>) -> Self {
        this.with(|state| {
            state.started += 1;
            state.running += 1;
            state.most_running = state.most_running.max(state.running);
        });
        Self { this: this.clone(), finished: false }
    }

    fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.this.with(|state| {
            state.running -= 1;
            state.dropped += u64::from(!self.finished);
        });
    }
}

#[pulsing_guest::actor(may_passivate)]
impl Waiter {
    /// Waits, and answers the most handlers that ever waited at once.
    async fn nap(this: This<Self>, ms: u64) -> u64 {
        let unfinished = Unfinished::new(&this);
        sleep(Duration::from_millis(ms)).await;
        unfinished.finish();
        this.with(|state| state.most_running)
    }

    /// Notes its number, and then waits.
    async fn note(this: This<Self>, number: u64, ms: u64) {
        this.with(|state| state.order.push(number));
        sleep(Duration::from_millis(ms)).await;
    }

    fn noted(&self) -> Vec<u64> {
        self.order.clone()
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn running(&self) -> u64 {
        self.running
    }

    /// Panics after a while.
    async fn panic(_this: This<Self>, ms: u64) {
        sleep(Duration::from_millis(ms)).await;
        panic!("told to panic");
    }

    /// Never returns, and never waits.
    async fn spin(_this: This<Self>) {
        let mut steps = 0_u64;
        loop {
            steps = std::hint::black_box(steps.wrapping_add(1));
        }
    }

    /// Counts without an end, with a pause before each number.
    fn numbers(this: This<Self>, ms: u64) -> impl Stream<Item = u64> {
        stream! {
            let _unfinished = Unfinished::new(&this);
            for number in 1.. {
                sleep(Duration::from_millis(ms)).await;
                yield number;
            }
        }
    }

    /// Counts to `last`, and then fails.
    fn numbers_then_error(_this: This<Self>, last: u64) -> impl Stream<Item = Result<u64, Error>> {
        stream! {
            for number in 1..=last {
                yield Ok(number);
            }
            yield Err(Error::business(1, "no more numbers"));
        }
    }

    /// Counts to `last`, and then panics.
    fn numbers_then_crash(_this: This<Self>, last: u64) -> impl Stream<Item = u64> {
        stream! {
            for number in 1..=last {
                yield number;
            }
            panic!("told to crash after the last");
        }
    }

    /// Asks another actor for its nap, several at once.
    async fn naps_of(_this: This<Self>, peer: String, ms: u64) -> Result<u64, Error> {
        let peer = ActorRef::new(peer);
        let (first, second) =
            pulsing_guest::futures::join!(peer.ask::<u64>("nap", (ms,)), peer.ask::<u64>("nap", (ms,)));
        Ok(first?.max(second?))
    }

    /// Asks an actor that it may not ask, for ever: each time it is told so at once.
    async fn nag(_this: This<Self>) {
        while ActorRef::new("nobody").ask::<u64>("nap", ()).await.is_err() {}
    }

    /// Asks the next on the way to do the same, and answers how many followed.
    async fn ask_along(_this: This<Self>, way: Vec<String>) -> Result<u64, Error> {
        let Some((next, rest)) = way.split_first() else { return Ok(0) };
        Ok(1 + ActorRef::new(next).ask::<u64>("ask_along", (rest,)).await?)
    }

    /// Asks another actor's `flaky` until it answers.
    async fn insist_on(_this: This<Self>, peer: String, failures: u64) -> Result<u64, Error> {
        let retry = Retry::default().min_backoff(Duration::from_millis(1));
        Ok(ActorRef::new(peer).retry(retry).ask("flaky", (failures,)).await?)
    }

    /// Asks another actor's `flaky` once, under a key.
    async fn try_of(_this: This<Self>, peer: String, failures: u64, key: String) -> Result<u64, Error> {
        Ok(ActorRef::new(peer).idempotency_key(key).ask("flaky", (failures,)).await?)
    }

    /// Tries to have more bytes on their way than it may, and says how many of its asks were refused for that.
    async fn flood(_this: This<Self>, peer: String, asks: usize, bytes: usize) -> usize {
        let peer = ActorRef::new(peer).timeout(Duration::from_millis(200));
        let text = "x".repeat(bytes);
        let asks = (0..asks).map(|_| peer.ask::<()>("swallow", (1_000, &text)));
        let outcomes = pulsing_guest::futures::future::join_all(asks).await;
        let refused = |error: &CallError| matches!(error, CallError::Runtime(error) if error.kind == RuntimeErrorKind::MailboxFull);
        outcomes.iter().filter(|outcome| outcome.as_ref().is_err_and(refused)).count()
    }

    /// Waits, with what it was sent.
    async fn swallow(_this: This<Self>, ms: u64, text: String) -> usize {
        sleep(Duration::from_millis(ms)).await;
        text.len()
    }

    /// Begins to count in the background, and to ask another actor, where there is one.
    async fn count_in_background(this: This<Self>, peer: Option<String>) {
        spawn(async move {
            loop {
                sleep(Duration::from_millis(1)).await;
                if let Some(peer) = &peer {
                    ActorRef::new(peer).ask::<u64>("running", ()).await.expect("it answers");
                }
                this.with(|state| state.counted += 1);
            }
        });
    }

    fn counted(&self) -> u64 {
        self.counted
    }

    /// Streams the ends of another actor's lives.
    fn ends_of(_this: This<Self>, peer: String) -> impl Stream<Item = Result<String, Error>> {
        try_stream! {
            use pulsing_guest::futures::StreamExt;
            let mut ends = ActorRef::new(peer).watch()?;
            yield "watching".to_owned();
            while let Some(end) = ends.next().await {
                let end = end?;
                yield format!("{} {} {}", end.generation, end.reason, end.restarts);
            }
        }
    }

    /// Sums up a stream of another actor that ends with an error.
    async fn sum_until_error_of(_this: This<Self>, peer: String, last: u64) -> Result<u64, Error> {
        use pulsing_guest::futures::StreamExt;
        let mut stream = ActorRef::new(peer).stream::<u64>("numbers_then_error", (last,)).await?;
        let mut sum = 0;
        while let Some(Ok(number)) = stream.next().await {
            sum += number;
        }
        Ok(sum)
    }

    /// Sums up another actor's stream.
    async fn sum_of(_this: This<Self>, peer: String, count: usize) -> Result<u64, Error> {
        use pulsing_guest::futures::StreamExt;
        let mut stream = ActorRef::new(peer).stream::<u64>("numbers", (1,)).await?;
        let mut sum = 0;
        for _ in 0..count {
            sum += stream.next().await.ok_or_else(|| Error::system("it ended"))??;
        }
        Ok(sum)
    }
}
