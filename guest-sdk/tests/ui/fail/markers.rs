#[derive(Default)]
struct Actor;

#[pulsing_guest::actor]
impl Actor {
    #[tell]
    #[stream]
    fn both(&self) {}

    #[tell(now)]
    fn option(&self) {}

    #[stream(forever)]
    fn another_option(&self) -> impl Iterator<Item = i64> {
        0..1
    }

    #[tell]
    fn no_receiver(n: i64) {}

    #[start]
    fn first() -> Self {
        Self
    }

    #[start]
    fn second() -> Self {
        Self
    }

    #[start]
    fn with_receiver(&self) -> Self {
        Self
    }

    #[start]
    fn with_two_arguments(a: i64, b: i64) -> Self {
        Self
    }

    #[start]
    fn without_answer() {}

    #[stop]
    fn stop(&mut self) {}

    #[stop]
    fn stop_again(&mut self) {}

    #[stop]
    fn stop_with_argument(&mut self, n: i64) {}

    #[stop]
    fn stop_with_answer(&mut self) -> i64 {
        0
    }

    #[stop]
    async fn stop_with_a_borrow(&mut self) {}
}

fn main() {}
