//! chat: whole lines, in turns. X has the first; a line passes it on.
//!
//! Clients that exist read once, up to 256 bytes, and take what they got for one message. So nothing is ever sent
//! but the welcome to X, the partner's lines and the notice of a stop.

use std::sync::Arc;

use crate::limits::LONGEST_LINE;

use super::{
    Actions, CloseReason, Manner, OptionError, PerSide, Seats, Service, ServiceKind, ServiceOption,
    Side, Start,
};

pub(super) const CHAT: ServiceKind = ServiceKind {
    name: "chat",
    seats: Seats::Two,
    manner: Manner::Lines,
    greeting: None,
    wait: None,
    configure,
    route: None,
};

/// What the first of two clients is told when it comes.
pub const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";
/// What clients are told before a stop. The spelling is the wire format of existing clients.
pub const NOTICE: &[u8] = b"SERVEUR WILL CLOSE NOW\n";

fn configure(options: &[ServiceOption<'_>]) -> Result<Start, OptionError> {
    let mut turns = Turns::Strict;
    for &(name, value) in options {
        turns = match (name, value) {
            ("turns", "strict") => Turns::Strict,
            ("turns", "free") => Turns::Free,
            ("turns", _) => {
                return Err(OptionError(format!(
                    "turns is strict or free, not `{value}`"
                )));
            }
            _ => return Err(OptionError::unknown(name, "turns=strict|free")),
        };
    }
    Ok(Arc::new(move || {
        Box::new(Chat {
            turns,
            turn: Side::X,
            searched: PerSide::default(),
        })
    }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turns {
    /// A line passes the turn.
    Strict,
    /// Both may write at any time.
    Free,
}

struct Chat {
    turns: Turns,
    /// Who writes (WRITE); the other reads (READ).
    turn: Side,
    /// How many bytes of this side's unfinished line are known to hold no end. A line that comes byte by byte is
    /// searched once, not once for each byte.
    searched: PerSide<usize>,
}

impl Chat {
    /// In strict turns, the turn has come when the partner's line is on its way, and not while it still waits.
    fn may_write(&self, side: Side, actions: &Actions<'_>) -> bool {
        match self.turns {
            Turns::Free => true,
            Turns::Strict => self.turn == side && actions.has_been_told(side),
        }
    }

    /// Passes the first `bytes` bytes of what `side` has sent on to its partner, and the turn with them.
    fn pass(&mut self, side: Side, bytes: usize, actions: &mut Actions<'_>) {
        self.turn = side.other();
        actions.pass(side.other(), 0..bytes);
    }
}

impl Service for Chat {
    fn arrived(&mut self, actions: &mut Actions<'_>) {
        actions.send(Side::X, WELCOME);
    }

    fn data(&mut self, side: Side, bytes: &[u8], actions: &mut Actions<'_>) -> usize {
        if !self.may_write(side, actions) {
            return 0;
        }
        let searched = std::mem::take(&mut self.searched[side]);
        let within = &bytes[..bytes.len().min(LONGEST_LINE)];
        let end = within[searched..].iter().position(|&byte| byte == b'\n');
        if let Some(end) = end.map(|end| searched + end) {
            self.pass(side, end + 1, actions);
            if bytes[..end].trim_ascii() == b"exit" {
                actions.end();
            }
            return end + 1;
        }
        if bytes.len() < LONGEST_LINE {
            self.searched[side] = bytes.len();
            actions.read_on(side);
        } else {
            actions.fail(side, CloseReason::TooLong);
        }
        0
    }

    /// Whoever leaves ends the room. What it had begun to say is said.
    fn eof(&mut self, side: Side, unread: &[u8], actions: &mut Actions<'_>) {
        if !unread.is_empty() {
            self.pass(side, unread.len(), actions);
        }
        actions.end();
    }

    fn part(&mut self, reason: CloseReason, _by: Option<Side>, actions: &mut Actions<'_>) {
        if reason == CloseReason::Stopping {
            actions.send(Side::X, NOTICE);
            actions.send(Side::Y, NOTICE);
        }
    }
}
