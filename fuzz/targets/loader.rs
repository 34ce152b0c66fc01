//! See `pulsing_fuzz::loader`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pulsing_fuzz::loader::run(data));
