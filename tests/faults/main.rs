//! What must not do any harm: each fault is brought about in the real program, and what comes of it is seen from outside.
//! `README.md` beside this file says which fault is in which test. By Linux's means: its signals, `/proc`, namespaces.

#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;

mod authentication;
mod endings;
mod files;
mod logging;
mod proxies;
mod resources;
mod signals;
mod silence;
mod surroundings;
mod text;
