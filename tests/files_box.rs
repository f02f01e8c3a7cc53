//! `receive --forever`: a drop box outlives its server, its folder and its senders, and asks for nothing twice.

mod common;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use common::json::Json;
use common::{
    Client, Daemon, Folder, Rooms, Terminal, eventually, patient, program, receive, receive_files,
    send_files, transfer,
};

/// A server spoken by hand.
fn server() -> (TcpListener, SocketAddr) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let at = server.local_addr().unwrap();
    (server, at)
}

fn accept(server: &TcpListener) -> TcpStream {
    let mut client = None;
    eventually("a client", || {
        client = server.accept().ok();
        client.is_some()
    });
    let (client, _) = client.unwrap();
    client.set_nonblocking(false).unwrap();
    patient(&client);
    client
}

/// The next client, which says which room it wants.
fn joined(server: &TcpListener) -> TcpStream {
    let mut client = accept(server);
    receive(&mut client, b"JOIN files ack\n");
    client
}

/// A daemon that asks for a login, and a folder with the file that has alice's password.
fn locked(name: &str, options: &[&str]) -> (Daemon, Folder) {
    let folder = Folder::new(name);
    folder.write("password", b"pencil\n");
    let users = folder.text("users");
    let added = program()
        .args(["user", "add", "alice", "--password-stdin", "--file", &users])
        .args(["--iterations", "4096"])
        .stdin(File::open(folder.join("password")).unwrap())
        .status()
        .unwrap();
    assert!(added.success());
    let url = format!("relay://127.0.0.1:0?rooms=named&auth={users}");
    (Daemon::serve(&[&url], options), folder)
}

#[test]
fn a_password_is_typed_once_for_all_senders() {
    for options in [&[][..], &["--no-splice"]] {
        let (daemon, folder) = locked("typed", options);
        let at = daemon.address(0);
        let (from, into) = (Folder::new("typed-from"), Folder::new("typed-there"));
        from.write("one", &vec![7; 5 << 20]);
        from.write("two", b"2");
        let mut receiver = Terminal::run(
            transfer("receive", at, &["--user", "alice", "--forever"])
                .args(["--into", &into.text("")])
                .env_remove("PAIRLOOP_PASSWORD"),
        );
        receiver.shows("Password for alice: ");
        receiver.press("pencil\n");
        for name in ["one", "two"] {
            let (path, password) = (from.text(name), folder.text("password"));
            let arguments = ["--user", "alice", "--password-file", &password, &path];
            assert_eq!(send_files(at, &arguments).ends(0), "");
            receiver.shows(&format!("received {name}"));
        }
        assert_eq!(into.everything(), from.everything());
    }
}

#[test]
fn a_password_is_asked_for_before_the_server_waits_for_it() {
    let (server, at) = server();
    let mut receiver = Terminal::run(
        transfer("receive", at, &["--user", "alice"]).env_remove("PAIRLOOP_PASSWORD"),
    );
    receiver.shows("Password for alice: ");
    let early = server.accept().map(|_| "it has connected");
    assert_eq!(
        early.map_err(|error| error.kind()),
        Err(ErrorKind::WouldBlock)
    );
    receiver.press("pencil\n");
    accept(&server);
}

#[test]
#[cfg(target_os = "linux")]
fn whoever_waits_asks_whether_the_server_is_still_there() {
    let ((server, at), into) = (server(), Folder::new("waiting"));
    let _receiver = receive_files(at, &into, &[]);
    let _client = joined(&server);
    // proc_net_tcp.txt: the remote address, the state, the queues, and then the kind of the timer that is pending.
    let remote = format!("0100007F:{:04X} 01 ", at.port());
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let (_, rest) = sockets.split_once(&remote).expect("the client's socket");
    let timer = rest.split(' ').nth(1).expect("its timer");
    assert!(timer.starts_with("02:"), "no keepalive: {timer}");
}

#[test]
fn a_drop_box_that_nobody_has_met_yet_outlives_its_server() {
    let ((server, at), into) = (server(), Folder::new("unmet"));
    let mut receiver = receive_files(at, &into, &["--forever"]);
    drop(joined(&server));
    receiver.stderr.find("pairloop: ");
    for answer in [
        &b"ERR timeout no partner came in time\n"[..],
        b"ERR closing the server stops\n",
    ] {
        joined(&server).write_all(answer).unwrap();
        receiver.stderr.find("pairloop: the server refused");
    }
    joined(&server);
}

#[test]
fn a_drop_box_with_a_mistake_in_its_command_ends() {
    let ((server, at), into) = (server(), Folder::new("mistaken"));
    for (answer, words) in [
        (&b"ERR auth log in\n"[..], "log in (ERR auth)"),
        (b"220 mail.example ESMTP\n", "rooms=named"),
    ] {
        let mut receiver = receive_files(at, &into, &["--forever"]);
        joined(&server).write_all(answer).unwrap();
        let said = receiver.ends(1);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_folder_that_was_replaced_between_two_senders_is_received_into() {
    let (rooms, from) = (Rooms::open(), Folder::new("replacing-box"));
    let into = Folder::new("replacing-box-there");
    from.write("one", b"1");
    let mut receiver = receive_files(rooms.address(), &into, &["--forever"]);
    for _ in 0..2 {
        assert_eq!(
            send_files(rooms.address(), &[&from.text("one")]).ends(0),
            ""
        );
        receiver.stdout.find("received one");
        assert_eq!(into.everything(), from.everything());
        fs::remove_dir_all(into.path()).unwrap();
        fs::create_dir(into.path()).unwrap();
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_said_in_json_too() {
    let ((_server, at), folder) = (server(), Folder::new("unusable"));
    folder.write("file", b"");
    let arguments = ["--json", "--into", &folder.text("file")];
    let mut receiver = Client::spawn(transfer("receive", at, &arguments));
    let said = receiver.ends(1);
    assert!(said.contains("cannot use the folder"), "{said}");
    let failed = Json::parse(&receiver.stdout.rest()[0]);
    assert_eq!(failed.text("event"), "failed");
    assert_eq!(failed.number("files"), 0.0);
}
