//! The held disk: calls of the submission on files of its output folder wait at a gate, fail, or go on.
//!
//! The kernel puts every call that could change a file before us (see [`filter`](super::filter)); all that
//! isn't about the folder goes on at once. This works for any program, whatever it is written in, and
//! needs no privileges. Not seen: writing through a mapping.

mod listing;
mod policy;
mod touch;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use self::policy::{Act, Fate};
use self::touch::{Caller, Touch, touch};
use super::notify::{self, Answer, Call};
use crate::evidence::Event;
use crate::evidence::writer::Recorder;
use crate::task::disk::Op;
use crate::world::ready::register;
use crate::world::side::{self, Side, Watch};

pub use listing::Shelf;
pub use policy::Policy;

/// Most files opened for reading that are recorded: more than any runtime and its libraries have.
const MOST_LOADS: usize = 20_000;

/// The gate of one run.
pub struct Disk {
    // Goes before the descriptor that it watches.
    watch: RefCell<Option<Watch>>,
    fd: AsyncFd<OwnedFd>,
    /// The output folder, as the submission calls it.
    folder: PathBuf,
    proc: OwnedFd,
    recorder: Rc<Recorder>,
    side: Rc<Side>,
    policy: RefCell<Policy>,
    held: RefCell<BTreeMap<u64, Held>>,
    next: Cell<u64>,
    counts: Cell<[u64; Op::ALL.len()]>,
    loaded: RefCell<HashSet<PathBuf>>,
}

/// A call that waits.
struct Held {
    id: u64,
    tid: u32,
}

impl Disk {
    /// Takes over the descriptor on which calls are heard of. `proc` is a `/proc` that shows the
    /// submission's threads under the numbers that the kernel tells us.
    ///
    /// # Errors
    /// When the descriptor can't be registered.
    pub fn new(
        fd: OwnedFd,
        proc: OwnedFd,
        folder: PathBuf,
        policy: Policy,
        recorder: Rc<Recorder>,
        side: Rc<Side>,
    ) -> io::Result<Rc<Disk>> {
        let watch = RefCell::new(Some(side.watch(&fd, side::Interest::READ)?));
        Ok(Rc::new(Disk {
            fd: register(fd, Interest::READABLE)?,
            watch,
            folder,
            proc,
            recorder,
            side,
            policy: RefCell::new(policy),
            held: RefCell::default(),
            next: Cell::new(0),
            counts: Cell::default(),
            loaded: RefCell::default(),
        }))
    }

    /// Answers calls until the submission is gone. Run as a task of its own.
    pub async fn pump(self: Rc<Self>) {
        while let Ok(mut guard) = self.fd.readable().await {
            match self.drain() {
                Ok(true) => guard.clear_ready(),
                Ok(false) => break,
                Err(error) => {
                    let message = format!("calls on files can't be watched any more: {error}");
                    self.recorder.record(Event::Fault { message });
                    break;
                }
            }
        }
        // A hang-up stays for ever: it is no news any more.
        self.watch.take();
    }

    /// Answers all calls that are there now. False once the submission is gone.
    fn drain(&self) -> io::Result<bool> {
        loop {
            // Receiving blocks where nothing is there, whatever the descriptor's flags.
            let mut one = [PollFd::new(self.fd.get_ref(), PollFlags::IN)];
            match poll(
                &mut one,
                Some(&Timespec {
                    tv_sec: 0,
                    tv_nsec: 0,
                }),
            ) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled?,
            };
            let seen = one[0].revents();
            if !seen.contains(PollFlags::IN) {
                return Ok(!seen.intersects(PollFlags::HUP | PollFlags::ERR));
            }
            if let Some(call) = notify::receive(self.fd.get_ref().as_fd())? {
                self.side.bump();
                self.take(&call)?;
            }
        }
    }

    fn take(&self, call: &Call) -> io::Result<()> {
        let caller = Caller {
            proc: self.proc.as_fd(),
            tid: call.tid,
        };
        let touch = touch(caller, call);
        // What was read of a caller that is gone may be somebody else's.
        if !notify::is_valid(self.fd.get_ref().as_fd(), call.id)? {
            return Ok(());
        }
        let (fate, op, path) = match touch {
            Some(Touch::Change(act, path)) => match (act, inside(&self.folder, &path)) {
                (act, Some(name)) => {
                    let fate = self.policy.borrow_mut().judge(act, &name);
                    self.count(act);
                    (fate, act, name)
                }
                _ => return self.answer(call.id, Answer::Continue),
            },
            Some(Touch::Read(path)) => {
                self.load(caller, path);
                return self.answer(call.id, Answer::Continue);
            }
            None => return self.answer(call.id, Answer::Continue),
        };
        if fate == Fate::Pass {
            return self.answer(call.id, Answer::Continue);
        }
        let number = self.next.replace(self.next.get() + 1);
        let Act::Op(op) = op else {
            return self.answer(call.id, Answer::Continue);
        };
        self.recorder.record(Event::Held {
            call: number,
            op: op.as_str().to_owned(),
            path,
            tid: call.tid,
            main_thread: caller.is_main(),
        });
        match fate {
            Fate::Fail(errno) => {
                self.recorder.record(Event::LetGo {
                    call: number,
                    errno: Some(errno),
                });
                self.answer(call.id, Answer::Fail(errno))
            }
            _ => {
                self.held.borrow_mut().insert(
                    number,
                    Held {
                        id: call.id,
                        tid: call.tid,
                    },
                );
                Ok(())
            }
        }
    }

    fn answer(&self, id: u64, answer: Answer) -> io::Result<()> {
        notify::answer(self.fd.get_ref().as_fd(), id, answer).map(drop)
    }

    fn count(&self, act: Act) {
        let Act::Op(op) = act else { return };
        let mut counts = self.counts.get();
        counts[op as usize] += 1;
        self.counts.set(counts);
    }

    /// Records a file that is opened for reading, once.
    fn load(&self, caller: Caller<'_>, path: PathBuf) {
        let mut loaded = self.loaded.borrow_mut();
        let kernels = ["/proc", "/sys", "/dev"]
            .iter()
            .any(|of| path.starts_with(of));
        if kernels || loaded.len() >= MOST_LOADS || loaded.contains(&path) {
            return;
        }
        // Many a runtime tries one place after the other: only what is there can be loaded.
        let place = format!("{}/root{}", caller.tid, path.display());
        let there = rustix::fs::statat(&self.proc, place, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
        if there.is_ok() {
            self.recorder.record(Event::Loaded {
                path: path.display().to_string(),
            });
            loaded.insert(path);
        }
    }

    /// Whether this thread waits in a held call.
    pub fn holds(&self, tid: u32) -> bool {
        self.held.borrow().values().any(|held| held.tid == tid)
    }

    /// Calls that are held now. Those whose caller is gone are forgotten.
    pub fn held(&self) -> u64 {
        let mut held = self.held.borrow_mut();
        let fd = self.fd.get_ref().as_fd();
        held.retain(|_, held| notify::is_valid(fd, held.id).unwrap_or(false));
        held.len() as u64
    }

    /// Lets the oldest calls go; with no count all of them, and none is held any more. Says how many
    /// went.
    ///
    /// # Errors
    /// When the kernel refuses an answer.
    pub fn let_go(&self, count: Option<u64>) -> io::Result<u64> {
        if count.is_none() {
            self.policy.borrow_mut().open();
        }
        let mut gone = 0;
        while count.is_none_or(|count| gone < count) {
            let Some((number, held)) = self.held.borrow_mut().pop_first() else {
                break;
            };
            self.recorder.record(Event::LetGo {
                call: number,
                errno: None,
            });
            self.answer(held.id, Answer::Continue)?;
            gone += 1;
        }
        if gone > 0 {
            self.side.bump();
        }
        Ok(gone)
    }

    /// Records how many calls on files of the folder there were in all.
    pub fn report(&self) {
        let [write, open, fsync, rename] = self.counts.get();
        self.recorder.record(Event::Calls {
            write,
            open,
            fsync,
            rename,
        });
    }
}

/// A path relative to a folder; none if it isn't beneath it.
fn inside(folder: &Path, path: &Path) -> Option<String> {
    let rest = path.strip_prefix(folder).ok()?;
    let name = rest.to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
