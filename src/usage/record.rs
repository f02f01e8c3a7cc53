//! One line of the usage log.

use std::time::{Duration, SystemTime};

use crate::engine::{Mood, Session};
use crate::json::{Object, number};

/// One session, as the loop hands it over: putting it into words can wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// Since 1970.
    started: Duration,
    lasted: Duration,
    waited: Option<Duration>,
    bytes: u64,
    mood: Mood,
    service: &'static str,
}

impl Record {
    /// That of a session that ends now.
    pub fn of(session: &Session, bytes: u64, now: SystemTime) -> Self {
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            started: now.unwrap_or_default().saturating_sub(session.lasted),
            lasted: session.lasted,
            waited: session.waited,
            bytes,
            mood: session.mood,
            service: session.service,
        }
    }

    /// As a line of JSON: the reference's fields in its order, and behind them one of ours.
    pub fn line(&self, blur: Option<u32>) -> String {
        let (started, bytes) = match blur.map(u64::from) {
            None => (self.started.as_secs_f64(), self.bytes),
            Some(window) => {
                let windows = self.started.as_secs() / window;
                ((windows * window) as f64, blurred(self.bytes))
            }
        };
        let waited = self.waited.map(|waited| number(waited.as_secs_f64()));
        let mut line = Object::default();
        line.number("started", started);
        line.number("total_time", self.lasted.as_secs_f64());
        line.raw("waiting_time", waited.as_deref().unwrap_or("null"));
        line.raw("total_bytes", &bytes.to_string());
        line.text("mood", self.mood.name());
        line.text("service", self.service);
        line.finish() + "\n"
    }
}

/// A size that says little about what was sent: as the reference rounds, up to 10 kB, 1 MB or 100 MB.
fn blurred(bytes: u64) -> u64 {
    let coarseness = match bytes {
        0..1_000_000 => 10_000,
        1_000_000..1_000_000_000 => 1_000_000,
        _ => 100_000_000,
    };
    bytes.div_ceil(coarseness).saturating_mul(coarseness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            started: Duration::from_millis(1_700_000_123_250),
            lasted: Duration::from_millis(2500),
            waited: Some(Duration::from_secs(1)),
            bytes: 1234,
            mood: Mood::Happy,
            service: "relay",
        }
    }

    #[test]
    fn a_line_has_the_fields_of_the_reference() {
        assert_eq!(
            record().line(None),
            "{\"started\":1700000123.250000,\"total_time\":2.500000,\"waiting_time\":1,\"total_bytes\":1234,\"mood\":\"happy\",\"service\":\"relay\"}\n"
        );
        let waited = None;
        assert_eq!(
            Record { waited, ..record() }.line(Some(60)),
            "{\"started\":1700000100,\"total_time\":2.500000,\"waiting_time\":null,\"total_bytes\":10000,\"mood\":\"happy\",\"service\":\"relay\"}\n"
        );
    }

    #[test]
    fn a_session_started_when_the_first_came() {
        let client = crate::engine::ClientId::new(1, 0);
        let session = Session {
            service: "echo",
            mood: Mood::Jilted,
            members: crate::engine::Members::one(client),
            lasted: Duration::from_secs(5),
            waited: None,
        };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (now, started) in [(at(100), 95), (at(3), 0)] {
            let record = Record::of(&session, 7, now);
            assert_eq!(record.started, Duration::from_secs(started));
        }
    }

    #[test]
    fn sizes_are_blurred_as_the_reference_blurs_them() {
        for (bytes, expected) in [
            (0, 0),
            (1, 10_000),
            (10_000, 10_000),
            (10_001, 20_000),
            (999_999, 1_000_000),
            (1_000_000, 1_000_000),
            (1_000_001, 2_000_000),
            (999_999_999, 1_000_000_000),
            (1_000_000_000, 1_000_000_000),
            (1_000_000_001, 1_100_000_000),
        ] {
            assert_eq!(blurred(bytes), expected, "{bytes}");
        }
        assert_eq!(blurred(u64::MAX), u64::MAX);
    }
}
