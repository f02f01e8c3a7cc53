//! order: each side sends one message, and both are told whose came first.
//!
//! Clients that exist send no newline, so a message is complete at LF, at FIN, or once nothing more has come for a
//! while; whichever it is, it counts from the arrival of its last byte.

use std::sync::Arc;
use std::time::Duration;

use crate::limits::LONGEST_MESSAGE;

use super::{
    Actions, CloseReason, Manner, Moment, OptionError, PerSide, Seats, Service, ServiceKind,
    ServiceOption, Side, Start,
};

pub(super) const ORDER: ServiceKind = ServiceKind {
    name: "order",
    seats: Seats::Two,
    manner: Manner::Lines,
    greeting: None,
    wait: None,
    configure,
    route: None,
};

fn configure(options: &[ServiceOption<'_>]) -> Result<Start, OptionError> {
    let mut settle = Duration::from_millis(100);
    for &(name, value) in options {
        if name != "settle" {
            return Err(OptionError::unknown(
                name,
                "settle=TIME, such as settle=100ms",
            ));
        }
        settle = crate::units::duration(value)
            .map_err(|error| OptionError(format!("settle={value}: {error}")))?;
    }
    Ok(Arc::new(move || {
        Box::new(Order {
            settle,
            messages: PerSide::default(),
            chunks: 0,
        })
    }))
}

struct Order {
    /// How long a message without an end is given to go on.
    settle: Duration,
    /// What has been said. Whoever only waits has nothing here.
    messages: PerSide<Option<Box<Message>>>,
    /// Chunks of bytes that have come, from both.
    chunks: u32,
}

#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
    /// When its last byte came.
    last: Option<Moment>,
    /// The number of the chunk with its last byte: the order in which the loop read them.
    chunk: u32,
    complete: bool,
}

impl Message {
    /// What was said: without the line's end, and without the name that some clients put in front.
    fn text(&self) -> &[u8] {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let named = text
            .strip_prefix(b"Client X: ")
            .or_else(|| text.strip_prefix(b"Client Y: "));
        named.unwrap_or(text)
    }
}

impl Service for Order {
    fn open(&mut self, actions: &mut Actions<'_>) {
        for side in [Side::X, Side::Y] {
            actions.send(side, format!("Client {side:?} connected\n").into_bytes());
        }
    }

    fn data(&mut self, side: Side, bytes: &[u8], actions: &mut Actions<'_>) -> usize {
        let message = self.messages[side].get_or_insert_default();
        if message.complete {
            // Each says one thing. Reading the rest keeps the end from becoming a reset.
            return bytes.len();
        }
        let end = bytes.iter().position(|&byte| byte == b'\n');
        message
            .bytes
            .extend_from_slice(&bytes[..end.map_or(bytes.len(), |end| end + 1)]);
        self.chunks += 1;
        message.chunk = self.chunks;
        message.last = Some(actions.now());
        if message.text().len() > LONGEST_MESSAGE {
            actions.fail(side, CloseReason::TooLong);
        } else if end.is_some() {
            self.complete(side, actions);
        } else {
            self.wait_for_more(actions);
        }
        bytes.len()
    }

    fn eof(&mut self, side: Side, _unread: &[u8], actions: &mut Actions<'_>) {
        if !self.is_complete(side) {
            self.complete(side, actions);
        }
    }

    fn timeout(&mut self, actions: &mut Actions<'_>) {
        for side in [Side::X, Side::Y] {
            if self.settles_at(side).is_some_and(|at| at <= actions.now()) {
                self.complete(side, actions);
            }
            if actions.is_over() {
                return;
            }
        }
        self.wait_for_more(actions);
    }

    fn part(&mut self, reason: CloseReason, by: Option<Side>, actions: &mut Actions<'_>) {
        for side in [Side::X, Side::Y] {
            let words = match reason {
                CloseReason::WaitTimeout => "timeout no partner came",
                CloseReason::IdleTimeout | CloseReason::HalfCloseTimeout => {
                    "timeout nothing was said"
                }
                CloseReason::Stopping | CloseReason::Stopped => "closing the server stops",
                CloseReason::TooLong if by == Some(side) => {
                    "room the message is longer than 1024 bytes"
                }
                // Who leaves while it waits has said nothing either, and has no partner who could be gone.
                CloseReason::Empty | CloseReason::Left if by == Some(side) => {
                    "room the message is empty"
                }
                _ => "room the partner is gone",
            };
            actions.send(side, format!("ERR {words}\n").into_bytes());
        }
    }
}

impl Order {
    /// Nothing more belongs to this message.
    fn complete(&mut self, side: Side, actions: &mut Actions<'_>) {
        let message = self.messages[side].get_or_insert_default();
        message.complete = true;
        if message.text().is_empty() {
            return actions.fail(side, CloseReason::Empty);
        }
        actions.print(format!(
            "{side:?}: {}",
            String::from_utf8_lossy(message.text())
        ));
        if self.is_complete(side.other()) {
            self.acknowledge(actions);
        }
    }

    fn is_complete(&self, side: Side) -> bool {
        self.messages[side]
            .as_ref()
            .is_some_and(|message| message.complete)
    }

    fn acknowledge(&mut self, actions: &mut Actions<'_>) {
        let [Some(x), Some(y)] = [Side::X, Side::Y].map(|side| self.messages[side].as_ref()) else {
            unreachable!("both have said something");
        };
        let (first, before, after) = if x.chunk < y.chunk {
            (Side::X, x.text(), y.text())
        } else {
            (Side::Y, y.text(), x.text())
        };
        let mut sentence = format!("{first:?}: ").into_bytes();
        sentence.extend_from_slice(before);
        sentence.extend_from_slice(format!(" received before {:?}: ", first.other()).as_bytes());
        sentence.extend_from_slice(after);
        sentence.push(b'\n');
        actions.send(Side::X, sentence.clone());
        actions.send(Side::Y, sentence);
        actions.print("Sent acknowledgment to both X and Y".into());
        actions.end();
    }

    /// When a message that has begun and has no end counts as complete.
    fn settles_at(&self, side: Side) -> Option<Moment> {
        let message = self.messages[side].as_ref()?;
        message
            .last
            .filter(|_| !message.complete)
            .map(|last| last + self.settle)
    }

    fn wait_for_more(&self, actions: &mut Actions<'_>) {
        let at = [Side::X, Side::Y]
            .into_iter()
            .filter_map(|side| self.settles_at(side))
            .min();
        actions.set_timer(at);
    }
}
