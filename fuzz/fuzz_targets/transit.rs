//! No bytes confuse the parser of transit handshakes. The properties are in `tests/properties/transit.rs`; `tests/corpus.rs` goes
//! through the corpus without a fuzzer.

#![no_main]

#[path = "../../tests/properties/transit.rs"]
mod transit;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transit::check(bytes));
