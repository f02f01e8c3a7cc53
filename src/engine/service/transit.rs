//! transit: what magic-wormhole's clients take for their transit relay.
//!
//! ```text
//! please relay <64 of A-Za-z0-9_>\n
//! please relay <64 of A-Za-z0-9_> for side <16 of A-Za-z0-9_>\n
//! ```
//!
//! Each client begins with one of these; who says the same token, and not the same side, meets. Both are told `ok`, and from
//! then on it is a relay. A token is good for one room: whoever else waits with it, such as the connections that one side
//! has made over other networks, is closed without a word.

use std::borrow::Cow;

use crate::engine::greeting::{Code, Greeting, Heard, Hello, Part, Refusal};
use crate::limits::{LONGEST_HANDSHAKE, TRANSIT_WAIT};

use super::relay::Relay;
use super::{Actions, CloseReason, Manner, Seats, Service, ServiceKind, Side, plain};

pub(super) const TRANSIT: ServiceKind = ServiceKind {
    name: "transit",
    seats: Seats::Two,
    manner: Manner::Raw,
    greeting: Some(&HANDSHAKE),
    wait: Some(TRANSIT_WAIT),
    configure: plain::<Transit>,
    route: None,
};

const HANDSHAKE: Greeting = Greeting {
    read,
    answer,
    once: true,
};

const OK: &[u8] = b"ok\n";
const IMPATIENT: &[u8] = b"impatient\n";

const BAD_HANDSHAKE: Refusal = Refusal::new(Code::Hello, "expected please relay <token>");
const TOO_LONG: Refusal = Refusal::new(Code::Hello, "the line is too long");

/// Reads a handshake. Nothing is refused before its line is whole, or too long: which of the two it is decides about the
/// answer.
fn read(bytes: &[u8]) -> Heard<Hello<'_>> {
    let within = &bytes[..bytes.len().min(LONGEST_HANDSHAKE + 1)];
    match within.iter().position(|&byte| byte == b'\n') {
        Some(end) => match handshake(&within[..end]) {
            Some(hello) => Ok(Some((hello, end + 1))),
            None => Err(BAD_HANDSHAKE),
        },
        None if within.len() > LONGEST_HANDSHAKE => Err(TOO_LONG),
        None => Ok(None),
    }
}

fn handshake(line: &[u8]) -> Option<Hello<'_>> {
    let (token, rest) = line.strip_prefix(b"please relay ")?.split_at_checked(64)?;
    let side: Option<[u8; 16]> = match rest {
        b"" => None,
        _ => Some(rest.strip_prefix(b" for side ")?.try_into().ok()?),
    };
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if !token.iter().chain(side.iter().flatten()).all(fits) {
        return None;
    }
    Some(Hello {
        room: str::from_utf8(token).ok()?,
        part: Part::Side(side),
        ack: false,
        seat: false,
        scram: None,
    })
}

/// Clients know one refusal, and take silence for all others.
fn answer(refusal: Refusal) -> Cow<'static, [u8]> {
    match refusal {
        BAD_HANDSHAKE => Cow::Borrowed(b"bad handshake\n"),
        _ => Cow::Borrowed(b""),
    }
}

#[derive(Default)]
struct Transit(Relay);

impl Service for Transit {
    fn early(&mut self, bytes: &[u8], actions: &mut Actions<'_>) -> usize {
        actions.send(Side::X, IMPATIENT);
        actions.fail(Side::X, CloseReason::Impatient);
        bytes.len()
    }

    fn open(&mut self, actions: &mut Actions<'_>) {
        actions.send(Side::X, OK);
        actions.send(Side::Y, OK);
        self.0.open(actions);
    }

    fn eof(&mut self, side: Side, unread: &[u8], actions: &mut Actions<'_>) {
        self.0.eof(side, unread, actions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789ABCDEF_123456789abcdef0123456789ghijkZ";

    fn hello(side: Option<[u8; 16]>) -> Hello<'static> {
        Hello {
            room: TOKEN,
            part: Part::Side(side),
            ack: false,
            seat: false,
            scram: None,
        }
    }

    #[test]
    fn handshakes_that_are_right() {
        for (line, side) in [
            (format!("please relay {TOKEN}\n"), None),
            (
                format!("please relay {TOKEN} for side 0123456789_bcdeF\n"),
                Some(*b"0123456789_bcdeF"),
            ),
        ] {
            for behind in ["", "\n", "please", "\0\u{ff}"] {
                let bytes = [line.as_bytes(), behind.as_bytes()].concat();
                assert_eq!(
                    read(&bytes),
                    Ok(Some((hello(side), line.len()))),
                    "{line:?}"
                );
            }
            for split in 0..line.len() {
                assert_eq!(read(&line.as_bytes()[..split]), Ok(None), "up to {split}");
            }
        }
    }

    #[test]
    fn handshakes_that_are_wrong() {
        let side = "0123456789abcdef";
        let lines = [
            "".into(),
            "\r".into(),
            " ".into(),
            "GET / HTTP/1.1\r".into(),
            "\0\u{16}\u{3}\u{1}".into(),
            "please relay".into(),
            "please relay ".into(),
            format!("please relay {TOKEN}\r"),
            format!("please relay {TOKEN} "),
            format!(" please relay {TOKEN}"),
            format!("please  relay {TOKEN}"),
            format!("Please relay {TOKEN}"),
            format!("please relay  {TOKEN}"),
            format!("please relay {TOKEN}0"),
            format!("please relay {}", &TOKEN[1..]),
            format!("please relay -{}", &TOKEN[1..]),
            format!("please relay \u{e9}{}", &TOKEN[2..]),
            format!("please relay {TOKEN} for side"),
            format!("please relay {TOKEN} for side "),
            format!("please relay {TOKEN} for side {side}\r"),
            format!("please relay {TOKEN} for side {side} "),
            format!("please relay {TOKEN} for side {side}0"),
            format!("please relay {TOKEN} for side {}", &side[1..]),
            format!("please relay {TOKEN} for side -{}", &side[1..]),
            format!("please relay {TOKEN} for Side {side}"),
            format!("please relay {TOKEN}  for side {side}"),
            format!("please relay {TOKEN} {TOKEN}"),
        ];
        for line in lines {
            let bytes = format!("{line}\nbehind");
            assert_eq!(read(bytes.as_bytes()), Err(BAD_HANDSHAKE), "{line:?}");
            for split in 0..=line.len() {
                assert_eq!(read(&bytes.as_bytes()[..split]), Ok(None), "{line:?}");
            }
        }
    }

    #[test]
    fn a_line_may_have_so_many_bytes_before_its_end_and_no_more() {
        for (length, closed, open) in [
            (1023, Err(BAD_HANDSHAKE), Ok(None)),
            (1024, Err(BAD_HANDSHAKE), Ok(None)),
            (1025, Err(TOO_LONG), Err(TOO_LONG)),
            (1 << 20, Err(TOO_LONG), Err(TOO_LONG)),
        ] {
            let mut line = vec![b'x'; length];
            assert_eq!(read(&line), open, "{length}");
            line.push(b'\n');
            assert_eq!(read(&line), closed, "{length} and LF");
        }
    }

    #[test]
    fn only_a_bad_handshake_is_answered() {
        assert_eq!(*answer(BAD_HANDSHAKE), *b"bad handshake\n");
        let code = Code::Timeout;
        for refusal in [TOO_LONG, Refusal { code, words: "" }] {
            assert_eq!(*answer(refusal), *b"");
        }
    }
}
