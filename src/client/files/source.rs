//! One file that is sent: read and hashed ahead of the sending.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Component, Path};
use std::thread;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::FilesError;
use super::blocks::{Filler, ring};
use super::frame::Digest;
use super::names::Name;
use super::tree::{Listed, State};
use crate::limits::FILE_BLOCK;

/// For folders on the way to a file. Linux need not be allowed to read them for that.
const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(LOOKUP);
#[cfg(target_os = "linux")]
const LOOKUP: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const LOOKUP: OFlags = OFlags::empty();

pub struct Source<'a> {
    name: &'a Name,
    file: File,
    state: State,
    /// Of everything before `position`.
    hash: Sha256,
    position: u64,
}

impl<'a> Source<'a> {
    /// Opens a file, which must be the one that was listed.
    pub fn open(name: &'a Name, listed: &Listed) -> Result<Self, FilesError> {
        let file = open(&listed.path).map_err(FilesError::of(name, "cannot open"))?;
        let source = Self {
            name,
            file,
            state: listed.state.clone(),
            hash: Sha256::new(),
            position: 0,
        };
        source.is_unchanged()?;
        Ok(source)
    }

    /// Goes to where the receiver wants to continue, if what it has is the beginning of this file, and else to
    /// the beginning. Answers where that is.
    pub fn seek(&mut self, offset: u64, prefix: Digest) -> Result<u64, FilesError> {
        let error = FilesError::of::<io::Error>(self.name, "cannot read");
        let mut block = vec![0; FILE_BLOCK.min(usize::try_from(offset).unwrap_or(FILE_BLOCK))];
        while self.position < offset {
            let left = usize::try_from(offset - self.position).unwrap_or(FILE_BLOCK);
            block.truncate(left);
            if read(&mut self.file, &mut block).map_err(&error)? < block.len() {
                return Err(FilesError::Changed(self.name.clone()));
            }
            self.hash.update(&block);
            self.position += block.len() as u64;
        }
        if Digest::from(self.hash.clone().finalize()) != prefix {
            self.file.rewind().map_err(&error)?;
            self.hash = Sha256::new();
            self.position = 0;
        }
        Ok(self.position)
    }

    /// Sends the rest, block by block, while the next ones are read. Answers the hash of the whole file.
    ///
    /// # Errors
    /// Those of `send`, those of reading, and if the file is no longer what it was when it was listed.
    pub fn send(
        mut self,
        mut send: impl FnMut(&[u8]) -> Result<(), FilesError>,
    ) -> Result<Digest, FilesError> {
        let name = self.name;
        thread::scope(|scope| {
            let (filler, drainer) = ring();
            let reading = thread::Builder::new().spawn_scoped(scope, move || {
                self.read_ahead(&filler)?;
                self.is_unchanged()?;
                self.is_whole()?;
                Ok(self.hash.finalize().into())
            });
            let reading = reading.map_err(FilesError::of(name, "cannot read"))?;
            while let Some(block) = drainer.take() {
                send(&block)?;
                drainer.give_back(block);
            }
            reading.join().expect("reading does not panic")
        })
    }

    fn read_ahead(&mut self, filler: &Filler) -> Result<(), FilesError> {
        while self.position < self.state.size {
            let Some(mut block) = filler.take() else {
                return Ok(());
            };
            let left = self.state.size - self.position;
            block.resize(
                usize::try_from(left).unwrap_or(FILE_BLOCK).min(FILE_BLOCK),
                0,
            );
            let bytes = read(&mut self.file, &mut block)
                .map_err(FilesError::of(self.name, "cannot read"))?;
            if bytes < block.len() {
                return Err(FilesError::Changed(self.name.clone()));
            }
            self.hash.update(&block);
            self.position += bytes as u64;
            filler.pass(block);
        }
        Ok(())
    }

    /// Files of /proc say that they are empty, or have a page, whatever is in them.
    fn is_whole(&mut self) -> Result<(), FilesError> {
        match read(&mut self.file, &mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(FilesError::Longer(self.name.clone())),
            Err(error) => Err(FilesError::of(self.name, "cannot read")(error)),
        }
    }

    fn is_unchanged(&self) -> Result<(), FilesError> {
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(FilesError::of(self.name, "cannot read"))?;
        if metadata.is_file() && State::of(&metadata) == self.state {
            Ok(())
        } else {
            Err(FilesError::Changed(self.name.clone()))
        }
    }
}

/// Opens a file by the path by which it was listed, in which there was no symlink. What has taken its place in the
/// meantime, or that of a folder above it, must neither lead elsewhere nor block.
fn open(path: &Path) -> Result<File, Errno> {
    let mut folder = rustix::fs::open("/", FOLDER, Mode::empty())?;
    let above = path.parent().into_iter().flat_map(Path::components);
    for component in above.skip_while(|component| *component == Component::RootDir) {
        folder = openat(&folder, component.as_os_str(), FOLDER, Mode::empty())?;
    }
    let last = path.file_name().unwrap_or_default();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(&folder, last, flags, Mode::empty())?.into())
}

/// Fills the buffer, unless the file ends before.
fn read(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
