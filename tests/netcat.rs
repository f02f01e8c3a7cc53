//! Two machines that have nothing but netcat.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{Daemon, Noise, RELAY, scratch};

const LENGTH: u64 = 1 << 30;

/// `nc HOST PORT`, with these options before them.
fn netcat(address: SocketAddr, options: &[&str], input: Stdio, output: Stdio) -> Child {
    Command::new("nc")
        .args(options)
        .args([address.ip().to_string(), address.port().to_string()])
        .stdin(input)
        .stdout(output)
        .spawn()
        .expect("netcat is installed")
}

#[test]
#[ignore = "needs netcat and 2 GiB of disk"]
fn a_gibibyte_goes_from_netcat_to_netcat_unchanged() {
    let (sent, received) = (scratch("netcat.sent"), scratch("netcat.received"));
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    Noise::new(1).send(&mut File::create(&sent).unwrap(), 0..LENGTH);
    let mut receiver = netcat(
        daemon.address(0),
        &["-d"],
        Stdio::null(),
        File::create(&received).unwrap().into(),
    );
    daemon.has_clients(1);
    let input = File::open(&sent).unwrap().into();
    let mut sender = netcat(daemon.address(0), &["-N"], input, Stdio::null());
    assert!(sender.wait().unwrap().success());
    assert!(receiver.wait().unwrap().success());
    assert_same(&sent, &received);
    daemon.has_clients(0);
    let over = daemon.stderr.find("over after");
    assert!(over.contains(": done;"), "{over}");
    std::fs::remove_file(sent).unwrap();
    std::fs::remove_file(received).unwrap();
}

fn assert_same(sent: &Path, received: &Path) {
    let [mut sent, mut received] = [sent, received].map(|path| File::open(path).unwrap());
    assert_eq!(received.metadata().unwrap().len(), LENGTH);
    let (mut one, mut other) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    for mebibyte in 0..LENGTH >> 20 {
        sent.read_exact(&mut one).unwrap();
        received.read_exact(&mut other).unwrap();
        assert!(one == other, "mebibyte {mebibyte} has changed");
    }
}

#[test]
#[ignore = "needs netcat and 2 GiB of disk"]
fn two_netcats_can_talk() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let mut talkers =
        [(); 2].map(|()| netcat(daemon.address(0), &["-N"], Stdio::piped(), Stdio::piped()));
    for words in ["from the one\n", "from the other\n"] {
        let mut bytes = vec![0; words.len()];
        let input = talkers[0].stdin.as_mut().unwrap();
        input.write_all(words.as_bytes()).unwrap();
        let output = talkers[1].stdout.as_mut().unwrap();
        output.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, words.as_bytes());
        talkers.reverse();
    }
    for talker in &mut talkers {
        talker.stdin = None;
    }
    for talker in &mut talkers {
        assert!(talker.wait().unwrap().success());
    }
}
