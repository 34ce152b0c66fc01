//! The same as the guest `ledger`, as far as a serial guest can: it waits by holding up the whole actor.

#[path = "../../ledger/src/words.rs"]
mod words;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use pulsing_guest::blocking::{self, ActorRef};
use pulsing_guest::{Call, Error, IntoPayload};
use serde_json::{Value, json};

use words::{Book, Counts, Entry};

/// Shared with the streams, which cannot borrow it.
#[derive(Default)]
struct Ledger {
    book: Rc<RefCell<Book>>,
}

/// Counts how a handler or a stream ends.
struct Unfinished {
    book: Rc<RefCell<Book>>,
    is_finished: bool,
}

impl Unfinished {
    fn new(book: Rc<RefCell<Book>>) -> Self {
        book.borrow_mut().begin();
        Self { book, is_finished: false }
    }

    fn made(&self) {
        self.book.borrow_mut().made();
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.book.borrow_mut().end(self.is_finished);
    }
}

/// The items of `make`, until it has none; then the stream has finished.
fn counted<T: IntoPayload>(
    book: Rc<RefCell<Book>>,
    mut make: impl FnMut() -> Option<Result<T, Error>>,
) -> impl Iterator<Item = Result<T, Error>> {
    let mut unfinished = Unfinished::new(book);
    std::iter::from_fn(move || {
        let item = make();
        match &item {
            Some(Ok(_)) => unfinished.made(),
            Some(Err(_)) => {}
            None => unfinished.is_finished = true,
        }
        item
    })
}

#[pulsing_guest::actor]
impl Ledger {
    fn note(&mut self, sender: u64, number: u64) -> Entry {
        self.book.borrow_mut().note(sender, number)
    }

    /// Notes, and answers after a while.
    fn nap(&mut self, sender: u64, number: u64, ms: u64) -> Entry {
        let entry = self.book.borrow_mut().note(sender, number);
        blocking::sleep(Duration::from_millis(ms));
        entry
    }

    #[tell]
    fn scribble(&mut self, sender: u64, number: u64) {
        self.book.borrow_mut().note(sender, number);
    }

    /// Notes, and answers a business error with the entry as its details.
    fn refuse(&mut self, sender: u64, number: u64) -> Result<(), Error> {
        Err(Error::business(409, "refused").with_details(self.book.borrow_mut().note(sender, number)))
    }

    fn crash(&mut self, _sender: u64, _number: u64) {
        panic!("told to crash");
    }

    fn notes(&self) -> Vec<(u64, u64)> {
        self.book.borrow().notes.clone()
    }

    fn counts(&self) -> Counts {
        self.book.borrow().counts
    }

    fn fail(&self, class: String) -> Result<(), Error> {
        Err(words::error(&class))
    }

    /// Answers so many bytes.
    fn answer(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    /// Notes, and counts from 1 to `last`, with a pause before each number; each with the entry.
    fn items(
        &mut self,
        sender: u64,
        number: u64,
        last: u64,
        ms: u64,
    ) -> impl Iterator<Item = Result<(u64, Entry), Error>> {
        let entry = self.book.borrow_mut().note(sender, number);
        let mut numbers = 1..=last;
        counted(Rc::clone(&self.book), move || {
            let item = numbers.next()?;
            if ms > 0 {
                blocking::sleep(Duration::from_millis(ms));
            }
            Some(Ok((item, entry.clone())))
        })
    }

    /// Counts from 1 to `last`; then waits for `ms` and fails, where `class` names an error.
    fn count(&self, last: u64, ms: u64, class: Option<String>) -> impl Iterator<Item = Result<u64, Error>> {
        let mut numbers = 1..=last;
        counted(Rc::clone(&self.book), move || {
            if let Some(item) = numbers.next() {
                return Some(Ok(item));
            }
            blocking::sleep(Duration::from_millis(ms));
            class.as_deref().map(|class| Err(words::error(class)))
        })
    }

    /// The stream of the last actor on `path`, read through all before it.
    fn relay(
        &self,
        path: Vec<String>,
        method: String,
        args: Value,
        after: Option<u64>,
    ) -> Result<impl Iterator<Item = Result<Value, Error>> + use<>, Error> {
        let is_last = path.len() <= 1;
        let args = if is_last { args } else { json!([path[1..], method, args, after]) };
        let method = if is_last { method } else { "relay".to_owned() };
        let peer = ActorRef::new(path.into_iter().next().unwrap_or_default());
        let mut items = match after.filter(|_| is_last) {
            Some(after) => peer.resume::<Value>(&method, args, after)?,
            None => peer.stream::<Value>(&method, args)?,
        };
        Ok(counted(Rc::clone(&self.book), move || Some(items.next()?.map_err(Error::from))))
    }

    /// Asks the last actor on `path`, through all before it.
    fn forward(&self, path: Vec<String>, method: String, args: Value) -> Result<Value, Error> {
        Ok(ask(path, method, args)?)
    }

    /// What goes along with the call.
    fn context(&self) -> BTreeMap<String, String> {
        let call = Call::current();
        call.context_entries().collect()
    }

    /// What the last actor on `path` returns, asked `count` times as the stream is drawn on.
    fn asks(
        &self,
        path: Vec<String>,
        method: String,
        args: Value,
        count: u64,
    ) -> impl Iterator<Item = Result<Value, Error>> + use<> {
        (0..count).map(move |_| ask(path.clone(), method.clone(), args.clone()).map_err(Error::from))
    }

    /// What comes of asking the last actor on `path`, as it looks from here.
    fn see(&self, path: Vec<String>, method: String, args: Value) -> Value {
        words::seen(ask(path, method, args))
    }

    /// How many items of a stream of another actor come, and what ends it, as it looks from here.
    fn see_stream(&self, path: Vec<String>, method: String, args: Value) -> (u64, Value) {
        let (peer, method, args) = hop(path, "relay", method, args);
        let items = match peer.stream::<Value>(&method, args) {
            Ok(items) => items,
            Err(error) => return (0, words::seen::<()>(Err(error))),
        };
        let mut count = 0;
        for item in items {
            match item {
                Ok(_) => count += 1,
                Err(error) => return (count, words::seen::<()>(Err(error))),
            }
        }
        (count, json!("end"))
    }
}

/// Whom to ask and what, so that the last actor on `path` is asked for `method`.
fn hop(path: Vec<String>, through: &str, method: String, args: Value) -> (ActorRef, String, Value) {
    let mut path = path.into_iter();
    let peer = ActorRef::new(path.next().unwrap_or_default());
    let rest: Vec<String> = path.collect();
    if rest.is_empty() {
        (peer, method, args)
    } else {
        (peer, through.to_owned(), json!([rest, method, args]))
    }
}

fn ask(path: Vec<String>, method: String, args: Value) -> Result<Value, pulsing_guest::CallError> {
    let (peer, method, args) = hop(path, "forward", method, args);
    peer.ask(&method, args)
}
