//! Peers that are slow, stopped, silent, or gone without a word, and crowds that come at once: they cost themselves time, and
//! nobody else.

mod gone;
mod hello;
mod rush;
mod slow;
mod stopped;
