//! A server that joins two clients who name the same room, as much of one as it takes to transfer files: endings are
//! kept, and the transfer can be held up at a certain byte.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::DEADLINE;

pub struct Rooms {
    address: SocketAddr,
    hold: Arc<Hold>,
    held: Receiver<()>,
}

/// Where the first sender of files is held up, and how it goes on.
struct Hold {
    at: Mutex<Option<usize>>,
    then: Mutex<Option<Then>>,
    decided: Condvar,
    held: Sender<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Cut,
}

impl Rooms {
    pub fn open() -> Self {
        Self::holding(None)
    }

    /// Holds up the first sender once so many of its bytes have gone through.
    pub fn hold_at(bytes: usize) -> Self {
        Self::holding(Some(bytes))
    }

    fn holding(at: Option<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        // So that not much more than was held up has left the sender. Clients inherit it.
        SockRef::from(&listener)
            .set_recv_buffer_size(64 * 1024)
            .expect("a socket");
        let address = listener.local_addr().expect("it listens");
        let (sender, held) = channel();
        let hold = Arc::new(Hold {
            at: Mutex::new(at),
            then: Mutex::new(None),
            decided: Condvar::new(),
            held: sender,
        });
        let shared = Arc::clone(&hold);
        thread::spawn(move || serve(&listener, &shared));
        Self {
            address,
            hold,
            held,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the sender is held up.
    pub fn is_held(&self) {
        self.held
            .recv_timeout(DEADLINE)
            .expect("so much is sent in time");
    }

    pub fn go_on(&self) {
        self.hold.decide(Then::GoOn);
    }

    /// Resets both.
    pub fn cut(&self) {
        self.hold.decide(Then::Cut);
    }
}

impl Hold {
    fn decide(&self, then: Then) {
        *self.then.lock().unwrap() = Some(then);
        self.decided.notify_all();
    }

    fn wait(&self) -> Then {
        self.held.send(()).expect("the test waits for it");
        let undecided = self.then.lock().unwrap();
        let decided = self.decided.wait_while(undecided, |then| then.is_none());
        decided.unwrap().expect("a decision")
    }
}

fn serve(listener: &TcpListener, hold: &Arc<Hold>) {
    let mut waiting: HashMap<String, TcpStream> = HashMap::new();
    for client in listener.incoming() {
        let mut client = client.expect("a client");
        client.set_nodelay(true).expect("a socket");
        // Clients of these tests say their hello at once.
        let hello = read_line(&mut client);
        let mut words = hello.split(' ');
        assert_eq!(words.next(), Some("JOIN"), "{hello}");
        let room = words.next().expect("a room").to_owned();
        assert_eq!((words.next(), words.next()), (Some("ack"), None), "{hello}");
        let partner = waiting.remove(&room).filter(is_alive);
        match partner {
            None => drop(waiting.insert(room, client)),
            Some(partner) => join(partner, client, hold),
        }
    }
}

fn read_line(client: &mut TcpStream) -> String {
    let (mut line, mut byte) = (String::new(), [0]);
    while client.read(&mut byte).is_ok_and(|bytes| bytes > 0) && byte != [b'\n'] {
        line.push(char::from(byte[0]));
    }
    line
}

fn is_alive(client: &TcpStream) -> bool {
    client.set_nonblocking(true).expect("a socket");
    let seen = client.peek(&mut [0]);
    client.set_nonblocking(false).expect("a socket");
    seen.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

fn join(mut x: TcpStream, mut y: TcpStream, hold: &Arc<Hold>) {
    for (client, name, partner) in [(&x, "X", &y), (&y, "Y", &x)] {
        // Whoever dies before its own data is told must not look finished.
        SockRef::from(client)
            .set_linger(Some(Duration::ZERO))
            .expect("a socket");
        let partner = partner.peer_addr().expect("an address");
        let mut client = client;
        // One that is gone is found out by the copying.
        let _ = client.write_all(format!("OK {name} {partner}\n").as_bytes());
    }
    let pair = Arc::new(Mutex::new(Ended::default()));
    for reversed in [false, true] {
        let (from, to) = (x.try_clone().unwrap(), y.try_clone().unwrap());
        let (pair, hold) = (Arc::clone(&pair), Arc::clone(hold));
        thread::spawn(move || {
            let whole = copy(&from, &to, &hold);
            pair.lock().unwrap().one(whole, &from, &to);
        });
        if !reversed {
            (x, y) = (y, x);
        }
    }
}

/// How the two directions of a room have ended.
#[derive(Default)]
struct Ended {
    whole: u32,
    cut: bool,
}

impl Ended {
    /// FIN goes on to the other side. Anything else resets both: dropping the last handle does, so the other direction
    /// must only be woken up.
    fn one(&mut self, whole: bool, from: &TcpStream, to: &TcpStream) {
        if self.cut {
            return;
        }
        if whole {
            self.whole += 1;
            let _ = to.shutdown(Shutdown::Write);
        } else {
            self.cut = true;
            for stream in [from, to] {
                let _ = stream.shutdown(Shutdown::Read);
            }
        }
        if self.whole == 2 {
            for stream in [from, to] {
                SockRef::from(stream).set_linger(None).expect("a socket");
            }
        }
    }
}

/// Copies until FIN; whether it was one.
fn copy(mut from: &TcpStream, mut to: &TcpStream, hold: &Hold) -> bool {
    let mut buffer = vec![0; 64 * 1024];
    // Bytes until the transfer is held up.
    let (mut is_first, mut left) = (true, None);
    loop {
        let mut bytes = match from.read(&mut buffer) {
            Ok(0) => return true,
            Ok(bytes) => &buffer[..bytes],
            Err(_) => return false,
        };
        if std::mem::take(&mut is_first) && bytes.starts_with(b"PAIRLOOP-FILES 1 send\n") {
            left = hold.at.lock().unwrap().take();
        }
        if let Some(most) = left {
            let (before, after) = bytes.split_at(bytes.len().min(most));
            if to.write_all(before).is_err() {
                return false;
            }
            left = Some(most - before.len()).filter(|left| *left > 0);
            if left.is_none() && hold.wait() == Then::Cut {
                return false;
            }
            bytes = after;
        }
        if to.write_all(bytes).is_err() {
            return false;
        }
    }
}
