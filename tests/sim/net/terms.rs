//! What can be said of a connection.

pub type SocketId = usize;

/// Bytes that the kernel holds for a connection.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// From the peer, until the daemon reads them.
    pub inbound: usize,
    /// From the daemon, until the peer takes them.
    pub outbound: usize,
}

/// How the daemon's stream ended, as the peer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Fin,
    Reset,
}

/// How a connection is lost without a word of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// RST from the peer.
    Reset,
    /// The kernel has given up on the peer.
    TimedOut,
}
