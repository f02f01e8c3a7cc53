//! An echo server of nothing but the system calls: what is left when a server does no work of its own. Not a server to
//! use: it trusts every client, and a client that does not read stops all.

use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};

fn main() {
    let listener: TcpListener = peers::listen(&std::env::args().nth(1).expect("ADDRESS:PORT"));
    let epoll = epoll::create(CreateFlags::CLOEXEC).expect("an epoll");
    let listening = listener.as_raw_fd() as usize;
    let data = EventData::new_u64(listening as u64);
    epoll::add(&epoll, &listener, data, EventFlags::IN).expect("it is added");
    // By descriptor: no table, no generations, no state.
    let mut clients: Vec<Option<OwnedFd>> = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        events.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None).expect("events");
        for event in &events {
            let descriptor = event.data.u64() as usize;
            if descriptor == listening {
                accept(&listener, &epoll, &mut clients);
                continue;
            }
            let Some(client) = &clients[descriptor] else {
                continue;
            };
            match recv(client, &mut buffer, RecvFlags::empty()) {
                Ok((bytes, _)) if bytes > 0 => {
                    let _ = send(client, &buffer[..bytes], SendFlags::NOSIGNAL);
                }
                _ => clients[descriptor] = None,
            }
        }
    }
}

fn accept(listener: &TcpListener, epoll: &OwnedFd, clients: &mut Vec<Option<OwnedFd>>) {
    loop {
        match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(client) => {
                let descriptor = client.as_raw_fd() as usize;
                let data = EventData::new_u64(descriptor as u64);
                let edges = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
                epoll::add(epoll, &client, data, edges).expect("it is added");
                if clients.len() <= descriptor {
                    clients.resize_with(descriptor + 1, || None);
                }
                clients[descriptor] = Some(client);
            }
            Err(Errno::AGAIN) => return,
            // The client has gone already.
            Err(_) => {}
        }
    }
}
