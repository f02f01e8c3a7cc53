//! A file of users, and a login step by step.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pairloop::scram::Secret;
use pairloop::scram::client::{Exchange, Proven};
use socket2::{Domain, Socket, Type};

use super::{End, end_of, patient, program, scratch};

/// Everybody's password.
pub const PASSWORD: &str = "pencil";

/// A file of users.
pub struct UserFile(PathBuf);

impl UserFile {
    pub fn of(test: &str, names: &[&str]) -> Self {
        let file = Self(scratch(test));
        file.has(names);
        file
    }

    /// From now on these are in it.
    pub fn has(&self, names: &[&str]) {
        let secret = Secret::new(PASSWORD, b"a salt of sixteen", 4096).expect("a password");
        let lines = names.iter().map(|name| format!("{name}:{secret}\n"));
        self.is(&lines.collect::<String>());
    }

    /// From now on this is in it. It is replaced whole, since the daemon may be reading it.
    pub fn is(&self, text: &str) {
        let next = PathBuf::from(format!("{}.next", self.0.display()));
        fs::write(&next, text).expect("it can be written");
        // Nobody else's to read, as `pairloop user` leaves it.
        fs::set_permissions(&next, Permissions::from_mode(0o600)).expect("it is ours");
        fs::rename(&next, &self.0).expect("it can be replaced");
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A listener of this service that lets only these in.
    pub fn lock(&self, service: &str) -> String {
        let path = self.0.display();
        format!("{service}://127.0.0.1:0?rooms=named&auth={path}")
    }
}

pub fn base64(message: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(message)
}

/// The message in a line of the server's.
#[track_caller]
pub fn message(line: &str) -> Vec<u8> {
    let message = line.strip_prefix("AUTH ").expect(line);
    BASE64_STANDARD.decode(message).expect(line)
}

/// One line, and not a byte of what follows.
#[track_caller]
pub fn read_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a line comes");
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("text").trim_end().to_owned()
}

/// A login up to the proof.
pub struct Begun {
    /// What the server said.
    pub server_first: String,
    /// The line with the proof.
    pub proof: String,
    pub proven: Proven,
}

/// Begins to log in, behind words such as `JOIN room`.
pub fn begin(stream: &mut TcpStream, words: &str, name: &str, password: &str) -> Begun {
    let exchange = Exchange::new(name, password, "nonce").expect("name and password");
    let hello = format!("{words} scram={}\n", base64(exchange.first()));
    stream.write_all(hello.as_bytes()).expect("it is read");
    let server_first = message(&read_line(stream));
    let (answer, proven) = exchange.answer(&server_first).expect("a good server");
    Begun {
        server_first: String::from_utf8(server_first).expect("text"),
        proof: format!("AUTH {}\n", base64(answer)),
        proven,
    }
}

/// Logs in. Answers what the server said to the proof, if that is a refusal.
pub fn log_in(
    stream: &mut TcpStream,
    words: &str,
    name: &str,
    password: &str,
) -> Result<(), String> {
    let Begun { proof, proven, .. } = begin(stream, words, name, password);
    stream.write_all(proof.as_bytes()).expect("it is read");
    let line = read_line(stream);
    if line.starts_with("ERR ") {
        return Err(line);
    }
    proven.verify(&message(&line)).expect("the right server");
    Ok(())
}

/// A client that comes from this address: on Linux every address that begins with 127 is this machine's.
pub fn connect_from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    try_connect_from(source, to).expect("the daemon listens")
}

fn try_connect_from(source: [u8; 4], to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let source = SocketAddr::from((source, 0));
    socket.bind(&source.into()).expect("an address of ours");
    socket.connect(&to.into())?;
    let stream = TcpStream::from(socket);
    patient(&stream);
    Ok(stream)
}

/// A client from there that wants to say this is reset, without a word: as soon as it has come, which may be seen by the call
/// that connects, or when it speaks, or when it listens. The end is told once.
#[track_caller]
pub fn is_reset_from(source: [u8; 4], to: SocketAddr, words: &[u8]) {
    let said = try_connect_from(source, to).and_then(|mut client| {
        client.write_all(words)?;
        Ok(client)
    });
    match said {
        Ok(mut client) => assert_eq!(end_of(&mut client), End::Reset),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

/// A client command that logs in with the password from the environment.
pub fn client(command: &str, at: SocketAddr, user: &str, password: &str) -> Command {
    let mut program = program();
    program.args([command, "--at", &at.to_string(), "--room", "r"]);
    logs_in(&mut program, user, password);
    program
}

/// It logs in with the password from the environment, between pipes.
pub fn logs_in(command: &mut Command, user: &str, password: &str) {
    command.args(["--user", user]);
    command.env("PAIRLOOP_PASSWORD", password);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
}

/// Runs it to its end, with this as its input.
pub fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command.spawn().expect("it starts");
    // Whoever is refused does not read it.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}
