//! The frames of a file transfer, as bytes and back. Pure: it reads from whatever can be read from.
//!
//! A frame is one byte that says what it is, the length of its body in four bytes, and the body. Numbers are
//! big-endian. Each kind has its own bound for the length, which is checked before anything is allocated or read.

use std::io::{self, BufRead, ErrorKind, Read};

use thiserror::Error;

use crate::limits::{FILE_BLOCK, LONGEST_PATH, LONGEST_REASON};

/// SHA-256 of some bytes.
pub type Digest = [u8; 32];

/// Bytes in front of a body.
pub const HEADER: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// What will come: how many files and folders, and the bytes of all files.
    Offer { entries: u64, bytes: u64 },
    /// The next entry is a folder.
    Folder { path: Vec<u8> },
    /// The next entry is a file.
    File {
        size: u64,
        modified: Time,
        executable: bool,
        path: Vec<u8>,
    },
    /// The receiver's answer to a file: it has so many of its first bytes, and this is what they hash to.
    Want { offset: u64, prefix: Digest },
    /// The sender's answer to that: the contents follow from here, the offset that was wanted or 0.
    Begin { offset: u64 },
    /// Some of the contents. They are not read yet: the reader of this frame reads them next.
    Data { length: usize },
    /// The contents are complete, and hash to this.
    End { digest: Digest },
    /// The receiver has the entry, under its name and on its disk.
    Kept,
    /// The sender knows of every entry that it was kept.
    Done,
    /// Why one side gives up.
    Abort { words: String },
}

/// Seconds since 1970 began, and nanoseconds after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// What is wrong with bytes that should be a frame.
#[derive(Debug, Error)]
pub enum FrameError {
    #[error("{0}")]
    Read(io::Error),
    #[error("the stream ended within a frame")]
    Truncated,
    #[error("a frame of an unknown kind (0x{0:02x})")]
    Kind(u8),
    #[error("a frame of kind {kind:?} with {length} bytes")]
    Length { kind: char, length: u32 },
    #[error("a frame of kind {0:?} with a body that is none")]
    Body(char),
}

/// Reads the next frame; `None` if the stream ends before it.
///
/// # Errors
/// If what comes is not a frame, or reading fails.
pub fn read(from: &mut impl BufRead) -> Result<Option<Frame>, FrameError> {
    if at_end(from).map_err(FrameError::Read)? {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    read_exact(from, &mut header)?;
    let [kind, length @ ..] = header;
    let length = u32::from_be_bytes(length);
    let (least, most) = bounds(kind).ok_or(FrameError::Kind(kind))?;
    let kind_name = char::from(kind);
    let size = usize::try_from(length).ok();
    let size = size.filter(|size| (least..=most).contains(size));
    let length = size.ok_or(FrameError::Length {
        kind: kind_name,
        length,
    })?;
    if kind == b'.' {
        return Ok(Some(Frame::Data { length }));
    }
    let mut body = vec![0; length];
    read_exact(from, &mut body)?;
    let frame = parse(kind, Body(&body)).ok_or(FrameError::Body(kind_name))?;
    Ok(Some(frame))
}

/// Reads the contents that a data frame announces.
///
/// # Errors
/// If the stream ends before, or reading fails.
pub fn read_exact(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), FrameError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => FrameError::Truncated,
        _ => FrameError::Read(error),
    })
}

fn at_end(from: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match from.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map(<[u8]>::is_empty),
        }
    }
}

/// The shortest and the longest body of a kind of frame; `None` if there is no such kind.
fn bounds(kind: u8) -> Option<(usize, usize)> {
    Some(match kind {
        b'O' => (16, 16),
        b'D' => (0, LONGEST_PATH),
        b'F' => (21, 21 + LONGEST_PATH),
        b'W' => (40, 40),
        b'B' => (8, 8),
        b'.' => (1, FILE_BLOCK),
        b'E' => (32, 32),
        b'K' | b'Z' => (0, 0),
        b'A' => (0, LONGEST_REASON),
        _ => return None,
    })
}

/// Its length is within the bounds.
fn parse(kind: u8, mut body: Body<'_>) -> Option<Frame> {
    let frame = match kind {
        b'O' => Frame::Offer {
            entries: body.number()?,
            bytes: body.number()?,
        },
        b'D' => Frame::Folder { path: body.rest() },
        b'F' => Frame::File {
            size: body.number()?,
            modified: body.time()?,
            executable: body.flag()?,
            path: body.rest(),
        },
        b'W' => Frame::Want {
            offset: body.number()?,
            prefix: body.take()?,
        },
        b'B' => Frame::Begin {
            offset: body.number()?,
        },
        b'E' => Frame::End {
            digest: body.take()?,
        },
        b'K' => Frame::Kept,
        b'Z' => Frame::Done,
        b'A' => Frame::Abort {
            words: String::from_utf8(body.rest()).ok()?,
        },
        _ => return None,
    };
    Some(frame)
}

struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn time(&mut self) -> Option<Time> {
        let seconds = self.take().map(i64::from_be_bytes)?;
        let nanoseconds = self.take().map(u32::from_be_bytes)?;
        (nanoseconds < 1_000_000_000).then_some(Time {
            seconds,
            nanoseconds,
        })
    }

    fn flag(&mut self) -> Option<bool> {
        match self.take()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0).to_vec()
    }
}

impl Frame {
    /// The frame as bytes; of a data frame, what goes in front of the contents.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut length = None;
        let kind = match self {
            Frame::Offer { entries, bytes } => {
                body.extend(entries.to_be_bytes());
                body.extend(bytes.to_be_bytes());
                b'O'
            }
            Frame::Folder { path } => {
                body.extend(path);
                b'D'
            }
            Frame::File {
                size,
                modified,
                executable,
                path,
            } => {
                body.extend(size.to_be_bytes());
                body.extend(modified.seconds.to_be_bytes());
                body.extend(modified.nanoseconds.to_be_bytes());
                body.push(u8::from(*executable));
                body.extend(path);
                b'F'
            }
            Frame::Want { offset, prefix } => {
                body.extend(offset.to_be_bytes());
                body.extend(prefix);
                b'W'
            }
            Frame::Begin { offset } => {
                body.extend(offset.to_be_bytes());
                b'B'
            }
            Frame::Data { length: contents } => {
                length = Some(*contents);
                b'.'
            }
            Frame::End { digest } => {
                body.extend(digest);
                b'E'
            }
            Frame::Kept => b'K',
            Frame::Done => b'Z',
            Frame::Abort { words } => {
                body.extend(words.as_bytes());
                b'A'
            }
        };
        let length = u32::try_from(length.unwrap_or(body.len())).expect("a length within bounds");
        let mut bytes = vec![kind];
        bytes.extend(length.to_be_bytes());
        bytes.extend(body);
        bytes
    }

    /// A farewell, cut to the length that is allowed.
    pub fn abort(words: &str) -> Self {
        let fits = |end: &usize| words.is_char_boundary(*end);
        let end = (0..=words.len().min(LONGEST_REASON)).rev().find(fits);
        let words = words[..end.unwrap_or(0)].to_owned();
        Frame::Abort { words }
    }
}

#[cfg(test)]
mod tests;
