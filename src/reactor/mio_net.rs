//! The real network: mio's epoll or kqueue, TCP sockets, and signals in the same poll.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;
use socket2::SockRef;

use crate::engine::ClientId;
use crate::limits::EVENTS_PER_POLL;
use crate::logging::CLIENTS;
use crate::socket;

use super::net::{Event, Net};
use super::outq;
use super::pipe::Pipe;
use super::readiness::Readiness;
use super::signals::Signal;

/// Small tokens are listeners', this one is the signals', all others are client ids.
const SIGNALS: Token = Token(usize::MAX);

const _: () = assert!(usize::BITS == 64, "a token holds a client id of 64 bits");

pub struct MioNet {
    poll: Poll,
    events: Events,
    signals: Signals,
    /// How long bytes that were sent to somebody dialed may stay without an answer.
    user_timeout: Option<Duration>,
}

impl MioNet {
    /// A poll that already receives the signals. Connections that are dialed get this user timeout (RFC 5482).
    pub fn new(user_timeout: Option<Duration>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut signals = Signals::new(Signal::NUMBERS)?;
        poll.registry()
            .register(&mut signals, SIGNALS, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_POLL),
            signals,
            user_timeout,
        })
    }

    /// Makes a listening socket part of the poll, under its number in the reactor's list.
    pub fn add_listener(
        &mut self,
        socket: std::net::TcpListener,
        number: usize,
    ) -> io::Result<TcpListener> {
        let mut listener = TcpListener::from_std(socket);
        self.poll
            .registry()
            .register(&mut listener, Token(number), Interest::READABLE)?;
        Ok(listener)
    }
}

impl Net for MioNet {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Pipe = Pipe;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn poll(
        &mut self,
        timeout: Option<Duration>,
        mut on_event: impl FnMut(Event),
    ) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)?;
        for event in &self.events {
            match event.token() {
                SIGNALS => self.signals.pending().for_each(|number| {
                    on_event(Event::Signal(Signal::from_number(number)));
                }),
                Token(bits) => on_event(match ClientId::from_bits(bits as u64) {
                    Some(client) => Event::Client(client, readiness(event)),
                    None => Event::Listener(bits),
                }),
            }
        }
        Ok(())
    }

    fn accept(&mut self, listener: &mut TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = listener.accept()?;
        // Linux hands the listener's options down to the accepted socket; others may not.
        #[cfg(not(target_os = "linux"))]
        {
            stream.set_nodelay(true)?;
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        }
        Ok((stream, peer))
    }

    fn connect(&mut self, to: SocketAddr) -> io::Result<TcpStream> {
        socket::dial(to, self.user_timeout).map(TcpStream::from_std)
    }

    fn is_connected(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn close_listener(&mut self, mut listener: TcpListener) {
        // Closing does it for a socket that is ours alone, but not for one that somebody else has as well.
        if let Err(error) = self.poll.registry().deregister(&mut listener) {
            log::debug!("a listener is closed with its edges: {error}");
        }
    }

    fn register(&mut self, stream: &mut TcpStream, id: ClientId) -> io::Result<()> {
        let all = Interest::READABLE | Interest::WRITABLE;
        #[cfg(target_os = "linux")]
        let all = all | Interest::PRIORITY;
        self.poll
            .registry()
            .register(stream, Token(id.bits() as usize), all)
    }

    fn read(&mut self, stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer)
    }

    fn write(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        stream.write(bytes)
    }

    fn shutdown_write(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }

    fn unacknowledged(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        outq::unacknowledged(stream)
    }

    fn pipe(&mut self) -> io::Result<Pipe> {
        Pipe::new()
    }

    fn splice_in(
        &mut self,
        stream: &mut TcpStream,
        pipe: &mut Pipe,
        most: usize,
    ) -> io::Result<usize> {
        pipe.fill(stream, most)
    }

    fn splice_out(
        &mut self,
        pipe: &mut Pipe,
        stream: &mut TcpStream,
        bytes: usize,
    ) -> io::Result<usize> {
        pipe.drain(stream, bytes)
    }

    fn close(&mut self, stream: TcpStream) {
        // The listener gave it a linger time of zero, which makes every other way out of here a reset.
        if let Err(error) = SockRef::from(&stream).set_linger(None) {
            log::debug!(target: CLIENTS, "a stream that was whole ends with RST: {error}");
        }
    }
}

fn readiness(event: &mio::event::Event) -> Readiness {
    let mut readiness = Readiness::default();
    if event.is_readable() {
        readiness.add(Readiness::READABLE);
    }
    if event.is_writable() {
        readiness.add(Readiness::WRITABLE);
    }
    if event.is_read_closed() {
        readiness.add(Readiness::READABLE | Readiness::READ_CLOSED);
    }
    if event.is_priority() {
        readiness.add(Readiness::READABLE | Readiness::URGENT);
    }
    if event.is_error() {
        readiness.add(Readiness::READABLE | Readiness::WRITABLE | Readiness::ERROR);
    }
    readiness
}
