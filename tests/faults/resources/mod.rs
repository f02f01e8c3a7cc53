//! Descriptors, memory and pipes that run out, and whatever else the system refuses: that client fails, or is taken in later, or
//! is served in another way. Everybody else goes on.

#![cfg(target_os = "linux")]

mod descriptors;
mod memory;
mod pipe_quota;
mod refused;
mod splice;
