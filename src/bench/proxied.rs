//! The load of connect through a proxy that has no rooms: X connects to it, and the Y of the room is what it connects to.
//!
//! Which Y belongs to which X is told by the byte that comes, as a proxy may take its clients in any order.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::{Domain, Socket, Type};

use super::BenchError;
use super::args::Close;
use super::cycles::{FAILURES, NAP};
use super::dial::dial;
use super::meter::{Measured, Meter, nanoseconds};
use super::plan::Plan;

/// A room can be told by one byte.
pub const MOST_ROOMS: usize = 256;

/// Connections that may wait to be accepted: more than there are rooms.
const BACKLOG: i32 = 1024;

/// A room that has waited for so long when the run ends is lost.
const PATIENCE: Duration = Duration::from_secs(1);

const LISTENER: Token = Token(usize::MAX);

pub struct Proxied<'a> {
    plan: &'a Plan,
    meter: Meter<'a>,
    poll: Poll,
    listener: TcpListener,
    /// X, and when its room began.
    rooms: Vec<Option<(Blocking, u64)>>,
    free: Vec<usize>,
    /// Those that have not said of which room they are.
    strangers: Slab<TcpStream>,
    dialed: usize,
}

impl<'a> Proxied<'a> {
    /// # Errors
    /// If nobody can listen at `sink`.
    pub fn new(plan: &'a Plan, meter: Meter<'a>, sink: SocketAddr) -> Result<Self, BenchError> {
        let poll = Poll::new()?;
        let mut listener = listen(sink, plan.close)
            .map_err(|error| BenchError::Connect(format!("cannot listen on {sink}: {error}")))?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            plan,
            meter,
            poll,
            listener,
            rooms: (0..plan.rooms).map(|_| None).collect(),
            free: (0..plan.rooms).rev().collect(),
            strangers: Slab::new(),
            dialed: 0,
        })
    }

    /// Makes and ends rooms until it has been enough.
    pub fn run(mut self) -> Result<Measured, BenchError> {
        let mut events = Events::with_capacity(1024);
        while !self.meter.is_over(self.meter.now())
            && self.meter.losses() <= FAILURES + self.meter.messages()
        {
            while let Some(room) = self.free.pop() {
                self.open(room)?;
            }
            match self.poll.poll(&mut events, Some(NAP)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(stranger) => self.receive(stranger)?,
                }
            }
        }
        let now = self.meter.now();
        for (_, begun) in self.rooms.iter().flatten() {
            if now > begun + nanoseconds(PATIENCE) {
                self.meter.lose("nothing came through the proxy");
            }
        }
        Ok(self.meter.finish(0))
    }

    fn open(&mut self, room: usize) -> Result<(), BenchError> {
        let begun = self.meter.now();
        let mut x = dial(self.plan, self.dialed)?;
        self.dialed += 1;
        x.write_all(&[room as u8])?;
        self.rooms[room] = Some((x, begun));
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let stranger = self.strangers.vacant_entry();
            self.poll.registry().register(
                &mut stream,
                Token(stranger.key()),
                Interest::READABLE,
            )?;
            stranger.insert(stream);
        }
    }

    fn receive(&mut self, stranger: usize) -> Result<(), BenchError> {
        let mut byte = [0];
        // The event may be of one that has gone, and its place another's: then there is nothing to read yet.
        let Some(stream) = self.strangers.get_mut(stranger) else {
            return Ok(());
        };
        match stream.read(&mut byte) {
            Ok(0) => self.meter.lose("closed before the byte came"),
            Ok(_) => {
                let room = usize::from(byte[0]);
                // Y goes first: a proxy that hears of X's end first keeps its port to Y in TIME_WAIT.
                self.strangers.remove(stranger);
                let waiting = self.rooms.get_mut(room).and_then(Option::take);
                let (_x, begun) = waiting.ok_or_else(|| {
                    BenchError::Room(format!("room {room}, from which the byte is, had its byte"))
                })?;
                self.meter.record(self.meter.now(), begun, 1, 0);
                self.free.push(room);
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => self.meter.lose(error.to_string()),
        }
        self.strangers.remove(stranger);
        Ok(())
    }
}

/// What is accepted inherits how it is closed.
fn listen(sink: SocketAddr, close: Close) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(sink), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&sink.into())?;
    if close == Close::Rst {
        socket.set_linger(Some(Duration::ZERO))?;
    }
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}
