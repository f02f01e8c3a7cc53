//! The fuzzer's corpus, without the fuzzer.

#[path = "common/hello.rs"]
mod hello;

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_does_not_confuse_the_parser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/hello");
    let mut seeds = 0;
    for entry in fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("it can be listed").path();
        hello::check(&fs::read(&path).expect("it can be read"));
        seeds += 1;
    }
    assert!(seeds > 10, "{seeds} seeds are no corpus");
}
