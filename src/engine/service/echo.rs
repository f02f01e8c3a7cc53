//! echo: what comes in goes back, byte for byte, until FIN (RFC 862). A client forwarded to itself.

use super::{Actions, Manner, Seats, Service, ServiceKind, Side, plain};

pub(super) const ECHO: ServiceKind = ServiceKind {
    name: "echo",
    seats: Seats::One,
    manner: Manner::Raw,
    greeting: None,
    wait: None,
    configure: plain::<Echo>,
    route: None,
};

#[derive(Default)]
struct Echo;

impl Service for Echo {
    fn open(&mut self, actions: &mut Actions<'_>) {
        actions.forward(Side::X, Side::X);
    }

    fn eof(&mut self, _side: Side, _unread: &[u8], actions: &mut Actions<'_>) {
        actions.end();
    }
}
