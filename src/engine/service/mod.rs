//! What rooms do with bytes: one small file a service.
//!
//! A service sees sides, never clients or sockets, and answers with [`Actions`]. To add one: write its file with
//! a [`ServiceKind`], and name that in [`SERVICES`].

mod actions;
mod chat;
mod echo;
pub(super) mod forward;
mod order;
mod relay;
mod transit;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::greeting::Greeting;
use super::route::RouteOptions;
use super::sides::{PerSide, Side};
use super::{CloseReason, Moment};

pub use actions::Actions;
pub(super) use actions::Decisions;
pub use chat::{NOTICE, WELCOME};

/// Every service there is.
pub const SERVICES: &[&ServiceKind] = &[
    &relay::RELAY,
    &echo::ECHO,
    &order::ORDER,
    &chat::CHAT,
    &transit::TRANSIT,
    &forward::FORWARD,
];

/// A service as listeners name it.
#[derive(Debug)]
pub struct ServiceKind {
    pub name: &'static str,
    pub seats: Seats,
    pub manner: Manner,
    /// What its clients always say first. Those of other services say nothing, or what rooms with names ask for.
    pub greeting: Option<&'static Greeting>,
    /// How long its clients wait for a partner where the operator does not say. `None` is for ever.
    pub wait: Option<Duration>,
    /// Reads the service's own options of a listener.
    pub configure: fn(&[ServiceOption<'_>]) -> Result<Start, OptionError>,
    /// The same, if its rooms live on workers: which these are.
    pub route: Option<ReadRoute>,
}

/// How many clients make a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seats {
    One,
    Two,
}

impl Seats {
    #[allow(
        clippy::len_without_is_empty,
        reason = "a room without seats does not exist"
    )]
    pub fn len(self) -> usize {
        match self {
            Seats::One => 1,
            Seats::Two => 2,
        }
    }
}

/// What a cut does to those who stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Bytes without a form: nobody can see that some are missing, so a cut is told by RST.
    Raw,
    /// Whole lines: a cut is told in words, or by FIN, and a stop ends the room.
    Lines,
}

/// Makes the state of one room.
pub type Start = Arc<dyn Fn() -> Box<dyn Service> + Send + Sync>;

/// Reads from a listener's options which workers there are.
pub type ReadRoute = fn(&[ServiceOption<'_>]) -> Result<RouteOptions, OptionError>;

/// A listener's option: its name and its value.
pub type ServiceOption<'a> = (&'a str, &'a str);

/// What is wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionError(pub String);

/// A service with its options: what a listener's rooms are made from.
#[derive(Clone)]
pub struct Factory {
    pub kind: &'static ServiceKind,
    start: Start,
    /// Which workers its rooms live on, if they do.
    pub route: Option<RouteOptions>,
}

impl ServiceKind {
    /// The service of this name.
    pub fn find(name: &str) -> Option<&'static ServiceKind> {
        SERVICES.iter().find(|kind| kind.name == name).copied()
    }

    /// The service with these options.
    ///
    /// # Errors
    /// If it has no such option, or the value makes no sense.
    pub fn factory(&'static self, options: &[ServiceOption<'_>]) -> Result<Factory, OptionError> {
        Ok(Factory {
            kind: self,
            start: (self.configure)(options)?,
            route: self.route.map(|read| read(options)).transpose()?,
        })
    }
}

impl Factory {
    /// How its clients understand that they are cut off, as long as no worker has them.
    pub(super) fn manner(&self) -> Manner {
        match &self.route {
            Some(route) if route.lines => Manner::Lines,
            _ => self.kind.manner,
        }
    }

    pub(super) fn start(&self) -> Box<dyn Service> {
        (self.start)()
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)
    }
}

/// For services that have no options and whose rooms begin with `S::default()`. A state without size costs
/// nothing: its box does not allocate.
fn plain<S: Service + Default + 'static>(
    options: &[ServiceOption<'_>],
) -> Result<Start, OptionError> {
    match options.first() {
        Some((name, _)) => Err(OptionError::unknown(name, "none of its own")),
        None => Ok(Arc::new(|| Box::new(S::default()))),
    }
}

impl OptionError {
    fn unknown(name: &str, known: &str) -> Self {
        Self(format!(
            "unknown option `{name}`; this service has {known}; all listeners may have rooms=named, auth=FILE, wait=TIME, proxy=on and trust=CIDR, as far as these make sense"
        ))
    }
}

/// One room's state machine.
pub trait Service {
    /// X has come, and waits for Y.
    fn arrived(&mut self, _actions: &mut Actions<'_>) {}

    /// X has sent bytes while it waits for Y, perhaps behind its greeting; answers how many it took. What is left stays
    /// where it is until Y comes.
    fn early(&mut self, _bytes: &[u8], _actions: &mut Actions<'_>) -> usize {
        0
    }

    /// Every seat is taken.
    fn open(&mut self, _actions: &mut Actions<'_>) {}

    /// `side` has sent bytes that are not forwarded; answers how many it took. What is left is offered again when
    /// something has been sent in the room, or with more behind it after [`Actions::read_on`]. While anything that
    /// was sent in the room is not yet on its way, nothing is offered.
    fn data(&mut self, _side: Side, _bytes: &[u8], _actions: &mut Actions<'_>) -> usize {
        unreachable!("this service forwards all bytes")
    }

    /// `side` has sent FIN. `unread` is what it was to read on from.
    fn eof(&mut self, side: Side, unread: &[u8], actions: &mut Actions<'_>);

    /// The time that was set by [`Actions::set_timer`] has come.
    fn timeout(&mut self, _actions: &mut Actions<'_>) {}

    /// The room is cut off, through the fault of `by` if it was one of the two: the moment for last words.
    fn part(&mut self, _reason: CloseReason, _by: Option<Side>, _actions: &mut Actions<'_>) {}
}
