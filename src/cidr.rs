//! Networks, as people write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// A network: its first address, and how many bits all of its addresses begin with (RFC 4632, and RFC 4291 for IPv6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    bits: u32,
}

/// What is wrong with the text of a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CidrError {
    #[error("not a network: `{0}`; write one such as 10.0.0.0/8, or an address")]
    Shape(String),
    #[error("{address} is in the middle of its network: write {network}, or {address} for itself")]
    HostBits { address: IpAddr, network: Cidr },
    #[error("{0} is an IPv4 address in IPv6 form: write it as {1}")]
    Mapped(IpAddr, IpAddr),
}

impl Cidr {
    /// This machine, as it speaks to itself.
    pub const LOOPBACK: [Self; 2] = [
        Self {
            network: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)),
            bits: 8,
        },
        Self {
            network: IpAddr::V6(Ipv6Addr::LOCALHOST),
            bits: 128,
        },
    ];

    /// Whether this address is one of the network's. An IPv4 address in IPv6 form is not.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.network.is_ipv4()
            && first(address, self.bits) == first(self.network, self.bits)
    }
}

/// What is left of an address if all but so many of its first bits are 0.
fn first(address: IpAddr, bits: u32) -> IpAddr {
    let mask = |width: u32| u128::MAX.checked_shl(width - bits).unwrap_or(0);
    match address {
        // The mask is wider than the address. What is too much of it is cut off.
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & mask(32) as u32).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & mask(128)).into(),
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    /// `10.0.0.0/8`, `fd00::/8`, or an address alone, which is a network of one.
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let shape = || CidrError::Shape(text.into());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| shape())?;
        if address.to_canonical() != address {
            return Err(CidrError::Mapped(address, address.to_canonical()));
        }
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= width)
                .ok_or_else(shape)?,
            Some(_) => return Err(shape()),
        };
        let network = first(address, bits);
        let cidr = Self { network, bits };
        match network == address {
            true => Ok(cidr),
            false => Err(CidrError::HostBits {
                address,
                network: cidr,
            }),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it_and_no_others() {
        let table: [(&str, &[&str], &[&str]); 8] = [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255"],
                &["9.255.255.255", "11.0.0.0", "a00::", "::ffff:10.0.0.1"],
            ),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::"]),
            (
                "192.0.2.130/31",
                &["192.0.2.130", "192.0.2.131"],
                &["192.0.2.129", "192.0.2.132"],
            ),
            ("192.0.2.1", &["192.0.2.1"], &["192.0.2.0", "192.0.2.2"]),
            ("::/0", &["::", "ffff::1"], &["0.0.0.0"]),
            ("fd00::/8", &["fd00::", "fdff::1"], &["fc00::", "fe00::"]),
            ("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::"]),
            ("::1", &["::1"], &["::", "::2", "127.0.0.1"]),
        ];
        for (network, within, without) in table {
            for (addresses, expected) in [(within, true), (without, false)] {
                for address in addresses {
                    let contains = cidr(network).contains(address.parse().unwrap());
                    assert_eq!(contains, expected, "{address} in {network}");
                }
            }
        }
    }

    #[test]
    fn texts_that_are_no_network() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0/8",
            "010.0.0.0/8",
            "::/129",
            "[::1]",
            "localhost",
            "*",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError::Shape(text.into())));
        }
        for (text, words) in [
            ("10.0.0.1/8", "write 10.0.0.0/8, or 10.0.0.1 for itself"),
            ("fd00::1/8", "write fd00::/8, or fd00::1 for itself"),
            ("::ffff:10.0.0.0/104", "write it as 10.0.0.0"),
        ] {
            let error = text.parse::<Cidr>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn loopback_is_what_it_says() {
        let written = Cidr::LOOPBACK.map(|network| network.to_string());
        assert_eq!(written, ["127.0.0.0/8", "::1/128"]);
        assert_eq!(written.map(|text| cidr(&text)), Cidr::LOOPBACK);
    }
}
