//! `pairloop order`: one message, and the server's word on whose came first.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::net::TcpStream;
use std::str::FromStr;

use super::ClientError;
use super::connect::connect;
use super::join::{Entry, ask_for_room, await_partner};
use crate::cli::OrderArgs;
use crate::console::printable;
use crate::limits::LONGEST_MESSAGE;

/// Bytes of the longest line that a server may say: two messages and what it says around them.
const LONGEST_ANSWER: u64 = 4 * LONGEST_MESSAGE as u64;

/// What a client may say in an order room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(String);

impl FromStr for Message {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            Err("an empty message can't be ordered".into())
        } else if text.contains(['\n', '\r']) {
            Err("a message is one line".into())
        } else if text.len() > LONGEST_MESSAGE {
            Err(format!(
                "{} bytes: a message may have {LONGEST_MESSAGE}",
                text.len()
            ))
        } else {
            Ok(Self(text.into()))
        }
    }
}

/// Sends a message once the partner is there, and prints the order.
///
/// # Errors
/// If it can't connect, the server refuses, or the connection is cut.
pub fn order(args: &OrderArgs) -> Result<(), ClientError> {
    let entry = Entry::new(&args.room)?;
    let stream = connect(&args.at, &args.server)?;
    let named = ask_for_room(&stream, &entry, None)?;
    let mut lines = BufReader::new(&stream);
    if io::stdout().is_terminal() {
        print("connected, waiting for a partner")?;
    }
    if named {
        await_partner(&stream)?;
    }
    print(&answer(&mut lines, "a partner")?)?;
    let Message(message) = &args.message;
    send(&stream, message)?;
    print(&format!("sent: {}", printable(message)))?;
    print(&answer(&mut lines, "an acknowledgment")?)
}

fn send(mut stream: &TcpStream, message: &str) -> Result<(), ClientError> {
    stream
        .write_all(format!("{message}\n").as_bytes())
        .map_err(ClientError::Cut)
}

/// The server's next line, fit to be printed. `what` is missing if there is none.
fn answer(lines: &mut impl BufRead, what: &'static str) -> Result<String, ClientError> {
    let mut line = Vec::new();
    lines
        .take(LONGEST_ANSWER)
        .read_until(b'\n', &mut line)
        .map_err(ClientError::Cut)?;
    let line = String::from_utf8_lossy(&line);
    // A line without its end was cut short.
    let line = line.strip_suffix('\n').ok_or(ClientError::Silent(what))?;
    let line = printable(line);
    match line.strip_prefix("ERR ") {
        None => Ok(line),
        Some(error) => Err(ClientError::refused(error)),
    }
}

/// That nobody reads it any more is no failure.
fn print(line: &str) -> Result<(), ClientError> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    written.or_else(ClientError::of_output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_with_something_in_it() {
        for good in ["Alice", "two words", &"a".repeat(1024)] {
            assert_eq!(good.parse(), Ok(Message(good.into())));
        }
        for bad in ["", " ", "two\nlines", "\r", &"a".repeat(1025)] {
            assert!(bad.parse::<Message>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn answers_are_whole_lines_made_harmless() {
        let read = |bytes: &[u8]| answer(&mut &bytes[..], "a partner");
        assert_eq!(
            read(b"Client X connected\nmore").unwrap(),
            "Client X connected"
        );
        assert_eq!(read(b"X: \x1b[2J\n").unwrap(), "X: \\u{1b}[2J");
        for (bytes, words) in [
            (&b""[..], "without a partner"),
            (b"Client X conn", "without a partner"),
            (b"ERR room the partner is gone\n", "the partner is gone"),
            (b"ERR full\n", "ERR full"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
