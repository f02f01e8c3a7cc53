//! No text confuses the parser of listeners' URLs. The properties are in `tests/properties/listen.rs`; `tests/corpus.rs` goes
//! through the corpus without a fuzzer.

#![no_main]

#[path = "../../tests/properties/listen.rs"]
mod listen;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| listen::check(bytes));
