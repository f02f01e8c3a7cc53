//! Where the lines of the usage log go.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::retry_on_intr;

use crate::limits::USAGE_PATIENCE;

/// The file, or whatever has its name.
pub(super) struct Sink {
    file: File,
    /// Its last line has no end, so that the next must begin a new one.
    torn: bool,
}

impl Sink {
    /// # Errors
    /// If it can't be opened for writing. A FIFO that nobody reads is not waited for.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        options.custom_flags(OFlags::NONBLOCK.bits() as i32);
        let file = options.open(path)?;
        let is_regular = file.metadata()?.is_file();
        // Whoever may write but not read does without.
        let torn = is_regular && ends_torn(path).unwrap_or(false);
        Ok(Self { file, torn })
    }

    /// Writes whole lines. Otherwise it answers how many of them are lost, and why.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), (u64, io::Error)> {
        let count = |lines: &[u8]| lines.iter().filter(|&&byte| byte == b'\n').count() as u64;
        if self.torn && !lines.is_empty() {
            self.write_all(b"\n")
                .map_err(|(_, why)| (count(lines), why))?;
        }
        let written = self.write_all(lines);
        written.map_err(|(rest, why)| (count(rest), why))
    }

    /// On failure, answers what is left.
    fn write_all<'a>(&mut self, mut bytes: &'a [u8]) -> Result<(), (&'a [u8], io::Error)> {
        while let Some(last) = bytes.len().checked_sub(1) {
            match self.file.write(bytes) {
                Ok(0) => return Err((bytes, ErrorKind::WriteZero.into())),
                Ok(written) => {
                    self.torn = bytes[last.min(written - 1)] != b'\n';
                    bytes = &bytes[written..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.takes_more() {
                        return Err((bytes, io::Error::other("its reader does not read")));
                    }
                }
                Err(error) => return Err((bytes, error)),
            }
        }
        Ok(())
    }

    /// Gives whoever reads a full pipe a moment. Answers whether there is room then.
    fn takes_more(&self) -> bool {
        let patience = Timespec::try_from(USAGE_PATIENCE).expect("it is short");
        let mut fds = [PollFd::new(&self.file, PollFlags::OUT)];
        retry_on_intr(|| poll(&mut fds, Some(&patience))).is_ok_and(|ready| ready > 0)
    }
}

/// Whether a file ends in the middle of a line, as a full disk may have left it.
fn ends_torn(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
