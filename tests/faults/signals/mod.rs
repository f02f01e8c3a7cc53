//! Signals in storms, in the middle of transfers and twice; clocks that jump; and the signal that nobody can catch.

#![cfg(target_os = "linux")]

mod clock;
mod restart;
mod stop;
mod storm;

use std::sync::atomic::{AtomicBool, Ordering};

/// Sets this, so that threads stop, however the test ends.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
