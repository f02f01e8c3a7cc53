//! The network as the reactor sees it: [`MioNet`](super::mio_net::MioNet) in production, a simulated one in tests.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::engine::ClientId;

use super::readiness::Readiness;
use super::signals::Signal;

/// What a poll reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The client registered under this id may be read or written. The id may be out of date.
    Client(ClientId, Readiness),
    /// The listener registered under this number has clients to accept.
    Listener(usize),
    Signal(Signal),
}

/// Sockets, time and signals.
///
/// Readiness is edge-triggered: an edge is reported once, when bytes, FIN, an error or room to write *arrive*.
/// A read that fills less than its buffer has emptied the socket, unless [urgent data](Readiness::URGENT) were
/// announced, and a write that takes less than it was given has filled it; after either, the next edge is certain to come. Nothing blocks but [`poll`](Net::poll).
///
/// A stream that is dropped without [`close`](Net::close) is reset. So whatever ends the process, its peers
/// do not take what they have for the whole.
pub trait Net {
    type Listener;
    type Stream;
    /// A kernel pipe, through which bytes go from stream to stream without being copied to the process.
    type Pipe;

    /// Monotonic time.
    fn now(&self) -> Instant;

    /// Waits for events, no longer than `timeout`, and hands over those that there are, up to a bound.
    ///
    /// # Errors
    /// `Interrupted` stands for no events. Anything else is the end of the reactor.
    fn poll(&mut self, timeout: Option<Duration>, on_event: impl FnMut(Event)) -> io::Result<()>;

    /// Takes the next client, with its address. The address is the one accept gives: asking the socket later
    /// fails for a client that has already gone.
    fn accept(&mut self, listener: &mut Self::Listener) -> io::Result<(Self::Stream, SocketAddr)>;

    /// Begins to connect to this address, and does not wait for it. An edge of the stream tells when there is news:
    /// [`is_connected`](Self::is_connected) says which.
    ///
    /// # Errors
    /// If it can't even begin.
    fn connect(&mut self, to: SocketAddr) -> io::Result<Self::Stream>;

    /// Whether a stream that is being connected is so by now.
    ///
    /// # Errors
    /// If it never will be.
    fn is_connected(&mut self, stream: &mut Self::Stream) -> io::Result<bool>;

    /// Stops listening. The socket itself may live on in another process, so its edges are given back first.
    fn close_listener(&mut self, listener: Self::Listener) {
        drop(listener);
    }

    /// Asks for the stream's edges, once for its life.
    fn register(&mut self, stream: &mut Self::Stream, id: ClientId) -> io::Result<()>;

    /// Reads; 0 is FIN.
    fn read(&mut self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize>;

    fn write(&mut self, stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<usize>;

    /// Sends FIN behind what was written.
    fn shutdown_write(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// How many written bytes the peer's kernel has not yet acknowledged.
    fn unacknowledged(&mut self, stream: &mut Self::Stream) -> io::Result<usize>;

    /// Closes for good: what was written still arrives, with FIN behind it.
    fn close(&mut self, stream: Self::Stream);

    /// Makes an empty pipe.
    ///
    /// # Errors
    /// If the system has none to give, or does not know how.
    fn pipe(&mut self) -> io::Result<Self::Pipe>;

    /// Moves bytes from a stream into a pipe, which must be empty: then `WouldBlock` can only mean that the stream is.
    /// 0 is FIN, or urgent data somewhere in front of it: a read can tell. A short count says nothing about what is left, since a pipe is full sooner or later than its size
    /// says.
    fn splice_in(
        &mut self,
        stream: &mut Self::Stream,
        pipe: &mut Self::Pipe,
        most: usize,
    ) -> io::Result<usize>;

    /// Moves bytes out of a pipe that holds at least so many into a stream. A short count means a full stream.
    fn splice_out(
        &mut self,
        pipe: &mut Self::Pipe,
        stream: &mut Self::Stream,
        bytes: usize,
    ) -> io::Result<usize>;
}
