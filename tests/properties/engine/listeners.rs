//! An engine with a listener of every kind.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use pairloop::engine::{Engine, ListenerId, Timeouts};
use pairloop::listen::ListenUrl;
use pairloop::users::Users;

/// What a listener's rooms do with bytes, as far as it shows in what the engine takes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// None are taken: they are forwarded.
    Bytes,
    /// Each that is taken is passed on.
    Lines,
    /// They are understood, and come back in other words.
    Messages,
}

const URLS: [&str; 14] = [
    "relay://h:1",
    "relay://h:1?rooms=named",
    "relay://h:1?rooms=named&auth=users",
    "relay://h:1?proxy=on",
    "chat://h:1?rooms=named&auth=users&proxy=on",
    "echo://h:1",
    "echo://h:1?proxy=on",
    "chat://h:1",
    "chat://h:1?turns=free&rooms=named",
    "order://h:1",
    "order://h:1?rooms=named&settle=1s",
    "transit://h:1",
    "forward://h:1?to=one:1,two:2",
    "forward://h:1?to=one:1,two:2,three:3&rooms=named&proxy=v2&lines=on&patience=1s",
];

static LISTENERS: LazyLock<Vec<ListenUrl>> = LazyLock::new(|| {
    let urls = URLS.iter();
    let urls = urls.map(|url| url.parse().expect("it is a listener"));
    urls.collect()
});

/// What is kept of `pencil`, the password of everybody.
const SECRET: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
    WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/// Two files of users. Alice is in one of them only.
pub static USERS: LazyLock<[Arc<Users>; 2]> = LazyLock::new(|| {
    [["alice", "bob"], ["bob", "carol"]].map(|names| {
        let lines = names.map(|name| format!("{name}:{SECRET}\n")).concat();
        Arc::new(Users::parse(&lines, [1; 32]).expect("they are users"))
    })
});

const SECOND: Duration = Duration::from_secs(1);

/// From never to soon.
pub const TIMEOUTS: [Timeouts; 3] = [
    Timeouts {
        hello: None,
        wait: None,
        idle: None,
        half_close: None,
    },
    Timeouts {
        hello: Some(Duration::from_secs(10)),
        wait: None,
        idle: None,
        half_close: Some(Duration::from_secs(3600)),
    },
    Timeouts {
        hello: Some(SECOND),
        wait: Some(Duration::from_secs(3)),
        idle: Some(Duration::from_secs(5)),
        half_close: Some(Duration::from_secs(2)),
    },
];

/// How many there are.
pub fn count() -> usize {
    LISTENERS.len()
}

pub fn carries(listener: ListenerId) -> Carries {
    match LISTENERS[listener].service.kind.name {
        "chat" => Carries::Lines,
        "order" => Carries::Messages,
        _ => Carries::Bytes,
    }
}

/// How many workers it has.
pub fn workers(listener: ListenerId) -> usize {
    let route = LISTENERS[listener].service.route.as_ref();
    route.map_or(0, |route| route.workers.len())
}

/// Where workers may be.
pub fn addresses(script: u8) -> Vec<SocketAddr> {
    let all = [("192.0.2.7:1"), ("[2001:db8::7]:1"), ("192.0.2.8:1")];
    let all = all.map(|address| address.parse().expect("it is an address"));
    all[..usize::from(script) % 4].to_vec()
}

/// An engine with all of them. What may differ is chosen by this byte.
pub fn engine(choice: u8, start: Instant) -> Engine {
    let services = LISTENERS
        .iter()
        .map(|url| (url.service.clone(), url.meeting));
    let timeouts = TIMEOUTS[usize::from(choice & 3) % 3];
    let most = (choice & 4 != 0).then_some(4);
    let mut engine = Engine::new(services, timeouts, start)
        .with_nonces([7; 32])
        .with_clients_per_source(most);
    for (listener, url) in LISTENERS.iter().enumerate() {
        engine.set_wait_timeout(listener, url.wait_timeout(None).or(timeouts.wait));
        if let Some(trusted) = url.proxies.clone() {
            engine.set_proxies(listener, trusted);
        }
        if url.auth.is_some() {
            engine.set_users(listener, Arc::clone(&USERS[0]));
        }
        for worker in 0..workers(listener) {
            engine.set_worker(listener, worker, addresses(1 + worker as u8));
        }
    }
    engine
}
