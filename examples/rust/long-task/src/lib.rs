//! A long task that tells how far it is, stops when nobody listens any more, and can be taken up again.

use std::time::Duration;

use pulsing_guest::serde::Serialize;
use pulsing_guest::{Call, Error, Stream, This, sleep, stream};

/// The most steps that a task may have.
const STEPS_MAX: u64 = 100_000;

/// The state: how tasks have ended.
#[derive(Clone, Default, Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct LongTask {
    running: u64,
    finished: u64,
    cancelled: u64,
}

/// One item of the stream.
#[derive(Serialize)]
#[serde(crate = "pulsing_guest::serde")]
struct Progress {
    progress: u64,
    of: u64,
    result: u64,
}

#[pulsing_guest::actor]
impl LongTask {
    // region: stream
    /// Does `steps` steps (100 if left out) that take `step_ms` each (50), and says so after each.
    ///
    /// A reader that comes back after item n goes on with step n + 1: no step is done twice.
    #[stream(resumes)]
    fn run(
        this: This<Self>,
        task_id: String,
        steps: Option<u64>,
        step_ms: Option<u64>,
    ) -> Result<impl Stream<Item = Progress>, Error> {
        let of = steps.unwrap_or(100);
        if of > STEPS_MAX {
            return Err(Error::business(400, format!("a task has at most {STEPS_MAX} steps")));
        }
        let step_time = Duration::from_millis(step_ms.unwrap_or(50));
        let mut task = Task::begin(&this, task_id, Call::current().resume_after().unwrap_or(0));
        Ok(stream! {
            while task.done < of {
                let result = work(task.done, step_time).await;
                task.done += 1;
                yield Progress { progress: task.done, of, result };
            }
            task.finish();
        })
    }
    // endregion

    /// Answers how many tasks run, and how the others ended.
    fn tasks(&self) -> LongTask {
        self.clone()
    }
}

/// One step of the work: here, a wait. What computes instead gives way with a `sleep` of zero now and then.
async fn work(step: u64, takes: Duration) -> u64 {
    sleep(takes).await;
    step * step
}

// region: destructor
/// A task that is under way. When its stream is given up, it is dropped where it waits: this is how it hears of it,
/// and where a real task would roll back what is half done.
struct Task {
    this: This<LongTask>,
    id: String,
    done: u64,
    finished: bool,
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.finished {
            eprintln!("task {}: cancelled after step {}", self.id, self.done);
        }
        self.this.with(|state| {
            state.running -= 1;
            state.finished += u64::from(self.finished);
            state.cancelled += u64::from(!self.finished);
        });
    }
}
// endregion

impl Task {
    fn begin(this: &This<LongTask>, id: String, done: u64) -> Self {
        this.with(|state| state.running += 1);
        Self { this: this.clone(), id, done, finished: false }
    }

    fn finish(mut self) {
        self.finished = true;
    }
}
