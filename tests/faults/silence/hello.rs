//! Hellos by hundreds, each a byte every five seconds: what counts is when they began.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::proxied::LOCAL;
use crate::common::transit::TRANSIT;
use crate::common::users::{UserFile, base64, read_line};
use crate::common::{Bystander, Daemon, End, RELAY, connect, hears_nothing, read_all, receive};

/// The rhythm of the bytes, and a deadline between the second and the third.
const RHYTHM: Duration = Duration::from_secs(5);
const HELLO_TIMEOUT: [&str; 2] = ["--hello-timeout", "9s"];

/// Clients of each kind.
const EACH: usize = 60;

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
const PROXY: &str = "relay://127.0.0.1:0?rooms=named&proxy=on";

const LATE: &[u8] = b"ERR timeout no hello came in time\n";

#[test]
fn hundreds_that_say_a_byte_every_five_seconds_are_gone_at_the_deadline() {
    let users = UserFile::of("slow_hello", &["alice"]);
    let urls = [RELAY, NAMED, TRANSIT, PROXY, &users.lock("relay")];
    let mut daemon = Daemon::serve(&urls, &HELLO_TIMEOUT);
    let bystander = Bystander::at(daemon.address(0));
    daemon.has_clients(2);
    daemon.settle();
    let before = (daemon.descriptors().len(), daemon.memory("VmRSS"));

    let mut slow: Vec<Slow> = Vec::new();
    for _ in 0..EACH {
        slow.extend(each_kind(&daemon));
    }
    daemon.has_clients(2 + slow.len());
    for _ in 0..2 {
        assert!(slow.iter().all(|slow| hears_nothing(&slow.client)));
        slow.iter_mut().for_each(Slow::says_a_byte);
        // Others come, are let in at once, and are not kept waiting.
        a_room_opens(&daemon);
        bystander.goes_on_for(20);
        let grown = daemon.memory("VmRSS").saturating_sub(before.1);
        assert!(
            grown < 4 << 20,
            "{grown} bytes for {} slow clients",
            slow.len()
        );
        thread::sleep(RHYTHM);
    }
    let begin = Instant::now();
    for slow in &mut slow {
        let (said, end) = read_all(&mut slow.client);
        assert_eq!((&said[..], end), (slow.expects, slow.end));
        // It is none of our business any more whether they are sent or not.
        let _ = slow.client.write_all(b"x");
    }
    // A limit that counts from the last byte would not have been reached for four seconds.
    assert!(begin.elapsed() < Duration::from_secs(3));
    let line = daemon.stderr.find("no hello came in time");
    assert!(line.contains("refused"), "{line}");
    daemon.has_clients(2);
    bystander.was_undisturbed();
    daemon.has_clients(0);
    daemon.has_descriptors(before.0 - 2);
    daemon.stop();
}

/// A client that takes its time.
struct Slow {
    client: TcpStream,
    /// What it still says, again and again.
    words: &'static [u8],
    said: usize,
    /// What it is told in the end, and how.
    expects: &'static [u8],
    end: End,
}

impl Slow {
    fn says_a_byte(&mut self) {
        let byte = self.words[self.said % self.words.len()];
        self.client.write_all(&[byte]).expect("it is read");
        self.said += 1;
    }
}

/// One for each place where a client is waited for to say who it is.
fn each_kind(daemon: &Daemon) -> [Slow; 5] {
    let comes = |listener: usize| connect(daemon.address(listener));
    let slow = |client, words, expects, end| Slow {
        client,
        words,
        said: 0,
        expects,
        end,
    };
    let mut proxied = comes(3);
    proxied.write_all(LOCAL).unwrap();
    let mut login = comes(4);
    // Without the work that a proof would be.
    let first = base64("n,,n=alice,r=guess");
    writeln!(login, "JOIN r scram={first}").unwrap();
    read_line(&mut login);
    [
        slow(comes(1), b"JOIN r", LATE, End::Fin),
        slow(comes(2), b"please relay", b"", End::Fin),
        // Nobody is known to be there yet who would understand any words.
        slow(comes(3), b"PROXY ", b"", End::Reset),
        slow(proxied, b"JOIN r", LATE, End::Fin),
        slow(login, b"AUTH x", LATE, End::Fin),
    ]
}

fn a_room_opens(daemon: &Daemon) {
    let [mut x, mut y] = [0, 1].map(|_| connect(daemon.address(1)));
    x.write_all(b"JOIN quick\nto y").unwrap();
    y.write_all(b"JOIN quick\nto x").unwrap();
    receive(&mut x, b"to x");
    receive(&mut y, b"to y");
}
