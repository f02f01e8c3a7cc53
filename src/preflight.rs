//! What keeps the daemon from being started with some settings, as far as that shows without starting it: the start itself, `--check` and
//! SIGHUP look for the same.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::capacity::{self, Allowance, Capacity};
use crate::cli::ServeArgs;
use crate::listen::ListenUrl;
use crate::pid_file::{PidFile, PidFileError};
use crate::privileges::Identity;
use crate::regular_file;
use crate::serve::ServeError;

/// Looks at all that comes before root's rights are given up. Ports are not opened. Answers for how many clients there is room,
/// and who the process is to be from then on, if not who it is.
///
/// # Errors
/// What keeps the daemon from being started.
pub fn before(
    args: &ServeArgs,
    urls: &[ListenUrl],
    allowance: Allowance,
) -> Result<(Capacity, Option<Identity>), ServeError> {
    let capacity = capacity::find(args, urls, allowance)?;
    let user = args.user.as_deref();
    let identity = user.map(|user| Identity::find(user, args.group.as_deref()));
    let identity = identity.transpose()?;
    for url in urls {
        url.places()?;
    }
    if let Some(path) = &args.pid_file {
        match pid_file(path) {
            // Whoever has given up root's rights does not know what root may, and the next start is root's.
            Err(PidFileError::Io { error, .. })
                if identity.is_some() && error.kind() == ErrorKind::PermissionDenied => {}
            looked => looked?,
        }
    }
    Ok((capacity, identity))
}

/// Looks at the files that are written from then on, with the rights that the process then has.
///
/// # Errors
/// If one can't be written.
pub fn files(args: &ServeArgs) -> Result<(), ServeError> {
    let named = |path: &Path, error| io::Error::other(format!("{}: {error}", path.display()));
    if let Some(path) = &args.stats_file {
        let looked = regular_file::may_be_replaced(path).and_then(|()| in_its_folder(path));
        looked.map_err(|error| ServeError::StatsFile(named(path, error)))?;
    }
    if let Some(path) = &args.usage_log {
        let looked = is_no_folder(path).and_then(|exists| match exists {
            true => may_write(path),
            false => in_its_folder(path),
        });
        looked.map_err(|error| ServeError::UsageLog(named(path, error)))?;
    }
    Ok(())
}

fn pid_file(path: &Path) -> Result<(), PidFileError> {
    PidFile::is_no_other(path)?;
    in_its_folder(path).map_err(|error| PidFileError::Io {
        path: path.to_owned(),
        error,
    })
}

/// Answers whether anything is there.
fn is_no_folder(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(Errno::ISDIR.into()),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a file could be made there.
fn in_its_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    may_write(folder.unwrap_or(Path::new(".")))
}

/// With the rights that the process has, and not whoever started it.
fn may_write(path: &Path) -> io::Result<()> {
    Ok(accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS)?)
}
