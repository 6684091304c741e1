//! What an arena hears from outside of its script: its parent's lifeline, and init's word on the program.

use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

use crate::world::ready::register;
use tokio::io::Interest;

use super::stage::Stage;
use super::status::{Ending, Status};
use crate::evidence::Event;
use crate::world::side;

/// Status of an arena whose lifeline was cut.
const CUT: i32 = 3;
/// Status of an arena whose init was killed.
const LOST: i32 = 4;

/// When the lifeline ends, so do the submission and the arena, at once.
///
/// # Errors
/// When standard input can't be watched.
pub fn watch_lifeline(stage: Rc<Stage>) -> io::Result<()> {
    let lifeline = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::io::ioctl_fionbio(&lifeline, true)?;
    let lifeline = register(lifeline, Interest::READABLE)?;
    tokio::task::spawn_local(async move {
        loop {
            let Ok(mut guard) = lifeline.readable().await else {
                return;
            };
            match rustix::io::read(lifeline.get_ref(), &mut [0u8; 64]) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => guard.clear_ready(),
                // The parent says nothing after the job; whatever it is, only its end matters.
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
        // Our own end ends it in any case: init dies with its parent.
        let _ = stage.program.borrow_mut().kill();
        // What was recorded stays valid as partial evidence; the parent may be gone altogether.
        let _ = stage.recorder.flush();
        std::process::exit(CUT);
    });
    Ok(())
}

/// Records the end of the program's own process as soon as init tells it.
///
/// # Errors
/// When init's socket can't be watched.
pub fn watch_status(stage: Rc<Stage>) -> io::Result<()> {
    let socket = stage.program.borrow().status.try_clone()?;
    let watch = stage.side.watch(&socket, side::Interest::READ)?;
    let socket = register(socket, Interest::READABLE)?;
    tokio::task::spawn_local(async move {
        while let Ok(mut guard) = socket.readable().await {
            let next = stage.program.borrow().next_status();
            match next {
                Ok(Some(status)) => stage.heard(status),
                Ok(None) => guard.clear_ready(),
                Err(_) => {
                    stage.lost();
                    break;
                }
            }
        }
        drop(watch);
    });
    Ok(())
}

impl Stage {
    /// Init is gone. If neither the program's end nor we ended it, somebody else did, and the program with it:
    /// that is nothing to judge the program by.
    fn lost(&self) {
        // Whoever ends it holds it at this moment.
        let ours = self.program.try_borrow().map_or(true, |p| p.is_ended());
        if self.exited.get() || ours {
            return;
        }
        self.recorder.record(Event::Fault {
            message: "the first process of the arena was killed from outside".to_owned(),
        });
        // What can't be handed on is missed by the parent, which then tells of our end alone.
        let _ = self.recorder.flush();
        std::process::exit(LOST);
    }

    fn heard(&self, status: Status) {
        self.side.bump();
        let Status::Exited {
            ending,
            user,
            system,
            max_rss_kib,
            left,
        } = status
        else {
            return;
        };
        // What it printed before its end was printed before its end.
        self.out.drain();
        self.err.drain();
        let (status, signal) = match ending {
            Ending::Status(n) => (Some(n), None),
            Ending::Signal(n) => (None, Some(n)),
        };
        self.exited.set(true);
        self.left.set(left);
        self.own.replace((user, system, max_rss_kib));
        self.recorder.record(Event::Exited { status, signal });
    }
}
