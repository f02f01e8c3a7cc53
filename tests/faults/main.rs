//! Faults and bad input, injected into the real program by Linux's means: what must be seen to happen from outside.

#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;

mod endings;
mod silence;
mod text;
