//! What this host gives: each facility with its value, why it is missing, and how to get it.
//! Nothing here changes the caller: whatever needs trying is tried in a child.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::{cgroup, sys, wall};
use crate::evidence::Tier;

mod trial;
use trial::trial;

/// One facility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Stable name, for pipelines.
    pub name: String,
    /// It is there, as good as we can use it.
    pub ok: bool,
    /// What was found, in a few words.
    pub value: String,
    /// What it is for, or what is missing without it.
    pub why: String,
    /// How to get it; empty if it is there or can't be had.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mend: String,
}

/// A host as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub facts: Vec<Fact>,
    /// The strongest tier that should work.
    pub best_tier: Tier,
}

/// Looks at the host. Takes some milliseconds.
pub fn probe() -> Host {
    let namespaces = namespaces();
    let (notify, filter) = (notify(), filter());
    let mut facts = vec![kernel(), user(), namespaces, filter, notify];
    facts.extend([
        landlock(),
        groups(),
        tracing(),
        children(),
        slices(),
        processors(),
        descriptors(),
    ]);
    let has = |name: &str| facts.iter().any(|fact| fact.name == name && fact.ok);
    let looks = ["tracing", "children", "schedstat"]
        .iter()
        .all(|name| has(name));
    let best_tier = match (has("seccomp") && looks, has("namespaces")) {
        (true, true) => Tier::Full,
        (true, false) => Tier::Reduced,
        (false, _) => Tier::Portable,
    };
    Host { facts, best_tier }
}

fn fact(name: &str, ok: bool, value: impl Into<String>, why: &str, mend: &str) -> Fact {
    let mend = if ok { String::new() } else { mend.to_owned() };
    Fact {
        name: name.to_owned(),
        ok,
        value: value.into(),
        why: why.to_owned(),
        mend,
    }
}

fn kernel() -> Fact {
    let release = read("/proc/sys/kernel/osrelease");
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let why = "mounts and held calls need Linux 5.19 or later";
    fact(
        "kernel",
        version >= (5, 19),
        release,
        why,
        "upgrade the kernel; an older one gives a weaker tier",
    )
}

fn user() -> Fact {
    let id = rustix::process::geteuid().as_raw();
    let value = if super::user::can_choose() {
        "root: each run gets a user of its own".to_owned()
    } else {
        format!("user {id}")
    };
    fact("user", true, value, "who runs the submissions", "")
}

/// Steps of the trial, as its exit status tells them.
const STEPS: &[(&str, &str)] = &[
    ("user namespaces", "be sealed off"),
    ("mapping a user", "have a user of its own inside"),
    ("a memory file system", "have a root of its own"),
    ("mount_setattr", "have a read-only root (Linux 5.12)"),
    ("a fresh /proc", "see only its own processes"),
    ("pivot_root", "lose sight of the host's files"),
];

fn namespaces() -> Fact {
    let result = trial(trial::namespaces);
    let why =
        "the whole arena: private loopback and ports, read-only root, every process ended at once";
    match result {
        Ok((0, _)) => fact(
            "namespaces",
            true,
            "user, mount, pid, net, ipc, uts",
            why,
            "",
        ),
        Ok((step, errno)) => {
            let (what, purpose) = STEPS
                .get(step as usize - 1)
                .copied()
                .unwrap_or(("a step", "start"));
            let error = io::Error::from_raw_os_error(errno);
            let value = format!("{what} refused ({error}): a program can't {purpose}");
            fact("namespaces", false, value, why, &namespace_mend())
        }
        Err(error) => fact(
            "namespaces",
            false,
            error.to_string(),
            why,
            "check the process limit (`ulimit -u`)",
        ),
    }
}

/// What most likely forbids it on this host.
fn namespace_mend() -> String {
    let sysctl = |name: &str| read(&format!("/proc/sys/{}", name.replace('.', "/")));
    if sysctl("kernel.apparmor_restrict_unprivileged_userns") == "1" {
        return "AppArmor forbids it (Ubuntu 23.10 and later): \
                `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, for good in /etc/sysctl.d/60-gradus.conf"
            .to_owned();
    }
    if sysctl("kernel.unprivileged_userns_clone") == "0" {
        return "`sudo sysctl -w kernel.unprivileged_userns_clone=1` (Debian's switch)".to_owned();
    }
    if sysctl("user.max_user_namespaces") == "0" {
        return "`sudo sysctl -w user.max_user_namespaces=10000`; within an arena or a container it is meant to be 0"
            .to_owned();
    }
    if in_container() {
        return "this is a container: start it with `--security-opt seccomp=unconfined --security-opt \
                apparmor=unconfined --security-opt systempaths=unconfined` (docker, podman; none of them gives rights \
                over the host, unlike --privileged), or use tier reduced"
            .to_owned();
    }
    "check `sysctl user.max_user_namespaces`, `kernel.unprivileged_userns_clone` and your security module".to_owned()
}

fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|path| fs::exists(path).unwrap_or(false))
        || read("/proc/1/environ").contains("container=")
}

fn filter() -> Fact {
    let code = super::filter::Filter::default().assemble();
    let result = trial(|| {
        if sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1).is_err() {
            return (1, sys::errno());
        }
        match super::filter::install(&code, false) {
            Ok(_) => (0, 0),
            Err(_) => (1, sys::errno()),
        }
    });
    let why = "the syscall filter: io_uring and the administration of the host are out of reach";
    tried(
        "seccomp",
        result,
        "filters",
        why,
        "the kernel lacks CONFIG_SECCOMP_FILTER, or a container forbids seccomp(2)",
    )
}

fn notify() -> Fact {
    let code = super::filter::Filter {
        gate: super::filter::Gate::Files,
        deny_trace: false,
    }
    .assemble();
    let result = trial(|| {
        let _ = sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1);
        match super::filter::install(&code, true) {
            Ok(Some(listener)) => {
                // Flags that the kernel knows are refused for want of the call, not for being unknown.
                // Linux 5.14 for the descriptor that answers a call in the same step.
                let mut request = libc::seccomp_notif_addfd {
                    id: 1,
                    flags: 1 << 1,
                    srcfd: 0,
                    newfd: 0,
                    newfd_flags: 0,
                };
                // Safety: the structure belongs to the request.
                unsafe {
                    libc::ioctl(
                        listener,
                        libc::SECCOMP_IOCTL_NOTIF_ADDFD as _,
                        &raw mut request,
                    )
                };
                if sys::errno() == libc::EINVAL {
                    (2, libc::EINVAL)
                } else {
                    (0, 0)
                }
            }
            Ok(None) => (1, libc::EIO),
            Err(_) => (1, sys::errno()),
        }
    });
    let why = "the held disk: file operations of any program can be held or failed";
    let mend = "Linux 5.14 or later; a container must allow seccomp(2), and no outer filter may listen already";
    tried("held_calls", result, "user notification", why, mend)
}

fn tried(name: &str, result: io::Result<(i32, i32)>, value: &str, why: &str, mend: &str) -> Fact {
    match result {
        Ok((0, _)) => fact(name, true, value, why, ""),
        Ok((_, errno)) => fact(
            name,
            false,
            io::Error::from_raw_os_error(errno).to_string(),
            why,
            mend,
        ),
        Err(error) => fact(name, false, error.to_string(), why, mend),
    }
}

fn landlock() -> Fact {
    let why = "a second wall around files; the first one in tier reduced";
    match wall::version() {
        Some(version) => fact("landlock", true, format!("version {version}"), why, ""),
        None => {
            let mend =
                "add `landlock` to the kernel's `lsm=` list (needs CONFIG_SECURITY_LANDLOCK)";
            fact("landlock", false, "none", why, mend)
        }
    }
}

fn groups() -> Fact {
    let why = "limits on memory and processes of a whole tree, and its peak memory";
    let mend = "start gradus with `systemd-run --user --scope -p Delegate=yes gradus …`; in a container, \
                give it a writable cgroup tree of its own";
    match cgroup::Place::find() {
        Ok(place) => {
            let part = |name: &str, how: Option<&str>| format!("{name}: {}", how.unwrap_or("none"));
            let value = format!(
                "{}, {}",
                part("memory", place.memory()),
                part("processes", place.processes())
            );
            fact(
                "cgroups",
                place.memory().is_some() && place.processes().is_some(),
                value,
                why,
                mend,
            )
        }
        Err(reason) => fact("cgroups", false, reason, why, mend),
    }
}

/// Can we see in which call a child sleeps?
fn tracing() -> Fact {
    let why = "looks at what each thread sleeps in: settling by cause, not by time";
    let scope = read("/proc/sys/kernel/yama/ptrace_scope");
    // The child reads its own line, which is always allowed where the file is there at all; the parent's
    // right over its descendants fails only by Yama's strictest settings.
    let readable = fs::read_to_string("/proc/self/syscall").is_ok();
    let ok = readable && !matches!(scope.as_str(), "2" | "3");
    let value = match (readable, scope.as_str()) {
        (false, _) => "no /proc/PID/syscall".to_owned(),
        (true, "") => "allowed".to_owned(),
        (true, scope) => format!("yama scope {scope}"),
    };
    let mend = if readable {
        "`sudo sysctl -w kernel.yama.ptrace_scope=1`"
    } else {
        "a kernel with CONFIG_HAVE_ARCH_TRACEHOOK"
    };
    fact("tracing", ok, value, why, mend)
}

fn children() -> Fact {
    let ok = fs::exists("/proc/thread-self/children").unwrap_or(false);
    let why = "finds every process of the tree";
    fact(
        "children",
        ok,
        if ok { "listed" } else { "not listed" },
        why,
        "a kernel with CONFIG_PROC_CHILDREN",
    )
}

fn slices() -> Fact {
    let text = read("/proc/self/schedstat");
    let ok = text
        .split(' ')
        .nth(2)
        .and_then(|n| n.parse::<u64>().ok())
        .is_some_and(|n| n > 0);
    let why = "tells whether a thread has run since the last look";
    fact(
        "schedstat",
        ok,
        if ok { "counted" } else { "not counted" },
        why,
        "a kernel with CONFIG_SCHED_INFO",
    )
}

fn processors() -> Fact {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    fact(
        "processors",
        true,
        count.to_string(),
        "what runs side by side",
        "",
    )
}

fn descriptors() -> Fact {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let ok = limit.is_none_or(|limit| limit >= 8192);
    let value = limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let mend = "raise the hard limit: `ulimit -Hn 8192`, in /etc/security/limits.conf, or docker's `--ulimit nofile=20000`";
    fact(
        "descriptors",
        ok,
        value,
        "exercises with many connections; 20,000 for ten thousand clients",
        mend,
    )
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_says_what_it_is_for_and_a_missing_one_how_to_get_it() {
        let host = probe();
        assert!(host.facts.len() >= 12);
        for fact in &host.facts {
            assert!(!fact.why.is_empty() && !fact.value.is_empty(), "{fact:?}");
            assert_eq!(fact.mend.is_empty(), fact.ok, "{fact:?}");
        }
    }

    #[test]
    fn probing_changes_nothing_here() {
        let state = || {
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            let keep = |line: &&str| {
                ["Uid", "Seccomp", "NoNewPrivs", "CapEff", "SigBlk"]
                    .iter()
                    .any(|k| line.starts_with(k))
            };
            let lines: Vec<String> = status.lines().filter(keep).map(str::to_owned).collect();
            (
                lines,
                fs::read_link("/proc/thread-self/ns/user").unwrap(),
                fs::read_link("/proc/thread-self/ns/mnt").unwrap(),
            )
        };
        let before = state();
        probe();
        assert_eq!(before, state());
    }
}
