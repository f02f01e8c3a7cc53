//! The one question that neither std, mio, socket2 nor rustix can ask without `unsafe`: how much of what was
//! written has not arrived yet. It is asked before a reset, which would destroy those bytes on their way.

use std::io;
use std::os::fd::AsFd;

/// Bytes written to this TCP socket that the peer's kernel has not acknowledged (tcp(7), SIOCOUTQ).
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(super) fn unacknowledged(socket: impl AsFd) -> io::Result<usize> {
    use rustix::ioctl::{Getter, Opcode, ioctl};

    /// SIOCOUTQ, which is TIOCOUTQ: a number without the size and direction bits of newer ones.
    const SIOCOUTQ: Opcode = 0x5411;

    // SAFETY: on a TCP socket SIOCOUTQ writes one int through its pointer and reads nothing; `Getter` gives it the
    // address of an uninitialised `i32` and takes that as initialised only if the call succeeded.
    let bytes = unsafe { ioctl(socket, Getter::<SIOCOUTQ, i32>::new()) }?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// Elsewhere nobody can tell, so nothing is waited for.
#[cfg(not(target_os = "linux"))]
pub(super) fn unacknowledged(_socket: impl AsFd) -> io::Result<usize> {
    Ok(0)
}
