//! Kernel pipes on Linux, and splice(2) through them. Elsewhere there are none, and links copy.

#[cfg(target_os = "linux")]
pub use linux::Pipe;
#[cfg(not(target_os = "linux"))]
pub use other::Pipe;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;

    use mio::net::TcpStream;
    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

    use crate::limits::PIPE_SIZE;

    pub struct Pipe {
        read: OwnedFd,
        write: OwnedFd,
    }

    impl Pipe {
        /// # Errors
        /// If there is no descriptor left, or the pages of an unprivileged user are used up: a pipe of two pages, which
        /// is what one gets then, is worse than copying.
        pub fn new() -> io::Result<Self> {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            fcntl_setpipe_size(&write, PIPE_SIZE)?;
            Ok(Self { read, write })
        }

        pub fn fill(&mut self, stream: &TcpStream, most: usize) -> io::Result<usize> {
            stream.try_io(|| {
                Ok(splice(
                    stream,
                    None,
                    &self.write,
                    None,
                    most,
                    SpliceFlags::NONBLOCK,
                )?)
            })
        }

        pub fn drain(&mut self, stream: &TcpStream, bytes: usize) -> io::Result<usize> {
            stream.try_io(|| {
                Ok(splice(
                    &self.read,
                    None,
                    stream,
                    None,
                    bytes,
                    SpliceFlags::NONBLOCK,
                )?)
            })
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io::{self, ErrorKind};

    use mio::net::TcpStream;

    /// There is no such thing.
    pub enum Pipe {}

    impl Pipe {
        pub fn new() -> io::Result<Self> {
            Err(ErrorKind::Unsupported.into())
        }

        pub fn fill(&mut self, _stream: &TcpStream, _most: usize) -> io::Result<usize> {
            match *self {}
        }

        pub fn drain(&mut self, _stream: &TcpStream, _bytes: usize) -> io::Result<usize> {
            match *self {}
        }
    }
}
