//! relay: raw bytes in both directions, each until its own FIN.

use super::{Actions, Seats, Service, ServiceKind, Side};

pub(super) const RELAY: ServiceKind = ServiceKind {
    name: "relay",
    seats: Seats::Two,
    start: || Box::new(Relay),
};

struct Relay;

impl Service for Relay {
    fn open(&mut self, actions: &mut Actions<'_>) {
        actions.forward(Side::X, Side::Y);
        actions.forward(Side::Y, Side::X);
    }

    fn data(&mut self, _side: Side, _bytes: &[u8], _actions: &mut Actions<'_>) -> usize {
        unreachable!("a relay room forwards all its bytes")
    }

    /// Half-close travels: the partner sees FIN, and its own direction goes on.
    fn eof(&mut self, side: Side, actions: &mut Actions<'_>) {
        if actions.has_finished(side.other()) {
            actions.end();
        } else {
            actions.finish(side.other());
        }
    }
}
