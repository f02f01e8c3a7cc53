//! Streams that are cut: what had come goes on in order, and RST behind it; FIN only behind the last byte of a whole
//! stream.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use fastrand::Rng;

use crate::common::{
    Bystander, Daemon, ECHO, End, Noise, RELAY, Signal, connect, end_of, read_all, receive, reset,
};

/// How many bytes the daemon says it has received from this client, when it says that its room is over.
fn bytes_from(daemon: &mut Daemon, client: u32) -> u64 {
    let over = daemon.stderr.find("over after");
    let (before, _) = over
        .split_once(&format!(" bytes from client {client}"))
        .unwrap_or_else(|| panic!("{over}"));
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Either side cuts, after any number of bytes, while they are on their way or when all have come, and while the other
/// side speaks or is silent. What had been sent must not be lost from the middle, and nothing may look complete.
#[test]
fn a_reset_at_any_byte_leaves_a_prefix_and_nothing_of_its_room() {
    for (seed, options) in [(1, &[][..]), (2, &["--no-splice"])] {
        let mut daemon = Daemon::serve(&[RELAY, RELAY], options);
        let bystander = Bystander::at(daemon.address(1));
        daemon.has_clients(2);
        // From now on there is a pipe for a link that wants one.
        whole_transfer(&mut daemon);
        daemon.has_clients(2);
        daemon.settle();
        let before = daemon.descriptors().len();
        let mut random = Rng::with_seed(seed);
        let mut in_the_middle = 0;
        for room in 0..60 {
            let (sent, reached) = cut_somewhere(&mut daemon, &mut random, room);
            assert!(reached <= sent);
            in_the_middle += u32::from(0 < reached && reached < sent);
        }
        assert!(in_the_middle > 5, "{in_the_middle} were cut in the middle");
        daemon.has_clients(2);
        bystander.was_undisturbed();
        daemon.has_clients(0);
        let left = daemon.descriptors().len();
        assert!(
            left <= before - 2,
            "{left} descriptors are left of {before}"
        );
        daemon.stop();
    }
}

fn whole_transfer(daemon: &mut Daemon) {
    let (mut x, mut y) = daemon.pair();
    let noise = Noise::new(0);
    thread::scope(|scope| {
        scope.spawn(|| noise.send(&mut x, 0..16 << 20));
        noise.receive(&mut y, 0..16 << 20);
    });
    drop((x, y));
    daemon.stderr.find("over after");
}

/// Makes a room and cuts it. Answers how much was sent and how much of that arrived, which is what the daemon had read.
fn cut_somewhere(daemon: &mut Daemon, random: &mut Rng, seed: u64) -> (u64, u64) {
    let (x, y) = daemon.pair();
    let opened = daemon.stderr.find("are now connected");
    let (_, clients) = opened.split_once("clients ").unwrap();
    let mut numbers = clients.split(' ').filter_map(|word| word.parse().ok());
    let (x, y) = ((x, numbers.next().unwrap()), (y, numbers.next().unwrap()));
    let (cutter, survivor) = if random.bool() { (x, y) } else { (y, x) };
    let ((mut cutter, number), (survivor, _)) = (cutter, survivor);
    // As many small ones as large ones, and some that no buffer holds.
    let size = |random: &mut Rng| {
        let most = 1 << random.u32(1..25);
        random.u64(..most)
    };
    let (mut sent, answered) = (size(random), size(random));
    let (speaks, reads_at_once) = (random.bool(), random.bool());
    let noise = Noise::new(seed);
    thread::scope(|scope| {
        let speaker = speaks.then(|| scope.spawn(|| cut_off(&survivor, answered)));
        let hear = || scope.spawn(|| noise.receive_all(&mut &survivor, 0));
        let reader = if reads_at_once {
            let reader = hear();
            noise.send(&mut cutter, 0..sent);
            reset(cutter);
            reader
        } else {
            sent = noise.send_at_once(&cutter, 0, 16 << 20);
            if random.bool() {
                daemon.settle();
            }
            reset(cutter);
            hear()
        };
        let (reached, end) = reader.join().unwrap();
        // The kernel tells of a reset once, whoever asks first.
        let error = speaker.and_then(|speaker| speaker.join().unwrap());
        let told = end == End::Reset || error == Some(ErrorKind::ConnectionReset);
        assert!(
            told,
            "a cut stream must not look complete: {end:?}, {error:?}"
        );
        assert_eq!(reached, bytes_from(daemon, number), "all that was read");
        (sent, reached)
    })
}

/// Speaks to somebody who does not listen. Answers how that failed, if it did.
fn cut_off(mut stream: &TcpStream, bytes: u64) -> Option<ErrorKind> {
    let words = vec![7; 256 * 1024];
    let mut left = bytes as usize;
    while left > 0 {
        match stream.write(&words[..left.min(words.len())]) {
            Ok(taken) => left -= taken,
            Err(error) => return Some(error.kind()),
        }
    }
    None
}

/// Bytes that were spliced are in a pipe until their reader takes them. It goes, and so must they, and the pipe.
#[test]
fn a_reader_that_goes_takes_the_pipe_with_it_that_was_full_for_it() {
    const READ: u64 = 24 << 20;
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    daemon.settle();
    let before = daemon.descriptors().len();
    let noise = Noise::new(6);
    for round in 0..6 {
        let (x, mut y) = daemon.pair();
        thread::scope(|scope| {
            scope.spawn(|| noise.send(&mut &x, 0..READ));
            noise.receive(&mut y, 0..READ);
        });
        noise.send_until_stopped(&x, &mut daemon);
        assert_eq!(daemon.descriptors().len(), before + 4, "a pipe is in use");
        if round % 2 == 0 {
            reset(y);
            daemon.stderr.find("over after");
            drop(x);
        } else {
            reset(x);
            daemon.settle();
            reset(y);
        }
        daemon.has_clients(0);
        assert_eq!(daemon.descriptors().len(), before, "the pipe is gone");
    }
}

#[test]
fn a_reset_comes_behind_the_bytes_that_were_received() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(1);
    let (mut x, mut y) = daemon.pair();
    let reached = thread::scope(|scope| {
        let reader = scope.spawn(|| noise.receive_all(&mut y, 0));
        noise.send(&mut x, 0..8 << 20);
        reset(x);
        let (reached, end) = reader.join().unwrap();
        assert_eq!(end, End::Reset, "a cut stream must not look complete");
        reached
    });
    assert_eq!(reached, bytes_from(&mut daemon, 1));
}

#[test]
fn a_reset_waits_for_a_slow_partner_to_take_what_was_received() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(2);
    let (x, mut y) = daemon.pair();
    noise.send_until_stopped(&x, &mut daemon);
    reset(x);
    daemon.settle();
    let (reached, end) = noise.receive_all(&mut y, 0);
    assert_eq!(end, End::Reset);
    assert_eq!(reached, bytes_from(&mut daemon, 1));
    assert!(reached > 0);
    daemon.has_clients(0);
}

#[test]
fn bytes_that_wait_for_a_reader_survive_the_reset_behind_them() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(3);
    let (mut x, mut y) = daemon.pair();
    noise.send(&mut x, 0..50_000);
    daemon.settle();
    reset(x);
    // The daemon is done with the room before a byte of it is read.
    assert_eq!(bytes_from(&mut daemon, 1), 50_000);
    assert_eq!(noise.receive_all(&mut y, 0), (50_000, End::Reset));
}

#[test]
fn fin_with_unread_bytes_is_not_reset() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(4);
    let (mut x, mut y) = daemon.pair();
    y.write_all(b"that is all").unwrap();
    y.shutdown(Shutdown::Write).unwrap();
    noise.send(&mut x, 0..100_000);
    x.shutdown(Shutdown::Write).unwrap();
    // Both sockets of the daemon are closed before either client has read.
    let over = daemon.stderr.find("over after");
    assert!(over.contains(": done;"), "{over}");
    daemon.settle();
    assert_eq!(noise.receive_all(&mut y, 0), (100_000, End::Fin));
    assert_eq!(read_all(&mut x), (b"that is all".into(), End::Fin));
}

#[test]
fn nobody_can_go_on_sending_to_a_partner_that_is_gone() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let (mut x, mut y) = daemon.pair();
    y.write_all(b"good-bye").unwrap();
    drop(y);
    assert_eq!(read_all(&mut x), (b"good-bye".into(), End::Fin));
    let error = loop {
        if let Err(error) = x.write(&[0; 1000]) {
            break error;
        }
    };
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(kinds.contains(&error.kind()), "{error}");
    daemon.stderr.find("client 2: connection reset");
    daemon.has_clients(0);
}

#[test]
fn a_reset_is_noticed_after_fin_too() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let (x, mut y) = daemon.pair();
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut y), End::Fin);
    reset(x);
    // Nothing is sent to it that could fail: only its socket says that it is gone.
    daemon.stderr.find("client 1: connection reset");
    daemon.has_clients(0);
}

#[test]
fn nobody_waits_for_bytes_to_reach_a_client_that_is_gone() {
    let mut daemon = Daemon::serve(&[RELAY, RELAY], &["--wait-timeout", "1s"]);
    daemon.settle();
    let before = daemon.descriptors().len();
    let (x, mut y) = daemon.pair();
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut y), End::Fin);
    // The answer finds nobody, and so it is never acknowledged; right behind it comes the end of the room.
    drop(x);
    daemon.signal(Signal::STOP);
    y.write_all(b"an answer").unwrap();
    reset(y);
    daemon.signal(Signal::CONT);
    daemon.has_clients(0);
    // This one comes later and stays for longer than it takes to find out.
    assert_eq!(end_of(&mut connect(daemon.address(1))), End::Reset);
    daemon.has_clients(0);
    assert_eq!(daemon.descriptors().len(), before);
}

#[test]
fn a_daemon_that_is_killed_leaves_no_stream_that_looks_complete() {
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &[]);
    let (mut x, mut y) = daemon.pair();
    let mut waiting = daemon.connect();
    let mut echo = connect(daemon.address(1));
    x.write_all(b"so far so good").unwrap();
    receive(&mut y, b"so far so good");
    echo.write_all(b"hello").unwrap();
    receive(&mut echo, b"hello");
    daemon.has_clients(4);
    daemon.kill();
    for client in [&mut x, &mut y, &mut waiting, &mut echo] {
        assert_eq!(end_of(client), End::Reset);
    }
}

#[test]
fn a_successor_has_the_port_at_once() {
    // No connection of another test can take its port meanwhile: those are between 127.0.0.1 and itself.
    let mut daemon = Daemon::serve(&["relay://127.0.78.3:0"], &[]);
    let address = daemon.address(0);
    let url = format!("relay://{address}");
    // A stream that the daemon finished first leaves its port in TIME-WAIT.
    let (x, mut y) = daemon.pair();
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut y), End::Fin);
    drop((y, x));
    daemon.has_clients(0);
    let clients: Vec<_> = (0..10).map(|_| daemon.connect()).collect();
    daemon.has_clients(10);
    daemon.kill();
    let mut successor = Daemon::serve(&[&url], &[]);
    assert_eq!(successor.address(0), address);
    let (mut x, mut y) = successor.pair();
    x.write_all(b"as before").unwrap();
    receive(&mut y, b"as before");
    assert_eq!(successor.report(), 2);
    drop(clients);
}
