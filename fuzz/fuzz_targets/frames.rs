//! No bytes confuse the parser of a transfer's frames and names. The properties are in `tests/properties/frames.rs`; `tests/corpus.rs` goes
//! through the corpus without a fuzzer.

#![no_main]

#[path = "../../tests/properties/frames.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frames::check(bytes));
