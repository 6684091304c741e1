//! Control groups: limits and accounts of a whole process tree, where the host lets us have them.
//!
//! The harness makes a group for each run before it starts the arena, and removes it afterwards; the
//! program's init joins it by itself. Version 2 with a delegated subtree, or version 1 as root.
//! Interface: the kernel's `admin-guide/cgroup-v2` and `admin-guide/cgroup-v1/memory`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Beginning of our groups' names; what follows is `PID-START-NUMBER` of the harness process.
const PREFIX: &str = "gradus-";

/// Limits of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Memory of the whole tree, its memory file systems and page cache counted, MiB. No swap.
    pub memory_mib: u64,
    /// Processes and threads together.
    pub processes: u64,
}

/// Where groups can be made on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder of version 2 under which memory and pids are to be had.
    Two(PathBuf),
    /// Folders of version 1: of the memory and of the pids controller. One may be missing.
    One { memory: Option<PathBuf>, pids: Option<PathBuf> },
}

/// A group of one run. Dropping it ends what is still in it and removes it.
#[derive(Debug)]
pub struct Group {
    /// Version 1 has a folder for each controller.
    folders: Vec<PathBuf>,
}

/// What a group's accounts say. Absent where the host doesn't tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Highest memory use so far, KiB.
    pub peak_kib: Option<u64>,
    /// Processes that the kernel ended for want of memory.
    pub oom_kills: Option<u64>,
    /// Forks that were refused.
    pub refused_forks: Option<u64>,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Place {
    /// Looks for a place, and removes what dead harness processes have left there.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn find() -> Result<Place, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|e| format!("/proc/self/cgroup: {e}"))?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|e| format!("mountinfo: {e}"))?;
        let place = match two(&own, &mounts) {
            Ok(folder) => Place::Two(folder),
            Err(why) => one(&own, &mounts).ok_or(why)?,
        };
        for folder in place.folders() {
            sweep(folder);
        }
        Ok(place)
    }

    fn folders(&self) -> Vec<&Path> {
        match self {
            Place::Two(folder) => vec![folder],
            Place::One { memory, pids } => memory.iter().chain(pids).map(PathBuf::as_path).collect(),
        }
    }

    /// How memory is limited and accounted here, for the evidence's facilities (`memory_limit`).
    pub fn memory(&self) -> Option<&'static str> {
        match self {
            Place::Two(_) => Some("cgroup2"),
            Place::One { memory, .. } => memory.as_ref().map(|_| "cgroup1"),
        }
    }

    /// How processes are limited here, for the evidence's facilities (`process_limit`).
    pub fn processes(&self) -> Option<&'static str> {
        match self {
            Place::Two(_) => Some("cgroup2"),
            Place::One { pids, .. } => pids.as_ref().map(|_| "cgroup1"),
        }
    }

    /// Makes a group with these limits.
    ///
    /// # Errors
    /// When the kernel refuses a part of it; nothing is left then.
    pub fn make(&self, bounds: &Bounds) -> io::Result<Group> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let name = format!("{PREFIX}{pid}-{}-{number}", start_time(pid).unwrap_or(0));
        let mut group = Group { folders: Vec::new() };
        for folder in self.folders() {
            let folder = folder.join(&name);
            fs::create_dir(&folder)?;
            group.folders.push(folder);
        }
        let bytes = (bounds.memory_mib << 20).to_string();
        // Init is one more than the program's own.
        let processes = bounds.processes.saturating_add(1).to_string();
        match self {
            Place::Two(_) => {
                group.set("memory.max", &bytes)?;
                // Absent where the host has no swap accounting; then there is nothing to switch off.
                let _ = group.set("memory.swap.max", "0");
                let _ = group.set("memory.oom.group", "0");
                group.set("pids.max", &processes)?;
            }
            Place::One { memory, pids } => {
                if memory.is_some() {
                    group.set("memory.limit_in_bytes", &bytes)?;
                    let _ = group.set("memory.memsw.limit_in_bytes", &bytes);
                    let _ = group.set("memory.swappiness", "0");
                }
                if pids.is_some() {
                    group.set("pids.max", &processes)?;
                }
            }
        }
        Ok(group)
    }
}

impl Group {
    /// The folders to be joined, for [`Config::groups`](super::Config).
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    fn set(&self, file: &str, value: &str) -> io::Result<()> {
        let path = self.folders.iter().map(|folder| folder.join(file)).find(|path| path.exists());
        fs::write(path.ok_or(io::ErrorKind::NotFound)?, value)
    }

    /// Reads the accounts.
    pub fn account(&self) -> Account {
        account(&self.folders)
    }
}

/// Reads the accounts of a group by its folders, as an arena does that was only told of them.
pub fn account(folders: &[PathBuf]) -> Account {
    let read = |file: &str| folders.iter().find_map(|folder| fs::read_to_string(folder.join(file)).ok());
    let number = |file: &str| read(file)?.trim().parse::<u64>().ok();
    let entry = |file: &str, key: &str| {
        let text = read(file)?;
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse::<u64>().ok())
    };
    Account {
        peak_kib: number("memory.peak").or_else(|| number("memory.max_usage_in_bytes")).map(|bytes| bytes >> 10),
        oom_kills: entry("memory.events", "oom_kill").or_else(|| entry("memory.oom_control", "oom_kill")),
        refused_forks: entry("pids.events", "max"),
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            // A group that stays is removed when a later harness looks for a place.
            let _ = remove(folder);
        }
    }
}

/// Ends what is in a group and removes it; at most two seconds.
fn remove(folder: &Path) -> io::Result<()> {
    let give_up = Instant::now() + Duration::from_secs(2);
    loop {
        match fs::remove_dir(folder) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < give_up => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            done => return done,
        }
        if fs::write(folder.join("cgroup.kill"), "1").is_err() {
            let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            for pid in members.lines().filter_map(|line| line.parse().ok()) {
                if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
        }
        // The kernel lets go of a dead member a little later; nothing tells when.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Removes the groups of harness processes that are no more.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().and_then(owner).is_some_and(|(pid, start)| start_time(pid) != Some(start)) {
            let _ = remove(&entry.path());
        }
    }
}

/// Process and its start time in a group's name.
fn owner(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    let owner = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next()?.parse::<u32>().ok()?;
    parts.next().is_none().then_some(owner)
}

/// When a process started, in clock ticks since boot: tells it from a later one of the same id.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Fields count from the last bracket, as the name may hold anything; the state is the third.
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

/// The folder of a mount that stands for our own group, if the mount shows it.
fn folder(mounts: &str, own: &str, wanted: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let (left, right): (Vec<&str>, Vec<&str>) = (left.split(' ').collect(), right.split(' ').collect());
        if !wanted(right.first()?, right.get(2)?) {
            return None;
        }
        // In a container the mount shows only a part of the tree, our own among it.
        let below = Path::new(own).strip_prefix(left.get(3)?).ok().unwrap_or(Path::new(""));
        Some(Path::new(left.get(4)?).join(below))
    })
}

/// A place of version 2: our own group or the one above it, where both controllers can be given on.
fn two(own: &str, mounts: &str) -> Result<PathBuf, String> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).ok_or("no control groups of version 2")?;
    let mine = folder(mounts, path, |kind, _| kind == "cgroup2").ok_or("no mount of version 2")?;
    let mut why = String::new();
    for place in [Some(mine.as_path()), mine.parent()].into_iter().flatten() {
        let read = |file: &str| fs::read_to_string(place.join(file)).unwrap_or_default();
        let has = |list: &str| ["memory", "pids"].iter().all(|name| list.split_whitespace().any(|c| c == *name));
        if !has(&read("cgroup.controllers")) {
            why = format!("{} has no memory and pids controllers", place.display());
            continue;
        }
        if !has(&read("cgroup.subtree_control"))
            && let Err(error) = fs::write(place.join("cgroup.subtree_control"), "+memory +pids")
        {
            why = format!("{} can't pass its controllers on: {error}", place.display());
            continue;
        }
        match rustix::fs::access(place.join("cgroup.procs"), rustix::fs::Access::WRITE_OK) {
            Ok(()) => return Ok(place.to_owned()),
            Err(error) => why = format!("{} isn't ours: {error}", place.display()),
        }
    }
    Err(why)
}

fn one(own: &str, mounts: &str) -> Option<Place> {
    let find = |controller: &str| {
        let path = own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let names = fields.next()?;
            names.split(',').any(|name| name == controller).then_some(fields.next()?)
        })?;
        let options = |options: &str| options.split(',').any(|option| option == controller);
        let folder = folder(mounts, path, |kind, super_options| kind == "cgroup" && options(super_options))?;
        rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).ok()?;
        // A read-only mount passes the check of modes that root is spared.
        let statvfs = rustix::fs::statvfs(&folder).ok()?;
        (!statvfs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY)).then_some(folder)
    };
    let (memory, pids) = (find("memory"), find("pids"));
    (memory.is_some() || pids.is_some()).then_some(Place::One { memory, pids })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_owner() {
        assert_eq!(owner("gradus-12-345-0"), Some((12, 345)));
        for name in ["gradus-12-345", "gradus-12-345-0-1", "gradus-x-1-2", "user.slice"] {
            assert_eq!(owner(name), None, "{name}");
        }
        let me = std::process::id();
        assert!(start_time(me).is_some_and(|start| start > 0));
        assert_eq!(start_time(0), None);
    }

    #[test]
    fn our_own_folder_is_found_below_a_mount() {
        let mounts = "30 1 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      31 1 0:27 /docker/x /cg rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let v1 = folder(mounts, "/a/b", |kind, options| kind == "cgroup" && options.contains("memory"));
        assert_eq!(v1, Some("/sys/fs/cgroup/memory/a/b".into()));
        assert_eq!(folder(mounts, "/docker/x/y", |kind, _| kind == "cgroup2"), Some("/cg/y".into()));
        assert_eq!(folder(mounts, "/", |kind, _| kind == "cgroup3"), None);
    }

    #[test]
    fn a_group_is_made_limited_and_removed() {
        // Not every host gives control groups; `doctor` says whether this one does.
        let Ok(place) = Place::find() else { return };
        let Ok(group) = place.make(&Bounds { memory_mib: 64, processes: 5 }) else { return };
        let folders = group.folders().to_vec();
        assert!(folders.iter().all(|folder| folder.is_dir()));
        if place.processes().is_some() {
            let limits: Vec<_> = folders.iter().flat_map(|f| fs::read_to_string(f.join("pids.max"))).collect();
            assert_eq!(limits, ["6\n"]);
            assert_eq!(group.account().refused_forks, Some(0));
        }
        drop(group);
        assert!(folders.iter().all(|folder| !folder.exists()));
    }

    #[test]
    fn groups_of_the_dead_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let me = std::process::id();
        let alive = format!("{PREFIX}{me}-{}-7", start_time(me).unwrap());
        let reborn = format!("{PREFIX}{me}-1-7");
        for name in [&alive, &reborn, "gradus-notes"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        sweep(dir.path());
        assert!(dir.path().join(alive).exists() && dir.path().join("gradus-notes").exists());
        assert!(!dir.path().join(reborn).exists());
    }
}
