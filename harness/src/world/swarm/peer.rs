//! Connections that the submission makes to us: the same driving, from the other side.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::net::sockopt;
use tokio::io::Interest;

use super::client::{Client, Phase, Shared, Socket};
use super::message::Message;
use super::tally::Tally;
use super::{Group, Speech, Swarm};
use crate::evidence::{ClientEnding, Event};
use crate::task::swarm::Alphabet;
use crate::world::ready::register;
use crate::world::side;

/// The file of a peer's world: seeded, no text.
pub fn file(seed: u64, len: u64) -> Message {
    Message::new(Alphabet::Bytes, seed ^ FILE, len)
}

/// Parts the file's seed from those of messages.
const FILE: u64 = 0x66_69_6c_65;

impl Client {
    /// Takes over a connection that the submission, at `theirs`, has made; these messages must come on it.
    ///
    /// # Errors
    /// When the kernel refuses to watch the socket.
    pub(super) fn adopt(
        id: u32,
        place: (u16, Rc<Tally>),
        fd: OwnedFd,
        theirs: SocketAddrV4,
        expected: &[Message],
        shared: Rc<Shared>,
    ) -> io::Result<Rc<Client>> {
        let at = shared.recorder.now();
        rustix::io::ioctl_fionbio(&fd, true)?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        let client = Rc::new(Client::new(id, place, false, at, shared));
        client.theirs.set(Some(theirs));
        client.local.set(Some(theirs));
        for tally in client.tallies() {
            tally.size.set(tally.size.get() + 1);
            tally.enter(Phase::Connecting);
            tally.echoed.set(tally.echoed.get() + 1);
        }
        let watch = client.shared.side.watch(&fd, side::Interest::READ)?;
        let fd = register(fd, Interest::READABLE | Interest::WRITABLE)?;
        client.socket.replace(Some(Rc::new(Socket { watch, fd })));
        client
            .due
            .set(expected.iter().map(Message::len).sum::<u64>());
        client.inbox.borrow_mut().extend(expected.iter().cloned());
        client.enter(Phase::Open);
        client.recount();
        client.shared.bump();
        client.shared.recorder.record(Event::ClientOpen {
            client: id,
            group: client.group,
            begun: Some(at),
        });
        client.arm();
        Ok(client)
    }

    /// Says something to which nothing comes back.
    pub fn tell(&self, message: Message) {
        let all = message.len();
        self.outbox.borrow_mut().push_back(message);
        self.recount();
        self.allow(all);
    }

    /// All that it must get has come.
    pub fn heard(&self) -> bool {
        !self.wrong.get() && self.received.get() == self.due.get()
    }

    /// All that it says is with the kernel.
    pub fn said(&self) -> bool {
        self.phase() == Phase::Open && self.outbox.borrow().is_empty()
    }

    /// The submission has ended its stream in order, and may still read.
    pub(super) fn half_end(&self) {
        if !self.heard_end.replace(true) {
            self.report();
            self.shared.recorder.record(Event::ClientEnd {
                client: self.id,
                how: ClientEnding::Eof,
            });
            self.shared.bump();
        }
    }
}

impl Swarm {
    /// Takes over a connection that the submission has made.
    ///
    /// # Errors
    /// When the kernel refuses to watch the socket.
    pub fn adopt(
        &self,
        group: &str,
        fd: OwnedFd,
        theirs: SocketAddrV4,
        expected: &[Message],
    ) -> io::Result<()> {
        self.adopted.set(true);
        let number = self.number(group);
        let mut groups = self.groups.borrow_mut();
        let Group { tally, clients, .. } = &mut groups[number];
        let id = self.count.get();
        let place = (number as u16, tally.clone());
        let client = Client::adopt(id, place, fd, theirs, expected, self.shared.clone())?;
        self.count.set(id + 1);
        tokio::task::spawn_local(client.clone().live());
        clients.push(client);
        Ok(())
    }

    /// Every connection of the group says something to which nothing comes back.
    pub fn tell(&self, group: &str, speech: &Speech) {
        self.each(group, |client| client.tell(self.message(client, speech)));
    }

    /// Connections of the group that are open.
    pub fn open(&self, group: &str) -> u64 {
        self.tally(group).open.get()
    }

    /// Connections of the group that have handed all that they say to the kernel.
    pub fn said(&self, group: &str) -> u64 {
        self.count_of(group, Client::said)
    }

    /// Connections of the group that have got all that they must get.
    pub fn heard(&self, group: &str) -> u64 {
        self.count_of(group, Client::heard)
    }

    /// Connections of the group whose stream towards us has ended, though they are still there.
    pub(super) fn half_ended(&self, group: &str) -> u64 {
        if !self.adopted.get() {
            return 0;
        }
        self.count_of(group, |c| c.heard_end.get() && c.phase() == Phase::Open)
    }

    fn count_of(&self, group: &str, is: impl Fn(&Client) -> bool) -> u64 {
        let mut count = 0;
        self.each(group, |client| count += u64::from(is(client)));
        count
    }
}
