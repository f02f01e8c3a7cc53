//! Into a named room: what the client says first, and what the server answers.

use std::io::Write;
use std::net::TcpStream;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::ClientError;
use super::connect::{peek, receive};
use crate::cli::RoomArgs;
use crate::console::printable;
use crate::engine::{Role, is_room};
use crate::limits::{LONGEST_HELLO, LONGEST_ROOM};
use crate::password::password;
use crate::scram::client::Exchange;

/// The name of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room(String);

impl FromStr for Room {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if is_room(name) {
            Ok(Self(name.into()))
        } else {
            Err(format!(
                "a room's name is 1 to {LONGEST_ROOM} of A-Z a-z 0-9 . _ -"
            ))
        }
    }
}

/// Into which room, and as whom.
pub struct Entry<'a> {
    room: Option<&'a Room>,
    user: Option<(&'a str, String)>,
}

impl<'a> Entry<'a> {
    /// Asks for the password, if there has to be one. This comes before connecting: a server does not wait long for
    /// someone who types.
    pub fn new(args: &'a RoomArgs) -> Result<Self, ClientError> {
        let mut entry = Self {
            room: args.room.as_ref(),
            user: None,
        };
        if let Some(user) = &args.user {
            let password = password(user, args.password_file.as_deref())?;
            entry.user = Some((user, password));
        }
        Ok(entry)
    }

    /// What begins a login, if there is to be one.
    fn login(&self) -> Result<Option<Exchange>, ClientError> {
        let Some((user, password)) = &self.user else {
            return Ok(None);
        };
        let mut nonce = [0; 18];
        getrandom::fill(&mut nonce)?;
        let exchange = Exchange::new(user, password, &BASE64_STANDARD.encode(nonce))?;
        Ok(Some(exchange))
    }
}

/// Says which room, if one was named, and answers whether one was. The server's answer comes when the partner is
/// there: see [`await_partner`].
pub fn ask_for_room(
    stream: &TcpStream,
    entry: &Entry<'_>,
    role: Option<Role>,
) -> Result<bool, ClientError> {
    let Some(Room(name)) = entry.room else {
        return Ok(false);
    };
    let login = entry.login()?;
    let scram = login
        .as_ref()
        .map(|login| BASE64_STANDARD.encode(login.first()));
    let scram = scram.map_or(String::new(), |first| format!(" scram={first}"));
    let role = match role {
        None => "",
        Some(Role::Produce) => " produce",
        Some(Role::Consume) => " consume",
    };
    say(stream, &format!("JOIN {name}{role} ack{scram}\n"))?;
    if let Some(login) = login {
        let (answer, proven) = login.answer(&hear_step(stream)?)?;
        say(
            stream,
            &format!("AUTH {}\n", BASE64_STANDARD.encode(answer)),
        )?;
        proven.verify(&hear_step(stream)?)?;
    }
    Ok(true)
}

/// The server's next step of a login.
fn hear_step(stream: &TcpStream) -> Result<Vec<u8>, ClientError> {
    let line = read_line(stream)?;
    if let Some(refusal) = line.strip_prefix("ERR ") {
        return Err(ClientError::refused(refusal));
    }
    let message = line
        .strip_prefix("AUTH ")
        .and_then(|message| BASE64_STANDARD.decode(message).ok());
    message.ok_or_else(|| ClientError::NoRooms(printable(&line)))
}

/// Says which room, and waits for the partner there. Without a room, partners are not announced.
pub fn join(stream: &TcpStream, entry: &Entry<'_>, role: Option<Role>) -> Result<(), ClientError> {
    if ask_for_room(stream, entry, role)? {
        await_partner(stream)?;
    }
    Ok(())
}

/// Waits for the partner, and answers its address. What it sends then is the next to be read.
pub fn await_partner(stream: &TcpStream) -> Result<String, ClientError> {
    let line = read_line(stream)?;
    match partner(&line)? {
        Some(partner) => Ok(partner),
        None => Err(ClientError::NoRooms(printable(&line))),
    }
}

/// The partner's address, if that is what this line of the server's says.
///
/// # Errors
/// If it says that there will be no partner.
pub fn partner(line: &str) -> Result<Option<String>, ClientError> {
    if let Some(refusal) = line.strip_prefix("ERR ") {
        return Err(ClientError::refused(refusal));
    }
    let partner = line
        .strip_prefix("OK X ")
        .or_else(|| line.strip_prefix("OK Y "));
    Ok(partner.map(printable))
}

fn say(mut stream: &TcpStream, line: &str) -> Result<(), ClientError> {
    stream.write_all(line.as_bytes()).map_err(ClientError::Cut)
}

/// Reads one line and not a byte more: what follows is not for us.
fn read_line(stream: &TcpStream) -> Result<String, ClientError> {
    let mut line = Vec::new();
    let mut buffer = [0; LONGEST_HELLO];
    while line.len() < LONGEST_HELLO {
        let there = peek(stream, &mut buffer)?;
        let end = buffer[..there].iter().position(|&byte| byte == b'\n');
        let bytes = receive(stream, &mut buffer[..end.map_or(there, |end| end + 1)])?;
        line.extend(&buffer[..bytes]);
        if bytes == 0 {
            return Err(ClientError::Silent("an answer to the hello"));
        }
        if line.ends_with(b"\n") {
            return Ok(String::from_utf8_lossy(&line).trim_end().into());
        }
    }
    Err(ClientError::NoRooms(printable(&String::from_utf8_lossy(
        &line[..80],
    ))))
}

/// What a server says that has waited for a hello in vain.
const NO_HELLO: &str = "ERR timeout no hello came in time";

/// Whether a server that says this has missed a hello.
pub fn asks_for_a_room(line: &str) -> bool {
    line.starts_with("ERR hello ") || line == NO_HELLO
}

/// What a client has received that named no room: perhaps nothing but the refusal of a listener where it must.
#[derive(Default)]
pub struct OnlyLine {
    begun: Vec<u8>,
}

impl OnlyLine {
    pub fn add(&mut self, bytes: &[u8]) {
        // One byte more than the longest line shows that this is none.
        let most = (LONGEST_HELLO + 1).saturating_sub(self.begun.len());
        self.begun.extend(&bytes[..bytes.len().min(most)]);
    }

    /// The refusal, if that is all that has come.
    pub fn refusal(&self) -> Option<ClientError> {
        let line = self.begun.strip_suffix(b"\n")?;
        let line = str::from_utf8(line)
            .ok()
            .filter(|line| !line.contains('\n'))?;
        let (code, _) = line.strip_prefix("ERR ")?.split_once(' ')?;
        match code {
            _ if asks_for_a_room(line) => Some(ClientError::Unnamed),
            "auth" | "room" | "full" | "timeout" | "closing" => {
                Some(ClientError::refused(&line["ERR ".len()..]))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    fn answered(parts: &'static [&[u8]]) -> (Result<String, ClientError>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            parts
                .iter()
                .for_each(|part| stream.write_all(part).unwrap());
        });
        let answer = await_partner(&stream);
        server.join().unwrap();
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut &stream, &mut rest).unwrap();
        (answer, rest)
    }

    #[test]
    fn not_a_byte_of_the_stream_is_taken_for_the_answer() {
        const WHOLE: &[&[u8]] = &[b"OK X [::1]:5\nOK Y data"];
        const PARTS: &[&[u8]] = &[b"OK", b" X [::1]", b":5", b"\n", b"OK Y data"];
        for parts in [WHOLE, PARTS] {
            let (answer, rest) = answered(parts);
            assert_eq!(answer.unwrap(), "[::1]:5");
            assert_eq!(rest, b"OK Y data");
        }
    }

    #[test]
    fn a_refusal_and_nothing_else_is_no_stream() {
        let refusal = |parts: &[&[u8]]| {
            let mut only = OnlyLine::default();
            parts.iter().for_each(|part| only.add(part));
            only.refusal().map(|error| error.to_string())
        };
        for (parts, words) in [
            (&[&b"ERR hello expected JOIN <room>\n"[..]][..], "--room"),
            (&[b"ERR time", b"out no hello came in time\n"], "--room"),
            (&[b"ERR closing the server stops\n"], "the server stops"),
            (&[b"ERR full no place\n"], "no place"),
        ] {
            let error = refusal(parts).expect("a refusal");
            assert!(error.contains(words), "{error}");
        }
        let long = [b'x'; 2000];
        for stream in [
            &[][..],
            &[&b"ERR closing the server stops"[..]],
            &[b"ERR closing the server stops\nmore\n"],
            &[b"ERR other words\n"],
            &[b"ERR closing ", &long, b"\n"],
        ] {
            assert_eq!(refusal(stream), None, "{stream:?}");
        }
    }

    #[test]
    fn other_answers_are_errors() {
        let table: [(&[&[u8]], &str); 5] = [
            (&[b"ERR full no place\n"], "no place (ERR full)"),
            (&[b"ERR x\x1b[2J\n"], "ERR x\\u{1b}[2J"),
            (&[], "without an answer"),
            (&[b"OK X"], "without an answer"),
            (&[b"JOIN other ack\n"], "rooms=named"),
        ];
        for (parts, words) in table {
            let error = answered(parts).0.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
