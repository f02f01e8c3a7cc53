//! Where clients come from: how many of each source are here, and which failed too often to log in.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Moment;
use super::penalties::Penalties;
use crate::limits::PENALISED_SOURCES;

/// An IPv4 address, or the IPv6 network of 64 bits in which one host may have every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        // A socket for both protocols has IPv4 addresses in IPv6 form.
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(address) => address.fmt(f),
            Self::V6([a, b, c, d]) => write!(f, "{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)),
        }
    }
}

/// What is known of the sources. Where there is no limit and nobody fails, that is nothing.
pub struct Sources {
    most_clients: Option<u32>,
    /// Bounded by the number of clients. Sorted because no choice of addresses makes that slow.
    clients: BTreeMap<Source, u32>,
    /// Where the client in each slot comes from.
    by_slot: Vec<Option<Source>>,
    // One each: a host with an IPv6 network to spend must not push out what is known of IPv4.
    penalties_v4: Penalties,
    penalties_v6: Penalties,
}

impl Sources {
    /// Sources of which each may have so many clients at one time.
    pub fn new(most_clients: Option<u32>) -> Self {
        Self {
            most_clients,
            clients: BTreeMap::new(),
            by_slot: Vec::new(),
            penalties_v4: Penalties::of_at_most(PENALISED_SOURCES),
            penalties_v6: Penalties::of_at_most(PENALISED_SOURCES),
        }
    }

    /// Another limit, or none; the counts go on. A source that has more clients keeps them.
    pub fn set_limit(&mut self, most: Option<u32>) {
        assert!(self.most_clients.is_some(), "all who are here are counted");
        self.most_clients = Some(most.unwrap_or(u32::MAX));
    }

    /// Counts a client in, unless its source has as many as it may.
    #[must_use]
    pub fn enter(&mut self, slot: usize, source: Source) -> bool {
        let Some(most) = self.most_clients else {
            return true;
        };
        let clients = self.clients.entry(source).or_default();
        if *clients >= most {
            return false;
        }
        *clients += 1;
        if slot >= self.by_slot.len() {
            self.by_slot.resize(slot + 1, None);
        }
        self.by_slot[slot] = Some(source);
        true
    }

    /// Counts out the client in this slot.
    pub fn leave(&mut self, slot: usize) {
        let Some(source) = self.by_slot.get_mut(slot).and_then(Option::take) else {
            return;
        };
        let clients = self.clients.get_mut(&source);
        let clients = clients.unwrap_or_else(|| panic!("nobody is here from {source}"));
        *clients -= 1;
        if *clients == 0 {
            self.clients.remove(&source);
        }
    }

    /// How many clients are counted, if any are.
    #[cfg(any(test, debug_assertions))]
    pub fn clients(&self) -> Option<usize> {
        let all = self.clients.values().map(|&clients| clients as usize);
        self.most_clients.map(|_| all.sum())
    }

    /// A client of this source has failed to log in. Answers for how long the source is refused from now on; `None` if it has
    /// not yet failed often enough for that.
    pub fn penalise(&mut self, now: Moment, source: Source) -> Option<Duration> {
        match source {
            Source::V4(_) => self.penalties_v4.add(now, source),
            Source::V6(_) => self.penalties_v6.add(now, source),
        }
    }

    /// Whether this source is refused.
    pub fn is_penalised(&self, now: Moment, source: Source) -> bool {
        match source {
            Source::V4(_) => self.penalties_v4.apply(now, source),
            Source::V6(_) => self.penalties_v6.apply(now, source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Epoch;
    use std::time::Instant;

    fn a_moment() -> Moment {
        let now = Instant::now();
        Epoch::new(now).moment(now)
    }
    use crate::limits::LONGEST_PENALTY;

    fn source(address: &str) -> Source {
        Source::from(address.parse::<IpAddr>().unwrap())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_an_ipv6_network() {
        for (address, name) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::1", "::/64"),
            ("2001:db8::1", "2001:db8::/64"),
            ("2001:db8:0:0:ffff::", "2001:db8::/64"),
            ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ] {
            assert_eq!(source(address).to_string(), name);
        }
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }

    #[test]
    fn each_source_has_as_many_clients_as_it_may() {
        let mut sources = Sources::new(Some(2));
        let (one, two) = (source("192.0.2.1"), source("2001:db8::1"));
        assert!(sources.enter(0, one) && sources.enter(1, one) && sources.enter(2, two));
        assert!(!sources.enter(3, one));
        assert!(!sources.enter(3, one), "a refusal counts nobody in");
        sources.leave(3);
        sources.leave(1);
        sources.leave(1);
        assert!(sources.enter(4, one));
        assert!(!sources.enter(5, one));
        for slot in [0, 4, 2] {
            sources.leave(slot);
        }
        assert!(sources.clients.is_empty());
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let mut sources = Sources::new(None);
        for slot in 0..100 {
            assert!(sources.enter(slot, source("192.0.2.1")));
        }
        assert!(sources.clients.is_empty() && sources.by_slot.is_empty());
        sources.leave(0);
    }

    #[test]
    fn failures_add_up_and_pass_with_time() {
        // Failures at these seconds; for how long each has the source refused.
        type Course = &'static [(u64, Option<u64>)];
        let courses: &[Course] = &[
            &[
                (0, None),
                (0, None),
                (0, None),
                (0, Some(20)),
                (0, Some(25)),
            ],
            // Somebody who needs a while to type is never refused.
            &[(0, None), (5, None), (10, None), (15, None), (20, None)],
            &[
                (0, None),
                (1, None),
                (2, None),
                (3, Some(17)),
                (10, Some(15)),
            ],
            // Below the threshold again, but not yet through with it.
            &[
                (0, None),
                (0, None),
                (0, None),
                (0, Some(20)),
                (18, Some(7)),
            ],
            // All has passed, and it begins anew.
            &[(0, None), (0, None), (0, None), (0, Some(20)), (20, None)],
        ];
        for course in courses {
            let start = a_moment();
            let mut sources = Sources::new(None);
            let client = source("192.0.2.1");
            for &(at, refused) in *course {
                let now = start + seconds(at);
                let answer = sources.penalise(now, client);
                assert_eq!(answer, refused.map(seconds), "at {at} of {course:?}");
                assert_eq!(sources.is_penalised(now, client), refused.is_some());
                let Some(refused) = refused else { continue };
                let end = now + seconds(refused);
                let moment = Duration::from_millis(1);
                assert!(sources.is_penalised(now + (seconds(refused) - moment), client));
                assert!(!sources.is_penalised(end, client));
            }
        }
    }

    #[test]
    fn a_penalty_has_an_end_and_is_for_its_source_only() {
        let mut sources = Sources::new(None);
        let (now, guesser) = (a_moment(), source("2001:db8::1"));
        for _ in 0..10_000 {
            sources.penalise(now, guesser);
        }
        assert_eq!(sources.penalise(now, guesser), Some(LONGEST_PENALTY));
        assert!(sources.is_penalised(now, source("2001:db8::2")));
        assert!(!sources.is_penalised(now, source("2001:db8:0:1::1")));
        assert!(!sources.is_penalised(now, source("192.0.2.1")));
        assert!(!sources.is_penalised(now + LONGEST_PENALTY, guesser));
    }

    #[test]
    fn however_many_sources_fail_so_many_are_remembered() {
        let mut sources = Sources::new(None);
        let (now, worst) = (a_moment(), source("192.0.2.1"));
        for _ in 0..10 {
            sources.penalise(now, worst);
        }
        for network in 0..PENALISED_SOURCES as u32 + 10_000 {
            sources.penalise(now, Source::V4(Ipv4Addr::from_bits(network)));
            let [_, a, b, c] = network.to_be_bytes().map(u16::from);
            sources.penalise(now, Source::V6([0x2001, 0xdb8, a, b << 8 | c]));
        }
        for penalties in [&sources.penalties_v4, &sources.penalties_v6] {
            assert_eq!(penalties.len(), PENALISED_SOURCES);
        }
        assert!(sources.is_penalised(now, worst), "who failed most stays");
    }
}
