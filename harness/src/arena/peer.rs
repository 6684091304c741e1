//! A peer that the submission connects to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::io::Interest;

use super::stage::Stage;
use crate::evidence::Event;
use crate::plan::Plan;
use crate::task::amount::AmountError;
use crate::task::peer::PEER;
use crate::world::ready::register;
use crate::world::side;
use crate::world::swarm::{Message, file};

/// Listens on a free port.
///
/// # Errors
/// When the host gives none.
pub fn listen() -> io::Result<(OwnedFd, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    Ok((listener.into(), addr))
}

/// What must come on a connection: the greeting, and the file.
///
/// # Errors
/// When the pack names an unknown parameter.
pub fn expected(plan: &Plan) -> Result<Vec<Message>, AmountError> {
    let Some(peer) = &plan.world.peer else {
        return Ok(Vec::new());
    };
    let bytes = plan.amount(&peer.file)?;
    let mut all = Vec::new();
    if !peer.greeting.is_empty() {
        all.push(Message::literal(peer.greeting.as_bytes()));
    }
    if bytes > 0 {
        all.push(file(plan.seed, bytes));
    }
    Ok(all)
}

/// The bytes of the file.
pub fn file_bytes(plan: &Plan, bytes: u64) -> Vec<u8> {
    let message = file(plan.seed, bytes);
    let mut all = Vec::new();
    while (all.len() as u64) < message.len() {
        all.extend_from_slice(message.at(all.len() as u64));
    }
    all
}

/// Takes connections for as long as the run lasts. Run as a task of its own.
pub async fn accept(stage: Rc<Stage>, listener: OwnedFd, expected: Vec<Message>) {
    let fault = |message: String| {
        stage.recorder.record(Event::Fault { message });
    };
    let watch = match stage.side.watch(&listener, side::Interest::READ) {
        Ok(watch) => watch,
        Err(error) => return fault(format!("the peer's listener can't be watched: {error}")),
    };
    let fd = match register(listener, Interest::READABLE) {
        Ok(fd) => fd,
        Err(error) => return fault(format!("the peer's listener can't be watched: {error}")),
    };
    while let Ok(mut guard) = fd.readable().await {
        match acceptfrom_with(guard.get_inner(), SocketFlags::CLOEXEC) {
            Ok((socket, Some(theirs))) => {
                stage.side.bump();
                let Ok(SocketAddr::V4(theirs)) = SocketAddr::try_from(theirs) else {
                    continue;
                };
                let Some(swarm) = &stage.swarm else { break };
                if let Err(error) = swarm.adopt(PEER, socket, theirs, &expected) {
                    fault(format!("a connection can't be watched: {error}"));
                }
            }
            Ok(_) => {}
            Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED) => {}
            Err(error) => {
                fault(format!("the peer can't accept connections: {error}"));
                break;
            }
        }
    }
    drop(watch);
}
