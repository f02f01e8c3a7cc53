//! pairloop: a small single-threaded TCP daemon for clients that come in twos.
//!
//! [`engine`] decides, [`reactor`] moves bytes, and the rest is the way from a command line to the two.
//! `ARCHITECTURE.md` is the map.

#![deny(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod address;
pub mod bench;
mod capacity;
pub mod check;
pub mod cidr;
pub mod cli;
pub mod client;
pub mod config;
pub mod console;
pub mod engine;
pub mod json;
pub mod limits;
pub mod listen;
pub mod logging;
pub mod manual;
pub mod memory;
pub mod password;
mod pid_file;
mod preflight;
mod privileges;
pub mod reactor;
mod regular_file;
mod reload;
pub mod scram;
pub mod serve;
mod socket;
mod systemd;
pub mod units;
mod usage;
pub mod users;
mod workers;
