//! Turns this process into an arena: it moves into the run's own namespaces and gives up whatever
//! it could do outside. Init and the program are started from there by [`spawn`](super::spawn()).

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::thread::UnshareFlags;

use super::config::{Config, Paths};
use super::root::{self, RootError};
use super::{sys, wall};
use crate::evidence::Tier;

/// An arena that is ready for programs. Values are as the tier gave them.
#[derive(Debug)]
pub struct Sealed {
    pub tier: Tier,
    /// Where things are, as the program sees them.
    pub paths: Paths,
    /// The program's clean environment; a launch may add to it.
    pub env: BTreeMap<String, String>,
    /// The host's folder that is the program's work folder. Its path may no longer lead there.
    pub work: OwnedFd,
    /// What is in force, by name, for the evidence.
    pub facilities: BTreeMap<String, String>,
    /// The program's root, tier full.
    pub(super) root: Option<OwnedFd>,
    pub(super) wall: Option<OwnedFd>,
    pub(super) groups: Vec<OwnedFd>,
    /// User that the program has to take by itself.
    pub(super) user: Option<u32>,
    /// Nobody else's processes run under the program's user.
    pub(super) own_user: bool,
}

/// Why this process can't be made an arena.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The host doesn't give what this tier needs.
    #[error("{what}: {source}; `gradus doctor` tells what this host gives and how to get more")]
    Refused { what: &'static str, source: io::Error },
    #[error("the program's root can't be built: {0}; `gradus doctor` tells what this host gives")]
    Root(#[from] RootError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("Landlock: {0}")]
    Wall(#[from] landlock::RulesetError),
}

fn refused(what: &'static str) -> impl FnOnce(io::Error) -> SealError {
    move |source| SealError::Refused { what, source }
}

/// Makes this process the arena that `config` describes. To be called once, first of all, while this
/// process has one thread. On an error the process may be half sealed and has to end.
pub fn seal(config: &Config) -> Result<Sealed, SealError> {
    sys::die_with_parent().map_err(refused("being ended with the harness"))?;
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    if let (Some(user), Some(input)) = (config.user, &config.input) {
        // The arena adds files there as that user; the program sees them read-only all the same.
        std::os::unix::fs::chown(input, Some(user.id), Some(user.id))
            .map_err(|source| SealError::File { path: input.clone(), source })?;
    }
    let work = open(&config.work)?;
    let groups = config.groups.iter().map(|group| join_file(group)).collect::<Result<Vec<_>, _>>()?;
    match config.tier {
        Tier::Full => full(config, work, groups),
        Tier::Reduced => lower(config, work, groups, true),
        Tier::Portable => lower(config, work, groups, false),
    }
}

fn full(config: &Config, work: OwnedFd, groups: Vec<OwnedFd>) -> Result<Sealed, SealError> {
    let user = config.user.map(|user| user.id);
    root::approach(config)?;
    let taken = if user.is_some() {
        // While we may still go everywhere: toolchains can lie in folders that only root enters.
        let taken = root::take(config)?;
        namespaces(user)?;
        taken
    } else {
        namespaces(None)?;
        root::take(config)?
    };
    root::build(config, taken)?;
    network().map_err(refused("bringing up the private loopback"))?;
    let facts = [
        ("root", "allow-list".to_owned()),
        ("network", "private loopback".to_owned()),
        ("io_uring", "refused".to_owned()),
        ("user", if user.is_some() { "own" } else { "mapped" }.to_owned()),
    ];
    let read = [Path::new(".")];
    let write = ["work", "tmp", "dev"].map(Path::new);
    let (wall, version) = walls(&read, &write)?;
    let paths = Paths {
        work: "/work".into(),
        input: config.input.as_ref().map(|_| "/in".into()),
        tmp: "/tmp".into(),
        home: "/tmp/home".into(),
    };
    let mut facilities: BTreeMap<_, _> = facts.map(|(name, value)| (name.to_owned(), value)).into();
    facilities.insert("landlock".to_owned(), version);
    let root = Some(open(Path::new("."))?);
    let env = environment(config, &paths);
    let tier = Tier::Full;
    Ok(Sealed { tier, paths, env, work, facilities, root, wall, groups, user: None, own_user: true })
}

/// The tiers without namespaces: the program's folders are where they are on the host.
fn lower(config: &Config, work: OwnedFd, groups: Vec<OwnedFd>, walled: bool) -> Result<Sealed, SealError> {
    let tmp = config.dir.join("tmp");
    let home = tmp.join("home");
    for folder in [&tmp, &home] {
        let error = |source| SealError::File { path: folder.clone(), source };
        match fs::create_dir(folder) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => return Err(error(source)),
            _ => {}
        }
        if let Some(user) = config.user {
            std::os::unix::fs::chown(folder, Some(user.id), Some(user.id)).map_err(error)?;
        }
    }
    let paths = Paths { work: config.work.clone(), input: config.input.clone(), tmp, home };
    let mut facilities = BTreeMap::new();
    let user = if config.user.is_some() { "own" } else { "shared" };
    facilities.insert("user".to_owned(), user.to_owned());
    let mut wall = None;
    if walled {
        // The arena may not be traced by a program of its own user.
        let _ = sys::prctl(libc::PR_SET_DUMPABLE, 0);
        let system = super::toolchain::SYSTEM.iter().map(Path::new);
        let mut read: Vec<&Path> = system.chain([Path::new("/proc"), Path::new("/dev")]).collect();
        read.extend(config.toolchains.shown.iter().map(PathBuf::as_path));
        read.extend(paths.input.as_deref());
        let mut write: Vec<&Path> = vec![&paths.work, &paths.tmp];
        write.extend(["/dev/null", "/dev/zero", "/dev/full", "/dev/shm"].map(Path::new));
        let (made, version) = walls(&read, &write)?;
        facilities.insert("landlock".to_owned(), version);
        facilities.insert("io_uring".to_owned(), "refused".to_owned());
        wall = made;
    }
    // What init loses comes to us, so that nothing gets away.
    let _ = sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    let env = environment(config, &paths);
    let user = config.user.map(|user| user.id);
    let own_user = user.is_some();
    Ok(Sealed { tier: config.tier, paths, env, work, facilities, root: None, wall, groups, user, own_user })
}

/// Moves into the namespaces of the run; first becomes `user` where we may choose.
fn namespaces(user: Option<u32>) -> Result<(), SealError> {
    if let Some(id) = user {
        sys::become_user_with_namespaces(id).map_err(refused("becoming the run's user"))?;
        // Both were undone by the change; without the second our own /proc files belong to root.
        sys::die_with_parent().map_err(refused("being ended with the harness"))?;
        sys::prctl(libc::PR_SET_DUMPABLE, 1).map_err(refused("being readable to ourselves"))?;
    }
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    unshare(
        UnshareFlags::NEWUSER
            | UnshareFlags::NEWNS
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS,
    )?;
    // The order is the kernel's: a group map only once groups can't be changed any more.
    write(c"/proc/self/setgroups", "deny")?;
    write(c"/proc/self/uid_map", &format!("{} {uid} 1\n", root::UID))?;
    write(c"/proc/self/gid_map", &format!("{} {gid} 1\n", root::UID))?;
    // The program can't make further namespaces. Older kernels may lack the file.
    let _ = sys::write_file(c"/proc/sys/user/max_user_namespaces", b"0");
    let name = b"arena";
    // Safety: a buffer with its length.
    let named = unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) };
    sys::check(named.into()).map(drop).map_err(refused("naming the arena"))
}

fn unshare(flags: UnshareFlags) -> Result<(), SealError> {
    // Safety: descriptors stay shared as they are; this process has one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }
        .map_err(|e| refused("making namespaces")(e.into()))
}

/// Brings up the loopback of the new network namespace; all of 127.0.0.0/8 is local by it.
fn network() -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // Safety: an interface request is valid when zeroed, and the name fits with its end.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo\0") {
            *to = *from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        sys::check(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request).into())?;
    }
    Ok(())
}

/// Landlock over these folders; what isn't there is left out.
fn walls(read: &[&Path], write: &[&Path]) -> Result<(Option<OwnedFd>, String), SealError> {
    let names = |paths: &[&Path]| paths.iter().filter_map(|path| root::name(path).ok()).collect::<Vec<_>>();
    let made = wall::build(&names(read), &names(write))?;
    let version = wall::version().map_or("none".to_owned(), |version| format!("version {version}"));
    let high = |fd: OwnedFd| rustix::io::fcntl_dupfd_cloexec(fd, 16);
    // The program's streams are put at the lowest numbers while the wall is still needed.
    let made = made.map(high).transpose().map_err(|e| refused("keeping a descriptor")(e.into()))?;
    Ok((made, version))
}

/// The program's environment: nothing of the caller's but what its toolchains need.
fn environment(config: &Config, paths: &Paths) -> BTreeMap<String, String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let path = config.toolchains.path.iter().map(|path| text(path)).collect::<Vec<_>>().join(":");
    let mut env = config.toolchains.env.clone();
    env.extend([
        ("PATH".to_owned(), path),
        ("HOME".to_owned(), text(&paths.home)),
        ("TMPDIR".to_owned(), text(&paths.tmp)),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ]);
    env.extend(config.env.clone());
    env
}

fn open(path: &Path) -> Result<OwnedFd, SealError> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .map_err(|e| SealError::File { path: path.to_owned(), source: e.into() })
}

/// The file of a control group by which a process joins it. The right to is that of whoever opened it.
fn join_file(group: &Path) -> Result<OwnedFd, SealError> {
    let path = group.join("cgroup.procs");
    match fs::OpenOptions::new().write(true).open(&path) {
        Ok(file) => Ok(file.into()),
        Err(source) => Err(SealError::File { path, source }),
    }
}

fn write(path: &CStr, text: &str) -> Result<(), SealError> {
    let error = |source| SealError::File { path: path.to_string_lossy().as_ref().into(), source };
    sys::write_file(path, text.as_bytes()).map_err(error)
}
