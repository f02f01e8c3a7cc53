//! URLs that are right, and what is wrong with the others.

use super::*;
use crate::limits::TRANSIT_WAIT;

fn parsed(text: &str) -> Result<String, UrlError> {
    text.parse::<ListenUrl>().map(|url| url.to_string())
}

#[test]
fn urls_that_are_right() {
    for text in [
        "relay://127.0.0.1:7000",
        "echo://[::1]:7007",
        "relay://*:0",
        "echo://localhost:65535",
        "relay://@relay",
        "transit://@magic wormhole",
    ] {
        assert_eq!(parsed(text), Ok(text.into()));
    }
    assert_eq!(
        parsed("relay://*:1?rooms=arrival"),
        Ok("relay://*:1".into())
    );
}

#[test]
fn urls_that_are_wrong() {
    let table = [
        ("", UrlError::Shape),
        ("relay", UrlError::Shape),
        ("relay:127.0.0.1:7000", UrlError::Shape),
        ("rely://127.0.0.1:7000", UrlError::Service("rely".into())),
        ("relay://127.0.0.1", UrlError::NoPort("127.0.0.1".into())),
        ("relay://[::1]", UrlError::NoPort("[::1]".into())),
        ("relay://[::1", UrlError::Shape),
        (
            "relay://::1:7000",
            AddressError::Brackets("::1".into()).into(),
        ),
        // Printed, they would be something else, or nothing that can be read.
        ("relay://[h]:1", AddressError::NoBrackets("h".into()).into()),
        ("relay://[*]:1", AddressError::NoBrackets("*".into()).into()),
        (
            "relay://[@h]:1",
            AddressError::NoBrackets("@h".into()).into(),
        ),
        (
            "relay://[[h]:1",
            AddressError::NoBrackets("[h".into()).into(),
        ),
        ("relay://:7000", UrlError::NoHost),
        ("relay://[]:7000", UrlError::NoHost),
        ("relay://@", UrlError::NoName),
        ("relay://@?rooms=named", UrlError::NoName),
        ("relay://h:", AddressError::Port("".into()).into()),
        ("relay://h:+7", AddressError::Port("+7".into()).into()),
        ("relay://h:65536", AddressError::Port("65536".into()).into()),
        ("relay://h:1?rooms=many", UrlError::Rooms("many".into())),
        ("echo://h:1?rooms=named", UrlError::Alone("echo")),
        ("chat://h:1?auth=f", UrlError::AuthByArrival),
        ("echo://h:1?wait=1s", UrlError::Alone("echo")),
        ("transit://h:1?rooms=named", UrlError::Greeting("transit")),
        ("transit://h:1?auth=f", UrlError::Greeting("transit")),
        ("relay://h:1?rooms", UrlError::NoValue("rooms".into())),
        ("relay://h:1?proxy", UrlError::NoValue("proxy".into())),
        (
            "relay://h:1?proxy=on&trust=",
            UrlError::NoValue("trust".into()),
        ),
        ("relay://h:1?trust=::1", UrlError::TrustWithoutProxy),
        (
            "relay://h:1?proxy=on&trust=::1,",
            UrlError::Trust(CidrError::Shape("".into())),
        ),
        (
            "relay://h:1?proxy=on&trust=10.0.0.0/99",
            UrlError::Trust(CidrError::Shape("10.0.0.0/99".into())),
        ),
    ];
    for (text, error) in table {
        assert_eq!(parsed(text), Err(error), "{text}");
    }
}

#[test]
fn an_option_that_is_there_twice_is_wrong() {
    for (text, name) in [
        ("relay://h:1?wait=1m&wait=2m", "wait"),
        ("relay://h:1?rooms=named&rooms=arrival", "rooms"),
        ("relay://h:1?proxy=on&proxy=on", "proxy"),
        ("relay://h:1?proxy=on&trust=::1&trust=10.0.0.1", "trust"),
        ("chat://h:1?turns=free&turns=strict", "turns"),
        ("forward://h:1?to=a:1&to=b:1", "to"),
    ] {
        assert_eq!(parsed(text), Err(UrlError::Twice(name.into())), "{text}");
    }
}

#[test]
fn options_belong_to_their_service() {
    for text in [
        "chat://h:1?turns=free",
        "relay://h:1?rooms=named",
        "chat://h:1?rooms=arrival&turns=strict",
        "order://h:1?settle=1s",
        "order://h:1?wait=none&settle=1s",
    ] {
        assert!(parsed(text).is_ok(), "{text}");
    }
    for (text, part) in [
        ("relay://h:1?turns=free", "unknown option `turns`"),
        ("chat://h:1?turns=odd", "turns is strict or free"),
        ("chat://h:1?settle=1s", "unknown option `settle`"),
        ("order://h:1?settle=soon", "not a duration"),
        ("order://h:1?turns=free", "unknown option `turns`"),
        ("order://h:1?wait=soon", "not a duration"),
        ("echo://h:1?proxy=off", "proxy=on"),
        (
            "echo://h:1?proxy=on&trust=10.0.0.1/8",
            "write 10.0.0.0/8, or 10.0.0.1",
        ),
    ] {
        let error = parsed(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn the_defaults_are_right() {
    for text in DEFAULTS {
        assert_eq!(parsed(text), Ok((*text).into()));
    }
}

#[test]
fn a_listener_knows_best_how_long_to_wait() {
    let second = Some(Duration::from_secs(1));
    let wait = |url: &str, given| url.parse::<ListenUrl>().unwrap().wait_timeout(given);
    for (url, given, expected) in [
        ("relay://h:1", None, None),
        ("relay://h:1", Some(Limit(second)), second),
        ("relay://h:1?wait=1s", None, second),
        ("relay://h:1?wait=1s", Some(Limit(None)), second),
        ("relay://h:1?wait=none", Some(Limit(second)), None),
        ("transit://h:1", None, Some(TRANSIT_WAIT)),
        ("transit://h:1", Some(Limit(second)), second),
        ("transit://h:1", Some(Limit(None)), None),
        ("transit://h:1?wait=none", None, None),
    ] {
        assert_eq!(wait(url, given), expected, "{url} {given:?}");
    }
}

#[test]
fn proxies_are_trusted_where_it_is_said_and_else_on_this_machine() {
    let trusted = |url: &str| url.parse::<ListenUrl>().unwrap().proxies;
    let networks = |texts: &[&str]| {
        let networks = texts.iter().map(|text| text.parse().unwrap());
        Some(networks.collect::<Vec<Cidr>>())
    };
    for (options, expected) in [
        ("", None),
        ("?rooms=named", None),
        ("?proxy=on", networks(&["127.0.0.0/8", "::1"])),
        (
            "?trust=10.0.0.0/8,::1&proxy=on",
            networks(&["10.0.0.0/8", "::1"]),
        ),
        (
            "?proxy=on&rooms=named&trust=10.0.0.1,fd00::/8",
            networks(&["10.0.0.1", "fd00::/8"]),
        ),
    ] {
        assert_eq!(trusted(&format!("relay://h:1{options}")), expected);
    }
    for service in SERVICES {
        let workers = if service.route.is_some() {
            "&to=w:1"
        } else {
            ""
        };
        let url = format!("{}://h:1?proxy=on{workers}", service.name);
        assert!(trusted(&url).is_some(), "{url}");
    }
}
