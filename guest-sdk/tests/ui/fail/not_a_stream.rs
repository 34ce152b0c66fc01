#[derive(Default)]
struct Actor;

#[pulsing_guest::actor]
impl Actor {
    #[stream]
    fn not_a_stream(&self) -> i64 {
        1
    }
}

fn main() {}
