//! Who sends files to whom: partners that fit, partners that do not, and one after the other.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpListener};

use common::{Daemon, Folder, Partner, Rooms, receive, receive_files, send_files};

#[test]
fn a_drop_box_serves_one_after_the_other() {
    let (rooms, from, into) = (Rooms::open(), Folder::new("box"), Folder::new("box-there"));
    from.write("one", b"1");
    from.write("two", b"2");
    let mut receiver = receive_files(rooms.address(), &into, &["--forever"]);
    // One that is no sender, and one that gives up.
    drop(Partner::greet(
        rooms.address(),
        "GET / HTTP/1.1\n",
        "PAIRLOOP-FILES 1 receive\n",
    ));
    let stranger = "the partner is no pairloop send or receive";
    receiver.stderr.find(stranger);
    send_files(rooms.address(), &[&from.text("one")]).ends(0);
    let mut partner = Partner::sender(rooms.address());
    partner.offer(1, 1);
    drop(partner);
    receiver.stderr.find("run both commands again to continue");
    send_files(rooms.address(), &[&from.text("two")]).ends(0);
    assert_eq!(into.everything(), from.everything());
    drop(receiver);
}

#[test]
fn a_drop_box_outlives_its_server() {
    let (server, into) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        Folder::new("outlives"),
    );
    let at = server.local_addr().unwrap();
    let mut receiver = receive_files(at, &into, &["--forever"]);
    let mut sender = server.accept().unwrap().0;
    receive(&mut sender, b"JOIN files ack\n");
    // An offer of nothing, and the end.
    let nothing = b"OK X 127.0.0.1:1\nPAIRLOOP-FILES 1 send\nO\0\0\0\x10";
    let all = [&nothing[..], &[0; 16], b"Z\0\0\0\0"].concat();
    sender.write_all(&all).unwrap();
    sender.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receiver.stdout.next().unwrap(), "received 0 files, 0 bytes");
    drop(server.accept().unwrap());
    receiver.stderr.find("pairloop: ");
    let mut again = server.accept().unwrap().0;
    receive(&mut again, b"JOIN files ack\n");

    drop(server);
    let words = receive_files(at, &into, &["--forever"]).ends(1);
    assert!(words.contains("is pairloop serve running?"), "{words}");
}

#[test]
fn a_server_carries_files_and_reasons() {
    for options in [&[][..], &["--no-splice"]] {
        let mut daemon = Daemon::serve(&["relay://127.0.0.1:0?rooms=named"], options);
        let at = daemon.address(0);
        let (from, into) = (Folder::new("served"), Folder::new("served-there"));
        from.write("x", &vec![7; 5 << 20]);
        let mut receiver = receive_files(at, &into, &[]);
        let mut sender = send_files(at, &[&from.text("x")]);
        assert_eq!((sender.ends(0), receiver.ends(0)), Default::default());
        assert_eq!(into.everything(), from.everything());

        from.write("x", b"other contents");
        let mut receiver = receive_files(at, &into, &[]);
        let mut sender = send_files(at, &[&from.text("x")]);
        assert!(receiver.ends(1).contains("only replaced with --overwrite"));
        assert!(
            sender
                .ends(1)
                .contains("the partner gave up: x is there already")
        );
        daemon.has_clients(0);
    }
}

#[test]
fn two_of_the_same_part_as_friends() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("same"),
        Folder::new("same-there"),
    );
    from.write("x", b"x");
    let (one, other) = (from.text("x"), from.text("x"));
    let mut senders = [one, other].map(|path| send_files(rooms.address(), &[&path]));
    for sender in &mut senders {
        assert!(
            sender
                .ends(1)
                .contains("one of the two must send, the other receive (both send)")
        );
    }
    let mut receivers = [(); 2].map(|()| receive_files(rooms.address(), &into, &[]));
    for receiver in &mut receivers {
        assert!(receiver.ends(1).contains("(both receive)"));
    }
    let mut sender = send_files(rooms.address(), &[&from.text("x")]);
    let next = "PAIRLOOP-FILES 2 receive\n";
    let _partner = Partner::greet(rooms.address(), next, "PAIRLOOP-FILES 1 send\n");
    assert!(
        sender
            .ends(1)
            .contains("speaks version 2 of the file protocol, this is version 1")
    );
}
