//! The simulator: the real reactor and engine, on a network that is not real.

mod bad_openings;
mod chat_oracle;
mod data;
mod differential;
mod inbox;
mod lab;
mod line_scenarios;
mod lines;
mod login;
mod model;
mod named_oracle;
pub mod net;
pub mod notes;
mod opening;
mod oracle;
mod order_oracle;
mod peer;
pub mod plan;
mod proxy_scenarios;
pub mod run;
mod scenarios;
mod script;
mod sessions;
mod setup;
mod splice_scenarios;
mod transit;
mod world;
