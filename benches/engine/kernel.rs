//! A network that costs nothing to think about: every byte fits, every message comes whole, nobody waits.
//!
//! It stands where the kernel does. The border between it and the reactor consists of three functions, at which callgrind
//! switches its counting: on in [`counted`], off in [`apart`], on again in [`back`]. So what it takes itself is never
//! counted, and it may be as plain as it likes. The simulator's network could be measured behind the same border, but not
//! with a million clients: it remembers whatever happens to each of them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use pairloop::engine::ClientId;
use pairloop::limits::EVENTS_PER_POLL;
use pairloop::reactor::{Event, Net, Readiness};

/// The border. Callgrind switches at the outermost call of a function only, hence one for each depth.
pub const BORDER: [&str; 3] = ["*kernel::counted*", "*kernel::apart*", "*kernel::back*"];

/// Calls what is to be counted.
#[inline(never)]
pub fn counted<T>(call: impl FnOnce() -> T) -> T {
    call()
}

/// Within that: the part of the kernel.
#[inline(never)]
fn apart<T>(call: impl FnOnce() -> T) -> T {
    call()
}

/// Within that: the part of the reactor again.
#[inline(never)]
fn back<T>(call: impl FnOnce() -> T) -> T {
    call()
}

/// What a socket has for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    Nothing,
    /// The one message that all clients send.
    Message,
    Fin,
}

#[derive(Clone, Copy)]
struct Socket {
    id: Option<ClientId>,
    arrived: Arrived,
}

/// As large as a real one, which is a file descriptor.
pub struct Stream(u32);

pub struct Kernel {
    now: Instant,
    message: Vec<u8>,
    sockets: Vec<Socket>,
    /// Closed sockets, to be used again.
    free: Vec<u32>,
    /// Clients that wait to be accepted.
    backlog: usize,
    edges: VecDeque<Event>,
    /// The last poll brought nothing and would have waited.
    idle: bool,
    /// Bytes that were written.
    pub written: usize,
    /// Streams that ended with FIN.
    pub closed: usize,
}

impl Kernel {
    /// A network whose clients all send this message. So many clients at one time make it take no memory later.
    pub fn new(message: &[u8], clients: usize) -> Self {
        let empty = Socket {
            id: None,
            arrived: Arrived::Nothing,
        };
        Self {
            now: Instant::now(),
            message: message.to_vec(),
            sockets: vec![empty; clients],
            free: (0..clients as u32).rev().collect(),
            backlog: 0,
            edges: VecDeque::with_capacity(2 * clients),
            idle: false,
            written: 0,
            closed: 0,
        }
    }

    /// Lets so many clients connect to the one listener. They get the sockets that were freed last, or else the first.
    pub fn connect(&mut self, clients: usize) {
        self.backlog += clients;
        self.idle = false;
        self.edges.push_back(Event::Listener(0));
    }

    /// Lets something arrive from a client.
    pub fn arrive(&mut self, socket: usize, what: Arrived) {
        self.sockets[socket].arrived = what;
        self.idle = false;
        // Linux reports all that is true at the time, not only what has changed.
        let mut edge = Readiness::READABLE | Readiness::WRITABLE;
        if what == Arrived::Fin {
            edge.add(Readiness::READ_CLOSED);
        }
        let id = self.sockets[socket].id.expect("it was accepted");
        self.edges.push_back(Event::Client(id, edge));
    }

    /// Whether the reactor has nothing left to do.
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    fn take(&mut self, stream: &Stream) -> io::Result<usize> {
        let arrived = &mut self.sockets[stream.0 as usize].arrived;
        match *arrived {
            Arrived::Nothing => Err(ErrorKind::WouldBlock.into()),
            Arrived::Fin => Ok(0),
            Arrived::Message => {
                *arrived = Arrived::Nothing;
                Ok(self.message.len())
            }
        }
    }
}

impl Net for Kernel {
    type Listener = ();
    type Stream = Stream;
    type Pipe = ();

    fn now(&self) -> Instant {
        apart(|| self.now)
    }

    fn poll(
        &mut self,
        timeout: Option<Duration>,
        mut on_event: impl FnMut(Event),
    ) -> io::Result<()> {
        apart(|| {
            self.idle = self.edges.is_empty() && timeout != Some(Duration::ZERO);
            for _ in 0..self.edges.len().min(EVENTS_PER_POLL) {
                let edge = self.edges.pop_front().expect("they were counted");
                back(|| on_event(edge));
            }
        });
        Ok(())
    }

    fn accept(&mut self, _listener: &mut ()) -> io::Result<(Stream, SocketAddr)> {
        apart(|| {
            if self.backlog == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.backlog -= 1;
            let socket = self.free.pop().expect("as many as there were to be");
            Ok((Stream(socket), (Ipv4Addr::LOCALHOST, 1024).into()))
        })
    }

    fn connect(&mut self, _to: SocketAddr) -> io::Result<Stream> {
        apart(|| Err(ErrorKind::Unsupported.into()))
    }

    fn is_connected(&mut self, _stream: &mut Stream) -> io::Result<bool> {
        apart(|| Err(ErrorKind::NotConnected.into()))
    }

    fn register(&mut self, stream: &mut Stream, id: ClientId) -> io::Result<()> {
        apart(|| {
            let socket = &mut self.sockets[stream.0 as usize];
            socket.id = Some(id);
            socket.arrived = Arrived::Nothing;
            self.edges.push_back(Event::Client(id, Readiness::WRITABLE));
        });
        Ok(())
    }

    fn read(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
        apart(|| {
            let bytes = self.take(stream)?;
            buffer[..bytes].copy_from_slice(&self.message[..bytes]);
            Ok(bytes)
        })
    }

    fn write(&mut self, _stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
        apart(|| self.written += bytes.len());
        Ok(bytes.len())
    }

    fn shutdown_write(&mut self, _stream: &mut Stream) -> io::Result<()> {
        Ok(())
    }

    fn unacknowledged(&mut self, _stream: &mut Stream) -> io::Result<usize> {
        Ok(0)
    }

    fn close(&mut self, stream: Stream) {
        apart(|| {
            self.closed += 1;
            self.free.push(stream.0);
        });
    }

    fn pipe(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn splice_in(&mut self, stream: &mut Stream, _: &mut (), _: usize) -> io::Result<usize> {
        apart(|| self.take(stream))
    }

    fn splice_out(&mut self, _: &mut (), _: &mut Stream, bytes: usize) -> io::Result<usize> {
        apart(|| self.written += bytes);
        Ok(bytes)
    }
}
