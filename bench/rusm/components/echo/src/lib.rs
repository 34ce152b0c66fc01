//! A process that echoes what it is asked with and counts what it is told.
//!
//! A message is a letter, for `a` and `q` the sender in 8 bytes, and the body.

use rusm_rs::{Pid, receive_bytes, register, send_bytes};

#[rusm_rs::main]
fn main() {
    register("bench-echo");
    let mut told = 0_u64;
    loop {
        let message = receive_bytes();
        let Some((what, rest)) = message.split_first() else { continue };
        let sender = || rest.split_first_chunk().map(|(pid, body)| (Pid(u64::from_le_bytes(*pid)), body));
        match what {
            b'a' => drop(sender().map(|(pid, body)| send_bytes(pid, body))),
            b'q' => drop(sender().map(|(pid, _)| send_bytes(pid, &told.to_le_bytes()))),
            _ => told += 1,
        }
    }
}
