//! echo: what comes in goes back, byte for byte, until FIN (RFC 862). A client forwarded to itself.

use super::{Actions, Seats, Service, ServiceKind, Side};

pub(super) const ECHO: ServiceKind = ServiceKind {
    name: "echo",
    seats: Seats::One,
    start: || Box::new(Echo),
};

struct Echo;

impl Service for Echo {
    fn open(&mut self, actions: &mut Actions<'_>) {
        actions.forward(Side::X, Side::X);
    }

    fn data(&mut self, _side: Side, _bytes: &[u8], _actions: &mut Actions<'_>) -> usize {
        unreachable!("an echo room forwards all its bytes")
    }

    fn eof(&mut self, _side: Side, actions: &mut Actions<'_>) {
        actions.end();
    }
}
