//! A file that is not yet whole: under a hidden name beside its final one, kept when a transfer is cut, and given
//! its final name as the very last thing.
//!
//! Nothing else is kept about it. What there is of it is hashed again when a transfer continues, and the sender
//! compares that with the beginning of its own file: so neither a crash nor a source that has changed can leave a file
//! that consists of two.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};

use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps,
    UTIME_OMIT, fchmod, flock, fstat, fsync, ftruncate, futimens, linkat, openat, renameat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::FilesError;
use super::frame::Time;
use super::inbox::Place;
use super::names;
use crate::limits::FILE_BLOCK;

pub struct Partial<'a> {
    place: &'a Place<'a>,
    pub file: File,
    name: OsString,
}

impl<'a> Partial<'a> {
    /// Opens what is left of an earlier attempt, or begins with nothing. As long as it is open nobody else gets it.
    pub fn open(place: &'a Place<'a>) -> Result<Self, FilesError> {
        let name = names::partial(place.last);
        let error = FilesError::of::<Errno>(place.name, "cannot write");
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&place.folder, &name, flags, Mode::from_raw_mode(0o666));
        let file = match file {
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => {
                return Err(FilesError::Other(place.name.clone(), "file"));
            }
            result => File::from(result.map_err(&error)?),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(FilesError::Busy(place.name.clone())),
            result => result.map_err(&error)?,
        }
        // Whoever had it before may have given it its final name meanwhile, and then it is no partial file any more.
        let own = fstat(&file).map_err(&error)?;
        match statat(&place.folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if is_same(&stat, &own) => {}
            _ => return Err(FilesError::Busy(place.name.clone())),
        }
        if FileType::from_raw_mode(own.st_mode) != FileType::RegularFile || own.st_nlink != 1 {
            return Err(FilesError::Other(place.name.clone(), "file"));
        }
        Ok(Self { place, file, name })
    }

    /// How much is there and what it hashes to, if it can be the beginning of a file of this size. Writing goes on
    /// behind it.
    pub fn prefix(&mut self, size: u64) -> Result<(u64, Sha256), FilesError> {
        let error = FilesError::of::<io::Error>(self.place.name, "cannot read what is there");
        let length = self.file.metadata().map_err(&error)?.len();
        if length > size {
            return Ok((0, Sha256::new()));
        }
        let hash = hash(&mut self.file, length).map_err(&error)?;
        Ok((length, hash))
    }

    /// Throws away what is there.
    pub fn restart(&mut self) -> Result<(), FilesError> {
        let emptied = ftruncate(&self.file, 0).map_err(io::Error::from);
        emptied
            .and_then(|()| self.file.rewind())
            .map_err(FilesError::of(self.place.name, "cannot write"))
    }

    /// Gives it its final name. After this it is on the disk under that name, whatever happens.
    pub fn keep(self, modified: Time, executable: bool, overwrite: bool) -> Result<(), FilesError> {
        let error = FilesError::of::<Errno>(self.place.name, "cannot write");
        if executable {
            let mode = fstat(&self.file).map_err(&error)?.st_mode;
            // Whoever may read it may execute it.
            let mode = Mode::from_raw_mode(mode | (mode & 0o444) >> 2);
            fchmod(&self.file, mode).map_err(&error)?;
        }
        futimens(&self.file, &times(modified)).map_err(&error)?;
        if let Err(failure) = fsync(&self.file) {
            // What never got to the disk can still be read (and is then "synced" without an error), so that the next
            // attempt would take it for whole.
            self.discard();
            return Err(error(failure));
        }
        match self.rename(overwrite) {
            Err(Errno::EXIST) => return Err(FilesError::Exists(self.place.name.clone())),
            result => result.map_err(&error)?,
        }
        fsync(&self.place.folder).map_err(&error)
    }

    /// Takes it away: it is not the beginning of anything.
    pub fn discard(self) {
        // If it stays, the next attempt finds out.
        let _ = unlinkat(&self.place.folder, &self.name, AtFlags::empty());
    }

    fn rename(&self, overwrite: bool) -> Result<(), Errno> {
        let (folder, last) = (&self.place.folder, self.place.last);
        if overwrite {
            return renameat(folder, &self.name, folder, last);
        }
        match renameat_with(folder, &self.name, folder, last, RenameFlags::NOREPLACE) {
            // Not every file system can; but links never replace anything.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                linkat(folder, &self.name, folder, last, AtFlags::empty())?;
                unlinkat(folder, &self.name, AtFlags::empty())
            }
            result => result,
        }
    }
}

/// Hashes so many bytes from the beginning, and leaves the file behind them.
pub fn hash(file: &mut File, length: u64) -> io::Result<Sha256> {
    file.rewind()?;
    let (mut hash, mut left) = (Sha256::new(), length);
    let mut block = vec![0; FILE_BLOCK.min(usize::try_from(length).unwrap_or(FILE_BLOCK))];
    while left > 0 {
        block.truncate(usize::try_from(left).unwrap_or(FILE_BLOCK));
        file.read_exact(&mut block)?;
        hash.update(&block);
        left -= block.len() as u64;
    }
    Ok(hash)
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn times(modified: Time) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: modified.seconds,
            tv_nsec: modified.nanoseconds.into(),
        },
    }
}
