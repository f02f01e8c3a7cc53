//! Two clients, a main server and a worker, each on a host of its own, with cables that can be pulled out.

#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::time::{Duration, Instant};

use common::hosts::{Host, Hosts};
use common::{Client, Daemon, End, Folder, Noise, program, serve, transfer};
use pairloop::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES};

/// With this, bytes that a host does not acknowledge end its connections 11 s later (the user timeout).
const STALL_TIMEOUT: [&str; 2] = ["--stall-timeout", "1s"];

/// When a host must have been found out to which something was said; most of it is for slow machines.
const AFTER_WORDS: Duration = Duration::from_secs(30);

/// When one must have been found out to which nobody has anything to say: keepalive has asked all its questions. On Linux
/// the user timeout ends that earlier.
const IN_SILENCE: Duration = KEEPALIVE_IDLE
    .saturating_add(KEEPALIVE_INTERVAL.saturating_mul(KEEPALIVE_PROBES))
    .saturating_add(Duration::from_secs(10));

impl Hosts {
    /// A worker with these services.
    fn work(&self, services: &[&str]) -> Daemon {
        let url = |service: &&str| format!("{service}://{}:0?rooms=named", self.worker.address());
        let urls: Vec<String> = services.iter().map(url).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        Daemon::run(self.worker.runs(&serve(&urls)), services.len())
    }

    /// The main server, with a listener for each of these.
    fn serve(&self, to: &[String]) -> Daemon {
        let url = |to: &String| format!("forward://*:0?to={to}");
        let urls: Vec<String> = to.iter().map(url).collect();
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let mut command = serve(&urls);
        command.args(STALL_TIMEOUT);
        Daemon::run(self.main.runs(&command), urls.len())
    }

    /// Someone on X who consumes what someone on Y produces, which has begun.
    fn pair(&self, main: &mut Daemon) -> (Client, Client) {
        let before = main.report();
        let mut x = client(&self.x, "consume", main, 0, &[]);
        main.has_clients(before + 1);
        let mut y = client(&self.y, "produce", main, 0, &[]);
        y.say(b"first\n");
        assert_eq!(x.stdout.next().unwrap(), "first");
        (x, y)
    }
}

/// A client on this host.
fn client(on: &Host, command: &str, main: &Daemon, listener: usize, arguments: &[&str]) -> Client {
    let at = on.reaches(main.address(listener)).to_string();
    let mut plain = program();
    plain.args([command, "--at", &at]).args(arguments);
    Client::spawn(on.runs(&plain))
}

#[test]
#[ignore = "needs root"]
fn two_clients_talk_across_four_hosts() {
    let hosts = Hosts::new("talk");
    let mut worker = hosts.work(&["chat", "order"]);
    let to = [0, 1].map(|service| format!("{}&lines=on", worker.address(service)));
    let mut main = hosts.serve(&to);

    let mut x = client(&hosts.x, "chat", &main, 0, &["--name", "Alice"]);
    main.has_clients(1);
    let mut y = client(&hosts.y, "chat", &main, 0, &["--name", "Bob"]);
    x.say(b"hello\n");
    assert_eq!(y.stdout.next().unwrap(), "hello");
    y.say(b"hello yourself\n");
    assert_eq!(x.stdout.next().unwrap(), "hello yourself");
    x.say(b"exit\n");
    x.ends(0);
    assert!(y.ends(0).contains("your partner has left"));
    main.has_clients(0);

    let mut x = client(&hosts.x, "order", &main, 1, &["Alice"]);
    main.has_clients(1);
    let mut y = client(&hosts.y, "order", &main, 1, &["Bob"]);
    let answers = [&mut x, &mut y].map(|client| client.stdout.find(" received before "));
    assert_eq!(answers[0], answers[1]);
    let either = [
        "X: Alice received before Y: Bob",
        "Y: Bob received before X: Alice",
    ];
    assert!(either.contains(&answers[0].as_str()), "{answers:?}");
    x.ends(0);
    y.ends(0);
    worker.stdout.find("Sent acknowledgment to both X and Y");
}

#[test]
#[ignore = "needs root"]
fn files_get_across_four_hosts() {
    const BYTES: u64 = 20_000_000;
    let hosts = Hosts::new("files");
    let worker = hosts.work(&["relay"]);
    let main = hosts.serve(&[format!("{}&rooms=named", worker.address(0))]);
    let (outbox, inbox) = (Folder::new("hosts.outbox"), Folder::new("hosts.inbox"));
    outbox.write("folder/small", b"a few bytes");
    let mut file = File::create(outbox.join("folder/large")).unwrap();
    Noise::new(3).send(&mut file, 0..BYTES);

    let folder = outbox.text("folder");
    let at = hosts.x.reaches(main.address(0));
    let mut sender = Client::spawn(hosts.x.runs(&transfer("send", at, &[&folder])));
    let at = hosts.y.reaches(main.address(0));
    let mut receive = transfer("receive", at, &[]);
    receive.arg("--into").arg(inbox.path());
    let mut receiver = Client::spawn(hosts.y.runs(&receive));
    sender.ends_within(AFTER_WORDS, 0);
    receiver.ends_within(AFTER_WORDS, 0);
    assert_eq!(inbox.read("folder/small"), b"a few bytes");
    let mut file = File::open(inbox.join("folder/large")).unwrap();
    assert_eq!(Noise::new(3).receive_all(&mut file, 0), (BYTES, End::Fin));
}

#[test]
#[ignore = "needs root"]
fn a_cable_that_is_out_for_a_moment_is_not_noticed() {
    let hosts = Hosts::new("moment");
    let worker = hosts.work(&["relay"]);
    let mut main = hosts.serve(&[worker.address(0).to_string()]);
    let (mut x, mut y) = hosts.pair(&mut main);
    for host in [&hosts.x, &hosts.worker, &hosts.y] {
        host.unplug();
        y.say(b"on its way\n");
        main.settle();
        host.plug_in();
        assert_eq!(x.stdout.next().unwrap(), "on its way");
    }
    y.end_input();
    y.ends(0);
    x.ends(0);
}

#[test]
#[ignore = "needs root"]
fn a_client_that_is_cut_off_is_noticed_by_what_it_does_not_acknowledge() {
    let hosts = Hosts::new("client");
    let worker = hosts.work(&["relay"]);
    let mut main = hosts.serve(&[worker.address(0).to_string()]);
    let (_x, mut y) = hosts.pair(&mut main);
    hosts.x.unplug();
    y.say(b"lost\n");
    y.ends_within(AFTER_WORDS, 1);
    main.stderr.find("network timeout");
    main.has_clients(0);
}

#[test]
#[ignore = "needs root"]
fn a_client_that_is_cut_off_is_noticed_in_silence_too() {
    let hosts = Hosts::new("silence");
    let worker = hosts.work(&["relay"]);
    let mut main = hosts.serve(&[worker.address(0).to_string()]);
    let (_x, mut y) = hosts.pair(&mut main);
    hosts.x.unplug();
    let begin = Instant::now();
    y.ends_within(IN_SILENCE, 1);
    // The last segment was acknowledged a moment before.
    let asked = KEEPALIVE_IDLE - Duration::from_secs(5);
    assert!(begin.elapsed() > asked, "{:?}", begin.elapsed());
    main.stderr.find("network timeout");
    main.has_clients(0);
}

#[test]
#[ignore = "needs root"]
fn a_worker_that_is_cut_off_cuts_its_rooms_and_others_take_the_next() {
    let hosts = Hosts::new("worker");
    let remote = hosts.work(&["relay"]);
    let local = serve(&["relay://127.0.0.1:0?rooms=named"]);
    let local = Daemon::run(hosts.main.runs(&local), 1);
    let workers = [&remote, &local].map(|worker| worker.address(0).to_string());
    let mut main = hosts.serve(&[format!("{}&patience=500ms", workers.join(","))]);
    // A room on each.
    let mut rooms: Vec<(String, Client, Client)> = Vec::new();
    for _ in 0..2 {
        let (x, y) = hosts.pair(&mut main);
        let line = main.stderr.find("are now connected by worker");
        let worker = line.rsplit(' ').next().unwrap().to_owned();
        rooms.push((worker, x, y));
    }
    rooms.sort_by_key(|(worker, ..)| *worker != workers[0]);
    assert!(rooms[0].0 == workers[0] && rooms[1].0 == workers[1]);
    hosts.worker.unplug();
    // Who says something on the way to it is told first; the other stays until it does the same, or keepalive asks.
    let (_, mut x, mut y) = rooms.remove(0);
    y.say(b"lost\n");
    y.ends_within(AFTER_WORDS, 1);
    main.stderr.find("network timeout");
    // A new pair.
    let _pair = hosts.pair(&mut main);
    // The room elsewhere has not noticed anything.
    let (_, near, far) = &mut rooms[0];
    far.say(b"undisturbed\n");
    assert_eq!(near.stdout.next().unwrap(), "undisturbed");
    x.ends_within(IN_SILENCE, 1);
}
