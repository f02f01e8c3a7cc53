//! Standard input on its way to the server, in a thread of its own, while the command's own thread reads what comes
//! back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use super::connect::{finish, reset_unless_finished};
use super::{CHUNK, ClientError};

pub struct Sending {
    progress: Arc<Progress>,
    thread: JoinHandle<Result<(), ClientError>>,
}

#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    finished: AtomicBool,
    failed: AtomicBool,
}

impl Sending {
    /// Sends standard input to its end, then FIN. If that fails, whoever reads from this connection finds its end,
    /// and learns the reason from [`join`](Self::join).
    pub fn begin(stream: &Arc<TcpStream>) -> Result<Self, ClientError> {
        reset_unless_finished(stream)?;
        let progress = Arc::new(Progress::default());
        let (stream, shared) = (Arc::clone(stream), Arc::clone(&progress));
        let thread = thread::spawn(move || {
            let result = send(&mut io::stdin().lock(), &stream, &shared);
            if result.is_err() {
                shared.failed.store(true, Ordering::Release);
                // It fails only if the connection is gone, and then reading ends anyway.
                let _ = stream.shutdown(Shutdown::Read);
            }
            result
        });
        Ok(Self { progress, thread })
    }

    /// How many bytes were sent, if those were all.
    pub fn total(&self) -> Option<u64> {
        let finished = self.progress.finished.load(Ordering::Acquire);
        finished.then(|| self.progress.bytes.load(Ordering::Relaxed))
    }

    /// Whether it is this side that has ended the connection.
    pub fn has_failed(&self) -> bool {
        self.progress.failed.load(Ordering::Acquire)
    }

    /// Waits for the end of the input.
    pub fn join(self) -> Result<(), ClientError> {
        self.thread.join().expect("sending does not panic")
    }
}

fn send(
    input: &mut impl Read,
    mut stream: &TcpStream,
    progress: &Progress,
) -> Result<(), ClientError> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let bytes = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(ClientError::Input(error)),
        };
        stream
            .write_all(&buffer[..bytes])
            .map_err(ClientError::Cut)?;
        progress.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    // First, so that whoever finds the server's answer to FIN also finds this.
    progress.finished.store(true, Ordering::Release);
    finish(stream)
}
