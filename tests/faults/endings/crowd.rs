//! A thousand clients who come to one name and go again, many of them killed at any time: never three in a room, never a
//! partner who was dead, and in the end nobody.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use fastrand::Rng;

use crate::common::users::connect_from;
use crate::common::{
    Bystander, Daemon, End, RELAY, end_of, eventually, hears_nothing, receive, reset,
};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";

/// Where clients come from who say a whole hello, and who never do.
const WHOLE: [u8; 4] = [127, 0, 0, 2];
const HALF: [u8; 4] = [127, 0, 0, 3];

/// What a client knows who has met somebody.
struct Meeting {
    me: u32,
    /// Whom it heard; `None` if that one left without a word.
    heard: Option<u32>,
}

#[test]
fn a_thousand_of_one_name_meet_in_twos_however_many_are_killed() {
    const THREADS: u64 = 8;
    const EACH: u32 = 125;
    let mut daemon = Daemon::serve(&[NAMED, RELAY], &[]);
    let bystander = Bystander::at(daemon.address(1));
    daemon.has_clients(2);
    daemon.settle();
    let before = daemon.descriptors().len();
    let (at, next) = (daemon.address(0), AtomicU32::new(0));
    let number = || next.fetch_add(1, Ordering::Relaxed);
    let meetings: Vec<Meeting> = thread::scope(|scope| {
        let lives = (0..THREADS).map(|seed| {
            scope.spawn(move || {
                let mut random = Rng::with_seed(seed);
                let lives = (0..EACH).filter_map(|_| live(at, number(), &mut random));
                lives.collect::<Vec<_>>()
            })
        });
        let lives: Vec<_> = lives.collect();
        // Whoever is the last of all must not wait for ever.
        let mut more = Vec::new();
        while lives.iter().any(|life| !life.is_finished()) {
            more.extend(wait_while(at, number(), || {
                lives.iter().any(|life| !life.is_finished())
            }));
        }
        let met = lives.into_iter().flat_map(|life| life.join().unwrap());
        met.chain(more).collect()
    });
    is_in_twos(&meetings);
    // Somebody may be left who has said all it had to say and closed: it waits to be heard.
    let last = daemon.say("JOIN crowd\n");
    daemon.settle();
    drop(last);
    daemon.has_clients(2);
    daemon.has_descriptors(before);
    bystander.was_undisturbed();
    daemon.stop();
}

fn is_in_twos(meetings: &[Meeting]) {
    let heard: HashMap<u32, u32> = meetings
        .iter()
        .filter_map(|meeting| Some((meeting.me, meeting.heard?)))
        .collect();
    let mut by: HashMap<u32, u32> = HashMap::new();
    for (&me, &partner) in &heard {
        assert_ne!(me, partner);
        let other = by.insert(partner, me);
        assert_eq!(other, None, "{partner} was heard by {me}, too");
        // The partner may have been reset before it heard anybody.
        let back = heard.get(&partner).copied();
        assert!(
            back.is_none_or(|back| back == me),
            "{me}, {partner}, {back:?}"
        );
    }
    assert!(heard.len() > 200, "only {} met somebody", heard.len());
}

/// One client, who may be killed at any time.
fn live(at: SocketAddr, me: u32, random: &mut Rng) -> Option<Meeting> {
    let fate = random.u8(..10);
    let mut client = connect_from(if fate < 3 { HALF } else { WHOLE }, at);
    let hello = match fate {
        0 => String::new(),
        1 | 2 => "JOIN cro".into(),
        _ => format!("JOIN crowd ack\n{me}\n"),
    };
    client.write_all(hello.as_bytes()).unwrap();
    match fate {
        2 | 3 => drop(client),
        0 | 1 | 4 => reset(client),
        _ => {
            let meeting = meet(&client, me);
            if random.bool() {
                reset(client);
            }
            return meeting;
        }
    }
    None
}

/// A client who stays as long as this is so, or until it has met somebody.
fn wait_while(at: SocketAddr, me: u32, holds: impl Fn() -> bool) -> Option<Meeting> {
    let mut client = connect_from(WHOLE, at);
    let hello = format!("JOIN crowd ack\n{me}\n");
    client.write_all(hello.as_bytes()).unwrap();
    eventually("a partner, or the end", || {
        !hears_nothing(&client) || !holds()
    });
    // With nobody left there is nothing to wait for.
    (!hears_nothing(&client)).then(|| meet(&client, me))?
}

/// Waits for a partner, and for what it says. `None` if there was an end instead of a partner.
fn meet(client: &TcpStream, me: u32) -> Option<Meeting> {
    let mut lines = BufReader::new(client).lines().map_while(Result::ok);
    let answer = lines.next()?;
    let partner: SocketAddr = answer.rsplit(' ').next()?.parse().expect(&answer);
    assert!(answer.starts_with("OK X ") || answer.starts_with("OK Y "));
    assert_eq!(partner.ip(), IpAddr::V4(Ipv4Addr::from(WHOLE)), "{answer}");
    let heard = lines.next().and_then(|line| line.parse().ok());
    Some(Meeting { me, heard })
}

/// Here the daemon has been told of every death before the next one comes.
#[test]
fn whoever_was_killed_while_it_waited_is_nobodys_partner() {
    let mut daemon = Daemon::serve(&[NAMED], &[]);
    let mut random = Rng::with_seed(5);
    let join = |daemon: &Daemon| daemon.say("JOIN crowd ack\n");
    let mut clients = 0;
    let mut waiting: Option<TcpStream> = None;
    for _ in 0..200 {
        match waiting.take() {
            None => waiting = Some(join(&daemon)),
            Some(client) if random.bool() => {
                let leave: fn(TcpStream) = if random.bool() { reset } else { drop };
                leave(client);
                clients -= 1;
                daemon.has_clients(clients);
                continue;
            }
            Some(mut x) => {
                let mut y = join(&daemon);
                let [x_is, y_is] = [&x, &y].map(|client| client.local_addr().unwrap());
                receive(&mut x, format!("OK X {y_is}\n").as_bytes());
                receive(&mut y, format!("OK Y {x_is}\n").as_bytes());
                // A third must not come between them.
                let third = join(&daemon);
                daemon.has_clients(3);
                x.write_all(b"to y").unwrap();
                y.write_all(b"to x").unwrap();
                receive(&mut x, b"to x");
                receive(&mut y, b"to y");
                assert!(hears_nothing(&third));
                reset(y);
                assert_eq!(end_of(&mut x), End::Reset);
                waiting = Some(third);
                clients = 0;
            }
        }
        clients += 1;
        daemon.has_clients(clients);
    }
    drop(waiting);
    daemon.has_clients(0);
    daemon.stop();
}
