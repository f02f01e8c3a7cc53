//! Giving up root's rights once that which needs them is done.

use nix::errno::Errno;
use nix::unistd::{self, Gid, Group, Uid, User};
use thiserror::Error;

/// Who the process is to be from then on.
#[derive(Debug)]
pub struct Identity {
    user: Uid,
    group: Gid,
}

/// Why it can't be.
#[derive(Debug, Error)]
pub enum PrivilegeError {
    #[error(
        "--user {0}: there is no such user: write a name or a number that `getent passwd` lists"
    )]
    User(String),
    #[error(
        "--group {0}: there is no such group: write a name or a number that `getent group` lists"
    )]
    Group(String),
    #[error("--user {0}: that number is nobody's, so it has no group of its own: add --group")]
    NoGroup(String),
    #[error("--user {0} would keep root's rights: name somebody else, or leave it out")]
    Root(String),
    #[error("--group {0} would keep root's group, whose files are root's: name another")]
    RootGroup(String),
    #[error("--user: only root can become somebody else: start it as root, or leave --user out")]
    NotRoot,
    #[error("--user: {call}: {error}")]
    Refused { call: &'static str, error: Errno },
    #[error(
        "--user: root's rights could be had back, so they were not given up: capabilities or a security module must allow setuid to drop them"
    )]
    NotDropped,
}

impl Identity {
    /// Looks a user up, by name or number, and a group: the user's own if none is named.
    ///
    /// # Errors
    /// If there is no such user or group, or if one of them is root's.
    pub fn find(user: &str, group: Option<&str>) -> Result<Self, PrivilegeError> {
        let unknown = || PrivilegeError::User(user.to_owned());
        let (uid, own) = match user.parse().map(Uid::from_raw) {
            Ok(uid) => (uid, User::from_uid(uid).ok().flatten()),
            Err(_) => {
                let found = User::from_name(user).ok().flatten().ok_or_else(unknown)?;
                (found.uid, Some(found))
            }
        };
        if uid.is_root() {
            return Err(PrivilegeError::Root(user.to_owned()));
        }
        let gid = match (group, own) {
            (Some(group), _) => match group_id(group)? {
                gid if gid.as_raw() == 0 => return Err(PrivilegeError::RootGroup(group.into())),
                gid => gid,
            },
            (None, Some(own)) => own.gid,
            (None, None) => return Err(PrivilegeError::NoGroup(user.to_owned())),
        };
        Ok(Self {
            user: uid,
            group: gid,
        })
    }

    /// Becomes that user, for good. Threads that exist by then become it as well (setuid(3) of the C library).
    ///
    /// # Errors
    /// If the system does not let it, or would let it back.
    pub fn assume(&self) -> Result<(), PrivilegeError> {
        // The user comes last: it takes the right to do the rest.
        forget_groups().map_err(refused("setgroups"))?;
        unistd::setgid(self.group).map_err(refused("setgid"))?;
        unistd::setuid(self.user).map_err(refused("setuid"))?;
        let back = unistd::setuid(Uid::from_raw(0)).is_ok();
        let is_it = unistd::getuid() == self.user && unistd::geteuid() == self.user;
        let in_it = unistd::getgid() == self.group && unistd::getegid() == self.group;
        match !back && is_it && in_it {
            true => Ok(()),
            false => Err(PrivilegeError::NotDropped),
        }
    }
}

impl PrivilegeError {
    /// The option that is to blame.
    pub fn option(&self) -> &'static str {
        match self {
            PrivilegeError::Group(_) | PrivilegeError::RootGroup(_) => "group",
            _ => "user",
        }
    }
}

fn group_id(group: &str) -> Result<Gid, PrivilegeError> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let found = Group::from_name(group).ok().flatten();
    let found = found.ok_or_else(|| PrivilegeError::Group(group.to_owned()))?;
    Ok(found.gid)
}

/// Gives up all supplementary groups.
#[cfg(not(target_vendor = "apple"))]
fn forget_groups() -> Result<(), Errno> {
    unistd::setgroups(&[])
}

/// On these systems they belong to the user, not to the process.
#[cfg(target_vendor = "apple")]
fn forget_groups() -> Result<(), Errno> {
    Err(Errno::ENOTSUP)
}

fn refused(call: &'static str) -> impl Fn(Errno) -> PrivilegeError {
    move |error| match error {
        Errno::EPERM => PrivilegeError::NotRoot,
        error => PrivilegeError::Refused { call, error },
    }
}
