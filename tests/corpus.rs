//! The fuzzer's corpora, without the fuzzer.

#[path = "common/hello.rs"]
mod hello;
#[path = "common/proxy.rs"]
mod proxy;

use std::fs;
use std::path::Path;

#[test]
fn no_hello_of_the_corpus_confuses_the_parser() {
    replay("hello", hello::check);
}

#[test]
fn no_header_of_the_corpus_confuses_the_parser() {
    replay("proxy", proxy::check);
}

fn replay(name: &str, check: fn(&[u8])) {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut seeds = 0;
    for entry in fs::read_dir(corpora.join(name)).expect("the corpus is there") {
        let path = entry.expect("it can be listed").path();
        check(&fs::read(&path).expect("it can be read"));
        seeds += 1;
    }
    assert!(seeds > 10, "{seeds} seeds are no corpus");
}
