//! The program's root: an allow-list on a memory file system. What isn't put here isn't there.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

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
        matches!(
            self.source.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
        )
    }
}

fn at(step: impl Into<String>) -> impl FnOnce(io::Error) -> RootError {
    let step = step.into();
    move |source| RootError { step, source }
}

/// Pieces of the host, taken as detached mounts: they can be set down in another namespace by a process
/// that could not have entered the folders they come from.
pub(super) struct Taken {
    /// With their places, in the order in which they are set down.
    shown: Vec<(PathBuf, OwnedFd)>,
    /// Links of the host among the system's folders, with where they lead.
    links: Vec<(PathBuf, PathBuf)>,
    devices: Vec<(&'static str, OwnedFd)>,
    work: OwnedFd,
    input: Option<OwnedFd>,
}

/// Goes to the folder on which the root is going to be mounted. A current folder, unlike a path or a
/// descriptor, is carried over into a new namespace and past closed folders.
pub(super) fn approach(config: &Config) -> Result<(), RootError> {
    let place = config.dir.join("root");
    make_folder(&place).map_err(at(format!("making {}", place.display())))?;
    std::env::set_current_dir(&place).map_err(at(format!("entering {}", place.display())))
}

/// Takes what the program will see. Needs the right to administer the mount namespace that this process
/// is in: root takes before it becomes somebody else, others within their own namespace.
pub(super) fn take(config: &Config) -> Result<Taken, RootError> {
    let mut taken = Taken {
        shown: Vec::new(),
        links: Vec::new(),
        devices: Vec::new(),
        work: detach(&config.work, false, WRITABLE)?,
        input: config
            .input
            .as_deref()
            .map(|path| detach(path, true, READ_ONLY))
            .transpose()?,
    };
    for path in SYSTEM.iter().map(Path::new) {
        match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_symlink() => {
                let target =
                    fs::read_link(path).map_err(at(format!("reading {}", path.display())))?;
                taken.links.push((path.to_owned(), target));
            }
            Ok(_) => taken
                .shown
                .push((path.to_owned(), detach(path, true, READ_ONLY)?)),
            Err(_) => {}
        }
    }
    for path in &config.toolchains.shown {
        match detach(path, true, READ_ONLY) {
            Ok(tree) => taken.shown.push((path.clone(), tree)),
            // Found for another user, or gone since: a program that needs it says so by itself.
            Err(error) if error.is_absence() => {}
            Err(error) => return Err(error),
        }
    }
    for &name in DEVICES {
        taken
            .devices
            .push((name, detach(&Path::new("/dev").join(name), false, DEVICE)?));
    }
    Ok(taken)
}

/// Builds the root on the current folder, in the mount namespace of this process, and makes it the
/// current folder. From the outside nothing of it can be seen.
pub(super) fn build(config: &Config, taken: Taken) -> Result<(), RootError> {
    rustix::mount::mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(|e| at("making mounts private")(e.into()))?;
    let root = memory(16, "0755").map_err(at("making the root"))?;
    let here = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(&root, c"", CWD, c"", here)
        .map_err(|e| at("mounting the root")(e.into()))?;
    rustix::process::fchdir(&root).map_err(|e| at("entering the root")(e.into()))?;

    folders(config)?;
    for (path, target) in &taken.links {
        symlink(target, relative(path)).map_err(at(format!("linking {}", path.display())))?;
    }
    // A toolchain may lie below /tmp: it is shown on the private one, which would cover it otherwise.
    let (late, early): (Vec<_>, Vec<_>) = taken
        .shown
        .iter()
        .partition(|(path, _)| path.starts_with("/tmp"));
    for (path, tree) in early {
        show(path, tree)?;
    }
    etc(config)?;
    devices(config, &taken.devices)?;
    let tmp = memory(config.tmp_mib, "1777").map_err(at("making /tmp"))?;
    set_down(&tmp, CWD, Path::new("tmp")).map_err(at("mounting /tmp"))?;
    make_folder(Path::new("tmp/home")).map_err(at("making the home folder"))?;
    for (path, tree) in late {
        show(path, tree)?;
    }
    set_down(&taken.work, CWD, Path::new("work")).map_err(at("mounting /work"))?;
    if let Some(input) = &taken.input {
        set_down(input, CWD, Path::new("in")).map_err(at("mounting /in"))?;
    }
    sys::mount_setattr(root.as_fd(), false, READ_ONLY).map_err(at("making the root read-only"))
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

/// Shows a folder or file of the host at its own place.
fn show(path: &Path, tree: &OwnedFd) -> Result<(), RootError> {
    let place = relative(path);
    let made = match is_folder(tree.as_fd()) {
        Ok(true) => fs::create_dir_all(place),
        Ok(false) => place
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(place, "")),
        Err(error) => Err(error),
    };
    made.map_err(at(format!("making a place for {}", path.display())))?;
    set_down(tree, CWD, place).map_err(at(format!("showing {}", path.display())))
}

/// Our own versions of the files that tell who and where we are, over the host's.
fn etc(config: &Config) -> Result<(), RootError> {
    // Without ::1: some servers listen on the first address that `localhost` has and on no other (node's do).
    let mut hosts = "127.0.0.1 localhost\n".to_owned();
    for (name, address) in &config.hosts {
        hosts += &host_line(name, address);
    }
    let files = [
        ("hosts", hosts),
        (
            "resolv.conf",
            "# No name server: names come from /etc/hosts.\n".to_owned(),
        ),
        ("hostname", "arena\n".to_owned()),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files\n".to_owned(),
        ),
        (
            "passwd",
            format!("root:x:0:0::/:/bin/sh\n{USER}:x:{UID}:{UID}::/tmp/home:/bin/sh\n"),
        ),
        ("group", format!("root:x:0:\n{USER}:x:{UID}:\n")),
    ];
    make_folder(Path::new("run/etc")).map_err(at("making /run/etc"))?;
    for (name, text) in files {
        let (own, place) = (Path::new("run/etc").join(name), Path::new("etc").join(name));
        fs::write(&own, text).map_err(at(format!("writing /etc/{name}")))?;
        // Absent, or a link that leads out of what is shown: nothing to cover, and nothing to read.
        if fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_file()) {
            let tree = detach(&own, false, READ_ONLY)?;
            set_down(&tree, CWD, &place).map_err(at(format!("covering /etc/{name}")))?;
        } else if name == "hosts" {
            let source =
                io::Error::new(io::ErrorKind::NotFound, "/etc/hosts is not a regular file");
            return Err(at("covering /etc/hosts")(source));
        }
    }
    Ok(())
}

fn host_line(name: &str, address: &IpAddr) -> String {
    format!("{address} {name}\n")
}

fn devices(config: &Config, devices: &[(&str, OwnedFd)]) -> Result<(), RootError> {
    for (name, tree) in devices {
        let place = Path::new("dev").join(name);
        fs::write(&place, "").map_err(at(format!("making /dev/{name}")))?;
        set_down(tree, CWD, &place).map_err(at(format!("showing /dev/{name}")))?;
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ];
    for (name, target) in links {
        symlink(target, Path::new("dev").join(name)).map_err(at(format!("linking /dev/{name}")))?;
    }
    let shm = memory(config.tmp_mib, "1777").map_err(at("making /dev/shm"))?;
    set_down(&shm, CWD, Path::new("dev/shm")).map_err(at("mounting /dev/shm"))
}

/// A detached copy of what is mounted at `path`, with these attributes added.
fn detach(path: &Path, recursive: bool, attributes: u64) -> Result<OwnedFd, RootError> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    let detach = || -> io::Result<OwnedFd> {
        let tree = rustix::mount::open_tree(CWD, path, flags)?;
        sys::mount_setattr(tree.as_fd(), recursive, attributes)?;
        Ok(tree)
    };
    detach().map_err(at(format!("taking {}", path.display())))
}

/// A detached memory file system. Its size is bounded; its pages count as the program's memory.
fn memory(mib: u64, mode: &str) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(context.as_fd(), c"size", format!("{mib}M"))?;
    rustix::mount::fsconfig_set_string(context.as_fd(), c"mode", mode)?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(rustix::mount::fsmount(
        context.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        attributes,
    )?)
}

/// Attaches a detached mount; follows no link at the end of `place`.
fn set_down(tree: &OwnedFd, dir: BorrowedFd, place: &Path) -> io::Result<()> {
    Ok(rustix::mount::move_mount(
        tree,
        c"",
        dir,
        place,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )?)
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
    Ok(rustix::fs::open(
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}
