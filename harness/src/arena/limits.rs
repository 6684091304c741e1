//! Resource limits of a process: they guard the host, they don't grade.

use serde::{Deserialize, Serialize};

/// Limits that every process of the program inherits. An absent one stays as it is on the host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Descriptors per process.
    #[serde(default)]
    pub descriptors: Option<u64>,
    /// Processes and threads of the program's user together. Exact only where the user is the
    /// program's own (tier full, or root); elsewhere it counts what else the user runs.
    #[serde(default)]
    pub processes: Option<u64>,
    /// Bytes of one file.
    #[serde(default)]
    pub file_bytes: Option<u64>,
    /// Processor seconds of one process.
    #[serde(default)]
    pub cpu_s: Option<u64>,
    /// Processors that the program may use, at most.
    #[serde(default)]
    pub cpus: Option<u32>,
}

impl From<&crate::task::Limits> for Limits {
    fn from(task: &crate::task::Limits) -> Self {
        Limits {
            descriptors: Some(task.descriptors),
            processes: Some(task.processes),
            file_bytes: Some(task.file_mib.saturating_mul(1 << 20)),
            cpu_s: None,
            cpus: None,
        }
    }
}

/// The limits as the kernel takes them, made before the fork.
/// Address space is never limited: Node, Go and the JVM reserve far more than they use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prepared {
    pairs: [(u32, u64); 5],
    used: usize,
}

impl Prepared {
    /// `own_user`: nobody else's processes count against the program's.
    pub(super) fn new(limits: &Limits, own_user: bool) -> Prepared {
        let mut prepared = Prepared {
            pairs: [(0, 0); 5],
            used: 0,
        };
        prepared.add(libc::RLIMIT_CORE, Some(0));
        prepared.add(libc::RLIMIT_NOFILE, limits.descriptors);
        prepared.add(libc::RLIMIT_NPROC, limits.processes.filter(|_| own_user));
        prepared.add(libc::RLIMIT_FSIZE, limits.file_bytes);
        prepared.add(libc::RLIMIT_CPU, limits.cpu_s);
        prepared
    }

    fn add(&mut self, resource: u32, value: Option<u64>) {
        if let Some(value) = value {
            self.pairs[self.used] = (resource, value);
            self.used += 1;
        }
    }

    /// Sets them for this process. A value above the host's hard limit becomes that limit.
    pub(super) fn apply(&self) {
        for &(resource, value) in &self.pairs[..self.used] {
            // Safety: the structure is valid for both calls.
            unsafe {
                let mut now = libc::rlimit {
                    rlim_cur: 0,
                    rlim_max: 0,
                };
                libc::getrlimit(resource, &raw mut now);
                let value = value.min(now.rlim_max);
                let wanted = libc::rlimit {
                    rlim_cur: value,
                    rlim_max: value,
                };
                libc::setrlimit(resource, &raw const wanted);
            }
        }
    }
}

/// The first `count` processors of those that this process may use; none if that is all of them.
pub(super) fn processors(count: u32) -> Option<libc::cpu_set_t> {
    // Safety: a zeroed set is empty and valid; indices stay below the set's size.
    unsafe {
        let mut now: libc::cpu_set_t = std::mem::zeroed();
        let mut few: libc::cpu_set_t = std::mem::zeroed();
        super::sys::check(libc::sched_getaffinity(0, size_of_val(&now), &raw mut now).into())
            .ok()?;
        let mine = (0..libc::CPU_SETSIZE as usize).filter(|&cpu| libc::CPU_ISSET(cpu, &now));
        let mine: Vec<usize> = mine.collect();
        let wanted = (count as usize).max(1);
        if wanted >= mine.len() {
            return None;
        }
        mine.iter()
            .take(wanted)
            .for_each(|&cpu| libc::CPU_SET(cpu, &mut few));
        Some(few)
    }
}
