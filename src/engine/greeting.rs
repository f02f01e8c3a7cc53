//! Greetings: the first line with which a client says which room it wants, and the answer to one that is not let in.
//!
//! There are several forms of both. [`hello`](super::hello) is the one that listeners with named rooms have; a service
//! whose clients bring their own has that in its file.

use std::borrow::Cow;
use std::fmt;

use super::{ClientId, Output, Payload};

/// One form.
#[derive(Debug)]
pub struct Greeting {
    /// Reads what a client has said so far.
    pub read: fn(&[u8]) -> Heard<Hello<'_>>,
    /// What a client is sent that is not let in, or waits in vain. It may be nothing.
    pub answer: fn(Refusal) -> Cow<'static, [u8]>,
    /// A name is good for one room: when two have met, whoever else waits with it waits in vain.
    pub once: bool,
}

/// What begins a client's bytes, together with how many of them it is; `None` if it is not complete.
pub type Heard<T> = Result<Option<(T, usize)>, Refusal>;

/// What was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello<'a> {
    pub room: &'a str,
    pub part: Part,
    /// It wants to be told when its partner is there.
    pub ack: bool,
    /// It wants to be told when it is let in: it speaks for somebody who has to know.
    pub seat: bool,
    /// The first message of a login (RFC 5802), in base64.
    pub scram: Option<&'a str>,
}

/// What a client is in its room, and so whom it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A producer fits a consumer, and who has no role another who has none.
    Role(Option<Role>),
    /// Fits every other side, and all who have none. So those who wait in one room are of the same side: two others
    /// would have met.
    Side(Option<[u8; 16]>),
}

impl Part {
    /// Which part the first of those have, in order, who may fit.
    pub(super) fn first_that_may_fit(self) -> Part {
        match self {
            Part::Role(role) => Part::Role(role.map(Role::other)),
            Part::Side(_) => Part::Side(None),
        }
    }

    pub(super) fn fits(self, other: Part) -> bool {
        match (self, other) {
            (Part::Role(one), Part::Role(other)) => one.map(Role::other) == other,
            (Part::Side(one), Part::Side(other)) => one.is_none() || one != other,
            (Part::Role(_), Part::Side(_)) | (Part::Side(_), Part::Role(_)) => false,
        }
    }
}

/// What a client of a named room does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Only sends.
    Produce,
    /// Only receives; what it sends is thrown away.
    Consume,
}

impl Role {
    pub fn other(self) -> Role {
        match self {
            Role::Produce => Role::Consume,
            Role::Consume => Role::Produce,
        }
    }
}

/// The first word of the answer to a client that is not let in, or not any longer: `ERR <code> <words>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It said no proper hello.
    Hello,
    /// It did not log in.
    Auth,
    /// It asked for a room that cannot be.
    Room,
    /// There is no place for it.
    Full,
    /// It, or its partner, took too long.
    Timeout,
    /// The server stops.
    Closing,
}

/// Why a client is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub words: &'static str,
}

impl Refusal {
    pub(super) const fn new(code: Code, words: &'static str) -> Self {
        Self { code, words }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.code {
            Code::Hello => "hello",
            Code::Auth => "auth",
            Code::Room => "room",
            Code::Full => "full",
            Code::Timeout => "timeout",
            Code::Closing => "closing",
        };
        write!(f, "ERR {code} {}", self.words)
    }
}

impl Greeting {
    /// Tells a client that it is not let in, if it is to be told.
    pub(super) fn refuse(&self, client: ClientId, refusal: Refusal) -> Option<Output> {
        let words = (self.answer)(refusal);
        (!words.is_empty()).then_some(Output::Send {
            to: client,
            payload: Payload::Text(words),
        })
    }
}
