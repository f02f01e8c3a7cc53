//! Headers that are right, and what is wrong with the others.

use super::*;

/// A header of version 2, with these bytes behind its first 16.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, block].concat()
}

/// Addresses and ports of TCP over IPv4: from 192.0.2.7:4711.
const IPV4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 0x1b, 0x58];

fn ipv6(source: [u8; 16]) -> Vec<u8> {
    [&source[..], &[1; 16], &[0x12, 0x67, 0, 80]].concat()
}

/// One extension.
fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

fn client(address: &str) -> Header {
    Header::Client(address.parse().unwrap())
}

fn right_v1() -> Vec<(Vec<u8>, Header)> {
    let ones = "ffff:ffff:ffff:ffff:FFFF:FFFF:FFFF:FFFF";
    let longest_client = format!("TCP6 {ones} {ones} 65535 65535");
    let longest = format!("UNKNOWN {}", "x".repeat(91));
    let table = [
        (
            "TCP4 192.0.2.7 10.0.0.1 4711 7000",
            client("192.0.2.7:4711"),
        ),
        (
            "TCP4 255.255.255.255 255.255.255.255 65535 65535",
            client("255.255.255.255:65535"),
        ),
        ("TCP4 0.0.0.0 0.0.0.0 0 0", client("0.0.0.0:0")),
        (
            "TCP6 2001:db8::7 ::1 4711 7000",
            client("[2001:db8::7]:4711"),
        ),
        (&longest_client, client(&format!("[{ones}]:65535"))),
        // IPv4 in IPv6 form.
        (
            "TCP6 ::ffff:c000:207 ::1 4711 7000",
            client("192.0.2.7:4711"),
        ),
        ("UNKNOWN", Header::Unknown),
        ("UNKNOWN 1.2.3.4 \n \r and whatever", Header::Unknown),
        (&longest, Header::Unknown),
    ];
    let lines = table.map(|(words, header)| (format!("PROXY {words}\r\n").into(), header));
    lines.into()
}

fn right_v2() -> Vec<(Vec<u8>, Header)> {
    let ones = "[101:101:101:101:101:101:101:101]:4711";
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 7];
    let many = [
        &IPV4[..],
        &tlv(0x02, b"relay.example"),
        &tlv(0x04, b""),
        &tlv(0x20, &[7; 300]),
        // A checksum that is wrong: none is looked at.
        &tlv(0x03, &[0; 4]),
        &tlv(0xee, b"\r\nPROXY"),
    ];
    let fills = tlv(0x04, &vec![0; LONGEST_PROXY_HEADER - FIXED - 12 - 3]);
    let longest = [&IPV4[..], &fills].concat();
    let with_id = [ipv6([1; 16]), tlv(5, b"id")].concat();
    let unix = [b'/'; 216];
    let unix_and_more = [&unix[..], &tlv(4, b"x")].concat();
    vec![
        (v2(PROXY, 0x11, &IPV4), client("192.0.2.7:4711")),
        (v2(PROXY, 0x11, &many.concat()), client("192.0.2.7:4711")),
        (v2(PROXY, 0x11, &longest), client("192.0.2.7:4711")),
        (v2(PROXY, 0x21, &ipv6([1; 16])), client(ones)),
        (v2(PROXY, 0x21, &ipv6(mapped)), client("192.0.2.7:4711")),
        (v2(PROXY, 0x21, &with_id), client(ones)),
        // UDP and UNIX cannot be ours; UNSPEC says nothing. Bytes behind UNSPEC mean nothing that we know.
        (v2(PROXY, 0x12, &IPV4), Header::Unknown),
        (v2(PROXY, 0x22, &ipv6([1; 16])), Header::Unknown),
        (v2(PROXY, 0x31, &unix), Header::Unknown),
        (v2(PROXY, 0x32, &unix), Header::Unknown),
        (v2(PROXY, 0x31, &unix_and_more), Header::Unknown),
        (v2(PROXY, 0x00, b""), Header::Unknown),
        (v2(PROXY, 0x00, b"\xff\xff\xff"), Header::Unknown),
        (v2(PROXY, 0x01, b""), Header::Unknown),
        (v2(PROXY, 0x10, b""), Header::Unknown),
        (v2(LOCAL, 0x00, b""), Header::Local),
        (v2(LOCAL, 0x11, &IPV4), Header::Local),
        (v2(LOCAL, 0x11, b"short"), Header::Local),
        (v2(LOCAL, 0xff, &[0xff; 700]), Header::Local),
    ]
}

#[test]
fn headers_that_are_right() {
    for (bytes, expected) in right_v1().into_iter().chain(right_v2()) {
        let text = bytes.escape_ascii().to_string();
        // Whatever follows is not looked at, and a part of it is never taken for the whole.
        for behind in [&b""[..], b"\r\n", b"JOIN r\n", b"\0\xff"] {
            let stream = [&bytes[..], behind].concat();
            assert_eq!(read(&stream), Ok(Some((expected, bytes.len()))), "{text}");
        }
        for split in 0..bytes.len() {
            assert_eq!(read(&bytes[..split]), Ok(None), "{text} up to {split}");
        }
    }
}

/// What is wrong stays wrong, however much more comes, and is seen as soon as this much is there.
#[track_caller]
fn is_wrong(bytes: &[u8], refusal: Refusal) {
    let shown = bytes.escape_ascii().to_string();
    for behind in [&b""[..], b"\r\n", &[b' '; 4096]] {
        let stream = [bytes, behind].concat();
        assert_eq!(read(&stream), Err(refusal), "{shown}");
    }
    assert_eq!(read(&bytes[..bytes.len() - 1]), Ok(None), "{shown}: before");
}

#[test]
fn lines_that_are_wrong() {
    let long = "x".repeat(LONGEST_PROXY_LINE);
    let unknown = format!("PROXY UNKNOWN {long}");
    let endless = format!("PROXY TCP4 {long}");
    let table: [(&[u8], Refusal); 28] = [
        (b"J", NO_HEADER),
        (b"G", NO_HEADER),
        (b"p", NO_HEADER),
        (b"PROXY\t", NO_HEADER),
        (b"PROXY  ", NO_HEADER),
        (b"PROXY UD", NO_HEADER),
        (b"PROXY TCP5", NO_HEADER),
        (b"\r\n\r\n\r", NO_HEADER),
        (&unknown.as_bytes()[..LONGEST_PROXY_LINE], TOO_LONG),
        (&endless.as_bytes()[..LONGEST_PROXY_LINE], TOO_LONG),
        (b"PROXY UNKNOWNS\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 7000\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 7000 \r\n", MALFORMED),
        (b"PROXY TCP4  192.0.2.7 10.0.0.1 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.07 10.0.0.1 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.256 10.0.0.1 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7 10.0.0 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 04711 7000\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 +4711 7000\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 65536\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 7000\r\r\n", MALFORMED),
        (b"PROXY TCP4 ::1 ::1 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP6 192.0.2.7 10.0.0.1 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP6 fe80::1%eth0 ::1 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP6 1::2::3 ::1 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP4 192.0.2.7\0 10.0.0.1 4711 7000\r\n", MALFORMED),
        (b"PROXY TCP4 \xff\r\n", MALFORMED),
    ];
    for (bytes, refusal) in table {
        is_wrong(bytes, refusal);
    }
}

#[test]
fn blocks_that_are_wrong() {
    // Of which so many bytes are said to follow.
    let head = |family: u8, length: usize| {
        let length = u16::try_from(length).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[PROXY, family], &length].concat()
    };
    let table: [(Vec<u8>, Refusal); 18] = [
        ([&SIGNATURE[..], &[0x11]].concat(), MALFORMED),
        ([&SIGNATURE[..], &[0x31]].concat(), MALFORMED),
        ([&SIGNATURE[..], &[0x22]].concat(), MALFORMED),
        ([&SIGNATURE[..], &[0x2f]].concat(), MALFORMED),
        (head(0x41, 12), MALFORMED),
        (head(0xf1, 12), MALFORMED),
        (head(0x13, 12), MALFORMED),
        (head(0x03, 0), MALFORMED),
        (head(0x11, 11), MALFORMED),
        (head(0x12, 11), MALFORMED),
        (head(0x21, 35), MALFORMED),
        (head(0x31, 215), MALFORMED),
        (head(0x11, 0), MALFORMED),
        (v2(PROXY, 0x11, &[&IPV4[..], &[4]].concat()), MALFORMED),
        (
            v2(PROXY, 0x11, &[&IPV4[..], &[4, 0, 1]].concat()),
            MALFORMED,
        ),
        (
            v2(
                PROXY,
                0x11,
                &[&IPV4[..], &tlv(4, b"x"), &[4, 0xff, 0xff, 0]].concat(),
            ),
            MALFORMED,
        ),
        (head(0x11, LONGEST_PROXY_HEADER - FIXED + 1), TOO_LONG),
        (head(0x11, 0xffff), TOO_LONG),
    ];
    for (bytes, refusal) in table {
        is_wrong(&bytes, refusal);
    }
}

#[test]
fn a_header_of_ours_is_read_as_it_was_meant() {
    let table = [
        ("192.0.2.7:4711", "10.0.0.1:7000", 28),
        ("[2001:db8::7]:4711", "[::1]:7000", 52),
        // Only one of them is IPv6.
        ("192.0.2.7:4711", "[::1]:7000", 52),
        ("[2001:db8::7]:4711", "10.0.0.1:7000", 52),
    ];
    for (source, destination, length) in table {
        let header = header_v2(source.parse().unwrap(), destination.parse().unwrap());
        assert_eq!(
            read(&header),
            Ok(Some((client(source), length))),
            "{source}"
        );
    }
}

/// Byte for byte, by the specification.
#[test]
fn our_headers_are_those_of_version_2() {
    let header = |source: &str| {
        let destination = "10.0.0.1:7000".parse().unwrap();
        header_v2(source.parse().unwrap(), destination)
    };
    let signature = b"\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A";
    let ipv4 = [&signature[..], b"\x21\x11\0\x0c", &IPV4].concat();
    assert_eq!(header("192.0.2.7:4711"), ipv4);
    let ipv6 = [
        &signature[..],
        b"\x21\x21\0\x24",
        &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1],
        &IPV4[8..],
    ];
    assert_eq!(header("[fd00::1]:4711"), ipv6.concat());
}
