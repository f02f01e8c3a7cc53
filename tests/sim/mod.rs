//! The simulator: the real reactor and engine, on a network that is not real.

mod data;
mod lab;
pub mod net;
mod oracle;
mod peer;
pub mod plan;
pub mod run;
mod scenarios;
mod setup;
mod world;
