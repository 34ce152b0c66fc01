//! One method, no configuration, and blocking calls of the host.

use pulsing_guest::blocking::{ActorRef, sleep};

#[derive(Default)]
struct Echo;

#[pulsing_guest::actor(serial)]
impl Echo {
    fn echo(&self, text: String) -> Result<String, pulsing_guest::CallError> {
        sleep(std::time::Duration::from_millis(1));
        ActorRef::new("other").ask("echo", (text,))
    }
}

fn main() {}
