//! The swarm: TCP clients of the submission, in named groups, driven from the arena's one thread.

mod client;
mod message;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::rc::Rc;
use std::time::{Duration, Instant};

pub use client::{Client, Phase, Shared};
pub use message::{Comparison, Message};

use crate::task::swarm::{Alphabet, Pieces};

/// Ports that one source address is used for: below the usual ephemeral range's size.
const PER_ADDRESS: u32 = 20_000;
/// `TCP_LISTEN` of the kernel's `include/net/tcp_states.h`.
const TCP_LISTEN: u8 = 10;
/// A connect that the kernel has not answered for so long is not waited for: the submission doesn't accept.
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);

/// All clients of a run.
pub struct Swarm {
    shared: Rc<Shared>,
    seed: u64,
    groups: RefCell<HashMap<String, u16>>,
    clients: RefCell<Vec<Rc<Client>>>,
    last_connect: Cell<Instant>,
}

/// What a message is made of.
#[derive(Debug, Clone)]
pub enum Speech {
    Seeded { alphabet: Alphabet, len: u64 },
    Literal(String),
}

impl Swarm {
    pub fn new(shared: Shared, seed: u64) -> Swarm {
        Swarm {
            shared: Rc::new(shared),
            seed,
            groups: RefCell::default(),
            clients: RefCell::default(),
            last_connect: Cell::new(Instant::now()),
        }
    }

    /// Starts `count` connections of a group.
    ///
    /// # Errors
    /// When the host gives no more sockets: a fault of the host.
    pub fn connect(&self, group: &str, count: u64, reading: bool) -> io::Result<()> {
        let next = self.groups.borrow().len() as u16;
        let group = *self.groups.borrow_mut().entry(group.to_owned()).or_insert(next);
        for _ in 0..count {
            let id = self.clients.borrow().len() as u32;
            let client = Client::connect(id, group, reading, source(id), self.shared.clone())?;
            tokio::task::spawn_local(client.clone().live());
            self.clients.borrow_mut().push(client);
        }
        self.last_connect.set(Instant::now());
        Ok(())
    }

    /// Every client of the group says a message of its own; the first piece goes at once.
    pub fn say(&self, group: &str, speech: &Speech, pieces: Pieces) {
        for client in self.members(group) {
            let message = match speech {
                Speech::Seeded { alphabet, len } => {
                    let seed = self.seed ^ (u64::from(client.id) << 32) ^ client.received();
                    Message::new(*alphabet, seed, *len)
                }
                Speech::Literal(text) => Message::literal(text.as_bytes()),
            };
            let first = match pieces {
                Pieces::Whole => message.len(),
                Pieces::Bytes => 1,
                Pieces::Halves => message.inside_character(message.len() / 2).unwrap_or(message.len() / 2),
            };
            client.say(message, first);
        }
    }

    /// Lets the next piece of each unfinished message of the group go. False if there is none left.
    pub fn next_piece(&self, group: &str, pieces: Pieces) -> bool {
        let mut any = false;
        for client in self.members(group) {
            let left = client.unsent();
            if left > 0 && client.phase() == Phase::Open {
                any = true;
                client.allow(if pieces == Pieces::Bytes { 1 } else { left });
            }
        }
        any
    }

    pub fn read(&self, group: &str, on: bool) {
        self.members(group).iter().for_each(|c| c.read(on));
    }

    pub fn finish(&self, group: &str) {
        self.members(group).iter().for_each(|c| c.finish());
    }

    pub fn close(&self, group: &str, reset: bool) {
        self.members(group).iter().for_each(|c| c.close(reset));
    }

    /// Clients of the group.
    pub fn size(&self, group: &str) -> u64 {
        self.members(group).len() as u64
    }

    /// Clients of the group to whom everything that they said has come back.
    pub fn echoed(&self, group: &str) -> u64 {
        self.count(group, Client::echoed)
    }

    /// Clients of the group whose connection the submission (or the world) has ended.
    pub fn ended(&self, group: &str) -> u64 {
        self.count(group, |c| matches!(c.phase(), Phase::Ended(_)))
    }

    /// Clients of the group that are connected, or have been.
    pub fn connected(&self, group: &str) -> u64 {
        self.count(group, |c| matches!(c.phase(), Phase::Open | Phase::Ended(_)))
    }

    /// Clients of the group that the kernel has not yet connected or refused.
    pub fn connecting(&self, group: &str) -> u64 {
        self.count(group, |c| c.phase() == Phase::Connecting)
    }

    /// Whether something listens at the target: asked of the kernel, not tried out. Where the kernel
    /// doesn't tell, a connection that is closed at once tries it out.
    pub fn listening(&self) -> bool {
        let SocketAddr::V4(target) = self.shared.target else { return false };
        match &self.shared.diag {
            Some(diag) => {
                let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
                diag.end(target, any).is_ok_and(|end| end.is_some_and(|end| end.state == TCP_LISTEN))
            }
            None => std::net::TcpStream::connect(target).is_ok(),
        }
    }

    /// Whether the kernel still owes us an answer to a connect (it repeats a lost SYN by itself).
    pub fn busy(&self) -> bool {
        self.last_connect.get().elapsed() < CONNECT_PATIENCE
            && self.clients.borrow().iter().any(|c| c.phase() == Phase::Connecting)
    }

    /// Records how far every client has come, at the end of a run.
    pub fn report(&self) {
        self.clients.borrow().iter().for_each(|c| c.report());
    }

    fn members(&self, group: &str) -> Vec<Rc<Client>> {
        let Some(&group) = self.groups.borrow().get(group) else { return Vec::new() };
        self.clients.borrow().iter().filter(|c| c.group == group).cloned().collect()
    }

    fn count(&self, group: &str, is: impl Fn(&Client) -> bool) -> u64 {
        self.members(group).iter().filter(|c| is(c)).count() as u64
    }
}

/// All of 127/8 is local: several source addresses go past one address's ports.
fn source(id: u32) -> SocketAddr {
    let host = 1 + id / PER_ADDRESS;
    let ip = Ipv4Addr::new(127, 1, (host >> 8) as u8, host as u8);
    SocketAddr::new(IpAddr::V4(ip), 0)
}
