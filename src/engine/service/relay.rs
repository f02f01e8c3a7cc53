//! relay: raw bytes in both directions, each until its own FIN.

use super::{Actions, Manner, Seats, Service, ServiceKind, Side, plain};

pub(super) const RELAY: ServiceKind = ServiceKind {
    name: "relay",
    seats: Seats::Two,
    manner: Manner::Raw,
    greeting: None,
    wait: None,
    configure: plain::<Relay>,
    route: None,
};

#[derive(Default)]
pub(super) struct Relay;

impl Service for Relay {
    fn open(&mut self, actions: &mut Actions<'_>) {
        actions.forward(Side::X, Side::Y);
        actions.forward(Side::Y, Side::X);
        // A consumer may have finished before its producer came.
        for side in [Side::X, Side::Y] {
            if actions.has_finished(side) {
                actions.finish(side.other());
            }
        }
    }

    /// Half-close travels: the partner sees FIN, and its own direction goes on.
    fn eof(&mut self, side: Side, _unread: &[u8], actions: &mut Actions<'_>) {
        if actions.has_finished(side.other()) {
            actions.end();
        } else {
            actions.finish(side.other());
        }
    }
}
