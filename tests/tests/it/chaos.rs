//! A host under misuse of every kind at once, for a few seconds: `cargo xtask chaos` does it for longer.

use pulsing_tests::chaos::LARGE_PIECES;

use crate::PATIENCE;
use crate::program::run_with;

#[test]
fn a_host_keeps_its_promises_whatever_is_done_to_its_actors_and_leaves_nothing_behind() {
    // Each thing that does not come is waited for.
    let left = run_with(LARGE_PIECES, &["chaos", "--seed", "1", "--secs", "5"], PATIENCE * 5);
    assert_eq!(left.code, Some(0), "{}{}", left.stdout, left.stderr);
    assert!(left.stdout.trim_end().ends_with("leaks: 0"), "{}", left.stdout);
    assert_eq!(left.stderr, "");
}
