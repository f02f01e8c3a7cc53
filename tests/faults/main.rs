//! Faults and bad input: each is made to happen to the real program, and what must come of it is seen from outside. One module
//! is one group of faults.

#[path = "../common/mod.rs"]
mod common;

mod logging;
mod resources;
mod signals;
mod surroundings;
