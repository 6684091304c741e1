//! What init and the program's own beginning tell the arena, in records of a fixed size.

use std::time::Duration;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Status(i32),
    Signal(i32),
}

/// One record of init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The program's own process ended.
    Exited {
        ending: Ending,
        /// Processor time and largest resident set of it and of the children it waited for.
        user: Duration,
        system: Duration,
        max_rss_kib: u64,
        /// Processes that were still there when it ended.
        left: u32,
    },
    /// A process whose parent had ended before it.
    Orphan { pid: u32, ending: Ending },
}

/// Bytes of one record.
pub const SIZE: usize = size_of::<Wire>();

/// Where a start can fail, as the number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Stage {
    Control = 1,
    Root,
    Proc,
    Fork,
    Streams,
    Folder,
    Credentials,
    Wall,
    Filter,
    Listener,
    Execute,
    /// The file exists, but the interpreter that it names does not.
    Interpreter,
    /// A folder on the way is closed to the program's user.
    Unreachable,
}

impl Stage {
    pub(super) fn from_wire(number: u32) -> Option<Stage> {
        use Stage::*;
        let all = [
            Control,
            Root,
            Proc,
            Fork,
            Streams,
            Folder,
            Credentials,
            Wall,
            Filter,
            Listener,
            Execute,
            Interpreter,
            Unreachable,
        ];
        all.into_iter().find(|stage| *stage as u32 == number)
    }
}

#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Kind {
    /// First word of the program's process; the kernel adds its process id.
    Hello = 1,
    /// The program's pidfd comes with this record, from init: by the time that the arena hears of the
    /// program it may have ended, and its number mean nothing any more.
    Program,
    /// The seccomp listener comes with this record.
    Listener,
    /// A start failed: `a` is the stage, `b` the errno.
    Failed,
    Exited,
    Orphan,
}

/// The record as it goes over the socket. All fields are plain numbers without padding.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Wire {
    pub kind: u32,
    pub pid: u32,
    pub a: u32,
    pub b: u32,
    pub user_us: u64,
    pub system_us: u64,
    pub max_rss_kib: u64,
}

impl Wire {
    pub(super) const fn new(kind: Kind, a: u32, b: u32) -> Wire {
        Wire { kind: kind as u32, pid: 0, a, b, user_us: 0, system_us: 0, max_rss_kib: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // Safety: `repr(C)` of plain numbers without padding (checked below).
        unsafe { std::slice::from_raw_parts((&raw const *self).cast(), SIZE) }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Wire> {
        let bytes: [u8; SIZE] = bytes.try_into().ok()?;
        // Safety: every bit pattern is valid for plain numbers, and the sizes are equal.
        Some(unsafe { std::mem::transmute::<[u8; SIZE], Wire>(bytes) })
    }
}

const _: () = assert!(SIZE == 4 * 4 + 3 * 8);

impl Status {
    /// Reads one record of [`SIZE`] bytes; anything that init doesn't say is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Status> {
        let wire = Wire::from_bytes(bytes)?;
        if wire.kind == Kind::Exited as u32 {
            Some(Status::Exited {
                ending: Ending::from_wait(wire.a as i32),
                user: Duration::from_micros(wire.user_us),
                system: Duration::from_micros(wire.system_us),
                max_rss_kib: wire.max_rss_kib,
                left: wire.b,
            })
        } else if wire.kind == Kind::Orphan as u32 {
            Some(Status::Orphan { pid: wire.pid, ending: Ending::from_wait(wire.a as i32) })
        } else {
            None
        }
    }
}

impl Ending {
    fn from_wait(status: i32) -> Ending {
        match libc::WIFSIGNALED(status) {
            true => Ending::Signal(libc::WTERMSIG(status)),
            false => Ending::Status(libc::WEXITSTATUS(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_wire() {
        let mut wire = Wire::new(Kind::Exited, 9, 3);
        wire.user_us = 1_500_000;
        wire.max_rss_kib = 12;
        let status = Status::from_bytes(wire.bytes());
        let expected = Status::Exited {
            ending: Ending::Signal(9),
            user: Duration::from_millis(1500),
            system: Duration::ZERO,
            max_rss_kib: 12,
            left: 3,
        };
        assert_eq!(status, Some(expected));
        assert_eq!(Status::from_bytes(&wire.bytes()[1..]), None);
        assert_eq!(Status::from_bytes(Wire::new(Kind::Hello, 0, 0).bytes()), None);
    }

    #[test]
    fn every_stage_has_its_number() {
        for number in 1..=13 {
            assert_eq!(Stage::from_wire(number).map(|stage| stage as u32), Some(number));
        }
        assert_eq!(Stage::from_wire(14), None);
    }
}
