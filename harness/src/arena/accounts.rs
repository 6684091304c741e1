//! The kernel's accounts of a living process tree, from `/proc` (see proc(5)).

use std::fs::File;
use std::io::read_to_string;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::fs::{Mode, OFlags, openat};

use super::look::{Look, Looker};
use crate::evidence::Worked;

/// Names kept of processes that outlived the program.
const MOST_NAMES: usize = 16;

/// Resident anonymous memory of all processes, KiB. Pages that several processes share after a fork are
/// counted in each.
pub fn anon_kib(proc: BorrowedFd<'_>, look: &Look, root: u32) -> Option<u64> {
    look.pids(root)
        .map(|pid| field(&read(proc, &format!("{pid}/status"))?, "RssAnon:"))
        .try_fold(0u64, |sum, kib| Some(sum + kib?))
}

/// Open descriptors of all processes.
pub fn descriptors(proc: BorrowedFd<'_>, look: &Look, root: u32) -> Option<u32> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    look.pids(root)
        .map(|pid| {
            let fds = openat(proc, format!("{pid}/fd"), flags, Mode::empty()).ok()?;
            // `.` and `..` are entries too.
            Some(
                rustix::fs::Dir::read_from(&fds)
                    .ok()?
                    .count()
                    .saturating_sub(2) as u32,
            )
        })
        .try_fold(0u32, |sum, n| Some(sum + n?))
}

/// Names of the processes that are still there and not ending.
pub fn names(looker: &mut Looker) -> Vec<String> {
    let look = looker.look();
    let pids: Vec<u32> = look.pids(looker.root()).take(MOST_NAMES).collect();
    let name = |pid: u32| {
        Some(
            read(looker.proc(), &format!("{pid}/comm"))?
                .trim_end()
                .to_owned(),
        )
    };
    pids.into_iter().filter_map(name).collect()
}

/// The account of one thread; none if it is gone. Times count from `begun`.
pub fn worked(proc: BorrowedFd<'_>, pid: u32, tid: u32, begun: Instant) -> Option<Worked> {
    let status = read(proc, &format!("{pid}/task/{tid}/status"))?;
    let times = read(proc, &format!("{pid}/task/{tid}/schedstat"))?;
    let at_ns = u64::try_from(begun.elapsed().as_nanos()).ok()?;
    let mut times = times.split_ascii_whitespace().map(str::parse);
    Some(Worked {
        tid,
        at_ns,
        run_ns: times.next()?.ok()?,
        wait_ns: times.next()?.ok()?,
        sleeps: field(&status, "voluntary_ctxt_switches:")?,
    })
}

fn field(status: &str, name: &str) -> Option<u64> {
    status
        .lines()
        .find_map(|l| l.strip_prefix(name))?
        .split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
}

fn read(proc: BorrowedFd<'_>, path: &str) -> Option<String> {
    read_to_string(File::from(
        openat(proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?,
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_status_is_found() {
        assert_eq!(
            field("Name:\tx\nRssAnon:\t    1234 kB\n", "RssAnon:"),
            Some(1234)
        );
        assert_eq!(field("Name:\tx\n", "RssAnon:"), None);
    }
}
