//! Numbers, durations and sizes as people type them, and counts as people say them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const DURATIONS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1000),
    ("m", 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
];

const SIZES: &[(&str, u64)] = &[("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];

/// A time limit: a duration, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

impl FromStr for Limit {
    type Err = String;

    /// `10s`, `500ms`, `2m`, `1h`, `1d`, or `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            Ok(Limit(None))
        } else {
            duration(text)
                .map(|limit| Limit(Some(limit)))
                .map_err(|error| format!("{error}, or none"))
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(limit) if limit.subsec_nanos() == 0 => write!(f, "{}s", limit.as_secs()),
            Some(limit) => write!(f, "{}ms", limit.as_millis()),
        }
    }
}

/// A duration: a whole number and `ms`, `s`, `m`, `h` or `d`. No more than 10,000 days, so that a deadline
/// is always a time that exists.
pub fn duration(text: &str) -> Result<Duration, String> {
    let most = 10_000 * 24 * 60 * 60 * 1000;
    match scaled(text, DURATIONS) {
        Some(0) => Err("a duration must be more than nothing".into()),
        Some(milliseconds) if milliseconds <= most => Ok(Duration::from_millis(milliseconds)),
        Some(_) => Err("more than 10000 days".into()),
        None => {
            Err("not a duration: write a whole number and ms, s, m, h or d, such as 10s".into())
        }
    }
}

/// A size in bytes: a whole number, alone or with `K`, `M` or `G` (powers of 1024).
pub fn size(text: &str) -> Result<usize, String> {
    scaled(text, SIZES)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| {
            "not a size: write a whole number, or one with K, M or G, such as 256M".into()
        })
}

/// A whole number from `least` to `most`, of a type that has all of these.
pub fn number<T: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = scaled(text, &[("", 1)]).filter(|number| (least..=most).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("not a whole number from {least} to {most}"))
    }
}

/// So many of these, such as `1 client` and `2 clients`.
pub fn count(number: usize, name: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {name}{plural}")
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    let &(_, unit) = units.iter().find(|(name, _)| *name == suffix)?;
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for bad in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "0s",
            "10 s",
            "10sec",
            "99999999999999999999s",
            "20000d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_read_what_they_print() {
        for text in ["none", "10s", "500ms", "1500ms", "100000s"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn numbers() {
        let small = number::<u16>(1, 1024);
        assert_eq!([small("1"), small("01024")], [Ok(1), Ok(1024)]);
        for bad in [
            "",
            "0",
            "1025",
            "+7",
            "-1",
            "1.0",
            "7 ",
            "1K",
            "99999999999999999999",
        ] {
            let error = small(bad).unwrap_err();
            assert_eq!(error, "not a whole number from 1 to 1024", "{bad}");
        }
    }

    #[test]
    fn counts() {
        let said = [0, 1, 2].map(|number| count(number, "client"));
        assert_eq!(said, ["0 clients", "1 client", "2 clients"]);
    }

    #[test]
    fn sizes() {
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("64K"), Ok(65536));
        assert_eq!(size("2G"), Ok(2 << 30));
        for bad in ["", "K", "1.5M", "64k", "64KB", "-1", "99999999999G"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
