//! The PROXY protocol, versions 1 and 2: what a proxy says ahead of a client's bytes, so that the server learns whose
//! they are (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! Of a header only the source's address is wanted. Extensions (TLVs) are skipped, and must not reach beyond
//! the header; a checksum among them (`PP2_TYPE_CRC32C`) is not looked at, which the specification leaves to the receiver: TCP has
//! its own.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::greeting::{Code, Heard, Refusal};
use crate::limits::{LONGEST_PROXY_HEADER, LONGEST_PROXY_LINE};

/// Whom a proxy speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The client at this address.
    Client(SocketAddr),
    /// A client whose address is none of IP, or is not told: what is known of it is the proxy's socket.
    Unknown,
    /// Itself, to see whether anybody is there.
    Local,
}

const NO_HEADER: Refusal = Refusal::new(Code::Hello, "expected a PROXY header");
const MALFORMED: Refusal = Refusal::new(Code::Hello, "malformed PROXY header");
const TOO_LONG: Refusal = Refusal::new(Code::Hello, "the PROXY header is too long");

/// Reads the header that a connection begins with, of either version.
pub fn read(bytes: &[u8]) -> Heard<Header> {
    if agree(bytes, &SIGNATURE) {
        return read_v2(bytes);
    }
    let verbs = [TCP4, TCP6, UNKNOWN].into_iter();
    let verb = verbs.into_iter().find(|verb| agree(bytes, verb));
    read_v1(bytes, verb.ok_or(NO_HEADER)?)
}

/// Whether these bytes begin with the word, as far as they go.
fn agree(bytes: &[u8], word: &[u8]) -> bool {
    let known = bytes.len().min(word.len());
    bytes[..known] == word[..known]
}

// Version 1: `PROXY TCP4 <source> <destination> <source port> <destination port>\r\n`

const TCP4: &[u8] = b"PROXY TCP4 ";
const TCP6: &[u8] = b"PROXY TCP6 ";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN";

fn read_v1(bytes: &[u8], verb: &[u8]) -> Heard<Header> {
    let within = &bytes[..bytes.len().min(LONGEST_PROXY_LINE)];
    let is_unknown = verb == UNKNOWN;
    let end = match is_unknown {
        // Whatever else stands in such a line is to be ignored.
        true => within.windows(2).position(|pair| pair == b"\r\n"),
        false => match within.iter().position(|&byte| byte == b'\n') {
            Some(end) if within[..end].ends_with(b"\r") => Some(end - 1),
            Some(_) => return Err(MALFORMED),
            None => None,
        },
    };
    let Some(end) = end else {
        return match bytes.len() < LONGEST_PROXY_LINE {
            true => Ok(None),
            false => Err(TOO_LONG),
        };
    };
    let rest = within[..end].get(verb.len()..).ok_or(MALFORMED)?;
    let header = match is_unknown {
        true if rest.is_empty() || rest.starts_with(b" ") => Header::Unknown,
        true => return Err(MALFORMED),
        false => Header::Client(source_v1(rest, verb == TCP4).ok_or(MALFORMED)?),
    };
    Ok(Some((header, end + 2)))
}

fn source_v1(rest: &[u8], is_ipv4: bool) -> Option<SocketAddr> {
    let mut words = str::from_utf8(rest).ok()?.split(' ');
    let mut address = || -> Option<IpAddr> {
        let address: IpAddr = words.next()?.parse().ok()?;
        (address.is_ipv4() == is_ipv4).then_some(address)
    };
    let (source, _) = (address()?, address()?);
    let mut port = || -> Option<u16> {
        let word = words.next()?;
        let number: u16 = word.parse().ok()?;
        // Neither a sign nor zeros in front.
        (number.to_string() == word).then_some(number)
    };
    let (source_port, _) = (port()?, port()?);
    words.next().is_none().then(|| socket(source, source_port))
}

// Version 2: signature, version and command, family and transport, length; then addresses and TLVs of that length.

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

fn read_v2(bytes: &[u8]) -> Heard<Header> {
    match bytes.get(SIGNATURE.len()) {
        Some(&LOCAL | &PROXY) | None => {}
        Some(_) => return Err(MALFORMED),
    }
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else {
        return Ok(None);
    };
    let (command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let addresses = match command {
        // Whatever follows is to be skipped, and not to be looked at.
        LOCAL => None,
        _ => address_bytes(family)?,
    };
    if addresses.is_some_and(|addresses| length < addresses) {
        return Err(MALFORMED);
    }
    if FIXED + length > LONGEST_PROXY_HEADER {
        return Err(TOO_LONG);
    }
    let Some(block) = rest.get(..length) else {
        return Ok(None);
    };
    if let Some(addresses) = addresses {
        check_tlvs(&block[addresses..])?;
    }
    let header = match (command, family) {
        (LOCAL, _) => Header::Local,
        (_, TCP_OVER_IPV4) => {
            let source: [u8; 4] = field(block, 0);
            Header::Client(socket(source.into(), u16::from_be_bytes(field(block, 8))))
        }
        (_, TCP_OVER_IPV6) => {
            let source: [u8; 16] = field(block, 0);
            Header::Client(socket(source.into(), u16::from_be_bytes(field(block, 32))))
        }
        // Valid, but nothing that a client of TCP can be: "the receiver falls back to the UNSPEC mode".
        _ => Header::Unknown,
    };
    Ok(Some((header, FIXED + length)))
}

/// How many bytes the addresses of this family take; `None` if they are not to be looked at.
fn address_bytes(family: u8) -> Result<Option<usize>, Refusal> {
    match (family >> 4, family & 0xf) {
        (_, 3..) => Err(MALFORMED),
        (0, _) | (1..=3, 0) => Ok(None),
        (1, _) => Ok(Some(2 * 4 + 2 * 2)),
        (2, _) => Ok(Some(2 * 16 + 2 * 2)),
        (3, _) => Ok(Some(2 * 108)),
        _ => Err(MALFORMED),
    }
}

/// Each has a type of one byte, a length of two, and so many bytes; together they fill the header to its end.
fn check_tlvs(mut rest: &[u8]) -> Result<(), Refusal> {
    while let [_, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = behind.get(length..).ok_or(MALFORMED)?;
    }
    match rest {
        [] => Ok(()),
        _ => Err(MALFORMED),
    }
}

fn field<const BYTES: usize>(block: &[u8], at: usize) -> [u8; BYTES] {
    let field = &block[at..at + BYTES];
    field.try_into().expect("the length was checked")
}

/// IPv4 in IPv6 form is IPv4, as it is for a socket's own address.
fn socket(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

/// The header of version 2 for a client of TCP that connected from `source` to `destination`. If only one of these is IPv6, the
/// other is said in IPv6 form: a header has one family.
pub fn header_v2(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (ips, ports) = (
        [source.ip(), destination.ip()],
        [source.port(), destination.port()],
    );
    let (family, addresses): (u8, Vec<u8>) = match ips {
        [IpAddr::V4(source), IpAddr::V4(destination)] => (
            TCP_OVER_IPV4,
            [source.octets(), destination.octets()].concat(),
        ),
        _ => (TCP_OVER_IPV6, ips.map(|ip| in_ipv6(ip).octets()).concat()),
    };
    let ports = ports.map(u16::to_be_bytes).concat();
    let length = (addresses.len() + ports.len()) as u16;
    let mut header = SIGNATURE.to_vec();
    header.extend([PROXY, family]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header.extend(ports);
    header
}

fn in_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests;
