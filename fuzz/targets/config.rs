//! See `pulsing_fuzz::config`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pulsing_fuzz::config::run(data));
