//! A flood of clients that are none.

mod common;

use std::io::Write;

use common::users::read_line;
use common::{Daemon, Signal, eventually};

#[test]
fn a_flood_of_bad_hellos_is_cut_in_the_log_and_counted() {
    const FLOOD: u64 = 3000;
    let mut daemon = Daemon::serve(&["relay://127.0.0.1:0?rooms=named"], &[]);
    let mut waiting = daemon.connect();
    waiting.write_all(b"JOIN r ack\n").unwrap();
    daemon.settle();
    // They all wait in the listener's queue, so that it meets them at once, however slow this machine is.
    daemon.signal(Signal::STOP);
    for _ in 0..FLOOD {
        daemon
            .connect()
            .write_all(b"GET / HTTP/1.0\r\n\r\n")
            .unwrap();
    }
    daemon.signal(Signal::CONT);
    daemon.has_clients(1);
    let mut said = None;
    eventually("the count of lines left out", || {
        daemon.signal(Signal::USR2);
        said = daemon.stderr.has("log lines suppressed");
        said.is_some()
    });
    let said = said.unwrap();
    let count = said.split(' ').next().unwrap().parse::<u64>().unwrap();
    // Each was to have two lines at least, and only a thousand a second are written.
    assert!(count > FLOOD / 2, "{said}");
    // Nobody else has noticed.
    let mut partner = daemon.connect();
    partner.write_all(b"JOIN r\n").unwrap();
    assert!(read_line(&mut waiting).starts_with("OK X "));
    drop((waiting, partner));
    daemon.stop();
}
