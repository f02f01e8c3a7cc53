//! Transfers of files that somebody or something is against: partners who mean harm, disks that are full, sources that
//! change, processes that are killed. Nothing is ever written outside the folder that is received into, and nothing that
//! is not whole has its final name.

mod cut;
mod full;
mod killed;
mod names;
mod partners;
mod system;

use crate::common::{Folder, Partner, Rooms, receive_files, send_files};

/// A sender spoken by hand; the receiver gives up with these words, and says them to both.
#[track_caller]
fn receiver_refuses(into: &Folder, words: &str, say: impl FnOnce(&mut Partner)) {
    let rooms = Rooms::open();
    let mut receiver = receive_files(rooms.address(), into, &["--overwrite"]);
    let mut partner = Partner::sender(rooms.address());
    say(&mut partner);
    partner.hears_why(words);
    drop(partner);
    let said = receiver.ends(1);
    assert!(said.contains(words), "{said}");
}

/// Runs sender and receiver of `large` once more; they succeed. Answers the receiver's first line.
#[track_caller]
fn continues(rooms: &Rooms, from: &Folder, into: &Folder) -> String {
    let mut receiver = receive_files(rooms.address(), into, &[]);
    let mut sender = send_files(rooms.address(), &[&from.text("large")]);
    assert_eq!(
        (sender.ends(0), receiver.ends(0)),
        (String::new(), String::new())
    );
    assert_eq!(into.everything(), from.everything());
    receiver.stdout.rest().swap_remove(0)
}
