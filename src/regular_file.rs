//! Files that operators write, read whole, and files that are replaced whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Reads a file that is no `longer` than so many bytes. Only a regular one is known to end, and to be opened without
/// waiting: a FIFO waits for a writer, which may never come.
///
/// # Errors
/// If it can't be read, is something else, is longer, or is not UTF-8.
pub fn read(path: &Path, longest: u64) -> io::Result<String> {
    let mut file = File::options();
    file.read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = file.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    file.take(longest + 1).read_to_string(&mut text)?;
    if text.len() as u64 > longest {
        let words = format!("it is longer than {longest} bytes");
        return Err(io::Error::other(words));
    }
    Ok(text)
}

/// Whether a new file may take this name: not from a device, which everybody else would miss, nor from a FIFO, whose reader would wait
/// for ever.
///
/// # Errors
/// If the name is that of something else than a regular file.
pub fn may_be_replaced(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_file() => Ok(()),
        Ok(there) if there.is_dir() => Err(Errno::ISDIR.into()),
        Ok(_) => Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
