//! All targets in one program, of which `--target=NAME` chooses one: each program that links the engine takes long to
//! link, and much room. Arguments with one dash are libFuzzer's.

#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::args().find_map(|word| word.strip_prefix("--target=").map(str::to_owned));
    name.and_then(|name| pulsing_fuzz::target(&name)).expect("--target is one that there is")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
