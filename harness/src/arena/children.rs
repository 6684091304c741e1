//! Children that report to the world: each command writes its number into one pipe with a name, and waits at
//! another one until it is let go.
//!
//! Both work with nothing but a shell. The command opens its own pipe before it reports; the world then holds
//! the only writing end, so that the command's end, of whatever cause, shows there at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::task::Poll;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use tokio::io::Interest;

use crate::evidence::{Ending, Point, Side as Whose};
use crate::plan::Plan;
use crate::plan::children::{Command, name};
use crate::task::children::{Prints, Waits};
use crate::world::ledger::{Fate, Ledger, Pass, Probe};
use crate::world::ready::register;
use crate::world::side::{self, Side, Watch};

/// Where commands report.
const NEWS: &str = "news";
/// Longest line that is taken for a report.
const LONGEST: usize = 64;

/// The commands of one run.
pub struct Children {
    ledger: Rc<Ledger>,
    side: Rc<Side>,
    /// Pipes of commands that haven't reported yet: both ends, so that opening them never waits.
    unheard: RefCell<BTreeMap<usize, OwnedFd>>,
    /// Writing ends, by the connection that stands for the command.
    waiting: RefCell<HashMap<u64, Rc<OwnedFd>>>,
    folder: OwnedFd,
}

/// The folder of the pipes, within the submission's own.
pub fn folder(plan: &Plan) -> String {
    format!(".held-{:x}", plan.seed)
}

/// The file of commands. `place` is the folder of the pipes as the submission sees it.
pub fn listing(plan: &Plan, place: &Path) -> String {
    let mut text = String::new();
    for (index, command) in plan.commands.iter().enumerate() {
        text += &line(command, index, &place.display().to_string());
        text.push('\n');
        // Blank lines have no number.
        match index {
            1 => text.push('\n'),
            2 => text.push_str("  \t \n"),
            _ => {}
        }
    }
    text
}

fn line(command: &Command, index: usize, place: &str) -> String {
    let mut parts = Vec::new();
    match command.prints {
        Prints::Line => parts.extend(
            command
                .lines()
                .iter()
                .map(|line| format!("printf '{line}'")),
        ),
        Prints::Halves => parts.push(format!("printf '{}'", command.halves().0)),
        Prints::Much => parts.push(format!("cat '{place}/{index}.txt'")),
        Prints::Nothing => {}
    }
    let wait = format!("{{ echo {index} >'{place}/{NEWS}'; read x; }} <'{place}/{index}'");
    match command.waits {
        Waits::No => {}
        Waits::Own => parts.push(wait),
        Waits::Nested => parts.push(format!("( {wait}; : )")),
    }
    if command.prints == Prints::Halves {
        parts.push(format!("printf '{}'", command.halves().1));
    }
    parts.push(match command.killed {
        Some(signal) => format!("kill -{signal} $$"),
        None => format!("exit {}", command.exit),
    });
    parts.join("; ")
}

impl Children {
    /// Makes the pipes below `work`, and listens to reports.
    ///
    /// # Errors
    /// When the host refuses a pipe or a descriptor.
    pub fn new(
        work: &OwnedFd,
        plan: &Plan,
        ledger: Rc<Ledger>,
        side: Rc<Side>,
    ) -> io::Result<Rc<Children>> {
        let name = folder(plan);
        let all = Mode::from_raw_mode(0o777);
        rustix::fs::mkdirat(work, name.as_str(), all)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(work, name.as_str(), flags, Mode::empty())?;
        rustix::fs::fchmod(&folder, all)?;
        let news = pipe(&folder, NEWS)?;
        let mut unheard = BTreeMap::new();
        for (index, command) in plan.commands.iter().enumerate() {
            if command.waits != Waits::No {
                unheard.insert(index, pipe(&folder, &index.to_string())?);
            }
            if command.prints == Prints::Much {
                write_text(&folder, &format!("{index}.txt"), &command.lines())?;
            }
        }
        let children = Rc::new(Children {
            ledger,
            side: side.clone(),
            unheard: RefCell::new(unheard),
            waiting: RefCell::default(),
            folder,
        });
        children.ledger.set_probe(children.clone());
        tokio::task::spawn_local(children.clone().listen(news)?);
        Ok(children)
    }

    fn listen(self: Rc<Self>, news: OwnedFd) -> io::Result<impl Future<Output = ()>> {
        let watch = self.side.watch(&news, side::Interest::READ)?;
        let news = register(news, Interest::READABLE)?;
        Ok(async move {
            let mut rest = Vec::new();
            while let Ok(mut guard) = news.readable().await {
                let mut buffer = [0; 4096];
                match rustix::io::read(news.get_ref(), &mut buffer) {
                    Ok(n) => {
                        rest.extend_from_slice(&buffer[..n]);
                        self.take(&mut rest);
                    }
                    Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                    Err(rustix::io::Errno::INTR) => {}
                    Err(_) => break,
                }
            }
            drop(watch);
        })
    }

    /// Takes whole lines off the front.
    fn take(self: &Rc<Self>, bytes: &mut Vec<u8>) {
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            let number = std::str::from_utf8(&line)
                .ok()
                .and_then(|l| l.trim().parse().ok());
            if let Some(index) = number {
                self.reported(index);
            }
        }
        bytes.truncate(LONGEST);
    }

    /// A command runs, and waits at its pipe.
    fn reported(self: &Rc<Self>, index: usize) {
        self.side.bump();
        let known = self.unheard.borrow_mut().remove(&index);
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // While our own reading end is open this can't fail for want of a reader; a second run has none.
        let opened = rustix::fs::openat(&self.folder, index.to_string(), flags, Mode::empty());
        drop(known);
        let Ok(writing) = opened else { return };
        let Ok(watch) = self.side.watch(&writing, side::Interest::NONE) else {
            return;
        };
        let conn = self.ledger.connect(0);
        let writing = Rc::new(writing);
        self.waiting.borrow_mut().insert(conn, writing.clone());
        tokio::task::spawn_local(self.clone().hold(index, conn, watch, writing));
    }

    async fn hold(self: Rc<Self>, index: usize, conn: u64, watch: Watch, writing: Rc<OwnedFd>) {
        let item = u32::try_from(index).ok();
        let ticket = self.ledger.arrive(conn, 0, "RUN", &name(index), item);
        let pass = std::future::poll_fn(|cx| {
            watch.on_hang_up(cx.waker());
            if watch.hung_up() {
                return Poll::Ready(Pass::Gone);
            }
            self.ledger.poll_gate(ticket, Point::Head, false, cx)
        })
        .await;
        let by = match pass {
            Pass::Go => {
                self.ledger.answer(ticket, 200, 0, Ending::Complete);
                Whose::World
            }
            Pass::Gone => Whose::Peer,
        };
        self.waiting.borrow_mut().remove(&conn);
        drop(watch);
        // With the last writing end gone the command reads the end of the stream, and goes on.
        drop(writing);
        self.ledger.disconnect(conn, by);
    }
}

impl Probe for Children {
    fn gone(&self, conns: &[u64]) -> Vec<(u64, Fate)> {
        let waiting = self.waiting.borrow();
        let dead = |conn: &&u64| waiting.get(conn).is_some_and(|fd| unread(fd));
        conns
            .iter()
            .filter(dead)
            .map(|&conn| (conn, Fate::Gone))
            .collect()
    }
}

/// Whether nobody has the reading end of this pipe any more.
fn unread(fd: &OwnedFd) -> bool {
    let mut one = [PollFd::new(fd, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut one, Some(&now)).is_ok() && one[0].revents().contains(PollFlags::ERR)
}

/// A pipe with a name, both ends of it. Anybody may use it: the submission has a user of its own.
fn pipe(folder: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let mode = Mode::from_raw_mode(0o666);
    rustix::fs::mknodat(folder, name, FileType::Fifo, mode, 0)?;
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    rustix::fs::fchmod(&fd, mode)?;
    debug_assert!(fd.as_raw_fd() > 2);
    Ok(fd)
}

fn write_text(folder: &OwnedFd, name: &str, lines: &[String]) -> io::Result<()> {
    use std::io::Write;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o644))?;
    let mut file = std::fs::File::from(file);
    let mut text = lines.join("\n");
    text.push('\n');
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_of_shell() {
        let command = Command {
            waits: Waits::Nested,
            prints: Prints::Halves,
            exit: 3,
            killed: None,
            tag: "c7xabc".into(),
        };
        let text = line(&command, 7, "/work/.held");
        assert!(!text.contains('\n'));
        assert_eq!(
            text,
            "printf 'c7xabc begins a line '; ( { echo 7 >'/work/.held/news'; read x; } \
             <'/work/.held/7'; : ); printf 'and c7xabc ends it'; exit 3"
        );
        let killed = Command {
            waits: Waits::No,
            prints: Prints::Nothing,
            killed: Some(9),
            ..command
        };
        assert_eq!(line(&killed, 8, "/x"), "kill -9 $$");
    }
}
