//! The file of users on disk: read whole, and replaced whole by one process at a time.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::retry_on_intr;

use super::UserError;
use crate::limits::LONGEST_USER_FILE;
use crate::regular_file;

/// The text of the file, if there is one.
pub(super) fn read(path: &Path) -> Result<Option<String>, UserError> {
    match regular_file::read(path, LONGEST_USER_FILE) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(UserError::Read {
            path: path.to_owned(),
            error,
        }),
    }
}

/// The mode of the file, if anybody on this machine can read it. A group that can was chosen by somebody.
pub(super) fn public_mode(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.mode() & 0o7777;
    (mode & 0o004 != 0).then_some(mode)
}

/// Replaces the text of the file by what `change` makes of it, or of nothing if there is no file. Others who want the same wait
/// until then, and whoever reads it sees the old text or the new.
pub(super) fn edit(
    path: &Path,
    change: impl FnOnce(Option<&str>) -> Result<String, UserError>,
) -> Result<(), UserError> {
    let failed = |error| UserError::Write {
        path: path.to_owned(),
        error,
    };
    // A link stays a link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let new = Replacement::of(target).map_err(failed)?;
    let text = change(read(path)?.as_deref())?;
    new.commit(&text).map_err(failed)
}

/// A file that will take another's name.
///
/// It is also the lock: whoever holds it (flock) while it has its own name may replace the other. So a process that died
/// leaves nothing behind which anybody would have to clear away.
struct Replacement {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Replacement {
    fn of(target: PathBuf) -> io::Result<Self> {
        let mut path = target.clone().into_os_string();
        path.push(".new");
        let path = PathBuf::from(path);
        loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
                .open(&path)?;
            retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
            // While this one waited, the one in front may have renamed the file or removed it.
            if is_at(&file, &path)? {
                return Ok(Self { file, path, target });
            }
        }
    }

    fn commit(mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file
            .set_permissions(fs::Permissions::from_mode(0o600))?;
        self.keep_owner()?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        // The name is only on disk when the folder is.
        let folder = self.target.parent();
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Root may add users to a file that the daemon reads under another name.
    fn keep_owner(&self) -> io::Result<()> {
        let (new, old) = match fs::metadata(&self.target) {
            Ok(old) => (self.file.metadata()?, old),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
            return Ok(());
        }
        std::os::unix::fs::fchown(&self.file, Some(old.uid()), Some(old.gid()))
    }
}

impl Drop for Replacement {
    /// If it has not been renamed. The lock is still held, so it is this one.
    fn drop(&mut self) {
        if is_at(&self.file, &self.path).unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether this name is that of this file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(id(found) == id(file.metadata()?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
