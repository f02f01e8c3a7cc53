//! Into a named room: the hello line, and the server's answer when the partner is there.

use std::io::Write;
use std::net::TcpStream;
use std::str::FromStr;

use super::connect::{connect, receive};
use super::{Address, ClientError};
use crate::cli::ServerArgs;

/// Bytes of the server's longest answer.
const LONGEST_ANSWER: usize = 1024;

/// Bytes of the longest name of a room.
const LONGEST_ROOM: usize = 64;

/// The name of a room: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room(String);

impl FromStr for Room {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_ROOM || !name.bytes().all(allowed) {
            Err(format!(
                "a room's name has 1 to {LONGEST_ROOM} of A-Z a-z 0-9 . _ -"
            ))
        } else {
            Ok(Self(name.into()))
        }
    }
}

/// A room with both in it.
pub struct Joined {
    pub stream: TcpStream,
    /// Bytes of the partner's that came right behind the server's answer.
    pub rest: Vec<u8>,
    /// The partner's address, as the server says.
    pub partner: String,
}

/// Joins a room, and waits for the partner.
pub fn join(at: &Address, server: &ServerArgs, room: &Room) -> Result<Joined, ClientError> {
    let mut stream = connect(at, server)?;
    let hello = format!("JOIN {} ack\n", room.0);
    stream
        .write_all(hello.as_bytes())
        .map_err(ClientError::Cut)?;
    let (mut answer, mut buffer) = (Vec::new(), [0; LONGEST_ANSWER]);
    let end = loop {
        match receive(&stream, &mut buffer)? {
            0 => return Err(ClientError::Silent("an answer")),
            bytes => answer.extend(&buffer[..bytes]),
        }
        match answer.iter().position(|byte| *byte == b'\n') {
            Some(end) => break end,
            None if answer.len() < LONGEST_ANSWER => {}
            None => return Err(ClientError::Silent("an answer that can be understood")),
        }
    };
    let rest = answer.split_off(end + 1);
    let line = String::from_utf8_lossy(&answer[..end]).into_owned();
    let line = line.trim_end();
    if let Some(error) = line.strip_prefix("ERR ") {
        let (code, words) = error.split_once(' ').unwrap_or((error, "no reason"));
        return Err(ClientError::Refused(format!("{words} (ERR {code})")));
    }
    let partner = line
        .strip_prefix("OK X ")
        .or_else(|| line.strip_prefix("OK Y "));
    let partner = partner.ok_or(ClientError::Silent("an answer that can be understood"))?;
    Ok(Joined {
        stream,
        rest,
        partner: partner.into(),
    })
}
