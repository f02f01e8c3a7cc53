//! Names of files and folders on their way from one machine to the other. What comes from the other side is data:
//! nothing is opened before its name has passed here, and nothing is sent whose name would not pass.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use thiserror::Error;

use crate::console::printable;
use crate::limits::{DEEPEST_PATH, LONGEST_COMPONENT, LONGEST_PATH};

/// What a file's name has behind it, and a dot in front, until the file is whole.
pub const PARTIAL_SUFFIX: &str = ".pairloop-part";

/// A path below the folder that is sent or received into, with `/` between its components. Each of them names
/// something in the folder before it, never that folder itself or one above.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(Vec<u8>);

/// Why a path can't be a name.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the name \"{shown}\" is refused: {fault}")]
pub struct NameError {
    shown: String,
    fault: Fault,
}

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    #[error("a component is empty")]
    Empty,
    #[error("a component is . or ..")]
    Dots,
    #[error("a component has a backslash")]
    Backslash,
    #[error("a component has a control character")]
    Control,
    #[error("a component has more than {LONGEST_COMPONENT} bytes")]
    LongComponent,
    #[error("it has more than {LONGEST_PATH} bytes")]
    Long,
    #[error("it has more than {DEEPEST_PATH} components")]
    Deep,
    #[error("names that end in {PARTIAL_SUFFIX} are for unfinished transfers")]
    Partial,
}

impl Name {
    /// Takes a path that the other side sent.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(path: &[u8]) -> Result<Self, NameError> {
        check(path).map_err(|fault| NameError {
            // A refused name may be long, and is shown all the same.
            shown: printable(&String::from_utf8_lossy(&path[..path.len().min(80)])),
            fault,
        })?;
        Ok(Self(path.to_vec()))
    }

    /// Something in this folder.
    ///
    /// # Errors
    /// Says which rule its name breaks.
    pub fn child(&self, component: &OsStr) -> Result<Self, NameError> {
        Self::parse(&[&self.0, &b"/"[..], component.as_bytes()].concat())
    }

    /// The folders above it, outermost first, and what it is called in the last of them.
    pub fn split(&self) -> (impl Iterator<Item = &OsStr>, &OsStr) {
        let last = self.0.rsplit(|byte| *byte == b'/').next();
        let last = last.unwrap_or_default();
        let above = &self.0[..self.0.len() - last.len()];
        let components = above.split(|byte| *byte == b'/');
        let folders = components.filter(|component| !component.is_empty());
        (folders.map(OsStr::from_bytes), OsStr::from_bytes(last))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text; bytes that are none are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

/// As it may be shown on a terminal.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.text()))
    }
}

fn check(path: &[u8]) -> Result<(), Fault> {
    if path.len() > LONGEST_PATH {
        return Err(Fault::Long);
    }
    if path.split(|byte| *byte == b'/').count() > DEEPEST_PATH {
        return Err(Fault::Deep);
    }
    // An absolute path has an empty component in front.
    path.split(|byte| *byte == b'/')
        .try_for_each(check_component)
}

fn check_component(component: &[u8]) -> Result<(), Fault> {
    match component {
        b"" => Err(Fault::Empty),
        b"." | b".." => Err(Fault::Dots),
        _ if component.contains(&b'\\') => Err(Fault::Backslash),
        _ if component.iter().any(u8::is_ascii_control) => Err(Fault::Control),
        _ if component.len() > LONGEST_COMPONENT => Err(Fault::LongComponent),
        _ if component.ends_with(PARTIAL_SUFFIX.as_bytes()) => Err(Fault::Partial),
        _ => Ok(()),
    }
}

/// What a file is called until it is whole: hidden, beside its final name, and the same at every attempt, so that the
/// next one can go on with it. A name that is too long for this is cut, and told apart by a hash.
pub fn partial(last: &OsStr) -> OsString {
    let mut name = OsString::from(".");
    if last.len() + 1 + PARTIAL_SUFFIX.len() <= LONGEST_COMPONENT {
        name.push(last);
    } else {
        name.push(super::hex(&super::sha256(last.as_bytes())));
    }
    name.push(PARTIAL_SUFFIX);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_within_their_folder() {
        for (path, fault) in [
            (&b""[..], Fault::Empty),
            (b"/etc/passwd", Fault::Empty),
            (b"a//b", Fault::Empty),
            (b"a/", Fault::Empty),
            (b".", Fault::Dots),
            (b"..", Fault::Dots),
            (b"../x", Fault::Dots),
            (b"a/../../x", Fault::Dots),
            (b"a/./b", Fault::Dots),
            (b"..\\x", Fault::Backslash),
            (b"a\0b", Fault::Control),
            (b"a\nb", Fault::Control),
            (b"\x1b[2J", Fault::Control),
            (b"\x7f", Fault::Control),
            (&[b'a'; 256], Fault::LongComponent),
            (&[b'a'; 4097], Fault::Long),
            (b".x.pairloop-part", Fault::Partial),
        ] {
            let error = Name::parse(path).unwrap_err();
            assert_eq!(error.fault, fault, "{}", error.shown);
        }
        let deep = |components| vec!["a"; components].join("/").into_bytes();
        assert_eq!(Name::parse(&deep(65)).unwrap_err().fault, Fault::Deep);
        assert!(Name::parse(&deep(64)).is_ok());
    }

    #[test]
    fn other_names_are_names() {
        let long = [b'a'; 255];
        for path in [&b"a"[..], b"...", b".hidden", b"\xff", b"a b/c", &long] {
            assert_eq!(Name::parse(path).unwrap().as_bytes(), path);
        }
    }

    #[test]
    fn names_are_split_into_folders_and_the_rest() {
        for (path, folders, last) in [("a", &[][..], "a"), ("a/b/c", &["a", "b"], "c")] {
            let name = Name::parse(path.as_bytes()).unwrap();
            let (above, found) = name.split();
            assert_eq!(above.collect::<Vec<_>>(), folders);
            assert_eq!(found, last);
        }
    }

    #[test]
    fn what_is_shown_drives_no_terminal() {
        let name = Name::parse("\u{9b}2J \u{202e}".as_bytes()).unwrap();
        assert_eq!(name.to_string(), "\\u{9b}2J \\u{202e}");
        let error = Name::parse(b"\x1b[2J").unwrap_err();
        assert!(!error.to_string().contains('\x1b'), "{error}");
    }

    #[test]
    fn partial_names_fit() {
        assert_eq!(partial(OsStr::new("x")), ".x.pairloop-part");
        for length in [240, 241, 255] {
            let name = partial(OsStr::new(&"a".repeat(length)));
            assert!(name.len() <= LONGEST_COMPONENT, "{name:?}");
        }
        let long = |end: &str| partial(OsStr::new(&("a".repeat(250) + end)));
        assert_ne!(long("1"), long("2"));
    }
}
