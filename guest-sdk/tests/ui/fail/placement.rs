use pulsing_guest::actor;

#[actor]
struct OnAStruct;

#[derive(Default)]
struct Generic<T>(T);

#[actor]
impl<T> Generic<T> {
    fn get(&self) -> i64 {
        0
    }
}

struct Cloned;

#[actor]
impl Clone for Cloned {
    fn clone(&self) -> Self {
        Cloned
    }
}

#[actor(parallel)]
impl OnAStruct {}

#[actor]
impl Cloned {
    fn associated() {}
}

#[actor(serial)]
impl Cloned {
    fn get(&self) -> i64 {
        0
    }

    async fn fetch(this: This<Self>) -> i64 {
        0
    }
}

fn main() {}
