//! One system call that fails for want of something, or because of the client it was for. While strace makes it fail, or as soon
//! as it has, everybody else goes on.

use std::io::{ErrorKind, Write};
use std::iter;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::{
    DEADLINE, Daemon, ECHO, End, Noise, RELAY, Room, Signal, Strace, connect, end_of, read,
    read_all, receive, reset, scratch,
};

/// Enough for a link to splice.
const BULK: u64 = 48 << 20;

/// A relay, an echo, and a room of each, which are not to notice anything.
struct Served {
    daemon: Daemon,
    relay: Room,
    echo: Room,
    descriptors: usize,
}

impl Served {
    fn with(options: &[&str]) -> Self {
        let mut daemon = Daemon::serve(&[RELAY, ECHO], options);
        let (relay, echo) = (Room::relay(&daemon, 0), Room::echo(&daemon, 1));
        daemon.has_clients(3);
        let descriptors = daemon.descriptors().len();
        Self {
            daemon,
            relay,
            echo,
            descriptors,
        }
    }

    #[track_caller]
    fn goes_on(&mut self) {
        self.relay.goes_on();
        self.echo.goes_on();
    }

    /// Only the two rooms are left, with what they need, and the daemon can be stopped.
    #[track_caller]
    fn ends_as_it_began(mut self) {
        self.goes_on();
        self.daemon.has_clients(3);
        self.daemon.has_descriptors(self.descriptors);
        drop((self.relay, self.echo));
        self.daemon.has_clients(0);
        self.daemon.stop();
        let said = self.daemon.stderr.rest();
        assert!(!said.iter().any(|line| line.contains("panicked")));
    }
}

#[test]
#[ignore = "needs root and strace"]
fn for_want_of_files_buffers_or_memory_accepting_rests_and_resumes_by_itself() {
    for error in ["ENFILE", "ENOBUFS", "ENOMEM"] {
        let file = scratch(&format!("{error}.prom"));
        let mut served = Served::with(&["--stats-file", file.to_str().unwrap()]);
        let fault = format!("accept4:error={error}");
        let strace = Strace::attach(&served.daemon, "accept4,epoll_wait", &[&fault]);
        let mut pending = connect(served.daemon.address(1));
        pending.write_all(b"is anybody there?").unwrap();
        let (begin, used) = (Instant::now(), served.daemon.cpu_time());
        let mut rounds = 0;
        while begin.elapsed() < Duration::from_secs(1) {
            served.daemon.stderr.find("accepting pauses");
            served.goes_on();
            rounds += 1;
        }
        let (passed, used) = (begin.elapsed(), served.daemon.cpu_time() - used);
        assert!(used < passed / 4, "{used:?} of {passed:?} spent on waiting");
        // Ten times a second it tries again, and between that sleeps but for the rooms' bytes.
        let trace = strace.trace();
        let tries = trace.matches("accept4(").count() as u128;
        assert!(tries <= passed.as_millis() / 100 + 2, "{tries} {passed:?}");
        let turns = trace.matches("epoll_wait(").count();
        assert!(turns <= 12 * rounds + 20, "{turns} for {rounds}:\n{trace}");
        drop(strace);

        let healed = Instant::now();
        receive(&mut pending, b"is anybody there?");
        let waited = healed.elapsed();
        assert!(waited < Duration::from_secs(3), "{waited:?}, not 100 ms");
        served.daemon.report();
        let statistics = std::fs::read_to_string(&file).unwrap();
        let name = "pairloop_accept_failures_total ";
        let counted = statistics.lines().find_map(|line| line.strip_prefix(name));
        let counted = counted.unwrap().parse::<u128>().unwrap();
        assert!(counted >= tries, "{counted} of {tries}");
        drop(pending);
        served.ends_as_it_began();
    }
}

#[test]
#[ignore = "needs root and strace"]
fn a_client_that_gave_up_before_it_was_accepted_costs_a_debug_line() {
    for error in ["ECONNABORTED", "EPROTO", "ENETDOWN"] {
        let mut served = Served::with(&["-v"]);
        let fault = format!("accept4:error={error}:when=1");
        let strace = Strace::attach(&served.daemon, "accept4", &[&fault]);
        // What fails here is the call and not the client, which the next call finds, without a pause.
        receive_back(&mut connect(served.daemon.address(1)), b"second try");
        strace.strikes();
        drop(strace);
        let said = iter::from_fn(|| served.daemon.stderr.next());
        let said: Vec<String> = said
            .take_while(|line| !line.contains("client 4: "))
            .collect();
        let gave_up = said
            .iter()
            .find(|line| line.contains(" before it was accepted"));
        assert!(
            gave_up.is_some_and(|line| line.contains("DEBUG")),
            "{said:#?}"
        );
        assert!(
            !said.iter().any(|line| line.contains("accepting pauses")),
            "{said:#?}"
        );
        served.ends_as_it_began();
    }
}

/// On Linux they are accepted all the same, and found to be gone then.
#[test]
fn clients_that_are_reset_before_they_are_accepted_harm_nobody_behind_them() {
    let mut served = Served::with(&[]);
    served.daemon.signal(Signal::STOP);
    let address = served.daemon.address(1);
    for _ in 0..50 {
        let mut early = connect(address);
        early.write_all(b"never mind").unwrap();
        reset(early);
    }
    let mut late = connect(address);
    late.write_all(b"I am here").unwrap();
    served.daemon.signal(Signal::CONT);
    receive(&mut late, b"I am here");
    served.goes_on();
    drop(late);
    served.ends_as_it_began();
}

#[test]
#[ignore = "needs root and strace"]
fn a_client_that_cannot_be_watched_is_refused_and_counted() {
    for error in ["ENOMEM", "ENOSPC"] {
        let mut served = Served::with(&[]);
        let fault = format!("epoll_ctl:error={error}:when=1");
        let strace = Strace::attach(&served.daemon, "epoll_ctl", &[&fault]);
        match TcpStream::connect_timeout(&served.daemon.address(1), DEADLINE) {
            Ok(mut client) => assert_eq!(read(&mut client, &mut [0]), Err(End::Reset)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        strace.strikes();
        served.goes_on();
        receive_back(&mut connect(served.daemon.address(1)), b"the next");
        drop(strace);
        served.daemon.stderr.find("refused: ");
        served.daemon.settle();
        served.daemon.stderr.find("1 refused, ");
        served.ends_as_it_began();
    }
}

/// A read or a write that fails is the end of that room, with RST: what was on its way may be lost.
#[test]
#[ignore = "needs root and strace"]
fn a_client_that_cannot_be_read_or_written_fails_and_nobody_else() {
    for call in ["recvfrom", "sendto"] {
        for error in ["ENOBUFS", "ENOMEM"] {
            let mut served = Served::with(&[]);
            let (mut x, mut y) = served.daemon.pair();
            served.daemon.has_clients(5);
            let fault = format!("{call}:error={error}:when=1");
            let strace = Strace::attach(&served.daemon, call, &[&fault]);
            x.write_all(b"lost").unwrap();
            strace.strikes();
            served.goes_on();
            drop(strace);
            assert_eq!(read_all(&mut y), (Vec::new(), End::Reset), "{fault}");
            assert_eq!(read_all(&mut x), (Vec::new(), End::Reset), "{fault}");
            served.ends_as_it_began();
        }
    }
}

#[test]
#[ignore = "needs root and strace"]
fn a_stream_that_cannot_be_spliced_for_want_of_memory_is_cut_and_no_other() {
    for when in [1, 2, 7, 8] {
        let mut served = Served::with(&[]);
        let (mut x, mut y) = served.daemon.pair();
        served.daemon.has_clients(5);
        let fault = format!("splice:error=ENOMEM:when={when}");
        let strace = Strace::attach(&served.daemon, "splice", &[&fault]);
        let noise = Noise::new(when);
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| noise.try_send(&mut x, 0..BULK));
            let (reached, end) = noise.receive_all(&mut y, 0);
            assert_eq!(end, End::Reset, "{fault}");
            assert!(reached < BULK, "{fault}");
            served.goes_on();
            assert!(!sender.join().unwrap(), "its sender is told");
        });
        strace.strikes();
        drop((strace, x, y));
        // An empty pipe may have been kept for the next link.
        served.daemon.has_clients(3);
        let pipe = served.daemon.descriptors().len() - served.descriptors;
        assert!(pipe == 0 || pipe == 2, "{pipe} descriptors more");
        served.descriptors += pipe;
        served.ends_as_it_began();
    }
}

/// Nobody can be served without it, and whoever watches the daemon is to know.
#[test]
#[ignore = "needs root and strace"]
fn a_poll_that_fails_ends_the_daemon_and_resets_everybody() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let (mut x, mut y) = daemon.pair();
    daemon.has_clients(2);
    let _strace = Strace::attach(&daemon, "epoll_wait", &["epoll_wait:error=EBADF"]);
    // If it still waits, this wakes it up.
    daemon.signal(Signal::USR2);
    assert_eq!(daemon.wait().code(), Some(1));
    daemon.stderr.find("the event loop failed: ");
    assert_eq!((end_of(&mut x), end_of(&mut y)), (End::Reset, End::Reset));
}

#[track_caller]
fn receive_back(client: &mut TcpStream, words: &[u8]) {
    client.write_all(words).unwrap();
    receive(client, words);
}
