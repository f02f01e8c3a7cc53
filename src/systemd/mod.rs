//! What a service manager hands over. The protocol is systemd's (sd_listen_fds(3)), and some others speak it too.
//! Without such a manager nothing of it happens.

mod passed;

pub use passed::{Passed, PassedError};
