//! The side epoll: a second, level-triggered view of every descriptor of ours, by which we know
//! that nothing is unread or unwritten, without running the event loop.
//!
//! Descriptors are armed only while somebody waits for them: a connection that nobody reads from (as
//! its request is parked and its buffer is full) would otherwise be ready for ever. Such a one is
//! watched for the peer's hanging up only. Changes of interest are kept in memory and told to the
//! kernel at the next look, since requests come far more often than looks.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

/// What a descriptor is watched for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interest {
    pub read: bool,
    pub write: bool,
}

impl Interest {
    /// Only the other end's hanging up.
    pub const NONE: Interest = Interest {
        read: false,
        write: false,
    };
    pub const READ: Interest = Interest {
        read: true,
        write: false,
    };
    pub const WRITE: Interest = Interest {
        read: false,
        write: true,
    };
}

/// The side epoll of one arena.
pub struct Side {
    epoll: OwnedFd,
    table: RefCell<Table>,
    seq: Cell<u64>,
}

#[derive(Default)]
struct Table {
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    /// Slots whose interest the kernel may not know yet.
    dirty: Vec<usize>,
    /// Set when the kernel refused a change: nothing can be proven quiet any more.
    fault: Option<i32>,
}

struct Slot {
    fd: RawFd,
    interest: Interest,
    /// The mask that the kernel has, if any.
    known: Option<u32>,
    dirty: bool,
    /// The other end's end of stream was read: its hanging up is no news.
    read_out: bool,
    /// The other end hung up while nobody read here.
    hung_up: bool,
    waker: Option<Waker>,
}

impl Slot {
    fn mask(&self) -> Option<u32> {
        let mut mask = 0;
        if self.interest.read {
            mask |= libc::EPOLLIN | libc::EPOLLRDHUP;
        } else if !self.read_out && !self.hung_up {
            mask |= libc::EPOLLRDHUP;
        }
        if self.interest.write {
            mask |= libc::EPOLLOUT;
        }
        // EPOLLHUP and EPOLLERR cannot be masked: once seen, only leaving silences them.
        (mask != 0 || !self.hung_up).then_some(mask as u32)
    }
}

impl Side {
    /// A side epoll without descriptors.
    pub fn new() -> io::Result<Rc<Side>> {
        // SAFETY: a system call without pointers; the new descriptor is owned by nobody else.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Rc::new(Side {
            epoll,
            table: RefCell::default(),
            seq: Cell::new(0),
        }))
    }

    /// Watches a descriptor until the [`Watch`] is dropped, which must happen before the descriptor is
    /// closed. A descriptor of somebody else's that is readable for a reason which no task of the event
    /// loop handles makes [`ready`](Self::ready) true for ever.
    pub fn watch(self: &Rc<Side>, fd: &impl AsRawFd, interest: Interest) -> io::Result<Watch> {
        let slot = Slot {
            fd: fd.as_raw_fd(),
            interest,
            known: None,
            dirty: false,
            read_out: false,
            hung_up: false,
            waker: None,
        };
        let mut table = self.table.borrow_mut();
        let key = match table.free.pop() {
            Some(key) => key,
            None => {
                table.slots.push(None);
                table.slots.len() - 1
            }
        };
        table.slots[key] = Some(slot);
        if let Err(error) = table.tell(&self.epoll, key) {
            table.slots[key] = None;
            table.free.push(key);
            return Err(error);
        }
        Ok(Watch {
            side: Rc::clone(self),
            key,
        })
    }

    /// Whether anything waits to be read, written or accepted on a watched descriptor. Asks the kernel
    /// without waiting.
    pub fn ready(&self) -> bool {
        self.poll(Some(Duration::ZERO))
    }

    /// Naps until anything is ready, at most `limit`. Blocks the whole thread. Says whether it is.
    pub fn wait(&self, limit: Duration) -> bool {
        self.poll(Some(limit))
    }

    /// Counts everything that happened: two equal values with nothing awaited in between mean that the
    /// world is as it was.
    pub fn seq(&self) -> u64 {
        self.seq.get()
    }

    /// Says that something happened.
    pub fn bump(&self) {
        self.seq.set(self.seq.get().wrapping_add(1));
    }

    /// The error by which the kernel refused to watch something, if it ever did. From then on
    /// [`ready`](Self::ready) is always true: nothing can be proven any more.
    pub fn fault(&self) -> Option<io::Error> {
        self.table.borrow().fault.map(io::Error::from_raw_os_error)
    }

    fn poll(&self, limit: Option<Duration>) -> bool {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        {
            let mut table = self.table.borrow_mut();
            table.tell_all(&self.epoll);
            if table.fault.is_some() {
                return true;
            }
        }
        let n = epoll_wait(&self.epoll, &mut events, limit);
        // Interrupted by a signal, or an error that cannot be: not quiet, look again.
        let Ok(n) = n else { return true };
        let mut wakers = Vec::new();
        if n > 0 {
            let mut table = self.table.borrow_mut();
            for event in &events[..n] {
                table.take(event, &mut wakers);
            }
        }
        wakers.into_iter().for_each(Waker::wake);
        n > 0
    }
}

impl Table {
    fn tell_all(&mut self, epoll: &OwnedFd) {
        while let Some(key) = self.dirty.pop() {
            if let Err(error) = self.tell(epoll, key) {
                self.fault = Some(error.raw_os_error().unwrap_or(libc::EIO));
            }
        }
    }

    fn tell(&mut self, epoll: &OwnedFd, key: usize) -> io::Result<()> {
        let Some(Some(slot)) = self.slots.get_mut(key) else {
            return Ok(());
        };
        slot.dirty = false;
        let mask = slot.mask();
        let op = match (slot.known, mask) {
            (old, new) if old == new => return Ok(()),
            (None, _) => libc::EPOLL_CTL_ADD,
            (Some(_), None) => libc::EPOLL_CTL_DEL,
            (Some(_), Some(_)) => libc::EPOLL_CTL_MOD,
        };
        epoll_ctl(epoll, op, slot.fd, mask.unwrap_or(0), key)?;
        slot.known = mask;
        Ok(())
    }

    /// Notes a peer that hung up where nobody reads, so that it is news only once.
    fn take(&mut self, event: &libc::epoll_event, wakers: &mut Vec<Waker>) {
        let (key, seen) = (event.u64 as usize, event.events as i32);
        let Some(Some(slot)) = self.slots.get_mut(key) else {
            return;
        };
        let gone = libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR;
        if slot.interest.read || seen & gone == 0 {
            return;
        }
        slot.hung_up = true;
        wakers.extend(slot.waker.take());
        if !slot.dirty {
            slot.dirty = true;
            self.dirty.push(key);
        }
    }
}

/// A watched descriptor.
pub struct Watch {
    side: Rc<Side>,
    key: usize,
}

impl Watch {
    /// Says whether somebody waits for something to read.
    pub fn want_read(&self, wanted: bool) {
        self.change(
            |slot| slot.interest.read != wanted,
            |slot| slot.interest.read = wanted,
        );
    }

    /// Says whether somebody waits for room to write.
    pub fn want_write(&self, wanted: bool) {
        self.change(
            |slot| slot.interest.write != wanted,
            |slot| slot.interest.write = wanted,
        );
    }

    /// Says that the end of the stream was read: nothing more will come.
    pub fn read_out(&self) {
        self.change(
            |slot| !slot.read_out || slot.interest.read,
            |slot| {
                slot.read_out = true;
                slot.interest.read = false;
            },
        );
    }

    /// Whether the other end was seen to hang up while nobody read here. A look finds that out; the
    /// waker of [`on_hang_up`](Self::on_hang_up) is then called.
    pub fn hung_up(&self) -> bool {
        let table = self.side.table.borrow();
        table.slots[self.key]
            .as_ref()
            .is_some_and(|slot| slot.hung_up)
    }

    /// Whom to wake when the other end hangs up while nobody reads here.
    pub fn on_hang_up(&self, waker: &Waker) {
        let mut table = self.side.table.borrow_mut();
        if let Some(slot) = &mut table.slots[self.key]
            && !slot.waker.as_ref().is_some_and(|old| old.will_wake(waker))
        {
            slot.waker = Some(waker.clone());
        }
    }

    fn change(&self, differs: impl Fn(&Slot) -> bool, change: impl Fn(&mut Slot)) {
        let mut table = self.side.table.borrow_mut();
        let Table { slots, dirty, .. } = &mut *table;
        let Some(slot) = &mut slots[self.key] else {
            return;
        };
        if differs(slot) {
            change(slot);
            if !slot.dirty {
                slot.dirty = true;
                dirty.push(self.key);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut table = self.side.table.borrow_mut();
        if let Some(slot) = table.slots[self.key].take()
            && slot.known.is_some()
        {
            // It fails only if the descriptor was closed too early; then there is nothing left to undo.
            let _ = epoll_ctl(&self.side.epoll, libc::EPOLL_CTL_DEL, slot.fd, 0, self.key);
        }
        table.free.push(self.key);
    }
}

fn epoll_ctl(epoll: &OwnedFd, op: libc::c_int, fd: RawFd, mask: u32, key: usize) -> io::Result<()> {
    let mut event = libc::epoll_event {
        events: mask,
        u64: key as u64,
    };
    // SAFETY: the event lives across the call; the kernel checks both descriptors.
    let done = unsafe { libc::epoll_ctl(epoll.as_raw_fd(), op, fd, &mut event) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn epoll_wait(
    epoll: &OwnedFd,
    events: &mut [libc::epoll_event],
    limit: Option<Duration>,
) -> io::Result<usize> {
    let limit = limit
        .unwrap_or(Duration::MAX)
        .min(Duration::from_secs(3600));
    let (fd, room) = (epoll.as_raw_fd(), events.len() as libc::c_int);
    if !limit.is_zero() {
        let time = libc::timespec {
            tv_sec: limit.as_secs() as libc::time_t,
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        // SAFETY: the slice has `room` elements and lives across the call, as does the time; no signal
        // mask is given.
        let n = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                fd,
                events.as_mut_ptr(),
                room,
                &raw const time,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        if n >= 0 {
            return Ok(n as usize);
        }
        let error = io::Error::last_os_error();
        // Kernels before 5.11, and filters that don't know the call.
        if !matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) {
            return Err(error);
        }
    }
    let millis = limit.as_micros().div_ceil(1000) as libc::c_int;
    // SAFETY: as above.
    let n = unsafe { libc::epoll_wait(fd, events.as_mut_ptr(), room, millis) };
    if n < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(n as usize)
    }
}
