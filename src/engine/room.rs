//! A room: who is in it, who has finished, and the service that says what its bytes mean.
//!
//! ```text
//!  first client --> waiting --second client--> open --service, loss or deadline--> over
//!                      \\---- gone, or nobody came in time ---------------------/
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::ROOM_BYTES;

use super::close::RoomEnd;
use super::greeting::{Greeting, Part, Role};
use super::lobby::{self, Guest};
use super::marks::{Mark, Marks};
use super::service::forward::Leg;
use super::service::{Actions, Decisions, Factory, Manner, Seats, Service};
use super::sides::{Members, Side, Sides};
use super::wait::Wait;
use super::{ClientId, CloseReason, Ending, ListenerId, Moment, Mood, Note, Output, Timeouts};

pub(super) struct Room {
    service: Box<dyn Service>,
    manner: Manner,
    /// What is known of the first client until the room opens.
    pub(super) wait: Option<Box<Wait>>,
    marks: Marks,
    /// The how-many-eth room this is, counted from 1; 0 while it waits.
    number: u64,
    listener: u16,
    pub members: Members,
    opened: Moment,
    /// How long before that the first of its members had connected, in milliseconds: 49 days are enough.
    before: u32,
    pub deadline: Option<Moment>,
    pub service_deadline: Option<Moment>,
}

const _: () = assert!(size_of::<Room>() <= ROOM_BYTES);

impl Room {
    /// A room with its first client.
    pub fn new(
        now: Moment,
        listener: ListenerId,
        x: ClientId,
        came: Moment,
        factory: &Factory,
    ) -> Self {
        let mut marks = Marks::default();
        if factory.kind.seats == Seats::One {
            marks.set_alone();
        }
        Self {
            service: factory.start(),
            manner: factory.manner(),
            wait: None,
            marks,
            number: 0,
            listener: u16::try_from(listener).expect("listeners take descriptors, so they are few"),
            members: Members::one(x),
            opened: now,
            before: milliseconds(now.saturating_duration_since(came)),
            deadline: None,
            service_deadline: None,
        }
    }

    pub fn listener(&self) -> ListenerId {
        usize::from(self.listener)
    }

    pub fn is_full(&self) -> bool {
        self.marks.is_alone() || self.members.second().is_some()
    }

    pub fn is_open(&self) -> bool {
        self.wait.is_none()
    }

    /// Opens this client's part of a room on a worker.
    ///
    /// # Panics
    /// If it was open.
    pub fn open_leg(&mut self, side: Side, number: u64, now: Moment, leg: Box<Leg>) -> Guest {
        self.service = leg;
        self.manner = Manner::Raw;
        if side == Side::Y {
            self.marks.set_second_leg();
        }
        let guest = self.open(number, now);
        guest.expect("a room opens once")
    }

    /// Whether it is only the second part of a room on a worker.
    pub fn is_second_leg(&self) -> bool {
        self.marks.is_second_leg()
    }

    /// Takes the second client in.
    pub fn join(&mut self, y: ClientId, guest: &Guest) {
        self.members.seat(y);
        // Whoever is long at the door may have come before X.
        let before = milliseconds(self.opened.saturating_duration_since(guest.came));
        self.before = self.before.max(before);
        self.mute(Side::Y, guest);
    }

    pub(super) fn mute(&mut self, side: Side, guest: &Guest) {
        if guest.part == Part::Role(Some(Role::Consume)) {
            self.marks.add(Mark::Mute, side);
        }
    }

    /// Whether what `side` says is thrown away.
    pub fn is_mute(&self, side: Side) -> bool {
        self.marks.has(Mark::Mute, side)
    }

    /// Whether its clients are to be told of a stop and sent away, rather than left to finish.
    pub fn ends_with_the_server(&self) -> bool {
        !self.is_open() || self.manner == Manner::Lines
    }

    pub fn open(&mut self, number: u64, now: Moment) -> Option<Guest> {
        self.number = number;
        let waited = milliseconds(now.saturating_duration_since(self.opened));
        self.before = self.before.saturating_add(waited);
        self.opened = now;
        self.wait.take().map(|wait| wait.guest)
    }

    /// Tells those who wanted to know that their partner is there, and who it is.
    pub fn introduce(&mut self, now: Moment, guests: [Guest; 2], outputs: &mut VecDeque<Output>) {
        let [x, y] = guests;
        self.run(now, outputs, |_, actions| {
            if x.ack {
                actions.send(Side::X, format!("OK X {}\n", y.peer).into_bytes());
            }
            if y.ack {
                actions.send(Side::Y, format!("OK Y {}\n", x.peer).into_bytes());
            }
        });
    }

    /// Notes that a side has sent FIN.
    ///
    /// # Panics
    /// If it already had.
    pub fn finish(&mut self, side: Side) {
        let twice = self.marks.has(Mark::Finished, side);
        assert!(!twice, "{side:?} has sent FIN twice");
        self.marks.add(Mark::Finished, side);
    }

    /// Whether the service may be shown what `side` says: the room is complete, and whoever hears it has all that was
    /// sent there before. So a client that does not read stops its partner, and what a service says never piles up.
    pub fn takes_data(&self, side: Side) -> bool {
        self.is_open() && !self.marks.has(Mark::Unsent, self.hearer(side))
    }

    /// Notes that everything sent to `side` is on its way. What was held back because of it is offered again.
    pub fn drained(&mut self, side: Side, outputs: &mut VecDeque<Output>) {
        self.marks.remove(Mark::Unsent, side);
        // Both, because what was sent may have given the other the turn.
        self.resume_all(outputs);
    }

    /// Offers what the members have said so far and nobody took, where now somebody does.
    pub fn resume_all(&self, outputs: &mut VecDeque<Output>) {
        for (side, _) in self.members.iter() {
            self.resume(side, outputs);
        }
    }

    fn resume(&self, side: Side, outputs: &mut VecDeque<Output>) {
        if let Some(client) = self.members.get(side)
            && (self.is_mute(side) || self.manner == Manner::Lines && self.takes_data(side))
        {
            outputs.push_back(Output::Resume(client));
        }
    }

    /// Who hears what `side` says.
    fn hearer(&self, side: Side) -> Side {
        match self.marks.is_alone() {
            true => side,
            false => side.other(),
        }
    }

    /// Lets the service act.
    pub fn run(
        &mut self,
        now: Moment,
        outputs: &mut VecDeque<Output>,
        act: impl FnOnce(&mut dyn Service, &mut Actions<'_>),
    ) -> Decisions {
        let mut actions = Actions::new(
            now,
            self.members,
            self.marks.sides(Mark::Finished),
            self.marks.sides(Mark::Unsent),
            self.marks.sides(Mark::Mute),
            outputs,
        );
        act(&mut *self.service, &mut actions);
        let decisions = actions.decisions();
        for (side, _) in self.members.iter() {
            if decisions.sent.has(side) {
                self.marks.add(Mark::Unsent, side);
            }
        }
        decisions
    }

    /// How long the room may be quiet now, and what it is called when that is over.
    pub fn quiet_limit(&self, timeouts: &Timeouts) -> Option<(Duration, CloseReason)> {
        if !self.is_open() {
            return timeouts.wait.map(|limit| (limit, CloseReason::WaitTimeout));
        }
        let idle = timeouts.idle.map(|limit| (limit, CloseReason::IdleTimeout));
        if self.marks.sides(Mark::Finished) == Sides::default() {
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

    /// Says goodbye to the members, then each is closed. Whoever said hello and waits in vain is answered to that; to all
    /// others the service has a last word.
    pub fn part(
        &mut self,
        now: Moment,
        end: RoomEnd,
        greeting: Option<&Greeting>,
        outputs: &mut VecDeque<Output>,
    ) {
        if !self.is_open()
            && let Some(greeting) = greeting
            && let Some(refusal) = lobby::refusal(end.reason())
        {
            outputs.extend(greeting.refuse(self.members.first(), refusal));
        } else if end != RoomEnd::Done {
            self.run(now, outputs, |service, actions| {
                service.part(end.reason(), end.by(), actions)
            });
        }
        for (side, client) in self.members.iter() {
            let reason = end.reason_for(side);
            let ending = match (reason.ending(), self.manner) {
                // Lines are whole when they are sent, so whoever can still be told anything has all of them.
                (Ending::FlushThenReset, Manner::Lines) => Ending::Finish,
                (ending, _) => ending,
            };
            outputs.push_back(Output::Close {
                client,
                reason,
                ending,
            });
        }
    }

    pub fn mood(&self, end: RoomEnd) -> Mood {
        Mood::of_room(self.is_open(), end.reason())
    }

    /// How long it is since the first of its members connected.
    pub fn age(&self, now: Moment) -> Duration {
        now.saturating_duration_since(self.opened) + self.before()
    }

    /// How long the first of two had been there when they met.
    pub fn waited(&self) -> Option<Duration> {
        let two = self.is_open() && self.members.second().is_some();
        two.then(|| self.before())
    }

    fn before(&self) -> Duration {
        Duration::from_millis(self.before.into())
    }

    pub fn over(&self, now: Moment, end: RoomEnd) -> Note {
        if !self.is_open() {
            return Note::LeftLobby {
                client: self.members.first(),
                reason: end.reason(),
            };
        }
        Note::RoomOver {
            room: self.number,
            members: self.members,
            reason: end.reason(),
            by: end.by().and_then(|side| self.members.get(side)),
            lasted: now.saturating_duration_since(self.opened),
        }
    }
}

fn milliseconds(time: Duration) -> u32 {
    // In 64 bits, which as_millis does not calculate in.
    let milliseconds = time.as_secs() * 1000 + u64::from(time.subsec_millis());
    u32::try_from(milliseconds).unwrap_or(u32::MAX)
}
