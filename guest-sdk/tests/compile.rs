//! What the macro takes, and what it says about the rest.
//!
//! After a change of wording: `TRYBUILD=overwrite cargo test -p pulsing-guest --test compile`, then read the diff.

#[test]
fn good_actors_compile_and_bad_ones_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
