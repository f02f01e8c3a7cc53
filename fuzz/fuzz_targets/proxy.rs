//! No bytes confuse the parser of PROXY headers. The properties are in `tests/properties/proxy.rs`; `tests/corpus.rs` goes
//! through the corpus without a fuzzer.

#![no_main]

#[path = "../../tests/properties/proxy.rs"]
mod proxy;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy::check(bytes));
