//! The simulator: the real reactor and engine, on a network that is not real.

mod chat_oracle;
mod data;
mod differential;
mod lab;
mod line_scenarios;
mod lines;
pub mod net;
pub mod notes;
mod oracle;
mod order_oracle;
mod peer;
pub mod plan;
pub mod run;
mod scenarios;
mod script;
mod setup;
mod splice_scenarios;
mod world;
