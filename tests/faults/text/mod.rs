//! Bytes that a service did not expect: too many, in pieces, out of turn, not text, or meant for somebody else.

mod chat;
mod limits;
mod order;
mod splits;
mod strangers;
mod unprintable;
