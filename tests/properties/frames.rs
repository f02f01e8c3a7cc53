//! What holds for every stream of bytes that the other side of a file transfer may send.

use std::io::{BufReader, Cursor};

use pairloop::client::files::frame::{Frame, FrameError, read, read_exact};
use pairloop::client::files::greeting::{LONGEST, Role, understand};
use pairloop::client::files::names::{Name, PARTIAL_SUFFIX, partial};
use pairloop::limits::{DEEPEST_PATH, LONGEST_COMPONENT, LONGEST_PATH, LONGEST_REASON};

/// Where a stream stops to be one of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// In front of a frame.
    Clean,
    Truncated,
    /// With what is none, in words.
    Wrong(String),
}

/// Whatever is a frame is written as it was read; a frame is the same one however the stream is cut into reads, and a
/// stream that ends early has the same ones up to there.
pub fn check(bytes: &[u8]) {
    let whole = conversation(bytes, 64);
    for at_once in [1, 2, 7] {
        assert_eq!(conversation(bytes, at_once), whole, "{at_once} at once");
    }
    let (frames, end) = whole;
    // All cuts of a short stream, and some of a long one.
    for cut in (0..bytes.len()).step_by(1 + bytes.len() / 64) {
        let (known, early) = conversation(&bytes[..cut], 64);
        assert_eq!(known, frames[..known.len()], "up to {cut}");
        match early {
            End::Clean | End::Truncated => {}
            End::Wrong(_) => assert_eq!((&early, known.len()), (&end, frames.len())),
        }
    }
    for frame in &frames {
        match frame {
            Frame::Folder { path } => is_named(path),
            Frame::File { modified, path, .. } => {
                assert!(modified.nanoseconds < 1_000_000_000);
                is_named(path);
            }
            Frame::Abort { words } => {
                assert!(words.len() <= LONGEST_REASON);
                assert_eq!(*frame, Frame::abort(words));
            }
            _ => {}
        }
    }
    is_a_greeting(bytes);
    is_named(bytes);
    is_a_farewell(&String::from_utf8_lossy(bytes));
}

/// Reads all frames, with so many bytes of the stream at once.
fn conversation(bytes: &[u8], at_once: usize) -> (Vec<Frame>, End) {
    let mut stream = BufReader::with_capacity(at_once, Cursor::new(bytes));
    let (mut frames, mut at) = (Vec::new(), 0);
    loop {
        let frame = match read(&mut stream) {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                assert_eq!(at, bytes.len(), "it ended before the end");
                return (frames, End::Clean);
            }
            Err(FrameError::Truncated) => return (frames, End::Truncated),
            Err(error) => return (frames, End::Wrong(error.to_string())),
        };
        let written = frame.to_bytes();
        assert_eq!(written, bytes[at..at + written.len()], "{frame:?}");
        at += written.len();
        if let Frame::Data { length } = frame {
            let mut contents = vec![0; length];
            if read_exact(&mut stream, &mut contents).is_err() {
                assert!(bytes.len() - at < length, "they are there");
                return (frames, End::Truncated);
            }
            assert_eq!(contents, bytes[at..at + length]);
            at += length;
        }
        frames.push(frame);
    }
}

/// The first line greets whoever has the other role, or nobody.
fn is_a_greeting(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let read = end.map_or(bytes.len(), |end| end + 1).min(LONGEST);
    for (own, other) in [(Role::Send, Role::Receive), (Role::Receive, Role::Send)] {
        let greeting = other.greeting();
        let begins = greeting.trim_end();
        let behind = bytes[..read].strip_prefix(begins.as_bytes());
        // Further words are for later versions.
        let is_whole = |rest: &[u8]| rest.ends_with(b"\n") && b" \n".contains(&rest[0]);
        let greets = behind.is_some_and(is_whole) && str::from_utf8(&bytes[..read]).is_ok();
        match understand(&bytes[..read], own) {
            Ok(()) => assert!(greets),
            Err(error) => assert!(!greets && !error.to_string().contains(char::is_control)),
        }
    }
}

/// What is a name leads to one place below the folder that is received into.
fn is_named(path: &[u8]) {
    let Ok(name) = Name::parse(path) else {
        let words = Name::parse(path).unwrap_err().to_string();
        assert!(!words.contains(char::is_control), "{words:?}");
        return;
    };
    assert_eq!(name.as_bytes(), path);
    assert!(!name.to_string().contains(char::is_control));
    assert!(path.len() <= LONGEST_PATH);
    let components: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    assert!(components.len() <= DEEPEST_PATH);
    for component in &components {
        assert!((1..=LONGEST_COMPONENT).contains(&component.len()));
        assert!(*component != b"." && *component != b"..");
        let harmful = |&byte: &u8| byte < 0x20 || byte == 0x7f || byte == b'\\';
        assert!(!component.iter().any(harmful));
    }
    let (above, last) = name.split();
    let found: Vec<&[u8]> = above.map(|folder| folder.as_encoded_bytes()).collect();
    let (expected, folders) = components.split_last().expect("there is one at least");
    assert_eq!(
        (found, last.as_encoded_bytes()),
        (folders.to_vec(), *expected)
    );
    // No name is that of an unfinished file, and every file can be unfinished.
    let unfinished = partial(last);
    assert!(unfinished.len() <= LONGEST_COMPONENT);
    assert!(
        unfinished
            .as_encoded_bytes()
            .ends_with(PARTIAL_SUFFIX.as_bytes())
    );
    assert!(Name::parse(unfinished.as_encoded_bytes()).is_err());
    if let Ok(child) = name.child(last) {
        assert_eq!(child.as_bytes(), [path, b"/", *expected].concat());
    }
}

/// Words of any length can be said, as far as they fit.
fn is_a_farewell(words: &str) {
    let written = Frame::abort(words).to_bytes();
    let frame = read(&mut &written[..]).expect("it is a frame");
    let Some(Frame::Abort { words: heard }) = frame else {
        panic!("{frame:?} is no farewell");
    };
    assert!(words.starts_with(&heard));
    assert!(heard.len() == words.len() || heard.len() > LONGEST_REASON - 4);
}
