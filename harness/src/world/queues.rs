//! What is in the kernel between the origin and its clients.
//!
//! Acknowledgements may come 40 ms late, so "written and not acknowledged" doesn't mean "on the way":
//! our own are sent at once by asking for it, and for the client's the bytes that it has received are
//! compared with those that we sent.

use std::os::fd::AsRawFd;

use rustix::net::sockopt::set_tcp_quickack;

use super::diag::{Diag, End, FIN_WAIT1};
use super::serve::{Ask, Site};
use super::wire::Wire;

/// Bytes in the kernel between the origin and its clients. None where the host doesn't tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queues {
    /// Bytes that the clients have not read.
    pub unread: Option<u64>,
    /// Whether anything that either side sent hasn't arrived at the other. Bytes that wait for room at a client
    /// which doesn't read are not on the way.
    pub on_the_way: Option<bool>,
}

/// Positions within the kernel's `struct tcp_info`.
const UNACKED: usize = 24;
const BYTES_SENT: usize = 200;
const BYTES_RETRANS: usize = 208;
/// The only state of a client that hasn't heard of our end of the stream, while it holds its own end open.
const ESTABLISHED: u8 = 1;

/// Looks at every open connection.
pub fn queues(site: &Site) -> Queues {
    let Some(diag) = &site.diag else {
        return Queues::default();
    };
    let (mut unread, mut on_the_way) = (0, false);
    for wire in site.wires.borrow().values() {
        let Ok(end) = diag.end(wire.peer, wire.local) else {
            return Queues::default();
        };
        // Nobody waits at an end that was closed.
        let Some(end) = end.filter(End::held) else {
            continue;
        };
        unread += u64::from(end.unread);
        on_the_way |= outward(wire, &end) || inward(diag, wire, &end);
    }
    Queues {
        unread: Some(unread),
        on_the_way: Some(on_the_way),
    }
}

fn inward(diag: &Diag, wire: &Wire<Ask>, end: &End) -> bool {
    // What we don't want to read for now waits for us, and isn't on the way.
    if !end.sending() || !wire.awaited() {
        return false;
    }
    // Maybe only our acknowledgement is late: send it now.
    if wire
        .with_stream(|stream| set_tcp_quickack(stream, true))
        .is_err()
    {
        return true;
    }
    matches!(diag.end(wire.peer, wire.local), Ok(Some(end)) if end.sending())
}

fn outward(wire: &Wire<Ask>, end: &End) -> bool {
    let Some(info) = wire.with_stream(tcp_info) else {
        return true;
    };
    let unacked = info
        .get(UNACKED..UNACKED + 4)
        .is_some_and(|bytes| bytes != [0; 4]);
    if !unacked {
        return false;
    }
    if info.first() == Some(&FIN_WAIT1) && end.state == ESTABLISHED {
        return true;
    }
    let number = |at: usize| {
        info.get(at..at + 8)?
            .try_into()
            .ok()
            .map(u64::from_ne_bytes)
    };
    match (number(BYTES_SENT), number(BYTES_RETRANS), end.received) {
        (Some(sent), Some(again), Some(received)) => received < sent.saturating_sub(again),
        _ => true,
    }
}

/// Our end's `struct tcp_info`, as much of it as the kernel has.
fn tcp_info(stream: &impl AsRawFd) -> Option<Vec<u8>> {
    let mut info = vec![0u8; 256];
    let mut len = info.len() as libc::socklen_t;
    // SAFETY: the vector has the length given, and both live across the call.
    let done = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    info.truncate(len as usize);
    (done == 0).then_some(info)
}
