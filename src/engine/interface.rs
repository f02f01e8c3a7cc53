//! What goes into the engine, and what comes out.

use std::time::{Duration, Instant};

use super::{ClientId, CloseReason, Note};

/// Which listener, and so which lobby, a client came in by: its place in the list given to [`Engine::new`].
pub type ListenerId = usize;

/// What happened to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// It has connected.
    Accepted { listener: ListenerId },
    /// It has sent these bytes; they begin with what an earlier `Data` left.
    Data(&'a [u8]),
    /// It has sent FIN, and nothing that it sent before is left unread.
    Eof,
    /// Its connection is gone.
    Lost(CloseReason),
    /// The answer to [`Output::AskActivity`]: when a byte last came from it or went to it.
    Activity { last: Instant },
}

/// What the caller is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// From now on whatever `from` sends goes to `to`, without asking again. The two may be the same.
    Forward { from: ClientId, to: ClientId },
    /// Send FIN behind whatever is queued for this client.
    Finish(ClientId),
    /// Close the connection in the manner of [`CloseReason::ending`] and free it.
    Close {
        client: ClientId,
        reason: CloseReason,
    },
    /// Answer with [`Input::Activity`] once the outputs are drained.
    AskActivity(ClientId),
    /// Something that an operator wants to know.
    Note(Note),
}

/// How long things may take. `None` is for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts {
    /// A client waits this long for its partner.
    pub wait: Option<Duration>,
    /// A room lives this long without a byte.
    pub idle: Option<Duration>,
    /// The same, once one side has sent FIN.
    pub half_close: Option<Duration>,
}

/// How many clients and rooms there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub clients: usize,
    pub waiting: usize,
    pub rooms: usize,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.clients += other.clients;
        self.waiting += other.waiting;
        self.rooms += other.rooms;
    }
}
