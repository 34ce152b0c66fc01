struct Actor {
    value: i64,
}

#[pulsing_guest::actor]
impl Actor {
    fn get(&self) -> i64 {
        self.value
    }
}

fn main() {}
