//! What holds for every stream of bytes that may begin with a PROXY header.

use std::net::{IpAddr, SocketAddr};

use pairloop::engine::proxy::{Header, header_v2, read};
use pairloop::limits::{LONGEST_PROXY_HEADER, LONGEST_PROXY_LINE};

/// What is a header is the same header however much of the stream is known, and what is none never becomes one.
pub fn check(bytes: &[u8]) {
    let whole = read(bytes);
    for split in 0..bytes.len().min(LONGEST_PROXY_HEADER + 8) {
        match read(&bytes[..split]) {
            Ok(None) => {}
            early => assert_eq!(early, whole, "a header up to {split}"),
        }
    }
    let is_text = bytes.starts_with(b"P");
    let longest = match is_text {
        true => LONGEST_PROXY_LINE,
        false => LONGEST_PROXY_HEADER,
    };
    if bytes.len() >= longest {
        assert!(whole != Ok(None), "it waits for ever");
    }
    let Ok(Some((header, length))) = whole else {
        return;
    };
    assert!(length <= longest);
    match is_text {
        true => is_the_line(&bytes[..length], header),
        false => is_the_block(&bytes[..length], header),
    }
    if let Header::Client(address) = header {
        // Said again by us, it is the same.
        let again = header_v2(address, address);
        assert_eq!(read(&again), Ok(Some((header, again.len()))));
        assert_eq!(address.ip(), address.ip().to_canonical());
    }
}

fn is_the_line(line: &[u8], header: Header) {
    assert!(line.ends_with(b"\r\n"));
    if line.starts_with(b"PROXY UNKNOWN") {
        return assert_eq!(header, Header::Unknown);
    }
    let text = str::from_utf8(line).expect("addresses are text").trim_end();
    let words: Vec<&str> = text.split(' ').collect();
    assert_eq!(words.len(), 6);
    let source: IpAddr = words[2].parse().expect("an address");
    let port: u16 = words[4].parse().expect("a port");
    assert_eq!(source.is_ipv4(), words[1] == "TCP4");
    let source = SocketAddr::new(source.to_canonical(), port);
    assert_eq!(header, Header::Client(source));
}

fn is_the_block(block: &[u8], header: Header) {
    let said = usize::from(u16::from_be_bytes([block[14], block[15]]));
    assert_eq!(block.len(), 16 + said);
    let expected = match (block[12], block[13]) {
        (0x20, _) => Header::Local,
        (0x21, 0x11) => {
            let source: [u8; 4] = block[16..20].try_into().expect("four bytes");
            let port = u16::from_be_bytes([block[24], block[25]]);
            Header::Client((source, port).into())
        }
        (0x21, 0x21) => {
            let source: [u8; 16] = block[16..32].try_into().expect("sixteen bytes");
            let port = u16::from_be_bytes([block[48], block[49]]);
            let source = IpAddr::from(source).to_canonical();
            Header::Client(SocketAddr::new(source, port))
        }
        (0x21, 0..=0x32) => Header::Unknown,
        other => panic!("no such header: {other:?}"),
    };
    assert_eq!(header, expected);
}
