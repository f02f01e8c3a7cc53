//! Into a named room: what the client says first, and what the server answers.

use std::io::Write;
use std::net::TcpStream;
use std::str::FromStr;

use super::ClientError;
use super::connect::receive;
use crate::console::printable;

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
                "a room's name is 1 to {LONGEST_ROOM} of A-Z a-z 0-9 . _ -"
            ))
        } else {
            Ok(Self(name.into()))
        }
    }
}

/// Joins a room, and waits for the partner. Answers its address, as the server says; what the partner sends is the next to
/// be read.
pub fn join(mut stream: &TcpStream, room: &Room) -> Result<String, ClientError> {
    let hello = format!("JOIN {} ack\n", room.0);
    stream
        .write_all(hello.as_bytes())
        .map_err(ClientError::Cut)?;
    let line = read_line(stream)?;
    if let Some(refusal) = line.strip_prefix("ERR ") {
        let (code, words) = refusal.split_once(' ').unwrap_or((refusal, "no reason"));
        return Err(ClientError::Refused(format!("{words} (ERR {code})")));
    }
    let partner = line
        .strip_prefix("OK X ")
        .or_else(|| line.strip_prefix("OK Y "));
    let partner = partner.ok_or(ClientError::Silent("an answer that can be understood"))?;
    Ok(partner.into())
}

/// Reads one line and not a byte more: what follows is the partner's.
fn read_line(stream: &TcpStream) -> Result<String, ClientError> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.len() < LONGEST_ANSWER {
        match receive(stream, &mut byte)? {
            0 => break,
            _ if byte == [b'\n'] => {
                return Ok(printable(String::from_utf8_lossy(&line).trim_end()));
            }
            _ => line.extend(byte),
        }
    }
    Err(ClientError::Silent("an answer to the hello"))
}
