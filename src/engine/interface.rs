//! What goes into the engine, and what comes out.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::{ClientId, CloseReason, Ending, Members, Moods, Note, Session};

/// Which listener, and so which lobby, a client came in by: its place in the list given to [`Engine::new`].
pub type ListenerId = usize;

/// What happened to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// It has connected.
    Accepted {
        listener: ListenerId,
        peer: SocketAddr,
    },
    /// This is the connection that [`Output::Dial`] has asked for, and it is being made. From now on it is told of like any
    /// other client.
    Dialing { client: ClientId },
    /// The connection that was dialed is there.
    Dialed,
    /// The connection that [`Output::Dial`] has asked for this client can't even be begun: because of where it leads, or
    /// for want of something here.
    NotDialed { for_want: bool },
    /// It has sent these bytes; they begin with what an earlier `Data` left.
    Data(&'a [u8]),
    /// It has sent FIN. In front of it, nothing is left but what the engine wanted to read on from.
    Eof { unread: &'a [u8] },
    /// Its connection is gone.
    Lost(CloseReason),
    /// Everything that was sent to it is on its way. This follows every [`Output::Send`], once for all that were
    /// made until then.
    SendDrained,
    /// The answer to [`Output::AskActivity`]: when a byte last came from a member of its room or went to one.
    Activity { last: Instant },
}

/// What the caller is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes to `to`, behind whatever is queued for it.
    Send { to: ClientId, payload: Payload },
    /// From now on whatever `from` sends goes to `to`, without asking again. The two may be the same.
    Forward { from: ClientId, to: ClientId },
    /// Connect to this address on behalf of this client, and answer with [`Input::Dialing`], or [`Input::NotDialed`], once
    /// the outputs are drained.
    Dial { client: ClientId, to: SocketAddr },
    /// Send FIN behind whatever is queued for this client.
    Finish(ClientId),
    /// Offer this client's bytes again from the first that was not taken.
    Resume(ClientId),
    /// What was not taken is the beginning of something: read on, and offer it again with more behind it.
    ReadOn(ClientId),
    /// So many of this client's bytes were said at the door, and are no part of its stream.
    Opening { client: ClientId, bytes: usize },
    /// This is over. Its members are closed next.
    Session(Session),
    /// Close the connection in this manner and free it.
    Close {
        client: ClientId,
        reason: CloseReason,
        ending: Ending,
    },
    /// Answer for these together, in the name of the first, with [`Input::Activity`] once the outputs are drained.
    AskActivity(Members),
    /// A line for the operator's terminal. It may hold anything that a client sent.
    Print(String),
    /// Something for the log.
    Note(Note),
}

/// Bytes to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// This part of the bytes that were just handed in.
    Input(Range<usize>),
    /// The engine's own words.
    Text(Cow<'static, [u8]>),
}

/// How a listener's clients find their partners, if its service does not say so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// In the order in which they come.
    Arrival,
    /// By the name in their first line: see [`hello`](super::hello).
    Named,
}

/// How long things may take. `None` is for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts {
    /// A client has this long to say hello, where it has to.
    pub hello: Option<Duration>,
    /// A client waits this long for its partner.
    pub wait: Option<Duration>,
    /// A room lives this long without a byte.
    pub idle: Option<Duration>,
    /// The same, once one side has sent FIN.
    pub half_close: Option<Duration>,
}

/// How many clients and rooms there are, and in which moods those ended who were there before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub clients: usize,
    pub waiting: usize,
    pub rooms: usize,
    pub moods: Moods,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.clients += other.clients;
        self.waiting += other.waiting;
        self.rooms += other.rooms;
        self.moods.add(other.moods);
    }
}
