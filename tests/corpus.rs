//! The fuzzer's corpora, without the fuzzer.

#[path = "properties/engine/mod.rs"]
mod engine;
#[path = "properties/hello.rs"]
mod hello;
#[path = "properties/proxy.rs"]
mod proxy;

#[path = "properties/config.rs"]
mod config;
#[path = "properties/frames.rs"]
mod frames;
#[path = "properties/listen.rs"]
mod listen;
#[path = "properties/scram.rs"]
mod scram;
#[path = "properties/transit.rs"]
mod transit;

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

#[test]
fn no_script_of_the_corpus_misleads_the_engine() {
    replay("engine", engine::check);
}

#[test]
fn no_handshake_of_the_corpus_confuses_the_parser() {
    replay("transit", transit::check);
}

#[test]
fn no_frame_of_the_corpus_confuses_the_parser() {
    replay("frames", frames::check);
}

#[test]
fn no_url_of_the_corpus_confuses_the_parser() {
    replay("listen", listen::check);
}

#[test]
fn no_message_of_the_corpus_gets_in() {
    replay("scram", scram::check);
}

#[test]
fn no_configuration_of_the_corpus_confuses_the_reader() {
    replay("config", config::check);
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
