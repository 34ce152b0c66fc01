//! See `pulsing_fuzz::gateway`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pulsing_fuzz::gateway::run(data));
