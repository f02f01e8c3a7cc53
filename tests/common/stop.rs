//! A stop, as it is seen from outside.

use super::{Daemon, Signal};

pub const FAREWELL: &str = "THE SERVER WILL DISCONNECT";

/// Begins the stop, and returns when it has begun.
pub fn begin_stop(daemon: &mut Daemon, signal: Signal) {
    daemon.signal(signal);
    assert_eq!(daemon.stdout.next().as_deref(), Some(FAREWELL));
    // The report comes in a later turn: by then the listeners are closed.
    daemon.report();
}

/// The daemon ends, with exit code 0 and without another word on stdout.
#[track_caller]
pub fn ends_well(daemon: &mut Daemon) {
    assert_eq!(daemon.wait().code(), Some(0), "{:?}", daemon.stderr.rest());
    assert_eq!(daemon.stdout.rest(), [""; 0]);
}
