//! The folder that is received into.
//!
//! Every name is looked up from this folder's descriptor, one component at a time and without following symlinks, so
//! that nobody who can write here leads a transfer to somewhere else, however the folders change in the meantime.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, DirEntry, FileType, Mode, OFlags, fstat, fstatvfs, fsync, mkdirat, openat, statat,
};
use rustix::io::Errno;

use super::FilesError;
use super::names::Name;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

pub struct Inbox {
    folder: OwnedFd,
}

/// Where one file belongs.
pub struct Place<'a> {
    pub name: &'a Name,
    pub folder: OwnedFd,
    /// What it is called in the folder.
    pub last: &'a OsStr,
}

/// What is where a file belongs.
pub enum There {
    Nothing,
    /// A file, with its size.
    File(File, u64),
    /// Something that is neither a file nor a folder.
    Something,
}

impl Inbox {
    pub fn open(path: &Path) -> Result<Self, FilesError> {
        let folder = fs::create_dir_all(path)
            .and_then(|()| Ok(rustix::fs::open(path, FOLDER, Mode::empty())?));
        let folder = folder.map_err(FilesError::Into)?;
        Ok(Self { folder })
    }

    /// Makes a folder, unless it is there.
    pub fn make(&self, name: &Name) -> Result<(), FilesError> {
        let place = self.place(name)?;
        enter(&place.folder, place.last, name)?;
        Ok(())
    }

    /// Finds the place of a file; the folders above it are made.
    pub fn place<'a>(&self, name: &'a Name) -> Result<Place<'a>, FilesError> {
        let (above, last) = name.split();
        let folder = self.folder.try_clone();
        let mut folder = folder.map_err(FilesError::of(name, "cannot open its folder"))?;
        for component in above {
            folder = enter(&folder, component, name)?;
        }
        Ok(Place { name, folder, last })
    }

    /// Whether what is offered can be written. Only an empty folder can tell: some of it may be there already.
    pub fn has_room(&self, bytes: u64) -> Result<(), FilesError> {
        let is_there = |entry: DirEntry| !matches!(entry.file_name().to_bytes(), b"." | b"..");
        let is_empty = Dir::read_from(&self.folder)
            .is_ok_and(|mut entries| !entries.any(|entry| entry.is_ok_and(is_there)));
        if is_empty {
            has_room(&self.folder, bytes)?;
        }
        Ok(())
    }
}

impl Place<'_> {
    /// Makes sure that what is there already is on the disk, and also that it is there under this name.
    pub fn sync(&self, file: &File) -> Result<(), FilesError> {
        let synced = fsync(file).and_then(|()| fsync(&self.folder));
        synced.map_err(FilesError::of(self.name, "cannot write"))
    }

    /// Whether so many more bytes of the file can be written.
    pub fn has_room(&self, bytes: u64) -> Result<(), FilesError> {
        has_room(&self.folder, bytes)
    }

    pub fn look(&self) -> Result<There, FilesError> {
        let error = FilesError::of::<Errno>(self.name, "cannot look at what is there");
        let stat = match statat(&self.folder, self.last, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(There::Nothing),
            result => result.map_err(&error)?,
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(FilesError::Other(self.name.clone(), "file")),
            _ => return Ok(There::Something),
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.folder, self.last, flags, Mode::empty()).map_err(&error)?;
        // Another one may have come in between: what counts is what was opened.
        let stat = fstat(&file).map_err(&error)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(There::Something);
        }
        Ok(There::File(file.into(), stat.st_size.cast_unsigned()))
    }
}

/// Opens a folder in a folder, and makes it if it is not there.
fn enter(folder: &OwnedFd, component: &OsStr, name: &Name) -> Result<OwnedFd, FilesError> {
    match mkdirat(folder, component, Mode::from_raw_mode(0o777)) {
        Ok(()) => fsync(folder).map_err(FilesError::of(name, "cannot make its folder"))?,
        Err(Errno::EXIST) => {}
        Err(error) => return Err(FilesError::of(name, "cannot make its folder")(error)),
    }
    open_folder(folder.as_fd(), component).map_err(|error| match error {
        Errno::LOOP | Errno::NOTDIR => FilesError::Other(name.clone(), "folder"),
        error => FilesError::of(name, "cannot open its folder")(error),
    })
}

fn has_room(folder: &OwnedFd, needed: u64) -> Result<(), FilesError> {
    let Ok(system) = fstatvfs(folder) else {
        return Ok(());
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    // One without blocks does not count them, such as ramfs.
    if system.f_blocks > 0 && free < needed {
        return Err(FilesError::NoRoom { needed, free });
    }
    Ok(())
}

fn open_folder(folder: BorrowedFd<'_>, component: &OsStr) -> Result<OwnedFd, Errno> {
    openat(folder, component, FOLDER | OFlags::NOFOLLOW, Mode::empty())
}
