//! A file with the number of the process, for scripts that send it signals.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use log::info;
use rustix::fs::{FlockOperation, OFlags, flock};
use thiserror::Error;

/// The file, for as long as the process has it. A lock (flock) on it ends with the process, however that ends; so a file that is not
/// locked belongs to nobody.
pub struct PidFile {
    /// Only for reading: a daemon that has given up its rights must not be able to write there whom root should signal.
    locked: File,
    path: PathBuf,
}

/// Why a process can't have the file.
#[derive(Debug, Error)]
pub enum PidFileError {
    #[error(
        "--pid-file {path}: the process {owner} has it: stop that one first, or name another file"
    )]
    Taken { path: PathBuf, owner: String },
    #[error(
        "--pid-file {path}: what is there is not the number of a process: name another file, or remove it"
    )]
    Foreign { path: PathBuf },
    #[error("--pid-file {path}: {error}")]
    Io { path: PathBuf, error: io::Error },
}

impl PidFile {
    /// Writes the file, unless another process has it.
    ///
    /// # Errors
    /// If one has, if something else is there, or if it can't be written.
    pub fn take(path: &Path) -> Result<Self, PidFileError> {
        let failed = |error| PidFileError::Io {
            path: path.to_owned(),
            error,
        };
        // It is written under another name, so that whoever reads it finds all of it.
        let mut draft = path.to_owned().into_os_string();
        draft.push(format!(".{}", process::id()));
        let draft = Path::new(&draft);
        let taken = write(draft).map_err(failed).and_then(|locked| {
            place(draft, path)?;
            Ok(Self {
                locked,
                path: path.to_owned(),
            })
        });
        // It has the other name now, or another file has; or the disk is full.
        let _ = fs::remove_file(draft);
        taken
    }
}

impl PidFile {
    /// Looks whether what is there, if anything is, may be replaced once no process has it any more.
    ///
    /// # Errors
    /// If it may not, or can't be read.
    pub fn is_no_other(path: &Path) -> Result<(), PidFileError> {
        match open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            opened => owner(path, opened).map(drop),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if !is_at(&self.locked, &self.path) {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            info!("--pid-file {} stays: {error}", self.path.display());
        }
    }
}

/// A new file with our number in it, locked.
fn write(draft: &Path) -> io::Result<File> {
    // Left by a process of the same number that was killed just here.
    let _ = fs::remove_file(draft);
    let mut new = File::options();
    new.write(true).create_new(true).mode(0o644);
    new.open(draft)?
        .write_all(format!("{}\n", process::id()).as_bytes())?;
    let locked = File::open(draft)?;
    flock(&locked, FlockOperation::NonBlockingLockExclusive)?;
    Ok(locked)
}

/// Gives the draft its name, in place of what a dead process may have left there.
fn place(draft: &Path, path: &Path) -> Result<(), PidFileError> {
    let failed = |error| PidFileError::Io {
        path: path.to_owned(),
        error,
    };
    loop {
        match fs::hard_link(draft, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            linked => return linked.map_err(failed),
        }
        let (old, owner) = match open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            opened => owner(path, opened)?,
        };
        match flock(&old, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let path = path.to_owned();
                return Err(PidFileError::Taken { path, owner });
            }
            locked => locked.map_err(|error| failed(error.into()))?,
        }
        // Whoever replaces it holds its lock, so if it is still there it is ours to replace.
        if is_at(&old, path) {
            return fs::rename(draft, path).map_err(failed);
        }
    }
}

/// A file that is there, with the number of the process that has it or had it.
fn owner(path: &Path, opened: io::Result<File>) -> Result<(File, String), PidFileError> {
    let path = path.to_owned();
    match opened {
        Err(error) => Err(PidFileError::Io { path, error }),
        Ok(mut old) => match number(&mut old) {
            Some(owner) => Ok((old, owner)),
            None => Err(PidFileError::Foreign { path }),
        },
    }
}

/// Without following a link, and without waiting for whoever writes to a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut old = File::options();
    old.read(true).custom_flags(flags.bits().cast_signed());
    old.open(path)
}

/// The number in the file; also an empty file is one of its kind.
fn number(file: &mut File) -> Option<String> {
    let mut text = String::new();
    let is_file = file.metadata().ok()?.is_file();
    file.take(32).read_to_string(&mut text).ok()?;
    let number = text.trim_end();
    (is_file && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| number.to_owned())
}

/// Whether this file is what stands under that name.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |of: fs::Metadata| (of.dev(), of.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(named)) => identity(file) == identity(named),
        _ => false,
    }
}
