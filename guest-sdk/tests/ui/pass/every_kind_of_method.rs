//! An overlapping actor with every kind of method and hook.

use std::time::Duration;

use pulsing_guest::futures::stream::BoxStream;
use pulsing_guest::{ActorRef, Bytes, Call, Error, Stream, This, serde, sleep, stream, try_stream};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Token {
    text: String,
}

struct Everything {
    seen: u64,
}

/// Hides the `Result` from whoever only looks at names.
type Answer<T> = Result<T, std::io::Error>;

#[pulsing_guest::actor]
impl Everything {
    const LIMIT: u64 = 3;

    #[start]
    async fn new(config: Option<u64>) -> Result<Self, Error> {
        sleep(Duration::from_millis(1)).await;
        Ok(Self { seen: config.unwrap_or(Self::LIMIT) })
    }

    fn by_reference(&self) -> u64 {
        self.seen
    }

    pub fn by_mutable_reference(&mut self, mut n: u64) -> Answer<u64> {
        n += 1;
        self.seen += n;
        Ok(self.seen)
    }

    fn by_handle(this: This<Self>) -> u64 {
        this.with(|state| state.seen)
    }

    async fn waits(this: This<Self>, id: String) -> Result<Token, Error> {
        let token: Token = ActorRef::new("tokens").timeout(Duration::from_secs(1)).ask("token", (id,)).await?;
        ActorRef::new("log").tell("note", &token).await?;
        this.with(|state| state.seen += 1);
        Ok(token)
    }

    async fn raw(_this: This<Self>, bytes: Bytes) -> Bytes {
        bytes
    }

    fn streams(this: This<Self>) -> impl Stream<Item = Token> {
        stream! {
            for _ in 0..3 {
                sleep(Duration::from_millis(1)).await;
                yield Token { text: this.with(|state| state.seen.to_string()) };
            }
        }
    }

    fn streams_without_state(&mut self) -> impl Stream<Item = Result<u64, Error>> + 'static {
        try_stream! {
            let mut numbers = ActorRef::new("numbers").stream::<u64>("count", ()).await?;
            while let Some(n) = pulsing_guest::futures::StreamExt::next(&mut numbers).await {
                yield n?;
            }
        }
    }

    async fn opens(_this: This<Self>, n: u64) -> Result<impl Stream<Item = u64>, Error> {
        if n > Self::LIMIT {
            return Err(Error::business(416, "too many"));
        }
        Ok(stream! { yield n; })
    }

    fn iterates(&self) -> impl Iterator<Item = u64> {
        0..self.seen
    }

    #[stream]
    fn named(_this: This<Self>) -> BoxStream<'static, u64> {
        Box::pin(stream! { yield 1; })
    }

    #[stream(resumes)]
    fn resumes(_this: This<Self>) -> impl Stream<Item = u64> {
        let after = Call::current().resume_after().unwrap_or(0);
        stream! { yield after + 1; }
    }

    #[tell]
    fn told(&mut self, n: u64) {
        self.seen = n;
    }

    #[tell]
    async fn told_slowly(this: This<Self>) -> Result<(), Error> {
        sleep(Duration::from_millis(1)).await;
        this.with(|state| state.seen = 0);
        Ok(())
    }

    #[cfg(any())]
    fn not_compiled(&self) -> Missing {}

    #[skip]
    fn helper<T: Copy>(&self, value: &T) -> T {
        *value
    }

    fn uses_helper(&self) -> u64 {
        self.helper(&Self::associated(1))
    }

    fn associated(n: u64) -> u64 {
        n
    }

    #[stop]
    async fn end(this: This<Self>) {
        this.with(|state| state.seen = 0);
    }
}

fn main() {}
