//! Logging in by our own clients.

mod common;

use std::net::TcpListener;
use std::thread;

use common::users::{PASSWORD, UserFile, client, read_line, run};
use common::{Client, Daemon, Terminal, eventually, patient, scratch};

#[test]
fn our_clients_log_in_with_a_file_or_the_environment() {
    let users = UserFile::of("clients", &["alice", "bob"]);
    let urls = ["relay", "chat", "order"].map(|service| users.lock(service));
    let mut daemon = Daemon::serve(&urls.each_ref().map(String::as_str), &[]);
    let [relay, chat, order] = [0, 1, 2].map(|listener| daemon.address(listener));
    let file = scratch("clients.password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    thread::scope(|scope| {
        let consumer = scope.spawn(move || run(&mut client("consume", relay, "bob", PASSWORD), ""));
        let mut producer = client("produce", relay, "alice", "not used");
        let producer = producer.arg("--password-file").arg(&file);
        let produced = run(producer, "all of it");
        assert!(produced.status.success(), "{produced:?}");
        assert_eq!(consumer.join().unwrap().stdout, b"all of it");
        let first =
            scope.spawn(move || run(client("order", order, "alice", PASSWORD).arg("Alice"), ""));
        let second = run(client("order", order, "bob", PASSWORD).arg("Bob"), "");
        assert!(first.join().unwrap().status.success() && second.status.success());
    });
    let file = file.to_str().unwrap();
    let arguments = ["--room", "r", "--user", "alice", "--password-file", file];
    let mut x = Client::start("chat", chat, &arguments);
    // Being here is not enough: whoever has logged in first is X, and has the first line.
    daemon.stderr.find("client 5: logged in as alice");
    thread::scope(|scope| {
        let y = scope.spawn(move || run(&mut client("chat", chat, "bob", PASSWORD), "hello\n"));
        x.say(b"hello first\n");
        x.stdout.find("hello");
        assert_eq!(y.join().unwrap().stdout, b"hello first\n");
    });
    daemon.stderr.find("logged in as bob");
}

#[test]
fn a_terminal_is_asked_for_the_password_and_shows_nothing_of_it() {
    let users = UserFile::of("terminal", &["alice"]);
    let daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let arguments = ["--room", "r", "--user", "alice"];
    let mut terminal = Terminal::start("consume", daemon.address(0), &arguments, &[]);
    terminal.shows("Password for alice: ");
    assert!(!terminal.echoes());
    terminal.press("pencil\n");
    eventually("the terminal as it was", || terminal.echoes());
    let mut producer = client("produce", daemon.address(0), "alice", PASSWORD);
    let produced = run(&mut producer, "what was produced\n");
    assert!(produced.status.success(), "{produced:?}");
    assert!(!terminal.shows("what was produced").contains("pencil"));
    terminal.ends(0);
}

#[test]
fn whoever_types_slowly_keeps_no_server_waiting() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let at = server.local_addr().unwrap();
    for (command, message) in [("consume", &[][..]), ("chat", &[]), ("order", &["hello"])] {
        let arguments = [&["--room", "r", "--user", "alice"], message].concat();
        let mut terminal = Terminal::start(command, at, &arguments, &[]);
        terminal.shows("Password for alice: ");
        assert!(server.accept().is_err(), "{command} has connected already");
        terminal.press("pencil\n");
        let mut client = None;
        eventually("a client", || {
            client = server.accept().ok();
            client.is_some()
        });
        let (mut client, _) = client.unwrap();
        client.set_nonblocking(false).unwrap();
        patient(&client);
        assert!(read_line(&mut client).starts_with("JOIN r "));
    }
}
