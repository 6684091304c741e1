//! Arenas under test. Sealing changes the whole process and wants a single thread, so each drill runs
//! in a process of its own: this test program anew, caught before the test runner's main begins.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

use super::toolchain::{Toolchains, Wish};
use super::user::{self, User};
use super::*;
use crate::evidence::Tier;

const ORDER: &str = "GRADUS_DRILL";

/// What the other process is to do.
#[derive(Serialize, Deserialize)]
struct Order {
    config: Config,
    argv: Vec<String>,
    limits: Limits,
    gate: Gate,
    /// What to do with held calls.
    answer: Held,
    /// Kill the program once it has said this on its standard output.
    kill_after: Option<String>,
}

/// Treatment of the calls that a gate holds.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Held {
    LetGo,
    /// Fail writes to descriptors above 2 with this errno.
    FailWrites(i32),
}

/// What came of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// A failed seal or start, in words.
    pub error: Option<String>,
    pub blamed: bool,
    pub status: Option<i32>,
    pub signal: Option<i32>,
    pub left: u32,
    pub out: String,
    pub err: String,
    /// Calls that were held.
    pub held: u32,
    pub facilities: BTreeMap<String, String>,
}

#[used]
#[unsafe(link_section = ".init_array")]
static CATCH: extern "C" fn() = {
    extern "C" fn catch() {
        if let Ok(order) = std::env::var(ORDER) {
            let order: Order = serde_json::from_str(&order).unwrap();
            let outcome = perform(&order).unwrap_or_else(|error| *error);
            println!("{}", serde_json::to_string(&outcome).unwrap());
            std::process::exit(0);
        }
    }
    catch
};

fn perform(order: &Order) -> Result<Outcome, Box<Outcome>> {
    let failed = |error: String, blamed| Box::new(Outcome { error: Some(error), blamed, ..Outcome::default() });
    let sealed = seal(&order.config).map_err(|e| failed(e.to_string(), false))?;
    let launch = Launch {
        argv: order.argv.clone(),
        limits: order.limits.clone(),
        gate: order.gate,
        ..Launch::default()
    };
    let mut program = spawn(&sealed, &launch).map_err(|e| failed(e.to_string(), e.is_submission()))?;
    program.stdin = None;
    let mut outcome = Outcome { facilities: sealed.facilities.clone(), ..Outcome::default() };
    if let Some(word) = &order.kill_after {
        outcome.out = read_until(&program.stdout, word);
        // The test may look at the program now, or end us, before it lets go of our standard input.
        eprintln!("{word}");
        let _ = std::io::stdin().read(&mut [0]);
        program.kill().unwrap();
        outcome.out += &read_until(&program.stdout, "\0");
        return Ok(outcome);
    }
    loop {
        match program.next_status() {
            Ok(Some(Status::Exited { ending, left, .. })) => {
                match ending {
                    Ending::Status(status) => outcome.status = Some(status),
                    Ending::Signal(signal) => outcome.signal = Some(signal),
                }
                outcome.left = left;
                break;
            }
            Ok(Some(Status::Orphan { .. })) => {}
            Ok(None) => wait(&program, order.answer, &mut outcome.held),
            Err(error) => return Err(failed(error.to_string(), false)),
        }
    }
    program.kill().unwrap();
    outcome.out = read_until(&program.stdout, "\0");
    outcome.err = read_until(&program.stderr, "\0");
    Ok(outcome)
}

/// Waits for news of init, and answers one held call meanwhile.
fn wait(program: &Program, answer: Held, held: &mut u32) {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut fds = vec![PollFd::new(&program.status, PollFlags::IN)];
    fds.extend(program.notify.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
    poll(&mut fds, None).unwrap();
    let called = fds.get(1).is_some_and(|fd| fd.revents().contains(PollFlags::IN));
    let Some(listener) = program.notify.as_ref().filter(|_| called) else { return };
    let Some(call) = notify::receive(listener.as_fd()).unwrap() else { return };
    assert!(notify::is_valid(listener.as_fd(), call.id).unwrap());
    *held += 1;
    let answer = match answer {
        Held::FailWrites(errno) if call.number == libc::SYS_write && call.arguments[0] > 2 => {
            notify::Answer::Fail(errno)
        }
        _ => notify::Answer::Continue,
    };
    notify::answer(listener.as_fd(), call.id, answer).unwrap();
}

fn read_until(fd: &OwnedFd, word: &str) -> String {
    let (mut text, mut byte) = (Vec::new(), [0u8]);
    while rustix::io::read(fd, &mut byte[..]).unwrap() == 1 {
        text.push(byte[0]);
        if text.ends_with(word.as_bytes()) {
            break;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// One arena with one program in it.
pub(super) struct Drill {
    order: Order,
    dir: tempfile::TempDir,
    /// Run as this user, as far as we may choose.
    as_user: Option<u32>,
}

impl Drill {
    pub(super) fn new(tier: Tier, argv: &[&str]) -> Drill {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join("work");
        std::fs::create_dir(&work).unwrap();
        let toolchains = Toolchains::find(&Wish {
            env: &|name| std::env::var(name).ok(),
            command: argv.first().copied(),
            expose: &[],
            hidden: &[],
        });
        let config = Config {
            tier,
            dir: dir.path().to_owned(),
            work,
            input: None,
            user: user::for_next_run(),
            hosts: vec![("alpha.test".to_owned(), [127, 0, 0, 2].into())],
            toolchains,
            tmp_mib: 64,
            groups: Vec::new(),
            env: BTreeMap::new(),
        };
        let argv = argv.iter().map(|s| s.to_string()).collect();
        let (limits, gate, answer) = (Limits::default(), Gate::Open, Held::LetGo);
        let order = Order { config, argv, limits, gate, answer, kill_after: None };
        Drill { order, dir, as_user: None }
    }

    /// As an ordinary user would run it. Changes nothing when we are one already.
    pub(super) fn ordinary(mut self) -> Drill {
        self.as_user = self.order.config.user.take().map(|User { id }| id);
        self
    }

    pub(super) fn limits(mut self, limits: Limits) -> Drill {
        self.order.limits = limits;
        self
    }

    pub(super) fn kill_after(mut self, word: &str) -> Drill {
        self.order.kill_after = Some(word.to_owned());
        self
    }

    pub(super) fn gate(mut self, answer: Held) -> Drill {
        (self.order.gate, self.order.answer) = (Gate::Files, answer);
        self
    }

    pub(super) fn config(mut self, change: impl FnOnce(&mut Config)) -> Drill {
        change(&mut self.order.config);
        self
    }

    /// Puts a file into the work folder.
    pub(super) fn file(self, name: &str, text: &str, mode: u32) -> Drill {
        use std::os::unix::fs::PermissionsExt;
        let path = self.work().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub(super) fn work(&self) -> &Path {
        &self.order.config.work
    }

    pub(super) fn run(&self) -> Outcome {
        let mut child = self.start(Stdio::inherit());
        drop(child.stdin.take());
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success(), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Starts it and waits until the program has said the word of `kill_after`; the program stays until
    /// the child's standard input is dropped. None if it could not be started.
    pub(super) fn hold(&self) -> Option<Child> {
        let mut child = self.start(Stdio::piped());
        let said = child.stderr.as_mut().unwrap().read(&mut [0]).unwrap();
        if said == 0 {
            child.wait().unwrap();
        }
        (said > 0).then_some(child)
    }

    /// Ends the arena by force once the program has said its word.
    pub(super) fn run_and_end_arena(&self) {
        let mut child = self.hold().expect("the program starts");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn start(&self, stderr: Stdio) -> Child {
        let owner = self.as_user.or(self.order.config.user.map(|user| user.id));
        if let Some(id) = owner {
            use std::os::unix::fs::PermissionsExt;
            let mine = if self.as_user.is_some() { id } else { 0 };
            std::os::unix::fs::chown(self.dir.path(), Some(mine), Some(mine)).unwrap();
            std::os::unix::fs::chown(self.work(), Some(id), Some(id)).unwrap();
            let open = std::fs::Permissions::from_mode(0o711);
            std::fs::set_permissions(self.dir.path(), open).unwrap();
        }
        // By descriptor: the other user may not be able to enter the folder that this program lies in.
        let exe = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        let mut command = Command::new(format!("/proc/self/fd/{}", exe.as_raw_fd()));
        if let Some(id) = self.as_user {
            command.uid(id).gid(id);
        }
        let order = serde_json::to_string(&self.order).unwrap();
        command.env(ORDER, order).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap()
    }
}
