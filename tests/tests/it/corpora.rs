//! Every input of the fuzz targets' corpora, run once without the fuzzer: what once crashed a target, and where it
//! begins. So a change of what a target expects fails here, minutes before the fuzzer is built.

use std::path::Path;

#[test]
fn each_fuzz_target_holds_for_its_corpus() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut inputs = 0;
    for target in ["loader", "description", "gateway", "config", "work"] {
        let run = pulsing_fuzz::target(target).expect("a target of this name");
        for input in std::fs::read_dir(corpora.join(target)).unwrap() {
            let path = input.unwrap().path();
            println!("{}", path.display());
            run(&std::fs::read(&path).unwrap());
            inputs += 1;
        }
    }
    assert_eq!(std::fs::read_dir(&corpora).unwrap().count(), 5, "each corpus is that of a target");
    assert!(inputs >= 30, "{inputs} inputs");
}
