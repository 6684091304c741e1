//! Connecting no faster than the submission accepts: a SYN that finds the listener's queue full is
//! dropped, and the kernel repeats it only after a second, which would punish a small backlog.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::Swarm;
use crate::world::diag::LISTEN;

/// Connections that one turn starts at most, so that they are handled between turns.
const TURN: u64 = 128;
/// Unanswered connections at a time where the kernel doesn't show the listener's queue.
const BLIND: u64 = 4;

/// Clients that are still to be connected.
#[derive(Debug, Clone)]
pub struct Queue<'a> {
    pub group: &'a str,
    pub reading: bool,
    /// Not yet started.
    pub left: u64,
}

/// The listener's own queue.
enum Listener {
    /// Room for so many more connections that aren't accepted yet.
    Room(u64),
    Gone,
    /// The kernel doesn't tell.
    Unknown,
}

impl Swarm {
    /// Starts as many connections as the listener has room for. True once all are started and answered, or
    /// nobody listens any more.
    ///
    /// # Errors
    /// When the host gives no more sockets: a fault of the host.
    pub fn advance(&self, queue: &mut Queue) -> io::Result<bool> {
        let connecting = self.tally(queue.group).connecting.get();
        if queue.left > 0 {
            let room = match self.listener() {
                Listener::Room(room) => room.saturating_sub(connecting),
                Listener::Unknown => BLIND.saturating_sub(connecting),
                // One is refused, which puts it on record.
                Listener::Gone => {
                    queue.left = 0;
                    self.connect(queue.group, queue.reading)?;
                    return Ok(false);
                }
            };
            for _ in 0..queue.left.min(room).min(TURN) {
                self.connect(queue.group, queue.reading)?;
                queue.left -= 1;
            }
        }
        Ok(queue.left == 0 && self.tally(queue.group).connecting.get() == 0)
    }

    /// Whether something listens at the target: asked of the kernel, not tried out. Where the kernel
    /// doesn't tell, a connection that is closed at once tries it out.
    pub fn listening(&self) -> bool {
        match self.listener() {
            Listener::Room(_) => true,
            Listener::Gone => false,
            Listener::Unknown => std::net::TcpStream::connect(self.shared.target).is_ok(),
        }
    }

    fn listener(&self) -> Listener {
        let (SocketAddr::V4(target), Some(diag)) = (self.shared.target, &self.shared.diag) else {
            return Listener::Unknown;
        };
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        match diag.end(target, any) {
            // Of a listener the kernel tells the length of its queue and its bound, which one may pass.
            Ok(Some(end)) if end.state == LISTEN => {
                Listener::Room(u64::from((end.unsent + 1).saturating_sub(end.unread)))
            }
            Ok(_) => Listener::Gone,
            Err(_) => Listener::Unknown,
        }
    }
}
