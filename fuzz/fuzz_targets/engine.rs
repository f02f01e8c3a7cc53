//! Nothing that clients, workers, settings or time do misleads the engine. The properties are in
//! `tests/properties/engine/`; `tests/corpus.rs` goes through the corpus without a fuzzer.

#![no_main]

#[path = "../../tests/properties/engine/mod.rs"]
mod engine;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| engine::check(bytes));
