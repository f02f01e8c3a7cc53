//! One connection as the kernel sees it.

use std::collections::VecDeque;
use std::io::{self, Error, ErrorKind};
use std::net::SocketAddr;

use pairloop::engine::ClientId;
use pairloop::reactor::Readiness;
use rustix::io::Errno;

use super::fault::{Fault, Faults};
use super::terms::{Capacity, End, Loss};

/// Who holds the daemon's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// The daemon, or the listener's queue.
    Open,
    /// Closed in order: the kernel still delivers what was written.
    Orphan,
    /// Nobody any more.
    Gone,
}

pub(super) struct Socket {
    pub listener: usize,
    pub peer: SocketAddr,
    pub capacity: Capacity,
    pub id: Option<ClientId>,
    /// What the next poll will report.
    pub edge: Readiness,
    /// The peer has not yet been told of the latest change.
    pub in_news: bool,
    inbound: VecDeque<u8>,
    /// Inbound bytes in front of urgent data.
    urgent: Option<usize>,
    /// The peer's FIN is here, behind the inbound bytes.
    fin: bool,
    /// The connection was lost.
    pub lost: bool,
    /// To be told once, to a read or a write.
    pub error: Option<Errno>,
    /// The daemon was told that there is nothing to read, and something came just after that.
    just_came: bool,
    /// A read has said 0.
    ended: bool,
    outbound: VecDeque<u8>,
    /// A write found no room, so that the next room is told.
    no_space: bool,
    /// The daemon's FIN is behind the outbound bytes.
    finished: bool,
    /// The daemon's end was reset.
    cut: bool,
    holder: Holder,
    /// It was dialed, and nobody has answered yet.
    pub connecting: bool,
    /// A fault of the system has struck this connection, so whatever becomes of its room is no surprise.
    pub struck: bool,
}

/// The state of a socket that neither peer nor daemon has touched.
impl Socket {
    pub fn new(listener: usize, peer: SocketAddr, capacity: Capacity) -> Self {
        Self {
            listener,
            peer,
            capacity,
            id: None,
            edge: Readiness::default(),
            in_news: false,
            inbound: VecDeque::new(),
            urgent: None,
            fin: false,
            lost: false,
            error: None,
            just_came: false,
            ended: false,
            outbound: VecDeque::new(),
            no_space: false,
            finished: false,
            cut: false,
            holder: Holder::Open,
            connecting: false,
            struck: false,
        }
    }

    pub fn is_open(&self) -> bool {
        self.holder == Holder::Open
    }

    /// Whether bytes from the peer are answered with RST.
    pub fn is_gone(&self) -> bool {
        self.holder == Holder::Gone
    }

    /// What epoll would say on registration.
    pub fn state(&self) -> Readiness {
        let mut state = Readiness::default();
        if self.connecting {
            return state;
        }
        if self.outbound.len() < self.capacity.outbound || self.lost {
            state.add(Readiness::WRITABLE);
        }
        if !self.inbound.is_empty() {
            state.add(Readiness::READABLE);
        }
        if self.fin || self.lost {
            state.add(Readiness::READABLE | Readiness::READ_CLOSED);
        }
        if self.error.is_some() {
            state.add(Readiness::ERROR);
        }
        state
    }

    /// The edge as it is reported: an error that has been told in the meantime is no error any more.
    pub fn take_edge(&mut self) -> Readiness {
        self.just_came = false;
        let edge = std::mem::take(&mut self.edge);
        let told = edge.has(Readiness::ERROR) && self.error.is_none();
        if !told {
            return edge;
        }
        Readiness::READABLE | Readiness::WRITABLE | Readiness::READ_CLOSED
    }
}

/// The peer's side. Each answers the edge that it makes for the daemon.
impl Socket {
    /// Room for bytes to the daemon.
    pub fn room(&self) -> usize {
        if self.is_open() && !self.lost {
            self.capacity.inbound - self.inbound.len()
        } else {
            0
        }
    }

    pub fn arrive(&mut self, bytes: &[u8]) -> Readiness {
        assert!(!self.fin && bytes.len() <= self.room());
        self.inbound.extend(bytes);
        Readiness::READABLE
    }

    pub fn arrive_urgent(&mut self, byte: u8) -> Readiness {
        self.urgent = Some(self.inbound.len());
        self.arrive(&[byte]) | Readiness::URGENT
    }

    pub fn arrive_fin(&mut self) -> Readiness {
        if self.lost {
            return Readiness::default();
        }
        self.fin = true;
        Readiness::READABLE | Readiness::READ_CLOSED
    }

    /// Bytes that have arrived stay; those that were on their way to the peer don't.
    pub fn lose(&mut self, loss: Loss) -> Readiness {
        let over = self.fin && self.finished && self.outbound.is_empty();
        if self.lost || over {
            return Readiness::default();
        }
        self.lost = true;
        self.outbound.clear();
        self.error = Some(match loss {
            Loss::TimedOut => Errno::TIMEDOUT,
            Loss::Reset if self.fin => Errno::PIPE,
            Loss::Reset => Errno::CONNRESET,
        });
        self.state()
    }

    /// The peer's kernel takes bytes. `eager` sockets tell of the first room there is, others of a third.
    pub fn take(&mut self, most: usize, eager: bool) -> (Vec<u8>, Readiness) {
        let count = most.min(self.outbound.len());
        let bytes = self.outbound.drain(..count).collect();
        let room = self.capacity.outbound - self.outbound.len();
        if self.no_space && room > 0 && (eager || room * 3 >= self.capacity.outbound) {
            self.no_space = false;
            return (bytes, Readiness::WRITABLE);
        }
        (bytes, Readiness::default())
    }

    /// Bytes that the peer could take.
    pub fn waiting(&self) -> usize {
        self.outbound.len()
    }

    /// How the daemon's stream ended, once everything before the end was taken.
    pub fn end(&self) -> Option<End> {
        if self.cut {
            return Some(End::Reset);
        }
        (self.finished && self.outbound.is_empty() && !self.lost).then_some(End::Fin)
    }
}

/// The daemon's side: system calls. The edge answered with the result is one that comes just after.
impl Socket {
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        faults: &mut Faults,
    ) -> (io::Result<usize>, Readiness) {
        let none = Readiness::default();
        assert!(!self.connecting, "{:?} is read before it is there", self.id);
        if faults.strike(Fault::InterruptedRead) {
            return (Err(ErrorKind::Interrupted.into()), none);
        }
        if self.inbound.is_empty() {
            return (self.read_end(), none);
        }
        // Behind FIN or an error nothing can arrive, so from then on no read is cut short.
        let mut count = self.inbound.len().min(buffer.len());
        let mut edge = none;
        if !self.fin && !self.lost {
            if faults.strike(Fault::EagainRead) {
                self.just_came = true;
                return (Err(ErrorKind::WouldBlock.into()), Readiness::READABLE);
            }
            if faults.strike(Fault::ReadFails) {
                self.struck = true;
                return (Err(Errno::NOBUFS.into()), none);
            }
            let short = faults.cut_short(count, Fault::OneByteRead, Fault::ShortRead);
            if short < count {
                (count, edge) = (short, Readiness::READABLE);
            }
        }
        // A read stops short of urgent data; the next one takes them in line.
        match &mut self.urgent {
            Some(ahead) if *ahead > 0 => {
                count = count.min(*ahead);
                *ahead -= count;
            }
            urgent => *urgent = None,
        }
        self.just_came = false;
        for (place, byte) in buffer.iter_mut().zip(self.inbound.drain(..count)) {
            *place = byte;
        }
        (Ok(count), edge)
    }

    /// As tcp_splice_read does: it never passes urgent data, and says 0 there once FIN has arrived behind them. So its 0
    /// tells less than a read's.
    pub fn stops_splice(&self) -> Option<io::Result<usize>> {
        let is_over = self.fin || (self.lost && self.error.is_none());
        let stops = self.urgent == Some(0) || (self.inbound.is_empty() && is_over);
        stops.then(|| match is_over {
            true => Ok(0),
            false => Err(ErrorKind::WouldBlock.into()),
        })
    }

    /// As tcp_recvmsg does: FIN comes before an error, an error is told once, and after it there is only 0.
    fn read_end(&mut self) -> io::Result<usize> {
        if !self.fin {
            if let Some(error) = self.error.take() {
                return Err(error.into());
            }
            if !self.lost {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        assert!(!self.ended, "{:?} is read beyond its end", self.id);
        self.ended = true;
        Ok(0)
    }

    pub fn write(&mut self, bytes: &[u8], faults: &mut Faults) -> (io::Result<usize>, Readiness) {
        let none = Readiness::default();
        if faults.strike(Fault::InterruptedWrite) {
            return (Err(ErrorKind::Interrupted.into()), none);
        }
        assert!(
            !self.connecting,
            "{:?} is written to before it is there",
            self.id
        );
        assert!(!bytes.is_empty(), "nothing is written to {:?}", self.id);
        assert!(!self.finished, "{:?} is written to behind FIN", self.id);
        if let Some(error) = self.error.take() {
            return (Err(error.into()), none);
        }
        if self.lost {
            return (Err(Errno::PIPE.into()), none);
        }
        if faults.strike(Fault::WriteFails) {
            self.struck = true;
            return (Err(Errno::NOBUFS.into()), none);
        }
        if faults.strike(Fault::EagainWrite) {
            return (Err(ErrorKind::WouldBlock.into()), Readiness::WRITABLE);
        }
        let room = self.capacity.outbound - self.outbound.len();
        let mut count = room.min(bytes.len());
        self.no_space |= count < bytes.len();
        if count == 0 {
            return (Err(ErrorKind::WouldBlock.into()), none);
        }
        let mut edge = none;
        let short = faults.cut_short(count, Fault::OneByteWrite, Fault::ShortWrite);
        if short < count {
            (count, edge) = (short, Readiness::WRITABLE);
        }
        self.outbound.extend(&bytes[..count]);
        (Ok(count), edge)
    }

    pub fn shutdown_write(&mut self) -> io::Result<()> {
        if self.lost {
            return Err(Error::from(ErrorKind::NotConnected));
        }
        self.finished = true;
        Ok(())
    }

    /// In order, unless bytes are unread. Nobody can help those that came between a last look and this.
    pub fn close(&mut self) {
        if !self.inbound.is_empty() {
            self.struck |= self.just_came;
            return self.reset();
        }
        self.holder = Holder::Orphan;
        self.finished = true;
    }

    /// RST to the peer, which destroys what the peer has not taken. FIN that it already has is not undone.
    pub fn reset(&mut self) {
        self.holder = Holder::Gone;
        if self.end().is_none() {
            self.cut = true;
            self.outbound.clear();
        }
    }
}
