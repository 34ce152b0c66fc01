use std::borrow::Cow;
use std::rc::Rc;

use pulsing_guest::{Stream, This};

#[derive(Default)]
struct Actor;

#[pulsing_guest::actor]
impl Actor {
    async fn waits_with_a_borrow(&mut self, id: String) -> String {
        id
    }

    fn by_value(self) {}

    fn by_pointer(self: Rc<Self>) {}

    fn pattern(&self, (a, b): (i64, i64)) -> i64 {
        a + b
    }

    fn borrowed(&self, _name: &str) {}

    fn borrowed_inside(&self, _names: Vec<Cow<'_, str>>) {}

    fn any_type(&self, _text: impl ToString) {}

    fn generic<T: ToString>(&self, _text: T) {}

    unsafe fn dangerous(&self) {}

    fn this_last(&self, _this: This<Self>) {}

    fn too_many(
        &self,
        _1: u8, _2: u8, _3: u8, _4: u8, _5: u8, _6: u8, _7: u8, _8: u8, _9: u8, _10: u8, _11: u8, _12: u8,
        _13: u8,
    ) {
    }

    #[tell]
    fn tells_a_stream(_this: This<Self>) -> impl Stream<Item = i64> {
        pulsing_guest::futures::stream::empty()
    }

    #[stream]
    fn streams_nothing(&self) {}
}

fn main() {}
