//! A room: who is in it, who has finished, and the service that says what its bytes mean.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::service::{Actions, Service};
use super::{ClientId, CloseReason, ListenerId, Note, Output, Timeouts};

/// The side of a room: X joined first, Y second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    X,
    Y,
}

impl Side {
    pub fn other(self) -> Side {
        match self {
            Side::X => Side::Y,
            Side::Y => Side::X,
        }
    }
}

/// Those who are in a room: X always, and Y unless the service has one seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members(ClientId, Option<ClientId>);

impl Members {
    pub fn one(x: ClientId) -> Self {
        Self(x, None)
    }

    pub fn two(x: ClientId, y: ClientId) -> Self {
        Self(x, Some(y))
    }

    pub fn first(&self) -> ClientId {
        self.0
    }

    pub fn second(&self) -> Option<ClientId> {
        self.1
    }

    pub fn get(&self, side: Side) -> Option<ClientId> {
        match side {
            Side::X => Some(self.0),
            Side::Y => self.1,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Side, ClientId)> + use<> {
        [Some((Side::X, self.0)), self.1.map(|y| (Side::Y, y))]
            .into_iter()
            .flatten()
    }
}

/// What ended a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomEnd {
    /// The service said so: everything was said.
    Done,
    /// This side's connection is gone.
    Lost(Side, CloseReason),
    /// A deadline passed, for all alike.
    Timeout(CloseReason),
}

impl RoomEnd {
    pub fn reason_for(self, side: Side) -> CloseReason {
        match self {
            RoomEnd::Done => CloseReason::Done,
            RoomEnd::Lost(lost, reason) if lost == side => reason,
            RoomEnd::Lost(..) => CloseReason::PartnerLost,
            RoomEnd::Timeout(reason) => reason,
        }
    }
}

pub(super) struct Room {
    pub number: u64,
    pub listener: ListenerId,
    pub members: Members,
    /// Since when, and from whom, no more bytes come.
    pub finished: Finished,
    pub opened: Instant,
    pub deadline: Option<Instant>,
    service: Box<dyn Service>,
}

/// Which sides have sent FIN.
///
/// ```text
///  neither --X--> X --Y--> both
///     \-----Y--> Y --X-----/
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Finished {
    x: bool,
    y: bool,
}

impl Finished {
    pub fn has(self, side: Side) -> bool {
        match side {
            Side::X => self.x,
            Side::Y => self.y,
        }
    }

    fn add(&mut self, side: Side) {
        let finished = match side {
            Side::X => &mut self.x,
            Side::Y => &mut self.y,
        };
        assert!(!*finished, "{side:?} has sent FIN twice");
        *finished = true;
    }
}

impl Room {
    pub fn new(
        number: u64,
        listener: ListenerId,
        members: Members,
        now: Instant,
        service: Box<dyn Service>,
    ) -> Self {
        Self {
            number,
            listener,
            members,
            finished: Finished::default(),
            opened: now,
            deadline: None,
            service,
        }
    }

    pub fn open(&mut self, outputs: &mut VecDeque<Output>) {
        self.service
            .open(&mut Actions::new(self.members, self.finished, outputs));
    }

    pub fn data(&mut self, side: Side, bytes: &[u8], outputs: &mut VecDeque<Output>) -> usize {
        self.service.data(
            side,
            bytes,
            &mut Actions::new(self.members, self.finished, outputs),
        )
    }

    pub fn eof(&mut self, side: Side, outputs: &mut VecDeque<Output>) -> Option<RoomEnd> {
        self.finished.add(side);
        let mut actions = Actions::new(self.members, self.finished, outputs);
        self.service.eof(side, &mut actions);
        actions.ended().then_some(RoomEnd::Done)
    }

    /// How long the room may be quiet now, and what it is called when that is over.
    pub fn quiet_limit(&self, timeouts: &Timeouts) -> Option<(Duration, CloseReason)> {
        let idle = timeouts.idle.map(|limit| (limit, CloseReason::IdleTimeout));
        if self.finished == Finished::default() {
            return idle;
        }
        let half = timeouts
            .half_close
            .map(|limit| (limit, CloseReason::HalfCloseTimeout));
        // A half-closed room is still a room: the shorter limit holds.
        [idle, half]
            .into_iter()
            .flatten()
            .min_by_key(|&(limit, _)| limit)
    }

    pub fn over(&self, now: Instant, end: RoomEnd) -> Note {
        let (by, reason) = match end {
            RoomEnd::Done => (None, CloseReason::Done),
            RoomEnd::Lost(side, reason) => (self.members.get(side), reason),
            RoomEnd::Timeout(reason) => (None, reason),
        };
        Note::RoomOver {
            room: self.number,
            members: self.members,
            reason,
            by,
            lasted: now.saturating_duration_since(self.opened),
        }
    }
}
