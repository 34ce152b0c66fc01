//! A serial guest that misbehaves as it is told: one method for each fault.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int};
use std::hint::black_box;
use std::time::Duration;

use pulsing_guest::blocking::{self, ActorRef};
use pulsing_guest::serde::Deserialize;
use pulsing_guest::{Call, Error, Life, Retry};

unsafe extern "C" {
    /// Of the C library. Rust's own way to it is not stable.
    fn symlink(target: *const c_char, at: *const c_char) -> c_int;
}

#[derive(Default)]
struct Rogue {
    calls: u64,
    /// By idempotency key.
    tries: BTreeMap<String, u64>,
}

/// What `start` is told to do.
#[derive(Default, Deserialize)]
#[serde(crate = "pulsing_guest::serde", default)]
struct Config {
    spin_in_start: bool,
    fail_in_start: bool,
    trap_in_start: bool,
    /// By a business error, in each life but the first; or in that too.
    refuse_next_start: bool,
    refuse_start: bool,
}

#[pulsing_guest::actor]
impl Rogue {
    #[start]
    fn new(config: Option<Config>) -> Result<Self, Error> {
        let config = config.unwrap_or_default();
        if config.spin_in_start {
            spin_for_ever();
        }
        if config.fail_in_start {
            return Err(Error::system("told to fail"));
        }
        if config.trap_in_start {
            panic!("told to panic in start");
        }
        if config.refuse_start || (config.refuse_next_start && Life::current().generation() > 0) {
            return Err(Error::business(400, "told to refuse, for card 4111"));
        }
        Ok(Self::default())
    }

    /// Counts calls within this life.
    fn count(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    /// Never returns, and never waits.
    fn spin(&self) {
        spin_for_ever();
    }

    /// Computes for about as many steps as it is told.
    fn compute(&self, steps: u64) -> u64 {
        (0..steps).fold(0, |sum: u64, step| black_box(sum.wrapping_add(step)))
    }

    /// Allocates until it gets no more.
    fn grow(&self) {
        let mut held = Vec::new();
        loop {
            held.push(black_box(vec![1_u8; 1 << 20]));
        }
    }

    /// Calls itself until the stack is full.
    fn recurse(&self) -> u64 {
        recurse(black_box(0))
    }

    fn panic(&self) {
        panic!("told to panic");
    }

    fn exit(&self, code: i32) {
        std::process::exit(code);
    }

    /// Answers so many bytes.
    fn answer(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    /// Waits, and says whether it was told to stop.
    fn sleep(&mut self, ms: u64) -> bool {
        blocking::sleep(Duration::from_millis(ms));
        self.calls += 1;
        Call::current().is_cancelled()
    }

    /// Ends by every class of error.
    fn fail(&self, class: String) -> Result<(), Error> {
        Err(match class.as_str() {
            "business" => Error::business(409, "already there").with_details(vec![1, 2]),
            "system" => Error::system("disk gone"),
            "timeout" => Error::timeout("reading", Duration::from_millis(1500)),
            "unsupported" => Error::unsupported("teleport"),
            "cancelled" => Error::cancelled(),
            _ => Error::system("restart me").restart(),
        })
    }

    fn read_file(&self, path: String) -> Result<String, Error> {
        Ok(std::fs::read_to_string(path)?)
    }

    fn write_file(&self, path: String, text: String) -> Result<(), Error> {
        Ok(std::fs::write(path, text)?)
    }

    fn list(&self, path: String) -> Result<Vec<String>, Error> {
        let mut names = std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>, Error>>()?;
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: String, to: String) -> Result<(), Error> {
        Ok(std::fs::rename(from, to)?)
    }

    /// Makes a link at `at` that leads to `target`.
    fn symlink(&self, target: String, at: String) -> Result<(), Error> {
        let [target, at] = [target, at].map(|path| CString::new(path).unwrap_or_default());
        // SAFETY: both are texts that end with a zero, for the time of the call.
        match unsafe { symlink(target.as_ptr(), at.as_ptr()) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error().into()),
        }
    }

    fn environment(&self) -> Vec<String> {
        std::env::vars().map(|(name, _)| name).collect()
    }

    /// Asks another actor for its `count`.
    fn count_of(&self, peer: String) -> Result<u64, Error> {
        Ok(ActorRef::new(peer).ask("count", ())?)
    }

    /// Asks the next on the way to do the same, and answers how many followed.
    fn ask_along(&self, way: Vec<String>) -> Result<u64, Error> {
        let Some((next, rest)) = way.split_first() else { return Ok(0) };
        Ok(1 + ActorRef::new(next).ask::<u64>("ask_along", (rest,))?)
    }

    /// Fails so many times for each idempotency key, and then answers how often it was tried.
    fn flaky(&mut self, failures: u64) -> Result<u64, Error> {
        let key = Call::current().idempotency_key().unwrap_or_default().to_owned();
        let tries = self.tries.entry(key).or_default();
        *tries += 1;
        if *tries <= failures {
            return Err(Error::system("not yet"));
        }
        Ok(*tries)
    }

    /// Asks another actor's `flaky` until it answers.
    fn insist_on(&self, peer: String, failures: u64) -> Result<u64, Error> {
        let retry = Retry::default().min_backoff(Duration::from_millis(1));
        Ok(ActorRef::new(peer).retry(retry).ask("flaky", (failures,))?)
    }

    /// Logs what its caller would not have others know.
    fn pay(&self, card: String) -> String {
        eprintln!("charging card {card}");
        "paid".to_owned()
    }

    /// Writes a text to its log.
    fn say(&self, text: String) {
        eprintln!("{text}");
    }

    /// Writes so many lines to its log, and panics.
    fn cry(&self, lines: u64, _turn: u64) {
        self.chatter(lines);
        panic!("told to panic");
    }

    /// Fails by a business error with this text.
    #[tell]
    fn refuse(&self, text: String) -> Result<(), Error> {
        Err(Error::business(400, text))
    }

    /// Tells another actor a method, so many times.
    fn pester(&self, peer: String, method: String, tells: u64) -> Result<(), Error> {
        let peer = ActorRef::new(peer);
        (0..tells).try_for_each(|tell| Ok(peer.tell(&method, (tell,))?))
    }

    /// Waits for the end of another actor's life, and says all that it is told.
    fn words_of_end_of(&self, peer: String) -> Result<String, Error> {
        let end = ActorRef::new(peer).watch()?.next().ok_or_else(|| Error::fatal("no end"))??;
        Ok(format!("{end:?}"))
    }

    /// Waits for the end of another actor's life, and says how it was.
    fn end_of(&self, peer: String) -> Result<String, Error> {
        let end = ActorRef::new(peer).watch()?.next().ok_or_else(|| Error::fatal("no end"))??;
        Ok(format!("{} {} {}", end.generation, end.reason, end.restarts))
    }

    /// Writes so many lines to its log.
    fn chatter(&self, lines: u64) {
        (0..lines).for_each(|line| eprintln!("{line}: {}", "x".repeat(1000)));
    }

    /// Fills another actor's mailbox.
    fn flood(&self, peer: String, tells: u64) -> Result<(), Error> {
        let peer = ActorRef::new(peer);
        (0..tells).try_for_each(|_| Ok(peer.tell("count", ())?))
    }

    /// Counts up to `last`, and down from there where it fails.
    fn numbers(&self, last: u64) -> impl Iterator<Item = u64> {
        1..=last
    }
}

fn spin_for_ever() -> ! {
    let mut steps = 0_u64;
    loop {
        steps = black_box(steps.wrapping_add(1));
    }
}

#[expect(unconditional_recursion, reason = "that is its fault")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[3]
}
