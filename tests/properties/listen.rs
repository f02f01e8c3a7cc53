//! What holds for every text that may be a listener's URL, and for the networks and times in it.

use std::time::Duration;

use pairloop::address::Address;
use pairloop::cidr::Cidr;
use pairloop::engine::Meeting;
use pairloop::listen::ListenUrl;
use pairloop::units::{self, Limit};

/// What parses is printed so that it parses again, to the same.
pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match text.parse::<ListenUrl>() {
        Ok(url) => is_what_it_prints(text, &url),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(network) = text.parse::<Cidr>() {
        assert_eq!(network.to_string().parse(), Ok(network));
    }
    if let Ok(limit) = text.parse::<Limit>() {
        assert_eq!(limit.to_string().parse(), Ok(limit));
        assert_ne!(limit.0, Some(Duration::ZERO));
        assert_eq!(units::duration(text).ok(), limit.0);
    }
}

fn is_what_it_prints(text: &str, url: &ListenUrl) {
    let printed = url.to_string();
    // Options are not printed.
    let options = text.split_once('?').map_or("", |(_, options)| options);
    let again = format!("{printed}?{options}").parse::<ListenUrl>();
    let again = again.unwrap_or_else(|error| panic!("{printed}: {error}"));
    assert_eq!(again.to_string(), printed);
    assert_eq!(what_it_says(&again), what_it_says(url));
    let kind = url.service.kind;
    assert!(printed.starts_with(kind.name));
    // Whoever says who they are says it in a hello.
    assert!(url.auth.is_none() || url.meeting == Meeting::Named);
    assert!(url.meeting == Meeting::Arrival || kind.greeting.is_none());
    assert!(
        url.proxies
            .as_ref()
            .is_none_or(|trusted| !trusted.is_empty())
    );
    assert_eq!(url.service.route.is_some(), kind.route.is_some());
    let workers = url.service.route.iter().flat_map(|route| &route.workers);
    for worker in workers {
        assert!(
            worker
                .parse::<Address>()
                .is_ok_and(|address| address.to_string() == *worker)
        );
    }
}

fn what_it_says(url: &ListenUrl) -> String {
    let waits = [None, Some(Limit(None))].map(|given| url.wait_timeout(given));
    format!(
        "{:?} {:?} {:?} {:?} {:?} {} {waits:?}",
        url.service,
        url.service.route,
        url.meeting,
        url.auth,
        url.proxies,
        url.is_passed()
    )
}
