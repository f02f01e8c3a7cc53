//! No text confuses the reader of configuration files. The properties are in `tests/properties/config.rs`; `tests/corpus.rs` goes
//! through the corpus without a fuzzer.

#![no_main]

#[path = "../../tests/properties/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| config::check(bytes));
