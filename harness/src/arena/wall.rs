//! The second wall: a Landlock ruleset, made before the fork and worn by the program for good.
//! In tier full it repeats what the mounts say; in tier reduced it is the main wall.

use std::os::fd::{OwnedFd, RawFd};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope,
};

/// The newest interface that we know; the kernel's own may be older.
const KNOWN: ABI = ABI::V6;

/// Version of the kernel's Landlock interface; none where it is absent or switched off.
/// 4 knows TCP ports, 5 device ioctls, 6 signals and abstract sockets.
pub fn version() -> Option<u32> {
    const VERSION: u32 = 1;
    // Safety: with a null attribute of size 0 the call only asks for the version.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0usize,
            VERSION,
        )
    };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// Makes a ruleset: everything beneath `read` may be read and run, everything beneath `write` may be
/// read, run and changed, all else is closed. Signals and abstract sockets don't pass the wall where
/// the kernel can see to that. None where the kernel has no Landlock.
pub(super) fn build(read: &[OwnedFd], write: &[OwnedFd]) -> Result<Option<OwnedFd>, RulesetError> {
    if version().is_none() {
        return Ok(None);
    }
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    for fd in read {
        ruleset = ruleset.add_rule(PathBeneath::new(fd, rights(fd, AccessFs::from_read(KNOWN))))?;
    }
    for fd in write {
        ruleset = ruleset.add_rule(PathBeneath::new(fd, rights(fd, AccessFs::from_all(KNOWN))))?;
    }
    Ok(ruleset.into())
}

/// Rights that make sense for a file, when it is one.
fn rights(fd: &OwnedFd, rights: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
    let is_folder =
        rustix::fs::fstat(fd).is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFDIR);
    if is_folder {
        rights
    } else {
        rights & AccessFs::from_file(KNOWN)
    }
}

/// Opens the fresh `/proc` for writing too (thread names and the like), from within init: it is
/// mounted only there. Allocates nothing.
pub(super) fn allow_proc(ruleset: RawFd) {
    #[repr(C, packed)]
    struct Rule {
        allowed: u64,
        parent: i32,
    }
    const PATH_BENEATH: u32 = 1;
    const WRITE_FILE: u64 = 1 << 1;
    // Safety: a C string, and a structure as the kernel defines it. A failure leaves /proc read-only.
    unsafe {
        let proc = libc::open(c"/proc".as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
        let rule = Rule {
            allowed: WRITE_FILE,
            parent: proc,
        };
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset,
            PATH_BENEATH,
            &raw const rule,
            0u32,
        );
        libc::close(proc);
    }
}

/// Puts the wall around this process and its children for good. Needs `no_new_privs`.
pub(super) fn restrict(ruleset: RawFd) -> std::io::Result<()> {
    // Safety: plain numbers.
    super::sys::check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0u32) })
        .map(drop)
}
