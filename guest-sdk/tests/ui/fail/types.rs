use pulsing_guest::{Bytes, Stream, This, stream};

#[derive(Default)]
struct Actor;

struct NotSerde;

#[pulsing_guest::actor]
impl Actor {
    fn answer(&self) -> NotSerde {
        NotSerde
    }

    fn argument(&self, _n: i64, _value: NotSerde) {}

    fn only_argument(&self, _value: NotSerde) {}

    fn bytes_among_others(&self, _n: i64, _bytes: Bytes) {}

    fn error(&self) -> Result<i64, NotSerde> {
        Ok(1)
    }

    #[tell]
    fn tell(&self) -> i64 {
        1
    }

    fn item(_this: This<Self>) -> impl Stream<Item = NotSerde> {
        stream! { yield NotSerde; }
    }
}

fn main() {}
