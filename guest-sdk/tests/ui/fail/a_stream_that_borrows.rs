#[derive(Default)]
struct Actor {
    values: Vec<i64>,
}

#[pulsing_guest::actor]
impl Actor {
    fn values(&self) -> impl Iterator<Item = i64> {
        self.values.iter().copied()
    }
}

fn main() {}
