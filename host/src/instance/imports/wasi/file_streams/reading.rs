//! Reads a file from an offset on.

use std::io;
use std::mem;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};

use super::OpenFile;
use crate::budget::Held;

/// How much is read where a guest waits for bytes before it has said how many.
const UNASKED_BYTES: usize = 4096;

pub(in super::super) struct Reading {
    file: OpenFile,
    position: u64,
    state: State,
}

/// | state | and then |
/// |---|---|
/// | `Idle` | `Waits`, once the guest reads or waits; `Failed`, where no bytes can be kept |
/// | `Waits` | `Has`, `Ended` or `Failed`, by what was read |
/// | `Has` | `Idle`, once the guest has taken all |
/// | `Failed` | `Ended`, once the guest was told |
enum State {
    Idle,
    Waits(AbortOnDropJoinHandle<State>),
    Has(Bytes, Held),
    Failed(io::Error),
    Ended,
}

impl Reading {
    pub(in super::super) fn boxed(file: OpenFile, position: u64) -> DynInputStream {
        Box::new(Self { file, position, state: State::Idle })
    }

    /// Begins to read as many bytes as are asked for, or as may be kept.
    fn begin(&mut self, size: usize) {
        let size = size.min(self.file.piece_max_bytes());
        self.state = match self.file.keep(size) {
            Ok(held) => State::Waits(spawn(self.file.clone().on_thread(read(self.position, size, held)))),
            Err(error) => State::Failed(error),
        };
    }

    async fn have_read(&mut self) {
        if let State::Waits(reading) = &mut self.state {
            self.state = reading.await;
        }
    }

    fn take(&mut self, size: usize) -> StreamResult<Bytes> {
        match mem::replace(&mut self.state, State::Ended) {
            State::Has(mut bytes, held) => {
                let taken = bytes.split_to(size.min(bytes.len()));
                self.position = self.position.saturating_add(u64::try_from(taken.len()).unwrap_or(u64::MAX));
                self.state = if bytes.is_empty() { State::Idle } else { State::Has(bytes, held) };
                Ok(taken)
            }
            State::Failed(error) => Err(StreamError::LastOperationFailed(error.into())),
            State::Ended => Err(StreamError::Closed),
            state @ (State::Idle | State::Waits(_)) => {
                self.state = state;
                Ok(Bytes::new())
            }
        }
    }
}

fn read(position: u64, size: usize, held: Held) -> impl FnOnce(&OpenFile) -> State + Send {
    move |file| {
        let mut bytes = vec![0; size];
        loop {
            match file.file.read_at(&mut bytes, position) {
                Ok(0) => return State::Ended,
                Ok(read) => {
                    bytes.truncate(read);
                    return State::Has(bytes.into(), held);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return State::Failed(error),
            }
        }
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if matches!(self.state, State::Idle) && size > 0 {
            self.begin(size);
            return Ok(Bytes::new());
        }
        self.take(size)
    }

    /// Reads for a guest that waits for it, and takes all of it: nothing is kept.
    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.have_read().await;
        if matches!(self.state, State::Idle) && size > 0 {
            let (size, nothing) = (size.min(super::PIECE_MAX_BYTES), self.file.kept.nothing());
            self.state = self.file.clone().on_thread(read(self.position, size, nothing)).await;
        }
        self.take(size)
    }

    /// What is read by then has its thread to its end.
    async fn cancel(&mut self) {
        self.state = State::Ended;
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {
        if matches!(self.state, State::Idle) {
            self.begin(UNASKED_BYTES);
        }
        self.have_read().await;
    }
}
