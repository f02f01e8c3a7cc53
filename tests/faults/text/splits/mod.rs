//! A segment may end anywhere, and what a client says first may come in one with what it says next.

mod hello;
mod proxy;
mod transit;
