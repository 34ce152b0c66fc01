mod word {
    #[derive(Default)]
    struct Actor;

    #[pulsing_guest::actor(restart = "sometimes")]
    impl Actor {
        fn get(&self) {}
    }
}

mod no_word {
    #[derive(Default)]
    struct Actor;

    #[pulsing_guest::actor(restart)]
    impl Actor {
        fn get(&self) {}
    }
}

mod number {
    #[derive(Default)]
    struct Actor;

    #[pulsing_guest::actor(restart = "always", max_restarts = -1)]
    impl Actor {
        fn get(&self) {}
    }
}

mod large {
    #[derive(Default)]
    struct Actor;

    #[pulsing_guest::actor(min_backoff_ms = 9_007_199_254_740_992)]
    impl Actor {
        fn get(&self) {}
    }
}

mod order {
    #[derive(Default)]
    struct Actor;

    #[pulsing_guest::actor(min_backoff_ms = 200, max_backoff_ms = 100)]
    impl Actor {
        fn get(&self) {}
    }
}

mod twice {
    #[derive(Default)]
    struct Actor;

    #[pulsing_guest::actor(max_restarts = 1, max_restarts = 2)]
    impl Actor {
        fn get(&self) {}
    }
}

fn main() {}
