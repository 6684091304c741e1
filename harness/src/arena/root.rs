//! The program's root: an allow-list on a memory file system. What isn't put here isn't there.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
};

use super::config::Config;
use super::sys;
use super::toolchain::SYSTEM;

/// Name of the program's user, inside.
const USER: &str = "student";
/// The program's user and group, inside.
pub(super) const UID: u32 = 1000;

const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];

const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
const WRITABLE: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
const DEVICE: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;

/// A step of the building that failed.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
pub struct RootError {
    pub step: String,
    pub source: io::Error,
}

impl RootError {
    fn is_absence(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
    }
}

fn at(step: impl Into<String>) -> impl FnOnce(io::Error) -> RootError {
    let step = step.into();
    move |source| RootError { step, source }
}

/// Builds the root in the mount namespace of this process and makes it the current folder. From the
/// outside nothing of it can be seen.
pub(super) fn build(config: &Config) -> Result<(), RootError> {
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(|e| at("making mounts private")(e.into()))?;
    let place = config.dir.join("root");
    make_folder(&place).map_err(at(format!("making {}", place.display())))?;
    // Taken before anything is mounted: the run's folder may lie on the way to them.
    let work = take(&config.work, false, WRITABLE)?;
    let input = config.input.as_deref().map(|path| take(path, true, READ_ONLY)).transpose()?;

    let root = memory(16, "0755").map_err(at("making the root"))?;
    set_down(&root, CWD, &place).map_err(at("mounting the root"))?;
    rustix::process::fchdir(&root).map_err(|e| at("entering the root")(e.into()))?;

    folders(config)?;
    system()?;
    for path in &config.toolchains.shown {
        match show(path) {
            // Found for another user, or gone since: a program that needs it says so by itself.
            Err(error) if error.is_absence() => {}
            shown => shown?,
        }
    }
    etc(config)?;
    devices(config)?;
    let tmp = memory(config.tmp_mib, "1777").map_err(at("making /tmp"))?;
    set_down(&tmp, CWD, Path::new("tmp")).map_err(at("mounting /tmp"))?;
    make_folder(Path::new("tmp/home")).map_err(at("making the home folder"))?;
    if let Some(user) = config.user {
        std::os::unix::fs::chown("tmp/home", Some(user.id), Some(user.id))
            .map_err(at("giving the home folder to the program"))?;
    }
    set_down(&work, CWD, Path::new("work")).map_err(at("mounting /work"))?;
    if let Some(input) = input {
        set_down(&input, CWD, Path::new("in")).map_err(at("mounting /in"))?;
    }
    sys::mount_setattr(root.as_fd(), false, READ_ONLY, 0).map_err(at("making the root read-only"))
}

/// Binds the root, which is the current folder, onto itself. Mounts that came along from a more
/// privileged namespace are locked in place and can't become a root; a new bind of them can.
pub(super) fn unlock() -> Result<(), RootError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    let bind = || -> io::Result<()> {
        let tree = rustix::mount::open_tree(CWD, c"", flags)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        rustix::mount::move_mount(&tree, c"", CWD, c"", flags)?;
        Ok(rustix::process::fchdir(&tree)?)
    };
    bind().map_err(at("binding the root onto itself"))
}

fn folders(config: &Config) -> Result<(), RootError> {
    let mut names = vec!["dev", "dev/shm", "etc", "proc", "run", "tmp", "var", "work"];
    if config.input.is_some() {
        names.push("in");
    }
    for name in names {
        make_folder(Path::new(name)).map_err(at(format!("making /{name}")))?;
    }
    symlink("../tmp", "var/tmp").map_err(at("linking /var/tmp"))
}

/// The system's folders; where one is a link on this host, the same link.
fn system() -> Result<(), RootError> {
    for path in SYSTEM.iter().map(Path::new) {
        match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_symlink() => {
                let target = fs::read_link(path).map_err(at(format!("reading {}", path.display())))?;
                symlink(target, relative(path)).map_err(at(format!("linking {}", path.display())))?;
            }
            Ok(_) => show(path)?,
            Err(_) => {}
        }
    }
    Ok(())
}

/// Shows a folder or file of the host at its own place, read-only.
fn show(path: &Path) -> Result<(), RootError> {
    let tree = take(path, true, READ_ONLY)?;
    let place = relative(path);
    let made = match is_folder(tree.as_fd()) {
        Ok(true) => fs::create_dir_all(place),
        Ok(false) => place.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(place, "")),
        Err(error) => Err(error),
    };
    made.map_err(at(format!("making a place for {}", path.display())))?;
    set_down(&tree, CWD, place).map_err(at(format!("showing {}", path.display())))
}

/// Our own versions of the files that tell who and where we are, over the host's.
fn etc(config: &Config) -> Result<(), RootError> {
    let mut hosts = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
    for (name, address) in &config.hosts {
        hosts += &host_line(name, address);
    }
    let files = [
        ("hosts", hosts),
        ("resolv.conf", "# No name server: names come from /etc/hosts.\n".to_owned()),
        ("hostname", "arena\n".to_owned()),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".to_owned()),
        ("passwd", format!("root:x:0:0::/:/bin/sh\n{USER}:x:{UID}:{UID}::/tmp/home:/bin/sh\n")),
        ("group", format!("root:x:0:\n{USER}:x:{UID}:\n")),
    ];
    make_folder(Path::new("run/etc")).map_err(at("making /run/etc"))?;
    for (name, text) in files {
        let (own, place) = (Path::new("run/etc").join(name), Path::new("etc").join(name));
        fs::write(&own, text).map_err(at(format!("writing /etc/{name}")))?;
        // Absent, or a link that leads out of what is shown: nothing to cover, and nothing to read.
        if fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_file()) {
            let tree = take(&own, false, READ_ONLY)?;
            set_down(&tree, CWD, &place).map_err(at(format!("covering /etc/{name}")))?;
        } else if name == "hosts" {
            let source = io::Error::new(io::ErrorKind::NotFound, "/etc/hosts is not a regular file");
            return Err(at("covering /etc/hosts")(source));
        }
    }
    Ok(())
}

fn host_line(name: &str, address: &IpAddr) -> String {
    format!("{address} {name}\n")
}

fn devices(config: &Config) -> Result<(), RootError> {
    for name in DEVICES {
        let (source, place) = (Path::new("/dev").join(name), Path::new("dev").join(name));
        let tree = take(&source, false, DEVICE)?;
        fs::write(&place, "").map_err(at(format!("making {}", source.display())))?;
        set_down(&tree, CWD, &place).map_err(at(format!("showing {}", source.display())))?;
    }
    let links = [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")];
    for (name, target) in links {
        symlink(target, Path::new("dev").join(name)).map_err(at(format!("linking /dev/{name}")))?;
    }
    let shm = memory(config.tmp_mib, "1777").map_err(at("making /dev/shm"))?;
    set_down(&shm, CWD, Path::new("dev/shm")).map_err(at("mounting /dev/shm"))
}

/// A detached copy of what is mounted at `path`, with these attributes added.
fn take(path: &Path, recursive: bool, attributes: u64) -> Result<OwnedFd, RootError> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    let take = || -> io::Result<OwnedFd> {
        let tree = rustix::mount::open_tree(CWD, path, flags)?;
        sys::mount_setattr(tree.as_fd(), recursive, attributes, 0)?;
        Ok(tree)
    };
    take().map_err(at(format!("taking {}", path.display())))
}

/// A detached memory file system. Its size is bounded; its pages count as the program's memory.
fn memory(mib: u64, mode: &str) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(context.as_fd(), c"size", format!("{mib}M"))?;
    rustix::mount::fsconfig_set_string(context.as_fd(), c"mode", mode)?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Attaches a detached mount; follows no link at the end of `place`.
fn set_down(tree: &OwnedFd, dir: BorrowedFd, place: &Path) -> io::Result<()> {
    Ok(rustix::mount::move_mount(tree, c"", dir, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

fn is_folder(fd: BorrowedFd) -> io::Result<bool> {
    let stat = rustix::fs::fstat(fd)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Makes a folder that others can enter, whatever the caller's umask.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// An absolute path as it is called from within the root's folder.
fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// A descriptor of a folder or file that only names it.
pub(super) fn name(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

