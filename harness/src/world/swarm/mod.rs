//! The swarm: TCP clients of the submission, in named groups, driven from the arena's one thread.

mod client;
mod lines;
mod message;
mod peer;
mod queue;
mod tally;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

pub use client::{Client, Phase, Shared};
pub use message::{Comparison, Message};
pub use peer::file;
pub use queue::Queue;
pub use tally::Tally;

use crate::task::swarm::{Alphabet, Pieces};

/// Ports that one source address is used for: below the usual ephemeral range's size.
const PER_ADDRESS: u32 = 20_000;
/// A connect that the kernel has not answered for so long is not waited for: the submission doesn't accept.
const CONNECT_PATIENCE: Duration = Duration::from_secs(8);
/// Clients that are asked, at most, whether bytes are on their way to them.
const ASKED: usize = 256;

/// All clients of a run.
pub struct Swarm {
    shared: Rc<Shared>,
    seed: u64,
    /// Addresses of the entries of the origin's list, and how many of them were named so far.
    urls: Vec<String>,
    named: Cell<usize>,
    /// Set once somebody connected to us.
    adopted: Cell<bool>,
    /// Numbers that lines have held so far.
    numbers: Cell<u64>,
    groups: RefCell<Vec<Group>>,
    /// Clients so far, of all groups.
    count: Cell<u32>,
    last_connect: Cell<Instant>,
}

struct Group {
    name: String,
    tally: Rc<Tally>,
    clients: Vec<Rc<Client>>,
}

/// What a message is made of.
#[derive(Debug, Clone)]
pub enum Speech {
    Seeded { alphabet: Alphabet, len: u64 },
    Literal(String),
}

impl Swarm {
    /// `urls`: the addresses that lines may name.
    pub fn new(shared: Shared, seed: u64, urls: Vec<String>) -> Swarm {
        Swarm {
            shared: Rc::new(shared),
            seed,
            urls,
            named: Cell::new(0),
            adopted: Cell::new(false),
            numbers: Cell::new(0),
            groups: RefCell::default(),
            count: Cell::new(0),
            last_connect: Cell::new(Instant::now()),
        }
    }

    /// Starts one more connection of a group.
    ///
    /// # Errors
    /// When the host gives no more sockets: a fault of the host.
    pub fn connect(&self, group: &str, reading: bool) -> io::Result<()> {
        let number = self.number(group);
        let mut groups = self.groups.borrow_mut();
        let group = &mut groups[number];
        let id = self.count.get();
        let place = (number as u16, group.tally.clone());
        let client = Client::connect(id, place, reading, source(id), self.shared.clone())?;
        self.count.set(id + 1);
        tokio::task::spawn_local(client.clone().live());
        group.clients.push(client);
        self.last_connect.set(Instant::now());
        Ok(())
    }

    /// Every client of the group says a message of its own; the first piece goes at once.
    pub fn say(&self, group: &str, speech: &Speech, pieces: Pieces) {
        self.each(group, |client| {
            let message = self.message(client, speech);
            let first = match pieces {
                Pieces::Whole => message.len(),
                Pieces::Bytes => 1,
                Pieces::Halves => message
                    .inside_character(message.len() / 2)
                    .unwrap_or(message.len() / 2),
            };
            client.say(message, first);
        });
    }

    /// The group's newest client says a message.
    pub fn say_last(&self, group: &str, speech: &Speech) {
        let number = self.number(group);
        if let Some(client) = self.groups.borrow()[number].clients.last() {
            let message = self.message(client, speech);
            let all = message.len();
            client.say(message, all);
        }
    }

    fn message(&self, client: &Client, speech: &Speech) -> Message {
        match speech {
            Speech::Seeded { alphabet, len } => {
                let seed = self.seed ^ (u64::from(client.id) << 32) ^ client.received();
                Message::new(*alphabet, seed, *len)
            }
            Speech::Literal(text) => Message::literal(text.as_bytes()),
        }
    }

    /// Lets the next piece of each unfinished message of the group go. False if there is none left.
    pub fn next_piece(&self, group: &str, pieces: Pieces) -> bool {
        let mut any = false;
        self.each(group, |client| {
            let left = client.unsent();
            if left > 0 && client.phase() == Phase::Open {
                any = true;
                client.allow(if pieces == Pieces::Bytes { 1 } else { left });
            }
        });
        any
    }

    /// Whether everything that the group's clients were allowed to send has come back to them.
    pub fn up_to_date(&self, group: &str) -> bool {
        let mut all = true;
        self.each(group, |client| all &= client.up_to_date());
        all
    }

    pub fn read(&self, group: &str, on: bool) {
        self.each(group, |c| c.read(on));
    }

    pub fn finish(&self, group: &str) {
        self.each(group, |c| c.finish());
    }

    pub fn close(&self, group: &str, reset: bool) {
        self.each(group, |c| c.close(reset));
    }

    /// Ends the connection of the group's newest client.
    pub fn close_last(&self, group: &str, reset: bool) {
        let number = self.number(group);
        if let Some(client) = self.groups.borrow()[number].clients.last() {
            client.close(reset);
        }
    }

    /// Clients of the group, by how far they are.
    pub fn tally(&self, group: &str) -> Rc<Tally> {
        let number = self.number(group);
        self.groups.borrow()[number].tally.clone()
    }

    /// Clients of the group.
    pub fn size(&self, group: &str) -> u64 {
        self.tally(group).size.get()
    }

    /// Clients of the group to whom everything that they said has come back.
    pub fn echoed(&self, group: &str) -> u64 {
        self.tally(group).echoed.get()
    }

    /// Clients of the group whose connection the submission (or the world) has ended.
    pub fn ended(&self, group: &str) -> u64 {
        self.tally(group).ended.get() + self.half_ended(group)
    }

    /// Clients of all groups that hold a connection now.
    pub fn held(&self) -> u64 {
        self.shared.all.open.get() + self.shared.all.connecting.get()
    }

    /// Counts what happens to clients.
    pub fn news(&self) -> u64 {
        self.shared.news.get()
    }

    /// Whether the kernel still owes us an answer to a connect (it repeats a lost SYN by itself).
    pub fn busy(&self) -> bool {
        self.shared.all.connecting.get() > 0 && self.last_connect.get().elapsed() < CONNECT_PATIENCE
    }

    /// Whether bytes between a client and the submission must move by themselves soon. Of very many
    /// clients that wait for something only the first are asked.
    pub fn owed(&self) -> bool {
        let groups = self.groups.borrow();
        let waiting = groups
            .iter()
            .flat_map(|g| &g.clients)
            .filter(|c| c.phase() == Phase::Open && !c.echoed());
        waiting.take(ASKED).any(|c| c.owed())
    }

    /// The run is over: all clients go. Their ends are no news of the submission, which is gone by then.
    pub fn leave(&self) {
        self.report();
        self.groups
            .borrow()
            .iter()
            .flat_map(|g| &g.clients)
            .for_each(|c| c.leave());
    }

    /// Records how far every client has come.
    pub fn report(&self) {
        self.groups
            .borrow()
            .iter()
            .flat_map(|g| &g.clients)
            .for_each(|c| c.report());
    }

    fn number(&self, name: &str) -> usize {
        let mut groups = self.groups.borrow_mut();
        groups
            .iter()
            .position(|g| g.name == name)
            .unwrap_or_else(|| {
                groups.push(Group {
                    name: name.to_owned(),
                    tally: Rc::default(),
                    clients: Vec::new(),
                });
                groups.len() - 1
            })
    }

    fn each(&self, group: &str, act: impl FnMut(&Rc<Client>)) {
        let number = self.number(group);
        self.groups.borrow()[number].clients.iter().for_each(act);
    }
}

/// All of 127/8 is local: several source addresses go past one address's ports.
fn source(id: u32) -> SocketAddr {
    let host = 1 + id / PER_ADDRESS;
    let ip = Ipv4Addr::new(127, 1, (host >> 8) as u8, host as u8);
    SocketAddr::new(IpAddr::V4(ip), 0)
}
