//! The syscall filter: classic BPF, assembled by hand, straight down.
//!
//! Always: foreign architectures end the process, x32 calls and io_uring don't exist (so that nothing
//! passes by the gate or by our looks), and calls that administer the host are refused. With a gate,
//! calls that change files are put before the arena, which lets them go on or fails them.
//!
//! Protocol: `seccomp(2)`, `seccomp_unotify(2)`; layout of the data: `struct seccomp_data`.

use std::io;
use std::os::fd::RawFd;

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter,
};
use serde::{Deserialize, Serialize};

#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;

/// Bit that marks a call of the x32 interface.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

// Offsets within `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// Which calls are put before the arena.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// None.
    #[default]
    Open,
    /// Every call that writes to a descriptor, opens a file for writing, or changes a folder.
    Files,
    /// The same, and every open for reading.
    Loads,
}

/// A filter to assemble.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub gate: Gate,
    /// Refuse `ptrace` and access to other processes' memory: where the program shares its user with
    /// the harness, no namespace keeps it off.
    pub deny_trace: bool,
}

/// Calls that don't exist inside.
const ABSENT: &[libc::c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Calls that administer the host or reach around the arena.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[libc::c_long] =
    &[libc::SYS_ioperm, libc::SYS_iopl, libc::SYS_kexec_file_load];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[libc::c_long] = &[];

const TRACING: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
];

/// Calls that write to a descriptor or change a file behind one.
const WRITES: &[libc::c_long] = &[
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_writev,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_sendfile,
    libc::SYS_copy_file_range,
    libc::SYS_splice,
];

/// Calls that change names.
const NAMES: &[libc::c_long] = &[
    libc::SYS_truncate,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mkdirat,
];

/// The same, in the older interface that newer architectures lack.
#[cfg(target_arch = "x86_64")]
const OLD_NAMES: &[libc::c_long] = &[
    libc::SYS_creat,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_NAMES: &[libc::c_long] = &[];

/// Any of these makes an open a write. `O_TMPFILE` needs one of them too.
const WRITING: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const NOTIFY: u32 = libc::SECCOMP_RET_USER_NOTIF;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;

const fn refuse(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

impl Filter {
    /// Assembles the program.
    pub fn assemble(&self) -> Vec<sock_filter> {
        let mut code = Code(vec![load(ARCHITECTURE)]);
        code.unless(jump(BPF_JEQ, ARCH), KILL);
        code.0.push(load(NUMBER));
        #[cfg(target_arch = "x86_64")]
        code.when(jump(BPF_JGE, X32), refuse(libc::ENOSYS));
        code.calls(ABSENT, refuse(libc::ENOSYS));
        if self.gate != Gate::Open {
            code.calls(WRITES, NOTIFY);
            code.calls(NAMES, NOTIFY);
            code.calls(OLD_NAMES, NOTIFY);
            if self.gate == Gate::Loads {
                #[cfg(target_arch = "x86_64")]
                code.calls(&[libc::SYS_open], NOTIFY);
                code.calls(&[libc::SYS_openat], NOTIFY);
            }
            #[cfg(target_arch = "x86_64")]
            code.flagged(libc::SYS_open, 1, WRITING, NOTIFY);
            code.flagged(libc::SYS_openat, 2, WRITING, NOTIFY);
            // Its flags lie in memory, where a filter can't look; callers fall back to `openat`.
            code.calls(&[libc::SYS_openat2], refuse(libc::ENOSYS));
        }
        let new_user = libc::CLONE_NEWUSER as u32;
        code.flagged(libc::SYS_clone, 0, new_user, refuse(libc::EPERM));
        code.flagged(libc::SYS_unshare, 0, new_user, refuse(libc::EPERM));
        code.calls(REFUSED, refuse(libc::EPERM));
        code.calls(REFUSED_HERE, refuse(libc::EPERM));
        if self.deny_trace {
            code.calls(TRACING, refuse(libc::EPERM));
        }
        code.0.push(give(ALLOW));
        code.0
    }
}

struct Code(Vec<sock_filter>);

impl Code {
    /// Gives `verdict` when the test holds.
    fn when(&mut self, test: sock_filter, verdict: u32) {
        self.0.extend([
            sock_filter {
                jt: 0,
                jf: 1,
                ..test
            },
            give(verdict),
        ]);
    }

    /// Gives `verdict` when the test fails.
    fn unless(&mut self, test: sock_filter, verdict: u32) {
        self.0.extend([
            sock_filter {
                jt: 1,
                jf: 0,
                ..test
            },
            give(verdict),
        ]);
    }

    fn calls(&mut self, calls: &[libc::c_long], verdict: u32) {
        for &call in calls {
            self.when(jump(BPF_JEQ, call as u32), verdict);
        }
    }

    /// Gives `verdict` for this call when argument `index` has any of `bits` in its lower half.
    fn flagged(&mut self, call: libc::c_long, index: u32, bits: u32, verdict: u32) {
        let low = if cfg!(target_endian = "little") { 0 } else { 4 };
        self.0.extend([
            sock_filter {
                jt: 0,
                jf: 4,
                ..jump(BPF_JEQ, call as u32)
            },
            load(ARGUMENTS + 8 * index + low),
            sock_filter {
                jt: 0,
                jf: 1,
                ..jump(BPF_JSET, bits)
            },
            give(verdict),
            give(ALLOW),
        ]);
    }
}

fn load(offset: u32) -> sock_filter {
    sock_filter {
        code: (BPF_LD | BPF_W | BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: offset,
    }
}

fn jump(test: u32, value: u32) -> sock_filter {
    sock_filter {
        code: (BPF_JMP | test | BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: value,
    }
}

fn give(verdict: u32) -> sock_filter {
    sock_filter {
        code: (BPF_RET | BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: verdict,
    }
}

/// Installs a filter for this process and its children for good; with `listen` the descriptor on
/// which the arena hears of held calls. Needs `no_new_privs`. Allocates nothing.
pub(super) fn install(code: &[sock_filter], listen: bool) -> io::Result<Option<RawFd>> {
    let program = libc::sock_fprog {
        len: code.len() as u16,
        filter: code.as_ptr().cast_mut(),
    };
    let set = |flags: libc::c_ulong| {
        // Safety: the program points to `code`, which the kernel only reads.
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        super::sys::check(unsafe {
            libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program)
        })
    };
    if !listen {
        return set(0).map(|_| None);
    }
    let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // Linux before 5.19 can't keep a held call from being disturbed by signals.
    let made = match set(listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => set(listener),
        made => made,
    };
    Ok(Some(made? as RawFd))
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
