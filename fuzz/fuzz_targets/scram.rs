//! No message lets anybody in who does not know the password. The properties are in `tests/properties/scram.rs`; `tests/corpus.rs` goes
//! through the corpus without a fuzzer.

#![no_main]

#[path = "../../tests/properties/scram.rs"]
mod scram;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| scram::check(bytes));
