//! Proxies that say what is not so, and workers that are down, mute, something else or killed.

mod headers;
mod strange;
mod workers;
