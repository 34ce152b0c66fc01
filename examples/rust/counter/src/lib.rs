//! A counter that remembers every value it has had.

/// The actor's state. It starts from its `Default`, and again after each restart.
#[derive(Default)]
struct Counter {
    value: i64,
    history: Vec<i64>,
}

#[pulsing_guest::actor]
impl Counter {
    // region: sync
    /// Adds `n` (1 if it is left out) and answers the new value.
    fn increment(&mut self, n: Option<i64>) -> i64 {
        self.value += n.unwrap_or(1);
        self.history.push(self.value);
        self.value
    }
    // endregion

    /// Answers the value.
    fn get(&self) -> i64 {
        self.value
    }

    /// Goes back to zero and forgets the history.
    fn reset(&mut self) {
        *self = Self::default();
    }

    /// Answers the average of all values since the last reset; 0 before the first.
    fn get_average(&self) -> f64 {
        match self.history.len() {
            0 => 0.0,
            len => self.history.iter().sum::<i64>() as f64 / len as f64,
        }
    }

    /// Answers all values since the last reset, the oldest first.
    fn history(&self) -> Vec<i64> {
        self.history.clone()
    }

    /// Panics: the host ends this life and starts the next one with a fresh counter.
    fn crash(&self) {
        panic!("told to crash")
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn a_counter_counts_and_remembers() {
        let mut counter = Counter::default();
        assert_eq!(counter.increment(Some(5)), 5);
        assert_eq!(counter.increment(None), 6);
        assert!((counter.get_average() - 5.5).abs() < f64::EPSILON);
        assert_eq!(counter.history(), [5, 6]);
        counter.reset();
        assert_eq!(counter.get(), 0);
    }
}
