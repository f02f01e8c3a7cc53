//! What rooms do with bytes: one small file a service.
//!
//! A service sees sides, never clients or sockets, and answers with [`Actions`]. To add one: write its file with
//! a [`ServiceKind`], and name that in [`SERVICES`].

mod echo;
mod relay;

use std::collections::VecDeque;

use super::room::{Finished, Members, Side};
use super::{ClientId, Output};

/// Every service there is.
pub const SERVICES: &[&ServiceKind] = &[&relay::RELAY, &echo::ECHO];

/// How many clients make a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seats {
    One,
    Two,
}

impl Seats {
    #[allow(
        clippy::len_without_is_empty,
        reason = "a room without seats does not exist"
    )]
    pub fn len(self) -> usize {
        match self {
            Seats::One => 1,
            Seats::Two => 2,
        }
    }
}

/// A service as listeners name it.
#[derive(Debug)]
pub struct ServiceKind {
    pub name: &'static str,
    pub seats: Seats,
    /// The state of one room. Services without state cost nothing here: a box of a unit struct does not allocate.
    pub start: fn() -> Box<dyn Service>,
}

impl ServiceKind {
    /// The service of this name.
    pub fn find(name: &str) -> Option<&'static ServiceKind> {
        SERVICES.iter().find(|kind| kind.name == name).copied()
    }
}

/// One room's state machine.
pub trait Service {
    /// Every seat is taken.
    fn open(&mut self, actions: &mut Actions<'_>);

    /// `side` has sent bytes that are not forwarded; answers how many it took.
    fn data(&mut self, side: Side, bytes: &[u8], actions: &mut Actions<'_>) -> usize;

    /// `side` has sent FIN behind its last byte.
    fn eof(&mut self, side: Side, actions: &mut Actions<'_>);
}

/// What a service may do: the engine's outputs, said in sides.
pub struct Actions<'a> {
    members: Members,
    finished: Finished,
    outputs: &'a mut VecDeque<Output>,
    ended: bool,
}

impl<'a> Actions<'a> {
    pub(super) fn new(
        members: Members,
        finished: Finished,
        outputs: &'a mut VecDeque<Output>,
    ) -> Self {
        Self {
            members,
            finished,
            outputs,
            ended: false,
        }
    }

    /// Whether `side` has sent FIN.
    pub fn has_finished(&self, side: Side) -> bool {
        self.finished.has(side)
    }

    /// From now on `from`'s bytes go to `to` without asking the service again.
    pub fn forward(&mut self, from: Side, to: Side) {
        let (from, to) = (self.client(from), self.client(to));
        self.outputs.push_back(Output::Forward { from, to });
    }

    /// FIN to `side`, behind whatever is queued for it.
    pub fn finish(&mut self, side: Side) {
        let client = self.client(side);
        self.outputs.push_back(Output::Finish(client));
    }

    /// The room is over, and everything was said.
    pub fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    fn client(&self, side: Side) -> ClientId {
        self.members.get(side).expect("the service has this seat")
    }
}
