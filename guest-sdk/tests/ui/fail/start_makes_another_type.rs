struct Actor;

#[pulsing_guest::actor]
impl Actor {
    #[start]
    fn new() -> Option<Self> {
        Some(Self)
    }

    fn get(&self) -> i64 {
        1
    }
}

fn main() {}
