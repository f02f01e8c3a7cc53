//! What can go wrong on purpose, how often, and how often it did.

use fastrand::Rng;

/// A kind of misfortune that the network itself brings about. What peers do is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// EINTR.
    InterruptedPoll,
    InterruptedAccept,
    InterruptedRead,
    InterruptedWrite,
    /// EAGAIN, and just after it an edge.
    EagainAccept,
    EagainRead,
    EagainWrite,
    /// Fewer bytes than are there, and just after it an edge for the others.
    ShortRead,
    OneByteRead,
    /// Fewer bytes than there is room for, and just after it an edge.
    ShortWrite,
    OneByteWrite,
    /// EMFILE.
    NoDescriptor,
    /// ECONNABORTED: a client is off the queue, but not accepted.
    AbortedAccept,
    /// ENOSPC, ENOMEM.
    RegisterFails,
    /// ENOBUFS: the connection can't go on.
    ReadFails,
    WriteFails,
    /// EMFILE, ENFILE or EPERM when a pipe is made.
    NoPipe,
    /// EINVAL or ENOSYS from splice.
    NotSpliceable,
    /// A pipe that takes less than its size.
    FullPipe,
    /// Readable or writable is reported, and nothing is there.
    SpuriousEdge,
    /// An edge for a client that has been freed.
    StaleEdge,
    /// The same, and its slot has another tenant.
    StaleEdgeForTakenSlot,
    /// An operator asks for a report.
    Report,
    /// Who is dialed refuses: at once, or after a while.
    DialRefused,
    DialRefusedLater,
    /// SYN is lost: once, or always.
    DialSlow,
    DialUnheard,
    /// The connection is made, and reset at once.
    DialReset,
    /// Something arrives between two system calls of one turn.
    MidTurn,
    /// The process was stopped for seconds.
    Pause,
}

impl Fault {
    pub const ALL: [Fault; 30] = [
        Fault::InterruptedPoll,
        Fault::InterruptedAccept,
        Fault::InterruptedRead,
        Fault::InterruptedWrite,
        Fault::EagainAccept,
        Fault::EagainRead,
        Fault::EagainWrite,
        Fault::ShortRead,
        Fault::OneByteRead,
        Fault::ShortWrite,
        Fault::OneByteWrite,
        Fault::NoDescriptor,
        Fault::AbortedAccept,
        Fault::RegisterFails,
        Fault::ReadFails,
        Fault::WriteFails,
        Fault::NoPipe,
        Fault::NotSpliceable,
        Fault::FullPipe,
        Fault::SpuriousEdge,
        Fault::StaleEdge,
        Fault::StaleEdgeForTakenSlot,
        Fault::Report,
        Fault::DialRefused,
        Fault::DialRefusedLater,
        Fault::DialSlow,
        Fault::DialUnheard,
        Fault::DialReset,
        Fault::MidTurn,
        Fault::Pause,
    ];

    /// How often it may strike at most, in a thousand tries: what costs somebody a connection, or heals what was
    /// forgotten, must stay rare enough for others to be seen.
    fn ceiling(self) -> u32 {
        match self {
            Fault::RegisterFails | Fault::AbortedAccept => 50,
            Fault::ReadFails | Fault::WriteFails => 3,
            Fault::SpuriousEdge | Fault::Report => 20,
            Fault::Pause => 1,
            Fault::NotSpliceable => 5,
            Fault::DialRefused
            | Fault::DialRefusedLater
            | Fault::DialSlow
            | Fault::DialUnheard
            | Fault::DialReset => 150,
            Fault::NoDescriptor | Fault::InterruptedPoll => 100,
            _ => 400,
        }
    }
}

/// The dice.
pub struct Faults {
    pub rng: Rng,
    /// In a thousand tries.
    chances: [u32; Fault::ALL.len()],
    pub hits: [u64; Fault::ALL.len()],
}

impl Faults {
    /// A network on which nothing goes wrong.
    pub fn none(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            chances: [0; Fault::ALL.len()],
            hits: [0; Fault::ALL.len()],
        }
    }

    /// Some kinds, chosen by the seed. Leaving most of them out each time finds more than having all of them always:
    /// a spurious edge, for one, repairs a lost wake-up.
    pub fn some(seed: u64) -> Self {
        let mut faults = Self::none(seed);
        for fault in Fault::ALL {
            if faults.rng.u8(..3) == 0 {
                let chance = 1 + faults.rng.u32(..fault.ceiling());
                faults.set(fault, chance);
            }
        }
        if faults.chances[Fault::Pause as usize] > 0 {
            // After a pause of ours, a socket that says it is empty had better be: its peer is judged by that.
            faults.set(Fault::EagainRead, 0);
            faults.set(Fault::EagainWrite, 0);
        }
        faults
    }

    /// Lets a fault strike so often in a thousand tries.
    pub fn set(&mut self, fault: Fault, chance: u32) {
        self.chances[fault as usize] = chance;
    }

    pub fn switch_off(&mut self) {
        self.chances.fill(0);
    }

    /// Throws the dice.
    pub fn strike(&mut self, fault: Fault) -> bool {
        let chance = self.chances[fault as usize];
        let struck = chance > 0 && self.rng.u32(..1000) < chance;
        self.hits[fault as usize] += u64::from(struck);
        struck
    }

    /// Whether a fault has struck that can hinder somebody.
    pub fn hit(&self, fault: Fault) -> bool {
        self.hits[fault as usize] > 0
    }

    /// How many of `count` bytes a system call moves.
    pub fn cut_short(&mut self, count: usize, one: Fault, some: Fault) -> usize {
        if count > 1 && self.strike(one) {
            1
        } else if count > 1 && self.strike(some) {
            self.rng.usize(1..count)
        } else {
            count
        }
    }
}
