//! Our clients, and servers that are not what they say: they are told nothing that would help to guess the password, and
//! not a byte of what was meant for the right one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

use crate::common::users::{PASSWORD, base64, client, logs_in, message, run};
use crate::common::{Folder, patient, transfer};
use pairloop::scram::Secret;
use pairloop::scram::server::Exchange;

/// What is said by whoever takes this server for the right one.
const DATA: &str = "a secret of alice's";

/// The commands that log in.
const COMMANDS: [&str; 6] = ["produce", "consume", "chat", "order", "send", "receive"];

/// One of them, with what it needs.
fn command(name: &str, at: SocketAddr, folder: &Folder) -> Command {
    let mut command = match name {
        "send" => transfer(name, at, &[&folder.text("file")]),
        "receive" => transfer(name, at, &["--into", &folder.text("")]),
        _ => client(name, at, "alice", PASSWORD),
    };
    if name == "order" {
        command.arg(DATA);
    }
    if matches!(name, "send" | "receive") {
        logs_in(&mut command, "alice", PASSWORD);
    }
    command
}

/// A server that a test speaks for.
struct Impostor {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Impostor {
    /// The client's first message.
    fn hello(&mut self) -> String {
        let mut hello = String::new();
        self.lines.read_line(&mut hello).unwrap();
        let (_, scram) = hello.trim_end().rsplit_once("scram=").expect("a login");
        String::from_utf8(message(&format!("AUTH {scram}"))).unwrap()
    }

    /// The client's proof.
    fn proof(&mut self) {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(line.starts_with("AUTH "), "{line}");
    }

    /// Says this, which whoever has left does not hear.
    fn say(&mut self, words: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(words.as_ref());
    }

    fn auth(&mut self, text: impl AsRef<[u8]>) {
        self.say(format!("AUTH {}\n", base64(text)));
    }
}

/// Each client fails with these words when the server does this, and says nothing more.
#[track_caller]
fn is_found_out(words: &str, server: impl Fn(&mut Impostor) + Sync) {
    for name in COMMANDS {
        let (said, output) = deceive(name, &server);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "", "{name}: {stderr}");
        assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
        assert!(stderr.contains(words), "{name}: {stderr}");
        assert!(!stderr.contains('\x1b'), "{name}: {stderr:?}");
        assert!(output.stdout.is_empty(), "{name}");
    }
}

/// Answers what the client said after the server had done this, and how it ended.
fn deceive(name: &str, server: impl FnOnce(&mut Impostor) + Send) -> (String, Output) {
    let folder = Folder::new("deceived");
    folder.write("file", DATA.as_bytes());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = command(name, listener.local_addr().unwrap(), &folder);
    thread::scope(|scope| {
        let deceived = scope.spawn(move || run(&mut command, DATA));
        let (stream, _) = listener.accept().unwrap();
        patient(&stream);
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut impostor = Impostor { stream, lines };
        server(&mut impostor);
        let mut said = Vec::new();
        // It may leave unread what it was told.
        let _ = impostor.lines.read_to_end(&mut said);
        // Whoever was deceived does not wait for more.
        drop(impostor);
        (String::from_utf8(said).unwrap(), deceived.join().unwrap())
    })
}

/// The first message of a server that knows a user with so many iterations.
fn server_first(client_first: &str, iterations: u32) -> String {
    let find = |_: &str| Secret::decoy(b"a salt of sixteen", iterations);
    Exchange::begin(client_first.as_bytes(), "server", find)
        .unwrap()
        .1
}

#[test]
fn our_clients_prove_nothing_to_a_server_that_asks_for_absurd_iterations() {
    for iterations in [1, 4095, 1_000_001, u32::MAX] {
        is_found_out(&format!("asks for {iterations} iterations"), |server| {
            let first = server.hello();
            server.auth(server_first(&first, iterations));
        });
    }
    for iterations in ["0", "-1", "+4096", "99999999999", ""] {
        is_found_out("is malformed", |server| {
            let first = server_first(&server.hello(), 4096);
            server.auth(first.replace("i=4096", &format!("i={iterations}")));
        });
    }
}

#[test]
fn our_clients_prove_nothing_to_a_server_with_a_nonce_that_is_not_theirs() {
    let changed: [fn(&str, &str) -> String; 5] = [
        // Recorded in another login.
        |first, own| first.replace(own, "rOprNGfwEbeRWgbNEkqO"),
        // Nothing of the server's.
        |first, own| first.replace(&format!("{own}server"), own),
        // Only the server's.
        |first, own| first.replace(own, ""),
        |first, own| first.replace(own, &own[1..]),
        |first, own| first.replace(&format!("{own}server"), &format!("server{own}")),
    ];
    for change in changed {
        is_found_out("nonce", |server| {
            let hello = server.hello();
            let (_, own) = hello.rsplit_once("r=").unwrap();
            let first = server_first(&hello, 4096);
            let other = change(&first, own);
            assert_ne!(other, first);
            server.auth(other);
        });
    }
}

#[test]
fn our_clients_say_nothing_to_a_server_that_does_not_know_the_password_either() {
    is_found_out(
        "the server could not prove that it knows the password",
        |server| {
            let first = server.hello();
            server.auth(server_first(&first, 4096));
            server.proof();
            server.auth(format!("v={}", base64([7; 32])));
            server.say("OK X 192.0.2.1:1\n");
        },
    );
}

#[test]
fn our_clients_take_no_step_for_another() {
    let signature = format!("v={}", base64([7; 32]));
    // The end before the beginning.
    is_found_out("no r= where one must be", |server| {
        server.hello();
        server.auth(&signature);
        server.say("OK X 192.0.2.1:1\n");
    });
    // A partner for somebody who has not logged in.
    is_found_out("not an answer of named rooms", |server| {
        server.hello();
        server.say("OK X 192.0.2.1:1\n");
    });
    // The beginning twice.
    is_found_out("no v= where one must be", |server| {
        let first = server_first(&server.hello(), 4096);
        server.auth(&first);
        server.proof();
        server.auth(&first);
    });
    // A partner in place of the end.
    is_found_out("not an answer of named rooms", |server| {
        let first = server_first(&server.hello(), 4096);
        server.auth(&first);
        server.proof();
        server.say("OK X 192.0.2.1:1\n");
    });
    is_found_out("\\u{1b}[2J", |server| {
        server.hello();
        server.say("ERR auth \x1b[2J\n");
    });
}

#[test]
fn our_clients_are_not_confused_by_garbage() {
    let endless = vec![b'A'; 1 << 20];
    for garbage in [
        &b"AUTH ====\n"[..],
        b"AUTH \n",
        b"AUTH A\n",
        b"AUTH biws\n",
        b"AUTH -_-_\n",
        b"AUTH \x1b[2J\n",
        b"\xff\xfe\0\n",
        b"\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &endless,
        &[b"AUTH ", &endless[..]].concat(),
    ] {
        is_found_out("pairloop: ", |server| {
            server.hello();
            server.say(garbage);
        });
        is_found_out("pairloop: ", |server| {
            let first = server.hello();
            server.auth(server_first(&first, 4096));
            server.proof();
            server.say(garbage);
        });
    }
}
