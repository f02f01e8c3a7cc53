//! Why a client's connection ends, and how the other end gets to know.

use std::fmt;

use super::Side;

/// Why a client was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseReason {
    /// Its room is over and everything was said.
    Done,
    /// It sent FIN while it waited, and had said nothing.
    Left,
    /// It reset the connection, or closed it while bytes were still on the way to it.
    Reset,
    /// The network gave up on it: keepalive, user timeout, no route.
    Unreachable,
    /// Its partner was cut off, so its own stream is not whole.
    PartnerLost,
    /// Nobody came to be its partner.
    WaitTimeout,
    /// Nothing was said in its room for too long.
    IdleTimeout,
    /// One side had finished, and the other said nothing for too long.
    HalfCloseTimeout,
    /// It did not take the bytes that were waiting for it.
    StallTimeout,
    /// It went on speaking where it had to wait for its partner.
    Impatient,
    /// It waited for a partner who has been given to another.
    Redundant,
    /// What it said is longer than its service allows.
    TooLong,
    /// It was to say something, and said nothing.
    Empty,
    /// What it said first is no hello, or asks for what cannot be.
    BadHello,
    /// It did not say hello in time.
    HelloTimeout,
    /// It was to log in, and did not.
    BadLogin,
    /// Its address has enough clients.
    Full,
    /// No worker took its room.
    NoWorker,
    /// The server stops, and sends those away who wait or talk in lines.
    Stopping,
    /// The server has stopped before its room was over.
    Stopped,
    /// The system refused something that the connection needs.
    Failed,
}

/// How a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything that is queued, then FIN: the stream is whole.
    Finish,
    /// Everything that is queued, then RST: all that came is delivered, but nobody takes it for the whole.
    FlushThenReset,
    /// RST at once: there is nothing to deliver, or no way to.
    Reset,
}

impl CloseReason {
    pub const ALL: [CloseReason; 21] = [
        CloseReason::Done,
        CloseReason::Left,
        CloseReason::Reset,
        CloseReason::Unreachable,
        CloseReason::PartnerLost,
        CloseReason::WaitTimeout,
        CloseReason::IdleTimeout,
        CloseReason::HalfCloseTimeout,
        CloseReason::StallTimeout,
        CloseReason::Impatient,
        CloseReason::Redundant,
        CloseReason::TooLong,
        CloseReason::Empty,
        CloseReason::BadHello,
        CloseReason::HelloTimeout,
        CloseReason::BadLogin,
        CloseReason::Full,
        CloseReason::NoWorker,
        CloseReason::Stopping,
        CloseReason::Stopped,
        CloseReason::Failed,
    ];

    /// How a raw stream ends for this reason. One that was cut short must end with RST: FIN would make it look
    /// complete. Who is impatient or redundant was to be told that a stream begins, and was not.
    pub fn ending(self) -> Ending {
        match self {
            CloseReason::Done
            | CloseReason::Left
            | CloseReason::Impatient
            | CloseReason::Redundant => Ending::Finish,
            CloseReason::PartnerLost
            | CloseReason::WaitTimeout
            | CloseReason::IdleTimeout
            | CloseReason::HalfCloseTimeout
            | CloseReason::TooLong
            | CloseReason::Empty
            | CloseReason::BadHello
            | CloseReason::HelloTimeout
            | CloseReason::BadLogin
            | CloseReason::NoWorker
            | CloseReason::Stopping => Ending::FlushThenReset,
            CloseReason::Reset
            | CloseReason::Unreachable
            | CloseReason::StallTimeout
            | CloseReason::Full
            | CloseReason::Stopped
            | CloseReason::Failed => Ending::Reset,
        }
    }

    /// One word for counters.
    pub fn name(self) -> &'static str {
        match self {
            CloseReason::Done => "done",
            CloseReason::Left => "left",
            CloseReason::Reset => "reset",
            CloseReason::Unreachable => "unreachable",
            CloseReason::PartnerLost => "partner_lost",
            CloseReason::WaitTimeout => "wait_timeout",
            CloseReason::IdleTimeout => "idle_timeout",
            CloseReason::HalfCloseTimeout => "half_close_timeout",
            CloseReason::StallTimeout => "stall_timeout",
            CloseReason::Impatient => "impatient",
            CloseReason::Redundant => "redundant",
            CloseReason::TooLong => "too_long",
            CloseReason::Empty => "empty",
            CloseReason::BadHello => "bad_hello",
            CloseReason::HelloTimeout => "hello_timeout",
            CloseReason::BadLogin => "bad_login",
            CloseReason::Full => "full",
            CloseReason::NoWorker => "no_worker",
            CloseReason::Stopping => "stopping",
            CloseReason::Stopped => "stopped",
            CloseReason::Failed => "failed",
        }
    }
}

/// What ended a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomEnd {
    /// The service said so: everything was said.
    Done,
    /// It ended through this side, for this reason.
    Lost(Side, CloseReason),
    /// For all alike.
    All(CloseReason),
}

impl RoomEnd {
    pub fn reason(self) -> CloseReason {
        match self {
            RoomEnd::Done => CloseReason::Done,
            RoomEnd::Lost(_, reason) | RoomEnd::All(reason) => reason,
        }
    }

    pub fn by(self) -> Option<Side> {
        match self {
            RoomEnd::Lost(side, _) => Some(side),
            RoomEnd::Done | RoomEnd::All(_) => None,
        }
    }

    pub fn reason_for(self, side: Side) -> CloseReason {
        if self.by() == Some(side.other()) {
            CloseReason::PartnerLost
        } else {
            self.reason()
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseReason::Done => "done",
            CloseReason::Left => "left without a word",
            CloseReason::Reset => "connection reset",
            CloseReason::Unreachable => "network timeout",
            CloseReason::PartnerLost => "partner lost",
            CloseReason::WaitTimeout => "no partner came in time",
            CloseReason::IdleTimeout => "idle for too long",
            CloseReason::HalfCloseTimeout => "half-closed for too long",
            CloseReason::StallTimeout => "did not take its bytes",
            CloseReason::Impatient => "did not wait for its partner",
            CloseReason::Redundant => "its partner has met another",
            CloseReason::TooLong => "said too much at once",
            CloseReason::Empty => "said nothing",
            CloseReason::BadHello => "no proper hello",
            CloseReason::HelloTimeout => "no hello in time",
            CloseReason::BadLogin => "not logged in",
            CloseReason::Full => "too many clients from its address",
            CloseReason::NoWorker => "no worker took its room",
            CloseReason::Stopping => "server stopping",
            CloseReason::Stopped => "cut off by the stop",
            CloseReason::Failed => "system error",
        })
    }
}
