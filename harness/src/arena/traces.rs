//! What a run's own user has left on the host in the tiers without namespaces: files in the folders that
//! everybody may write to, and System V objects. Only for users that nobody else has, so that nothing of
//! anybody else's is touched.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::user::{self, User};
use crate::submission;

/// Folders of the host in which every user may leave files.
const SHARED: &[&str] = &["/dev/shm", "/dev/mqueue", "/tmp", "/var/tmp", "/run/lock"];

/// Removes what this user has left. To be called when its processes are gone.
pub fn clear(user: User) {
    if user::harness_of(user.id).is_none() {
        return; // A container's few ids may be somebody's.
    }
    files(SHARED, |id| id == user.id);
    objects(|id| id == user.id);
}

/// Removes what the users of harness processes that are no more have left.
pub fn sweep() {
    // Only root's runs have users of their own.
    if rustix::process::geteuid().is_root() {
        files(SHARED, is_abandoned);
        objects(is_abandoned);
    }
}

fn is_abandoned(id: u32) -> bool {
    user::harness_of(id).is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

fn files(folders: &[&str], whose: impl Fn(u32) -> bool) {
    for entry in folders.iter().flat_map(fs::read_dir).flatten().flatten() {
        let path = entry.path();
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        if whose(meta.uid()) {
            // What can't be removed now is tried again by the next harness.
            let _ = match meta.is_dir() {
                true => submission::remove(&path),
                false => fs::remove_file(&path),
            };
        }
    }
}

/// System V shared memory, semaphores and queues, as `/proc/sysvipc` lists them (sysvipc(7)).
fn objects(whose: impl Fn(u32) -> bool) {
    for (kind, id_name) in [("shm", "shmid"), ("sem", "semid"), ("msg", "msqid")] {
        let list = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        for (id, creator) in listed(&list, id_name) {
            if whose(creator) {
                // Safety: plain numbers; removing needs no further argument.
                unsafe {
                    match kind {
                        "shm" => libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()),
                        "sem" => libc::semctl(id, 0, libc::IPC_RMID),
                        _ => libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()),
                    };
                }
            }
        }
    }
}

/// Ids of objects with the users who made them. The first line names the columns.
fn listed(list: &str, id_name: &str) -> Vec<(i32, u32)> {
    let mut lines = list.lines();
    let names: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let column = |wanted: &str| names.iter().position(|name| *name == wanted);
    let (Some(id), Some(creator)) = (column(id_name), column("cuid")) else {
        return Vec::new();
    };
    lines
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            Some((
                fields.get(id)?.parse().ok()?,
                fields.get(creator)?.parse().ok()?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_listed_with_their_makers() {
        let list = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n\
                    \x20        7         32   666          1     5     6  1073741825  6          0  1\n";
        assert_eq!(listed(list, "semid"), [(32, 1_073_741_825)]);
        assert_eq!(listed("", "semid"), []);
        assert_eq!(listed("key semid\n1 2\n", "semid"), []);
    }

    #[test]
    fn files_of_others_stay() {
        let dir = tempfile::tempdir().expect("dir");
        let place = dir.path().to_str().expect("text");
        fs::write(dir.path().join("a"), "").expect("file");
        fs::create_dir_all(dir.path().join("b/c")).expect("folder");
        files(&[place], |_| false);
        assert_eq!(fs::read_dir(place).expect("dir").count(), 2);
        let me = rustix::process::geteuid().as_raw();
        files(&[place], |id| id == me);
        assert_eq!(fs::read_dir(place).expect("dir").count(), 0);
    }

    #[test]
    fn only_users_of_dead_harness_processes_are_abandoned() {
        let of = |pid: u32| 1 << 30 | pid << 8 | 3;
        assert!(!is_abandoned(of(std::process::id())));
        assert!(!is_abandoned(0) && !is_abandoned(1000));
        // Process ids stay below 2^22.
        assert!(is_abandoned(of((1 << 22) - 1)) || Path::new("/proc/4194303").exists());
    }
}
