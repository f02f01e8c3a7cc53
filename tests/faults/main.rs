//! Faults and bad input, injected into the real program: what must be seen to happen from outside. By Linux's means: its signals, `/proc`,
//! namespaces.

#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;

mod endings;
