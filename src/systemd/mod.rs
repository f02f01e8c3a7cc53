//! What a service manager hands over, and what it wants to hear. The protocols are systemd's (sd_listen_fds(3),
//! sd_notify(3)), and some others speak them too. Without such a manager none of it happens.

mod notify;
mod passed;

pub use notify::Manager;
pub use passed::{Passed, PassedError};
