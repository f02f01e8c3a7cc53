//! What there is to send: files and whole folders, listed before anything is sent, so that what can't be sent is known
//! at once, and all of it.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::FilesError;
use super::frame::Time;
use super::names::Name;
use crate::console::printable;
use crate::limits::MOST_ENTRIES;

/// Complaints that are shown; the rest is counted.
const SHOWN: usize = 10;

pub struct Tree {
    pub entries: Vec<Entry>,
    /// Of all files together.
    pub bytes: u64,
}

pub struct Entry {
    pub name: Name,
    /// `None` for a folder.
    pub file: Option<Listed>,
}

/// A file as it was when it was listed.
pub struct Listed {
    pub path: PathBuf,
    pub state: State,
}

/// By which it is told whether a file is still the same. Its last change of contents is part of it, its last change of
/// name is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    device: u64,
    number: u64,
    pub size: u64,
    pub modified: Time,
    pub executable: bool,
}

impl State {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
            size: metadata.len(),
            modified: Time {
                seconds: metadata.mtime(),
                nanoseconds: metadata.mtime_nsec().try_into().unwrap_or(0),
            },
            executable: metadata.mode() & 0o100 != 0,
        }
    }
}

/// Lists these files and folders, in an order that is the same every time.
///
/// # Errors
/// Names everything that can't be sent.
pub fn list(paths: &[PathBuf]) -> Result<Tree, FilesError> {
    let mut lister = Lister {
        tree: Tree {
            entries: Vec::new(),
            bytes: 0,
        },
        complaints: Vec::new(),
        root: PathBuf::new(),
        above: Vec::new(),
    };
    let mut names = HashSet::new();
    for path in paths {
        match top(path) {
            Ok((real, name)) if names.insert(name.clone()) => {
                lister.root.clone_from(&real);
                lister.visit(&real, &name);
            }
            Ok(_) => lister.complain(path, "another one to be sent has the same name"),
            Err(words) => lister.complain(path, &words),
        }
    }
    lister.finish()
}

/// Where something that was asked for by name really is, and what it is to be called. Who names a symlink means what it
/// points to.
fn top(path: &Path) -> Result<(PathBuf, Name), String> {
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    // `.` and `..` are called as the folder is.
    let own = path.file_name().or(real.file_name());
    let own = own.ok_or("it has no name")?;
    let name = Name::parse(own.as_bytes()).map_err(|error| error.to_string())?;
    Ok((real, name))
}

struct Lister {
    tree: Tree,
    complaints: Vec<String>,
    /// The folder that was asked for: symlinks may not lead out of it.
    root: PathBuf,
    /// The folders that are being listed, outermost first: symlinks may not lead into one of them.
    above: Vec<PathBuf>,
}

impl Lister {
    /// Lists what is at this path, which contains no symlink.
    fn visit(&mut self, path: &Path, name: &Name) {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return self.complain(path, &error.to_string()),
        };
        let file = if metadata.is_file() {
            let state = State::of(&metadata);
            self.tree.bytes = self.tree.bytes.saturating_add(state.size);
            let path = path.to_owned();
            Some(Listed { path, state })
        } else if metadata.is_dir() {
            None
        } else {
            return self.complain(path, "neither a file nor a folder");
        };
        let name = name.clone();
        let is_folder = file.is_none();
        self.tree.entries.push(Entry {
            name: name.clone(),
            file,
        });
        if is_folder {
            self.above.push(path.to_owned());
            if let Err(error) = self.visit_children(path, &name) {
                self.complain(path, &error.to_string());
            }
            self.above.pop();
        }
    }

    fn visit_children(&mut self, folder: &Path, name: &Name) -> io::Result<()> {
        let entries = fs::read_dir(folder)?;
        let mut children = entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        children.sort();
        for child in children {
            if self.tree.entries.len() as u64 >= MOST_ENTRIES {
                return Err(io::Error::other("more files than one transfer may have"));
            }
            let path = folder.join(&child);
            let target = if path.is_symlink() {
                self.follow(&path)
            } else {
                Ok(path.clone())
            };
            let name = name.child(&child).map_err(|error| error.to_string());
            match (target, name) {
                (Ok(target), Ok(name)) => self.visit(&target, &name),
                (Err(words), _) | (_, Err(words)) => self.complain(&path, &words),
            }
        }
        Ok(())
    }

    /// What a symlink points to, if that is within what is sent.
    fn follow(&self, link: &Path) -> Result<PathBuf, String> {
        let target = link
            .canonicalize()
            .map_err(|error| format!("a symlink to nowhere ({error})"))?;
        if !target.starts_with(&self.root) {
            Err("a symlink to outside the folder that is sent".into())
        } else if self.above.contains(&target) {
            Err("a symlink to a folder that it is in".into())
        } else {
            Ok(target)
        }
    }

    fn complain(&mut self, path: &Path, words: &str) {
        let path = printable(&path.to_string_lossy());
        self.complaints.push(format!("{path}: {words}"));
    }

    fn finish(mut self) -> Result<Tree, FilesError> {
        if self.complaints.is_empty() {
            return Ok(self.tree);
        }
        let more = self.complaints.len().saturating_sub(SHOWN);
        if more > 0 {
            self.complaints.truncate(SHOWN);
            self.complaints.push(format!("and {more} more"));
        }
        Err(FilesError::Unfit(self.complaints))
    }
}
