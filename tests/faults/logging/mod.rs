//! What is written for operators, and nobody takes: it costs lines, which are counted, and nothing else.

#![cfg(target_os = "linux")]

mod console;
mod flood;
mod usage;
