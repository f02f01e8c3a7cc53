//! One client's socket and what the reactor knows of it.

use crate::engine::{ClientId, CloseReason, Ending, Moment};
#[cfg(not(debug_assertions))]
use crate::limits::CONNECTION_BYTES;

use super::buffer::Buffer;
use super::link::{Link, Transport, Way};
#[cfg(not(debug_assertions))]
use super::mio_net::MioNet;
use super::net::Net;
use super::readiness::Readiness;
use super::splice::Piped;

/// How far one direction of a connection has come.
///
/// ```text
///          input: from the peer               output: to the peer
///
///   Open ----- FIN or error ----> Shut    Open ------- write failed -----> Shut
///     \                           /         \                             /
///   write failed         all was read     Finish or Close      all was sent, then
///       \                       /             \                FIN or RST
///        '---> Draining -------'               '---> Draining ---'
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Bytes may come.
    Open,
    /// Nothing new comes; what is there is still being moved.
    Draining,
    /// Over.
    Shut,
}

/// Why and how the engine has closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    pub reason: CloseReason,
    pub ending: Ending,
}

/// One row in the table: what an idle client costs is mostly its size, so buffers are boxed and live only while they
/// hold bytes.
pub struct Connection<N: Net> {
    pub stream: N::Stream,
    /// The listener it came in by; `DIALING` or `DIALED` if it came by none.
    listener: u16,
    pub readiness: Readiness,
    /// It stands in line for its turn.
    pub queued: bool,
    pub input: Flow,
    pub output: Flow,
    /// A write has failed for this reason; the input is `Draining`, and its end will be no clean one.
    pub failure: Option<CloseReason>,
    /// The engine has closed it: nothing that it sends matters any more, and it goes once what is unsent is sent.
    pub closing: Option<Closing>,
    /// The other end of its links, in either direction. It may be itself.
    pub partner: Option<ClientId>,
    /// How its bytes go to the partner, if they do.
    pub link: Option<Link>,
    /// The partner's bytes come here.
    pub is_sink: bool,
    /// Bytes that the engine did not take. While there are any, nothing is read, unless the engine wants to read on.
    pub unread: Option<Box<Buffer>>,
    /// The unread bytes are the beginning of something.
    pub reads_on: bool,
    /// The unread bytes are to be offered again.
    pub resumed: bool,
    /// The engine waits for the unsent bytes to be sent.
    pub owes_drained: bool,
    /// Bytes that the socket did not take. While there are any, nothing is read from the source.
    pub unsent: Option<Box<Buffer>>,
    /// The same, if they came through a pipe and are still in it.
    pub piped: Option<Box<Piped<N::Pipe>>>,
    /// Bytes read, less what was said at the door.
    pub received: u64,
    pub last_read: Moment,
    /// When the peer last took something, or when it first left something waiting.
    pub last_taken: Moment,
    pub deadline: Option<Moment>,
    /// Bytes that were on their way to the peer when the deadline was set.
    pub undelivered: u32,
}

// In debug builds mio keeps with each stream which poll it is registered with.
#[cfg(not(debug_assertions))]
const _: () = assert!(size_of::<Connection<MioNet>>() <= CONNECTION_BYTES);

/// Stand for the listener of a connection that was dialed: until it is there, and from then on.
const DIALING: u16 = u16::MAX - 1;
const DIALED: u16 = u16::MAX;

impl<N: Net> Connection<N> {
    /// One that has come in by this listener.
    pub fn accepted(stream: N::Stream, listener: u16, now: Moment) -> Self {
        // A new socket has room to write. Whether it can be read, the first edge tells.
        Self::new(stream, listener, Readiness::WRITABLE, now)
    }

    /// One that is being made.
    pub fn dialed(stream: N::Stream, now: Moment) -> Self {
        Self::new(stream, DIALING, Readiness::default(), now)
    }

    fn new(stream: N::Stream, listener: u16, readiness: Readiness, now: Moment) -> Self {
        Self {
            stream,
            listener,
            readiness,
            queued: false,
            input: Flow::Open,
            output: Flow::Open,
            failure: None,
            closing: None,
            partner: None,
            link: None,
            is_sink: false,
            unread: None,
            reads_on: false,
            resumed: false,
            owes_drained: false,
            unsent: None,
            piped: None,
            received: 0,
            last_read: now,
            last_taken: now,
            deadline: None,
            undelivered: 0,
        }
    }

    /// The listener it came in by, if it was not dialed.
    pub fn listener(&self) -> Option<usize> {
        (self.listener < DIALING).then_some(usize::from(self.listener))
    }

    /// Whether it was dialed, and is not there yet.
    pub fn is_dialing(&self) -> bool {
        self.listener == DIALING
    }

    /// It was dialed, and is there.
    pub fn has_connected(&mut self) {
        self.listener = DIALED;
    }

    /// Whether a read could bring something and there is a taker for it.
    pub fn wants_reading(&self) -> bool {
        self.readiness.has(Readiness::READABLE)
            && self.input != Flow::Shut
            && self.closing.is_none()
            && (self.unread.is_none() || self.reads_on)
    }

    /// Whether there may be more to do for it than to read.
    pub fn has_chores(&self) -> bool {
        self.failure.is_some()
            || self.is_dialing()
            || self.readiness.has(Readiness::ERROR)
            || self.closing.is_some()
            || self.is_sending()
            || self.resumed
    }

    /// Whether it is broken and no read will ever find that out.
    pub fn is_past_reading(&self) -> bool {
        let broken = self.failure.is_some() || self.readiness.has(Readiness::ERROR);
        let unreadable = self.input == Flow::Shut || (self.unread.is_some() && !self.reads_on);
        broken && unreadable && self.closing.is_none()
    }

    /// Which way its next bytes go.
    pub fn way(&self) -> Way {
        match (self.partner, self.link) {
            (Some(sink), Some(_)) if self.readiness.has(Readiness::URGENT) => {
                // Before urgent data splice says that nothing is there; a read takes them like all others.
                Way::Link(sink, Transport::Copied)
            }
            (Some(sink), Some(link)) => Way::Link(sink, link.transport),
            _ => Way::Engine,
        }
    }

    /// Where its bytes go.
    pub fn sink(&self) -> Option<ClientId> {
        self.link.and(self.partner)
    }

    /// Whether more came from it than it was to read in a turn.
    pub fn is_heavy(&self) -> bool {
        self.link.is_some_and(|link| link.heavy)
    }

    /// Whose bytes come here.
    pub fn source(&self) -> Option<ClientId> {
        self.partner.filter(|_| self.is_sink)
    }

    /// Notes a read, for whoever asks how much and when, and for its link.
    pub fn has_read(&mut self, bytes: usize, now: Moment) {
        self.received += bytes as u64;
        self.last_read = now;
        if let Some(link) = &mut self.link {
            link.adapt(bytes);
        }
    }

    /// Whether a source may bring bytes: only when none are left from the last time.
    pub fn takes_bytes(&self) -> bool {
        !self.is_sending() && self.output == Flow::Open
    }

    /// Whether bytes wait to be sent.
    pub fn is_sending(&self) -> bool {
        self.unsent.is_some() || self.piped.is_some()
    }

    /// Forgets both directions of its link.
    pub fn unlink(&mut self) {
        self.partner = None;
        self.link = None;
        self.is_sink = false;
    }

    /// Bytes that it has said to somebody: the beginning of something may yet turn out to be said at the door.
    pub fn counted(&self) -> u64 {
        let beginning = self.unread.as_ref().filter(|_| self.reads_on);
        let beginning = beginning.map_or(0, |unread| unread.rest().len());
        self.received - beginning as u64
    }

    /// When a byte last moved.
    pub fn last_activity(&self) -> Moment {
        self.last_read.max(self.last_taken)
    }
}
