//! What a peer means to do, and how it behaves while doing it.

use std::time::Duration;

use fastrand::Rng;

use super::profile::Profile;

/// Characters. The first five are well-behaved: rooms of two of them end well, whatever happens around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sends, sends FIN, reads on to the end.
    Honest,
    /// The same with long pauses and small sips.
    Slow,
    /// Sends little, then FIN at once, and then reads what the partner has to say.
    HalfCloser,
    /// Sends, and holds its FIN back until it has seen its partner's, or for a while.
    LateFinisher,
    /// Only reads.
    Consumer,
    /// RST at some byte.
    Aborter,
    /// Lost at some byte: the kernel gives up.
    Unreachable,
    /// Sends and never reads.
    Deaf,
    /// Connects and leaves at once, with FIN or RST.
    Scanner,
    /// Sends, and leaves without reading.
    Leaver,
    /// Says nothing, never ends.
    Silent,
    /// Says more at once than a line service takes, or nothing where something is due. Elsewhere it is honest.
    Babbler,
}

impl Kind {
    pub const ALL: [Kind; 12] = [
        Kind::Honest,
        Kind::Slow,
        Kind::HalfCloser,
        Kind::LateFinisher,
        Kind::Consumer,
        Kind::Aborter,
        Kind::Unreachable,
        Kind::Deaf,
        Kind::Scanner,
        Kind::Leaver,
        Kind::Silent,
        Kind::Babbler,
    ];

    pub fn is_well_behaved(self) -> bool {
        (self as usize) < Kind::Aborter as usize
    }
}

/// When a peer sends FIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinWhen {
    Sent,
    /// Everything is sent, and the partner's FIN was seen or this time has come.
    SentAnd(Duration),
    Never,
}

/// How a peer goes away by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Reset,
    TimedOut,
    /// close(): FIN, and RST for whatever still comes.
    Close,
}

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub kind: Kind,
    pub to_send: u64,
    pub most_at_once: usize,
    pub most_taken: usize,
    pub reads: bool,
    /// The longest pause between two actions.
    pub pace: Duration,
    pub fin: FinWhen,
    /// Once so many bytes are sent.
    pub exit_after: Option<(u64, Exit)>,
    /// At this time.
    pub exit_at: Option<(Duration, Exit)>,
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Plan {
    /// The same for somebody who says so many bytes, in pieces of which some hundred make the whole.
    pub fn saying(self, bytes: usize) -> Self {
        Plan {
            to_send: bytes as u64,
            most_at_once: self.most_at_once.max(bytes / 256),
            ..self
        }
    }

    /// A plan for somebody who connects now.
    pub fn new(kind: Kind, now: Duration, profile: &Profile, rng: &mut Rng) -> Self {
        let honest = Plan::honest(kind, profile, rng);
        let to_send = honest.to_send;
        let exit = [Exit::Reset, Exit::Close][rng.usize(..2)];
        let gives_up = Some((now + ms(rng.u64(500..60_000)), exit));
        match kind {
            Kind::Honest | Kind::Babbler => honest,
            Kind::Slow => Plan {
                pace: ms(200),
                most_at_once: 1 + to_send as usize / 8,
                most_taken: 1 + profile.largest / 8,
                ..honest
            },
            Kind::HalfCloser => Plan {
                to_send: 1 + rng.u64(..16),
                ..honest
            },
            Kind::LateFinisher => Plan {
                fin: FinWhen::SentAnd(now + ms(rng.u64(1..3000))),
                ..honest
            },
            Kind::Consumer => Plan {
                to_send: 0,
                fin: FinWhen::SentAnd(now + ms(rng.u64(1..3000))),
                ..honest
            },
            Kind::Aborter => Plan {
                fin: [FinWhen::Sent, FinWhen::Never][rng.usize(..2)],
                exit_after: Some((rng.u64(..=to_send), Exit::Reset)),
                ..honest
            },
            Kind::Unreachable => Plan {
                fin: FinWhen::Never,
                exit_after: Some((rng.u64(..=to_send), Exit::TimedOut)),
                ..honest
            },
            Kind::Deaf => Plan {
                reads: false,
                fin: [FinWhen::Sent, FinWhen::Never][rng.usize(..2)],
                exit_at: gives_up,
                ..honest
            },
            Kind::Scanner => Plan {
                to_send: 0,
                fin: FinWhen::Never,
                exit_after: Some((0, exit)),
                ..honest
            },
            Kind::Leaver => Plan {
                reads: false,
                exit_after: Some((to_send, Exit::Close)),
                exit_at: gives_up,
                ..honest
            },
            Kind::Silent => Plan {
                to_send: 0,
                fin: FinWhen::Never,
                exit_at: gives_up,
                ..honest
            },
        }
    }

    /// What everybody's plan is a variation of.
    fn honest(kind: Kind, profile: &Profile, rng: &mut Rng) -> Self {
        let to_send = profile.volume(rng);
        let largest = profile.largest;
        let some = match rng.u8(..3) {
            0 => 1 + rng.usize(..3),
            1 => 1 + rng.usize(..largest),
            _ => largest,
        };
        Plan {
            kind,
            to_send,
            most_at_once: profile.at_least_a_share(some, to_send),
            most_taken: profile.at_least_a_share(1 + rng.usize(..largest), largest as u64),
            reads: true,
            pace: ms(rng.u64(1..20)),
            fin: FinWhen::Sent,
            exit_after: None,
            exit_at: None,
        }
    }
}
