//! Programs that speak something else, or only look whether somebody is there, at every port.

use std::io::Write;
use std::net::TcpStream;

use crate::common::proxied::meet;
use crate::common::transit::TRANSIT;
use crate::common::users::UserFile;
use crate::common::{
    Bystander, CHAT, Daemon, ECHO, End, ORDER, RELAY, Signal, connect, read_all, reset,
};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";

/// What comes first of a browser, of TLS, of SSH, and of nothing in particular.
const GREETINGS: [&[u8]; 5] = [
    b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\0\0\0\0",
    b"\xff\xfe\x1b[2J\r\n\r\n",
];

/// They say their greeting, and stay to hear what comes back.
#[test]
fn whoever_says_something_else_where_a_hello_is_expected_is_told_and_sent_away() {
    let users = UserFile::of("strangers", &["alice"]);
    let worker = Daemon::serve(&[NAMED], &[]);
    let to = worker.address(0);
    let join = "ERR hello expected JOIN <room>\n";
    let doors: [(&str, &str, End); 8] = [
        (NAMED, join, End::Fin),
        ("chat://127.0.0.1:0?rooms=named", join, End::Fin),
        ("order://127.0.0.1:0?rooms=named", join, End::Fin),
        (
            &format!("forward://127.0.0.1:0?rooms=named&to={to}"),
            join,
            End::Fin,
        ),
        (&users.lock("relay"), join, End::Fin),
        // To whom a proxy did not say who it is, nobody speaks.
        ("relay://127.0.0.1:0?proxy=on", "", End::Reset),
        ("chat://127.0.0.1:0?rooms=named&proxy=on", "", End::Reset),
        (TRANSIT, "bad handshake\n", End::Fin),
    ];
    let mut urls = vec![RELAY];
    urls.extend(doors.iter().map(|(url, ..)| *url));
    let mut daemon = Daemon::serve(&urls, &["--hello-timeout", "1s"]);
    let bystander = Bystander::at(daemon.address(0));
    daemon.has_clients(2);
    daemon.settle();
    let before = daemon.descriptors().len();
    for (listener, (url, words, end)) in (1..).zip(doors) {
        for greeting in GREETINGS {
            let mut client = connect(daemon.address(listener));
            client.write_all(greeting).unwrap();
            // A handshake may have any bytes up to its LF, and until the deadline it may come.
            let is_a_line = url != TRANSIT || greeting.contains(&b'\n');
            let words = if is_a_line { words } else { "" };
            let told = read_all(&mut client);
            assert_eq!(
                told,
                (words.into(), end),
                "{url}: {}",
                greeting.escape_ascii()
            );
        }
    }
    daemon.has_clients(2);
    daemon.has_descriptors(before);
    bystander.was_undisturbed();
}

/// Where there is no hello, what a stranger says are bytes like all others; but when it leaves it is gone.
#[test]
fn whoever_only_looks_whether_somebody_is_there_takes_no_place() {
    let worker = Daemon::serve(&[NAMED], &[]);
    let forward = format!("forward://127.0.0.1:0?to={}", worker.address(0));
    let urls = [RELAY, ECHO, CHAT, ORDER, &forward, NAMED, TRANSIT];
    let mut daemon = Daemon::serve(&urls, &[]);
    daemon.settle();
    let before = daemon.descriptors().len();
    for listener in 0..urls.len() {
        let comes = || connect(daemon.address(listener));
        drop(comes());
        reset(comes());
        for greeting in GREETINGS {
            let mut client = comes();
            client.write_all(greeting).unwrap();
            reset(client);
        }
    }
    daemon.has_clients(0);
    daemon.has_descriptors(before);
    let (x, y) = daemon.pair();
    meet(x, y);
}

#[test]
fn a_flood_of_port_scans_is_cut_in_the_log_and_counted() {
    const FLOOD: u64 = 3000;
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    // They all wait in the listener's queue, so that it meets them at once, however slow this machine is.
    daemon.signal(Signal::STOP);
    (0..FLOOD).for_each(|_| drop::<TcpStream>(daemon.connect()));
    daemon.signal(Signal::CONT);
    daemon.has_clients(0);
    let (x, y) = daemon.pair();
    meet(x, y);
    daemon.stop();
    let log = daemon.stderr.rest();
    let counts = log
        .iter()
        .filter_map(|line| line.strip_suffix(" log lines suppressed"));
    let count: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
    // Each was to have two lines at least, and only a thousand a second are written.
    assert!(count > FLOOD / 2, "{count} of {log:#?}");
}
