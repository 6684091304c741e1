//! Ctrl-C and SIGTERM: end everything that was started, then say what was kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use super::exit::Exit;
use crate::arena::handle::Cancel;

/// The signal that struck, if any.
#[derive(Debug, Clone, Default)]
pub struct Struck(Arc<AtomicI32>);

impl Struck {
    /// The exit that goes with the signal.
    pub fn exit(&self) -> Option<Exit> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            libc::SIGTERM => Some(Exit::Terminated),
            _ => Some(Exit::Interrupted),
        }
    }
}

/// A file that may not grow further is an error to be told, as a full disk is, and no reason to be killed.
pub fn survive_limits() {
    // Safety: plain numbers; no handler is set.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// From now on SIGINT, SIGTERM and SIGHUP cancel instead of killing; a second one ends gradus at once
/// (arenas end with it, as their lifelines do). Call it before any other thread is started.
pub fn guard(cancel: Arc<Cancel>) -> Struck {
    let struck = Struck::default();
    let signals = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
    // Safety: the set is initialised by sigemptyset before anything else looks at it; a thread's mask is
    // inherited by the threads that it starts, so that only the waiting thread gets these signals.
    let set = unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        set
    };
    let seen = struck.clone();
    std::thread::spawn(move || {
        loop {
            let mut signal = 0;
            // Safety: both live as long as the call.
            if unsafe { libc::sigwait(&raw const set, &raw mut signal) } != 0 {
                return;
            }
            if seen.0.swap(signal, Ordering::SeqCst) != 0 {
                std::process::exit(128 + signal);
            }
            cancel.cancel();
        }
    });
    struck
}
