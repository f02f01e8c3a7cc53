//! The other side of a transfer: what it says, and how it ends.

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use rustix::net::RecvFlags;

use super::FilesError;
use super::frame::{self, Frame};
use super::greeting::{LONGEST, Role, understand};
use crate::client::connect::{finish, reset_unless_finished};
use crate::limits::{FAREWELL, GREETING_PATIENCE};

/// Bytes that are read ahead for small frames. Contents are longer, and are read to where they belong.
const READ_AHEAD: usize = 4096;

/// Bytes of small frames that are sent together.
const SMALL: usize = 4096;

pub struct Peer {
    stream: TcpStream,
    input: BufReader<TcpStream>,
    /// Small frames go out together, at the latest when an answer is waited for.
    output: BufWriter<TcpStream>,
}

impl Peer {
    /// Greets whoever else is in the room.
    ///
    /// From here on the stream ends with RST, unless [`finish`](Self::finish) is reached: a part must not look whole.
    ///
    /// # Errors
    /// If it does not take the other part of the same conversation.
    pub fn greet(stream: TcpStream, role: Role) -> Result<Self, FilesError> {
        reset_unless_finished(&stream)?;
        let handle = || stream.try_clone().map_err(FilesError::Cut);
        let (second, third) = (handle()?, handle()?);
        let mut peer = Self {
            stream,
            input: BufReader::with_capacity(READ_AHEAD, second),
            output: BufWriter::with_capacity(SMALL, third),
        };
        peer.write(role.greeting().as_bytes())?;
        peer.flush()?;
        understand(&peer.greeting()?, role)?;
        Ok(peer)
    }

    /// The other side's first line, or as much of it as a first line may have.
    fn greeting(&mut self) -> Result<Vec<u8>, FilesError> {
        let patience = |patience| self.stream.set_read_timeout(patience);
        // Later on there may be good reasons for silence, such as a long prefix to hash.
        patience(Some(GREETING_PATIENCE)).map_err(FilesError::Cut)?;
        let mut line = Vec::new();
        let mut start = (&mut self.input).take(LONGEST as u64);
        let read = start.read_until(b'\n', &mut line);
        patience(None).map_err(FilesError::Cut)?;
        match read {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(FilesError::Stranger),
            Err(error) => Err(FilesError::Cut(error)),
            Ok(_) => Ok(line),
        }
    }

    pub fn send(&mut self, frame: &Frame) -> Result<(), FilesError> {
        self.write(&frame.to_bytes())
    }

    /// Sends some of a file's contents, unless the other side has said something: then it wants no more of them.
    pub fn send_contents(&mut self, contents: &[u8]) -> Result<(), FilesError> {
        if self.has_spoken()? {
            self.next()?;
            return Err(FilesError::Protocol(
                "the receiver answered before the end of a file",
            ));
        }
        let length = contents.len();
        self.write(&Frame::Data { length }.to_bytes())?;
        self.write(contents)
    }

    /// The next frame, which is no farewell: that is an error, and so is the end.
    pub fn next(&mut self) -> Result<Frame, FilesError> {
        self.flush()?;
        match frame::read(&mut self.input)? {
            Some(Frame::Abort { words }) => Err(FilesError::Partner(words)),
            Some(frame) => Ok(frame),
            None => Err(FilesError::Left),
        }
    }

    /// The contents that the last frame announced.
    pub fn contents(&mut self, bytes: &mut [u8]) -> Result<(), FilesError> {
        Ok(frame::read_exact(&mut self.input, bytes)?)
    }

    /// Nothing more will be said: this side's stream is whole.
    pub fn finish(&mut self) -> Result<(), FilesError> {
        self.flush()?;
        Ok(finish(&self.stream)?)
    }

    /// The other side has nothing more to say either.
    pub fn has_finished(&mut self) -> Result<(), FilesError> {
        match frame::read(&mut self.input)? {
            None => Ok(()),
            Some(_) => Err(FilesError::Protocol("there is more after the end")),
        }
    }

    /// Tells the other side why this one gives up, and ends with RST.
    ///
    /// RST overtakes what is on its way, so the other side is given time to hear the words, and to be the first to
    /// leave. What it still sends is thrown away, so that it gets there.
    pub fn give_up(mut self, reason: &FilesError) {
        let words = Frame::abort(&reason.to_string());
        if !reason.is_news() || self.send(&words).and_then(|()| self.flush()).is_err() {
            return;
        }
        let begin = Instant::now();
        let mut thrown_away = [0; READ_AHEAD];
        loop {
            let left = FAREWELL.saturating_sub(begin.elapsed());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match self.stream.read(&mut thrown_away) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }

    /// Whether there is something to read, or the stream has ended.
    fn has_spoken(&self) -> Result<bool, FilesError> {
        if !self.input.buffer().is_empty() {
            return Ok(true);
        }
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match rustix::net::recv(&self.stream, &mut [0; 1], flags) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(FilesError::Cut(error.into())),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FilesError> {
        let result = self.output.write_all(bytes);
        result.map_err(|error| self.explain(error))
    }

    fn flush(&mut self) -> Result<(), FilesError> {
        let result = self.output.flush();
        result.map_err(|error| self.explain(error))
    }

    /// When writing fails, the other side may have said why before it left.
    fn explain(&mut self, error: io::Error) -> FilesError {
        match frame::read(&mut self.input) {
            Ok(Some(Frame::Abort { words })) => FilesError::Partner(words),
            _ => FilesError::Cut(error),
        }
    }
}
