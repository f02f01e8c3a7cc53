//! The rooms of a load that stays: connected, paired, and known to be paired as meant.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use hdrhistogram::Histogram;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::BenchError;
use super::args::{Hello, Mode};
use super::dial::{PATIENCE, dial};
use super::meter::{histogram, nanoseconds};
use super::plan::Plan;

/// Descriptors besides those of the connections.
const RESERVE: usize = 64;

/// One room: what X and Y are to the server. Of echo there is only X.
pub struct Ends {
    pub number: usize,
    pub x: TcpStream,
    pub y: Option<TcpStream>,
}

/// Makes sure that there are descriptors for all connections.
///
/// # Errors
/// If the limit can't be raised so far.
pub fn reserve_descriptors(plan: &Plan) -> Result<(), BenchError> {
    let wanted = (plan.connections() + RESERVE) as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    // Beyond the hard limit only root gets.
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).map_err(|_| BenchError::Descriptors {
        wanted,
        limit: limit.maximum.unwrap_or(u64::MAX),
    })
}

/// Connections that need no partner, or wait in vain for one, made by as many threads as the load has, and how long each took.
///
/// # Errors
/// If one can't be made.
pub fn connections(plan: &Plan) -> Result<(Vec<Ends>, Histogram<u64>), BenchError> {
    let part = |thread: usize| {
        let mut times = histogram();
        let ends = (thread..plan.rooms)
            .step_by(plan.threads)
            .map(|number| {
                let begin = Instant::now();
                let mut x = dial(plan, number)?;
                times.saturating_record(nanoseconds(begin.elapsed()));
                if plan.hello == Some(Hello::Transit) {
                    send(&mut x, transit_hello(number, 0).as_bytes(), number)?;
                }
                Ok(Ends { number, x, y: None })
            })
            .collect::<Result<Vec<_>, BenchError>>();
        ends.map(|ends| (ends, times))
    };
    std::thread::scope(|scope| {
        let part = &part;
        let parts: Vec<_> = (0..plan.threads)
            .map(|thread| scope.spawn(move || part(thread)))
            .collect();
        let (mut all, mut times) = (Vec::new(), histogram());
        for part in parts {
            let (ends, part) = part.join().expect("it does not panic")?;
            all.extend(ends);
            times.add(part).expect("histograms of one kind");
        }
        Ok((all, times))
    })
}

/// Rooms, joined one after the other: where clients pair in the order in which they come, this makes the partner
/// mine. X's first message carries the room's number, and Y must get it.
///
/// # Errors
/// If a connection can't be made, or a room is not what it should be.
pub fn rooms(plan: &Plan) -> Result<Vec<Ends>, BenchError> {
    if let Some(sink) = plan.sink {
        return behind_a_proxy(plan, sink);
    }
    let mut rooms = Vec::with_capacity(plan.rooms);
    for number in 0..plan.rooms {
        let mut x = dial(plan, 2 * number)?;
        if plan.mode == Mode::Chat {
            welcome(&mut x, number)?;
        }
        let mut y = dial(plan, 2 * number + 1)?;
        if plan.hello == Some(Hello::Transit) {
            transit(&mut x, &mut y, number)?;
        }
        send(&mut x, &tag(number), number)?;
        rooms.push((x, y));
    }
    // Only now, so that a far server is not waited for twice a room.
    rooms
        .into_iter()
        .enumerate()
        .map(|(number, (x, mut y))| match receive_tag(&mut y, number)? {
            got if got == number => Ok(Ends {
                number,
                x,
                y: Some(y),
            }),
            got => Err(BenchError::Paired {
                expected: number,
                got,
            }),
        })
        .collect()
}

/// Connections through a proxy, to which nothing is sent, with both their ends.
///
/// # Errors
/// If one can't be made, or the proxy does not pass it on.
pub fn through_a_proxy(
    plan: &Plan,
    sink: SocketAddr,
) -> Result<(Vec<Ends>, Histogram<u64>), BenchError> {
    let listener = listen(sink)?;
    let mut times = histogram();
    let ends = (0..plan.rooms)
        .map(|number| {
            let begin = Instant::now();
            let x = dial(plan, number)?;
            let y = Some(accept(&listener)?);
            times.saturating_record(nanoseconds(begin.elapsed()));
            Ok(Ends { number, x, y })
        })
        .collect::<Result<Vec<_>, BenchError>>();
    ends.map(|ends| (ends, times))
}

/// The proxy's other side: whoever connects to `sink` is a Y, and says by its first message of which room.
fn behind_a_proxy(plan: &Plan, sink: SocketAddr) -> Result<Vec<Ends>, BenchError> {
    let listener = listen(sink)?;
    let mut xs: Vec<Option<TcpStream>> = Vec::with_capacity(plan.rooms);
    let mut rooms = Vec::with_capacity(plan.rooms);
    for number in 0..plan.rooms {
        let mut x = dial(plan, number)?;
        send(&mut x, &tag(number), number)?;
        xs.push(Some(x));
        let mut y = accept(&listener)?;
        let got = receive_tag(&mut y, number)?;
        let x = xs.get_mut(got).and_then(Option::take);
        rooms.push(Ends {
            number: got,
            x: x.ok_or(BenchError::Paired {
                expected: number,
                got,
            })?,
            y: Some(y),
        });
    }
    Ok(rooms)
}

fn listen(sink: SocketAddr) -> Result<TcpListener, BenchError> {
    TcpListener::bind(sink)
        .map_err(|error| BenchError::Connect(format!("cannot listen on {sink}: {error}")))
}

/// The next connection, waited for with patience, which a blocking `accept` has not.
fn accept(listener: &TcpListener) -> Result<TcpStream, BenchError> {
    let unable = |error: std::io::Error| BenchError::Connect(format!("--sink: {error}"));
    listener.set_nonblocking(true).map_err(unable)?;
    let begin = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).map_err(unable)?;
                stream.set_nodelay(true).map_err(unable)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if begin.elapsed() > PATIENCE {
                    return Err(BenchError::Connect(
                        "nobody connects to --sink: is it where the proxy sends its clients?"
                            .into(),
                    ));
                }
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
            Err(error) => return Err(unable(error)),
        }
    }
}

/// The lines that magic-wormhole's clients send: one token for both, and a side for each.
pub fn transit_hello(room: usize, side: usize) -> String {
    // A token that another run, or another process, would also use would bring strangers together.
    let run = u64::from(std::process::id());
    format!(
        "please relay {run:032x}{room:032x} for side {:016x}\n",
        2 * room + side
    )
}

/// What the relay answers both when both are there.
pub const TRANSIT_OK: &[u8] = b"ok\n";

fn transit(x: &mut TcpStream, y: &mut TcpStream, number: usize) -> Result<(), BenchError> {
    send(x, transit_hello(number, 0).as_bytes(), number)?;
    send(y, transit_hello(number, 1).as_bytes(), number)?;
    for stream in [x, y] {
        let mut ok = [0; 3];
        receive(stream, &mut ok, number)?;
        if ok != *TRANSIT_OK {
            return Err(room_error(number, "the server did not answer ok"));
        }
    }
    Ok(())
}

/// Takes the line that X gets on arrival, whatever it says.
fn welcome(x: &mut TcpStream, number: usize) -> Result<(), BenchError> {
    let mut byte = [0];
    while byte[0] != b'\n' {
        receive(x, &mut byte, number)?;
    }
    Ok(())
}

const TAG: usize = 16;

fn tag(number: usize) -> [u8; TAG] {
    let text = format!("room {number:010}\n");
    text.into_bytes().try_into().expect("it is that long")
}

fn receive_tag(y: &mut TcpStream, number: usize) -> Result<usize, BenchError> {
    let mut bytes = [0; TAG];
    receive(y, &mut bytes, number)?;
    let text = std::str::from_utf8(&bytes).ok();
    let got = text.and_then(|text| text.strip_prefix("room ")?.trim_end().parse().ok());
    got.ok_or_else(|| room_error(number, "Y received something else than X sent"))
}

fn send(stream: &mut TcpStream, bytes: &[u8], number: usize) -> Result<(), BenchError> {
    stream
        .write_all(bytes)
        .map_err(|error| room_error(number, error))
}

fn receive(stream: &mut TcpStream, bytes: &mut [u8], number: usize) -> Result<(), BenchError> {
    let patient = stream.set_read_timeout(Some(PATIENCE));
    let read = patient.and_then(|()| stream.read_exact(bytes));
    read.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => room_error(
            number,
            "nothing came: does the server do this, and pair clients in the order in which they come?",
        ),
        ErrorKind::UnexpectedEof => room_error(number, "the server closed the connection"),
        _ => room_error(number, error),
    })
}

fn room_error(number: usize, why: impl std::fmt::Display) -> BenchError {
    BenchError::Room(format!("room {number}: {why}"))
}
