//! Logging in: by our own clients, step by step, and with servers that are not what they say.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;

use common::users::{Begun, PASSWORD, UserFile, base64, begin, log_in, message, read_line};
use common::{
    Client, Daemon, End, Terminal, end_of, eventually, patient, program, read_all, reset, scratch,
};
use pairloop::scram::Secret;
use pairloop::scram::server::Exchange;

const WRONG: &str = "ERR auth wrong user name or password";
const MALFORMED: &str = "ERR auth not SCRAM-SHA-256 as it is spoken here";
const NO_JOIN: &str = "ERR hello expected JOIN <room>";

/// A client command that logs in with the password from the environment.
fn client(command: &str, at: SocketAddr, user: &str, password: &str) -> Command {
    let mut program = program();
    program.args([command, "--at", &at.to_string(), "--room", "r"]);
    program.args(["--user", user]);
    program.env("PAIRLOOP_PASSWORD", password);
    program.stdin(Stdio::piped()).stdout(Stdio::piped());
    program.stderr(Stdio::piped());
    program
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command.spawn().unwrap();
    // Whoever is refused does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn is_refused(mut client: TcpStream, line: &str) {
    assert_eq!(read_line(&mut client), line);
    assert_eq!(end_of(&mut client), End::Fin, "{line}");
}

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

#[test]
fn a_wrong_password_and_an_unknown_user_are_told_the_same() {
    let users = UserFile::of("wrong", &["alice"]);
    for (name, password) in [("alice", "guess"), ("mallory", "guess"), ("mallory", "")] {
        let daemon = Daemon::serve(&[&users.lock("relay")], &[]);
        if !password.is_empty() {
            let mut stream = daemon.connect();
            let refusal = log_in(&mut stream, "JOIN r", name, password);
            assert_eq!(refusal, Err(WRONG.to_owned()));
            assert_eq!(end_of(&mut stream), End::Fin);
        }
        for command in ["produce", "consume", "chat"] {
            let output = run(
                &mut client(command, daemon.address(0), name, "guess"),
                "data",
            );
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{stderr}");
            assert!(
                stderr.contains("wrong user name or password (ERR auth)"),
                "{stderr}"
            );
            assert!(output.stdout.is_empty());
        }
    }
}

#[test]
fn steps_that_are_none_are_refused() {
    let users = UserFile::of("steps", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay"), common::RELAY], &[]);
    let say = |words: &str| {
        let mut client = daemon.connect();
        client.write_all(words.as_bytes()).unwrap();
        client
    };
    is_refused(say("AUTH biws\n"), NO_JOIN);
    is_refused(
        say("JOIN r\n"),
        "ERR auth only users come in here: JOIN <room> scram=<base64>, or pairloop's --user",
    );
    is_refused(say("JOIN r scram=!!!!\n"), MALFORMED);
    // Another login's proof, which was right there.
    let mut first = daemon.connect();
    let Begun { proof, .. } = begin(&mut first, "JOIN r", "alice", PASSWORD);
    first.write_all(proof.as_bytes()).unwrap();
    message(&read_line(&mut first));
    let mut second = daemon.connect();
    begin(&mut second, "JOIN r", "alice", PASSWORD);
    second.write_all(proof.as_bytes()).unwrap();
    is_refused(second, MALFORMED);
    // A proof that comes with the hello cannot be one.
    is_refused_after_a_step(say(&format!(
        "JOIN r scram={}\nAUTH AAAA\n",
        base64("n,,n=alice,r=nonce")
    )));
    daemon.has_clients(1);
    let open = Daemon::serve(&["relay://127.0.0.1:0?rooms=named"], &[]);
    let output = run(
        &mut client("consume", open.address(0), "alice", PASSWORD),
        "",
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("nobody logs in here (ERR auth)"),
        "{stderr}"
    );
}

#[track_caller]
fn is_refused_after_a_step(mut client: TcpStream) {
    message(&read_line(&mut client));
    is_refused(client, MALFORMED);
}

#[test]
fn who_goes_in_the_middle_of_a_login_leaves_nothing() {
    let users = UserFile::of("middle", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &["--hello-timeout", "1s"]);
    let begun = |daemon: &Daemon| {
        let mut client = daemon.connect();
        let Begun { proof, .. } = begin(&mut client, "JOIN r", "alice", PASSWORD);
        (client, proof)
    };
    let (client, proof) = begun(&daemon);
    (&client).write_all(&proof.as_bytes()[..20]).unwrap();
    reset(client);
    let (mut client, _) = begun(&daemon);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut client), End::Fin);
    let (mut client, proof) = begun(&daemon);
    client.write_all(&proof.as_bytes()[..20]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    is_refused(client, "ERR hello the hello has no end");
    let (client, _) = begun(&daemon);
    is_refused(client, "ERR timeout no hello came in time");
    // The proof, and RST behind it.
    let (mut client, proof) = begun(&daemon);
    client.write_all(proof.as_bytes()).unwrap();
    reset(client);
    daemon.has_clients(0);
    // What was sent waits for a partner, though its sender has finished.
    let (mut client, proof) = begun(&daemon);
    client
        .write_all(format!("{proof}all of it").as_bytes())
        .unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    message(&read_line(&mut client));
    let (mut partner, proof) = begun(&daemon);
    partner.write_all(proof.as_bytes()).unwrap();
    partner.shutdown(Shutdown::Write).unwrap();
    message(&read_line(&mut partner));
    assert_eq!(read_all(&mut partner), (b"all of it".to_vec(), End::Fin));
    assert_eq!(end_of(&mut client), End::Fin);
    daemon.has_clients(0);
    daemon.stop();
}

/// A server that answers the first message with this, and the second with that. Answers what the client said then, after it has
/// ended.
fn deceive(
    command: &str,
    first: impl FnOnce(&str) -> String,
    last: Option<&str>,
) -> (String, Output) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap();
    thread::scope(|scope| {
        let deceived = scope.spawn(|| run(&mut client(command, at, "alice", PASSWORD), "data"));
        let (mut stream, _) = server.accept().unwrap();
        patient(&stream);
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let mut hello = String::new();
        lines.read_line(&mut hello).unwrap();
        let scram = hello.trim_end().rsplit_once("scram=").unwrap().1;
        let answer = first(&String::from_utf8(message(&format!("AUTH {scram}"))).unwrap());
        writeln!(stream, "AUTH {}", base64(answer)).unwrap();
        if let Some(last) = last {
            lines.read_line(&mut hello).unwrap();
            write!(stream, "AUTH {}\nOK X 192.0.2.1:1\n", base64(last)).unwrap();
        }
        let (said, _) = read_all(&mut lines);
        (String::from_utf8(said).unwrap(), deceived.join().unwrap())
    })
}

/// A server's first message with so many iterations.
fn asks_for(iterations: u32) -> impl Fn(&str) -> String {
    move |client_first: &str| {
        let find = |_: &str| Secret::decoy(b"a salt of sixteen", iterations);
        Exchange::begin(client_first.as_bytes(), "server", find)
            .unwrap()
            .1
    }
}

#[test]
fn our_clients_prove_nothing_to_a_server_that_asks_for_absurd_iterations() {
    for command in ["produce", "consume", "chat"] {
        for iterations in [1, 4095, 2_000_000] {
            let (said, output) = deceive(command, asks_for(iterations), None);
            assert_eq!(said, "", "no proof");
            assert_eq!(output.status.code(), Some(1));
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(
                stderr.contains(&format!("asks for {iterations} iterations")),
                "{stderr}"
            );
        }
    }
}

#[test]
fn our_clients_say_nothing_to_a_server_that_does_not_know_the_password_either() {
    let forged = format!("v={}", base64([7; 32]));
    for command in ["produce", "consume", "chat"] {
        let (said, output) = deceive(command, asks_for(4096), Some(&forged));
        assert_eq!(said, "", "{command}");
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8_lossy(&output.stderr);
        let words = "the server could not prove that it knows the password";
        assert!(stderr.contains(words), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
