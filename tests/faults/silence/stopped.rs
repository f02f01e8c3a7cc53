//! Processes that are stopped in mid-transfer, and go on later: clients, and the daemon itself.

use std::fs::{self, File};
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, kill_process};

use super::slow::fill;
use crate::common::{
    Bystander, Daemon, End, Noise, RELAY, Signal, connect, end_of, eventually, program, receive,
    scratch,
};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";

/// `pairloop consume`, with its output in a file; it is killed when the test is over, however the test ends.
struct Consumer {
    child: Child,
    output: std::path::PathBuf,
}

impl Consumer {
    fn start(daemon: &mut Daemon, name: &str) -> Self {
        let clients = daemon.report();
        let output = scratch(name);
        let mut command = program();
        command.args(["consume", "--at", &daemon.address(0).to_string()]);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command.stdout(File::create(&output).unwrap());
        let child = command.spawn().unwrap();
        daemon.has_clients(clients + 1);
        Self { child, output }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ends, and how many bytes of this it has by then.
    fn ends(&mut self, noise: &Noise) -> (Option<i32>, u64) {
        let mut status = None;
        eventually("the end of the consumer", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap();
        assert_eq!(status.signal(), None);
        let mut file = File::open(&self.output).unwrap();
        let (length, _) = noise.receive_all(&mut file, 0);
        fs::remove_file(&self.output).unwrap();
        (status.code(), length)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_stopped_consumer_holds_up_its_producer_and_nobody_else() {
    let mut daemon = Daemon::serve(&[RELAY, RELAY], &[]);
    let bystander = Bystander::at(daemon.address(1));
    let noise = Noise::new(1);
    let mut consumer = Consumer::start(&mut daemon, "stopped.consumed");
    let producer = daemon.connect();
    daemon.settle();
    consumer.signal(Signal::STOP);
    let before = daemon.memory("VmRSS");
    let sent = noise.send_until_stopped(&producer, &mut daemon);
    let grown = daemon.memory("VmRSS").saturating_sub(before);
    assert!(grown < 2 << 20, "{grown} bytes for one stopped consumer");
    bystander.goes_on_for(20);
    consumer.signal(Signal::CONT);
    producer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(consumer.ends(&noise), (Some(0), sent));
    bystander.was_undisturbed();
}

#[test]
fn a_consumer_that_stays_stopped_is_ended_and_knows_it_when_it_wakes() {
    let options = ["--stall-timeout", "300ms"];
    let mut daemon = Daemon::serve(&[RELAY, RELAY], &options);
    let bystander = Bystander::at(daemon.address(1));
    daemon.has_clients(2);
    daemon.settle();
    let before = daemon.descriptors().len();
    let noise = Noise::new(2);
    let mut consumer = Consumer::start(&mut daemon, "stalled.consumed");
    consumer.signal(Signal::STOP);
    let producer = daemon.connect();
    let (sent, error) = fill(&producer, &noise);
    assert_eq!(error, std::io::ErrorKind::ConnectionReset);
    daemon.stderr.find("did not take its bytes");
    daemon.has_clients(2);
    assert_eq!(daemon.descriptors().len(), before);
    consumer.signal(Signal::CONT);
    let (code, received) = consumer.ends(&noise);
    assert_eq!(code, Some(1), "what was cut short is no success");
    assert!(received < sent);
    bystander.was_undisturbed();
}

/// Whatever its clients had in time for them was there before the deadlines passed; the daemon could only not look.
#[test]
fn a_server_that_was_stopped_reads_everybody_before_anybody_expires() {
    const TIMEOUT: Duration = Duration::from_secs(5);
    const PAUSE: Duration = Duration::from_secs(6);
    let names = ["idle", "half-close", "hello", "wait", "stall"];
    let options = names.map(|name| {
        [
            format!("--{name}-timeout"),
            format!("{}s", TIMEOUT.as_secs()),
        ]
    });
    let options: Vec<&str> = options.iter().flatten().map(String::as_str).collect();
    let mut daemon = Daemon::serve(&[RELAY, NAMED], &options);
    let (noise, begin) = (Noise::new(3), Instant::now());
    let (mut idle, mut idle_partner) = daemon.pair();
    let (mut asks, mut answers) = daemon.pair();
    asks.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut answers), End::Fin);
    let (producer, mut slow) = daemon.pair();
    let sent = noise.send_at_once(&producer, 0, 1 << 30);
    let comes = |words: &str| {
        let mut client = connect(daemon.address(1));
        client.write_all(words.as_bytes()).unwrap();
        client
    };
    let mut slow_hello = comes("JOIN he");
    let mut waiting = comes("JOIN wait ack\n");
    daemon.has_clients(8);
    daemon.settle();

    daemon.signal(Signal::STOP);
    daemon.has_state('T');
    assert!(begin.elapsed() < TIMEOUT, "all of them have time left");
    idle.write_all(b"in time").unwrap();
    answers.write_all(b"the answer").unwrap();
    slow_hello.write_all(b"llo ack\n").unwrap();
    let partner = {
        let mut client = connect(daemon.address(1));
        client.write_all(b"JOIN wait\n").unwrap();
        client
    };
    // As much as its own kernel has for it.
    slow.set_nonblocking(true).unwrap();
    let mut taken = Vec::new();
    let full = std::io::Read::read_to_end(&mut slow, &mut taken);
    full.expect_err("there is more to come");
    slow.set_nonblocking(false).unwrap();
    thread::sleep(PAUSE);
    daemon.signal(Signal::CONT);

    receive(&mut idle_partner, b"in time");
    receive(&mut asks, b"the answer");
    let partner_is = partner.local_addr().unwrap();
    receive(&mut waiting, format!("OK X {partner_is}\n").as_bytes());
    let hello_is = slow_hello.local_addr().unwrap();
    let mut partner_of_hello = connect(daemon.address(1));
    partner_of_hello.write_all(b"JOIN hello ack\n").unwrap();
    receive(
        &mut partner_of_hello,
        format!("OK Y {hello_is}\n").as_bytes(),
    );
    noise.receive(&mut slow, taken.len() as u64..sent);
    // The limits were there all the time.
    for client in [&mut idle, &mut idle_partner, &mut waiting, &mut asks] {
        assert_eq!(end_of(client), End::Reset);
    }
    daemon.has_clients(0);
    daemon.stop();
}
