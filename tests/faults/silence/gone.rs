//! Clients of a transit relay whose network goes away without a word: they send neither FIN nor RST.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::common::transit::handshake;
use crate::common::{Daemon, End, connect, end_of, eventually, receive, serve};
use pairloop::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES};

const URL: &str = "transit://10.213.0.1:0";

/// What the loop and this test may add to what the kernel takes.
const SLACK: Duration = Duration::from_secs(5);

/// Two network namespaces with a cable between them: the daemon's, and that of the clients who will be gone.
struct Cable {
    here: String,
    there: String,
}

impl Cable {
    fn new(name: &str) -> Self {
        let [here, there] = ["h", "t"].map(|end| format!("pl-{name}-{end}{}", std::process::id()));
        let cable = Self { here, there };
        let (here, there) = (&cable.here, &cable.there);
        ip(&format!("netns add {here}"));
        ip(&format!("netns add {there}"));
        ip(&format!(
            "-n {here} link add end type veth peer name end netns {there}"
        ));
        for (end, address) in [(here, "10.213.0.1/24"), (there, "10.213.0.2/24")] {
            ip(&format!("-n {end} address add {address} dev end"));
            ip(&format!("-n {end} link set end up"));
            ip(&format!("-n {end} link set lo up"));
        }
        cable
    }

    fn daemon(&self, options: &[&str]) -> Daemon {
        let inner = serve(&[URL]);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.here]);
        command.env_remove("RUST_LOG");
        command.arg(inner.get_program()).args(inner.get_args());
        command.args(options);
        Daemon::run(command, 1)
    }

    /// A client at this end that has said this. A socket stays in the namespace in which it was made.
    fn client(&self, end: &str, daemon: &Daemon, words: String) -> TcpStream {
        let namespace = File::open(format!("/run/netns/{end}")).expect("it was added");
        let address = daemon.address(0);
        let connecting = thread::spawn(move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).expect("root may");
            connect(address)
        });
        let mut client = connecting.join().expect("the daemon listens");
        client
            .write_all(words.as_bytes())
            .expect("the daemon reads");
        client
    }

    /// Two clients that have met, the second of whom will be gone.
    fn met(&self, daemon: &mut Daemon, token: usize) -> (TcpStream, TcpStream) {
        let before = daemon.report();
        let mut x = self.client(&self.here, daemon, handshake(token, Some(1)));
        daemon.has_clients(before + 1);
        let mut y = self.client(&self.there, daemon, handshake(token, Some(2)));
        receive(&mut x, b"ok\n");
        receive(&mut y, b"ok\n");
        (x, y)
    }

    fn is_cut(&self) {
        ip(&format!("-n {} link set end down", self.there));
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for end in [&self.here, &self.there] {
            ip(&format!("netns delete {end}"));
        }
    }
}

#[track_caller]
fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status();
    assert!(status.expect("iproute2 is installed").success(), "{words}");
}

impl Daemon {
    /// Nobody is left within this time, and its report says why. Answers how long that took.
    #[track_caller]
    fn is_rid_of_all(&mut self, within: Duration, reasons: &str) -> Duration {
        let begin = Instant::now();
        while self.report() > 0 {
            assert!(begin.elapsed() < within + SLACK, "somebody is left");
            thread::sleep(Duration::from_millis(100));
        }
        let took = begin.elapsed();
        eventually(reasons, || {
            self.report();
            self.stderr.find("closed:").trim_end().ends_with(reasons)
        });
        took
    }
}

#[test]
#[ignore = "needs root and iproute2"]
fn whoever_says_nothing_is_gone_when_keepalive_gets_no_answer() {
    let cable = Cable::new("silent");
    let mut daemon = cable.daemon(&[]);
    let (mut x, _y) = cable.met(&mut daemon, 1);
    let _waiting = cable.client(&cable.there, &daemon, handshake(2, None));
    daemon.has_clients(3);
    cable.is_cut();
    // The last of the client's segments is answered a moment before.
    let longest = KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES;
    let took = daemon.is_rid_of_all(longest, "closed: 2 unreachable, 1 partner_lost");
    assert!(took + SLACK > KEEPALIVE_IDLE, "it was asked after {took:?}");
    assert_eq!(end_of(&mut x), End::Reset);
}

#[test]
#[ignore = "needs root and iproute2"]
fn whoever_leaves_bytes_without_an_answer_is_gone_after_the_user_timeout() {
    let cable = Cable::new("busy");
    let mut daemon = cable.daemon(&["--stall-timeout", "1s"]);
    daemon.settle();
    let before = daemon.descriptors().len();
    let (mut x, _y) = cable.met(&mut daemon, 1);
    cable.is_cut();
    // The kernel takes all of it, so only the kernel knows that nobody answers.
    x.write_all(b"into nothing").unwrap();
    let user_timeout = Duration::from_secs(1) + KEEPALIVE_INTERVAL;
    let took = daemon.is_rid_of_all(2 * user_timeout, "closed: 1 unreachable, 1 partner_lost");
    assert!(took + SLACK > user_timeout, "{took:?}");
    assert_eq!(end_of(&mut x), End::Reset);
    assert_eq!(daemon.descriptors().len(), before);
}

#[test]
#[ignore = "needs root and iproute2"]
fn whoever_is_gone_in_the_middle_of_a_bulk_transfer_has_stalled() {
    let cable = Cable::new("bulk");
    let mut daemon = cable.daemon(&["--stall-timeout", "1s"]);
    let (mut x, _y) = cable.met(&mut daemon, 1);
    cable.is_cut();
    let error = loop {
        if let Err(error) = x.write_all(&[7; 64 * 1024]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let reasons = "closed: 1 partner_lost, 1 stall_timeout";
    daemon.is_rid_of_all(Duration::from_secs(1), reasons);
}
