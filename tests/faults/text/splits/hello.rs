//! Hellos of named rooms in pieces, and with what follows them in one.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use crate::common::users::{PASSWORD, UserFile, base64, log_in, message, read_line};
use crate::common::{self, Daemon, End, Noise, connect, end_of, receive};
use pairloop::limits::BUFFER_FLOOR;

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";

#[track_caller]
fn is_refused(mut client: TcpStream, words: &str) {
    receive(&mut client, words.as_bytes());
    assert_eq!(end_of(&mut client), End::Fin, "{words}");
}

#[test]
fn a_hello_split_anywhere_says_the_same_and_no_byte_behind_it_is_lost() {
    let daemon = Daemon::serve(&[NAMED], &[]);
    let words = b"JOIN split.room produce ack\r\nand then the stream\n";
    for split in 1..words.len() {
        let mut consumer = daemon.say("JOIN split.room consume ack\n");
        let mut producer = daemon.connect();
        producer.set_nodelay(true).unwrap();
        producer.write_all(&words[..split]).unwrap();
        // A client that comes later has been answered, so what came before it was read.
        is_refused(daemon.say("?"), "ERR hello expected JOIN <room>\n");
        producer.write_all(&words[split..]).unwrap();
        producer.shutdown(Shutdown::Write).unwrap();
        let from = producer.local_addr().unwrap();
        receive(&mut consumer, format!("OK X {from}\n").as_bytes());
        let from = consumer.local_addr().unwrap();
        receive(&mut producer, format!("OK Y {from}\n").as_bytes());
        receive(&mut consumer, b"and then the stream\n");
        assert_eq!(end_of(&mut consumer), End::Fin, "split at {split}");
    }
}

#[test]
fn bulk_behind_the_hello_in_one_segment_arrives_whole_copied_or_spliced() {
    const BULK: u64 = 8 << 20;
    for options in [&[][..], &["--no-splice"]] {
        let daemon = Daemon::serve(&[NAMED], options);
        let mut producer = daemon.connect();
        let sending = thread::spawn(move || {
            let noise = Noise::new(7);
            let head = [b"JOIN bulk produce\n", &noise.from(0)[..1000]].concat();
            producer.write_all(&head).unwrap();
            noise.send(&mut producer, 1000..BULK);
            producer.shutdown(Shutdown::Write).unwrap();
            assert_eq!(end_of(&mut producer), End::Fin);
        });
        let mut consumer = daemon.say("JOIN bulk consume\n");
        Noise::new(7).receive(&mut consumer, 0..BULK);
        assert_eq!(end_of(&mut consumer), End::Fin);
        drop(consumer);
        sending.join().unwrap();
    }
}

#[test]
fn who_says_its_hello_in_parts_has_no_more_memory_than_others_who_wait() {
    let mut daemon = Daemon::serve(&[NAMED], &[]);
    let mut client = daemon.say("J");
    daemon.settle();
    daemon.signal(common::Signal::STOP);
    let rest = [b"OIN a\n", &[b'x'; 60_000][..]].concat();
    client.write_all(&rest).unwrap();
    daemon.signal(common::Signal::CONT);
    daemon.settle();
    // Nothing bounds how long it may wait, so there could be thousands like it.
    // Each settling is five reports.
    let held = (0..10).map(|_| {
        let line = daemon.stderr.find(" bytes buffered");
        let (before, _) = line.split_once(" bytes buffered").unwrap();
        let number = before.rsplit(' ').next().unwrap();
        number.parse::<usize>().unwrap()
    });
    let held = held.max().unwrap();
    assert!(held <= BUFFER_FLOOR, "{held} bytes");
}

#[test]
fn a_login_split_anywhere_lets_in_and_loses_no_byte_behind_it() {
    let users = UserFile::of("split", &["alice"]);
    let daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    for step in [1, 7, 50, 1000] {
        let mut producer = daemon.connect();
        let exchange =
            pairloop::scram::client::Exchange::new("alice", PASSWORD, "nonce").expect("fine");
        let hello = format!("JOIN r produce scram={}\n", base64(exchange.first()));
        in_parts(&mut producer, hello.as_bytes(), step);
        let (answer, proven) = exchange
            .answer(&message(&read_line(&mut producer)))
            .unwrap();
        let rest = format!("AUTH {}\r\nand then the stream", base64(answer));
        in_parts(&mut producer, rest.as_bytes(), step);
        producer.shutdown(Shutdown::Write).unwrap();
        proven.verify(&message(&read_line(&mut producer))).unwrap();
        let mut consumer = daemon.connect();
        log_in(&mut consumer, "JOIN r consume", "alice", PASSWORD).unwrap();
        receive(&mut consumer, b"and then the stream");
        assert_eq!(end_of(&mut consumer), End::Fin);
    }
}

/// Says this in segments of so many bytes, each of which the daemon may find alone.
fn in_parts(stream: &mut TcpStream, bytes: &[u8], step: usize) {
    for part in bytes.chunks(step) {
        stream.write_all(part).unwrap();
        thread::yield_now();
    }
}

/// Each service hears the first words behind the hello, wherever the segment ended, also through a main server.
#[test]
fn what_follows_a_hello_reaches_every_service_wherever_it_is_split() {
    let urls = [
        NAMED,
        "chat://127.0.0.1:0?rooms=named",
        "order://127.0.0.1:0?rooms=named",
    ];
    let workers = Daemon::serve(&urls, &[]);
    let forward = |worker: usize| {
        let to = workers.address(worker);
        format!("forward://127.0.0.1:0?rooms=named&lines=on&to={to}")
    };
    let forwards = [0, 1, 2].map(forward);
    let mains = Daemon::serve(&forwards.each_ref().map(String::as_str), &[]);
    let order = "X: words received before Y: done\n";
    let (x_ordered, y_ordered) = (
        format!("Client X connected\n{order}"),
        format!("Client Y connected\n{order}"),
    );
    let welcome = "YOU'RE CONNECTED TO : @MAIN SERVER\n";
    // What Y says, and what each of them hears.
    let services = [
        ("", "", "words\n"),
        ("", welcome, "words\n"),
        ("done\n", &x_ordered, &y_ordered),
    ];
    let words = b"JOIN first.words\r\nwords\n";
    for daemon in [&workers, &mains] {
        for (listener, (says, x_hears, y_hears)) in services.iter().enumerate() {
            for split in 1..=words.len() {
                let mut x = connect(daemon.address(listener));
                x.write_all(&words[..split]).unwrap();
                // A client that comes later has been answered, so what came before it was read.
                let mut later = connect(daemon.address(listener));
                later.write_all(b"?").unwrap();
                is_refused(later, "ERR hello expected JOIN <room>\n");
                x.write_all(&words[split..]).unwrap();
                let mut later = connect(daemon.address(listener));
                later.write_all(b"?").unwrap();
                is_refused(later, "ERR hello expected JOIN <room>\n");
                let mut y = connect(daemon.address(listener));
                y.write_all(format!("JOIN first.words\n{says}").as_bytes())
                    .unwrap();
                receive(&mut y, y_hears.as_bytes());
                receive(&mut x, x_hears.as_bytes());
            }
        }
    }
}
