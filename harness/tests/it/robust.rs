//! A hostile or poor host: killed at any moment, full disks, few descriptors, missing facilities. Each is
//! reported as what it is, leaves nothing behind, and costs no points.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::place::{Place, RIGHT, Said};
use super::stopping::{processes_with, wait_until};

/// What must not be left: processes with the word, control groups and scratch folders of that harness.
fn assert_nothing_left(word: &str, pid: u32, scratch: &Path) {
    wait_until("all processes are gone", || processes_with(word) == 0);
    wait_until("no arena is left", || arenas_of(word) == 0);
    // What a killed harness can't remove goes when the next one starts.
    let place = Place::new();
    place.script("right", RIGHT);
    let said = place
        .command(&["grade", "tiny", "right", "-q"])
        .env("TMPDIR", scratch)
        .output()
        .expect("gradus starts");
    Said::of(said).code(0);
    let left: Vec<_> = fs::read_dir(scratch).expect("folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!mounts.contains(&scratch.display().to_string()), "{mounts}");
    let groups = Command::new("find")
        .args(["/sys/fs/cgroup", "-maxdepth", "4", "-name"])
        .arg(format!("gradus-{pid}-*"))
        .stderr(Stdio::null())
        .output();
    let groups = groups.map(|found| found.stdout).unwrap_or_default();
    assert!(groups.is_empty(), "{}", String::from_utf8_lossy(&groups));
}

/// Arenas of a harness have no word of its submission on their command lines; their environment has.
fn arenas_of(word: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let environments = entries.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
    environments
        .filter(|env| env.windows(word.len()).any(|part| part == word.as_bytes()))
        .count()
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    // Arenas are started by worker threads too.
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let all: String = lists.fold(list, |all, more| all + " " + &more);
    let mut pids: Vec<u32> = all
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).expect("a process");
    // It may have ended by itself.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

#[test]
fn a_harness_killed_at_any_stage_leaves_nothing() {
    let scratch = tempfile::tempdir().expect("folder");
    fs::set_permissions(
        scratch.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("open to all");
    // From the first instructions, over building and copying, into the runs: moments spread over all of it, and
    // what counts is that none of them leaves anything.
    for step in 0..8u64 {
        let place = Place::new();
        let word = format!("gradus-it-{}-stage-{step}", std::process::id());
        place.write(
            "slow/submission.yaml",
            &format!("build: [sh, -c, 'sleep 0.05', {word}]\nrun: [sh, -c, 'sleep 0.05; exit 0', {word}]\n"),
        );
        let mut child = place
            .command(&["grade", "tiny", "slow", "-q", "--jobs", "2"])
            .env("TMPDIR", scratch.path())
            .env("GRADUS_IT", &word)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gradus starts");
        std::thread::sleep(Duration::from_millis(step * 45));
        child.kill().expect("killed");
        child.wait().expect("reaped");
        assert_nothing_left(&word, child.id(), scratch.path());
    }
}

#[test]
fn a_killed_arena_or_init_is_the_hosts_fault() {
    for victim in ["arena", "init"] {
        let scratch = tempfile::tempdir().expect("folder");
        fs::set_permissions(
            scratch.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .expect("open to all");
        let place = Place::new();
        let word = format!("gradus-it-{}-{victim}", std::process::id());
        place.write(
            "hangs/submission.yaml",
            &format!("run: [sh, -c, 'while :; do :; done', {word}]\n"),
        );
        let child = place
            .command(&[
                "grade", "tiny", "hangs", "--only", "ends", "-q", "--out", "r.json",
            ])
            .env("TMPDIR", scratch.path())
            .env("GRADUS_IT", &word)
            .stdout(Stdio::null())
            .spawn()
            .expect("gradus starts");
        let id = child.id();
        let mut gone = 0;
        for _ in 1..=2 {
            // The harness's arena, its init, and the program below it.
            let mut chain = Vec::new();
            wait_until("the program runs", || {
                let below = |pid: u32| children(pid).first().copied();
                chain = std::iter::successors(below(id), |&pid| below(pid))
                    .take(3)
                    .collect();
                chain.len() == 3 && chain[0] != gone
            });
            gone = chain[0];
            kill(match victim {
                "arena" => chain[0],
                _ => chain[1],
            });
            wait_until("the arena is gone", || !children(id).contains(&gone));
        }
        let output = child.wait_with_output().expect("gradus ends");
        assert_eq!(output.status.code(), Some(5), "{victim}");
        let report: serde_json::Value = serde_json::from_str(&place.read("r.json")).expect("json");
        assert_eq!(report["outcome"], "harness_fault", "{victim}");
        assert_eq!(report["findings"][0]["points"], 0.0);
        assert_nothing_left(&word, id, scratch.path());
    }
}

/// A shell in namespaces of its own where it may mount; none where the host doesn't give that.
fn mounting(place: &Place, script: &str) -> Option<Said> {
    let mut shell = place.command(&[]);
    let gradus = shell.get_program().to_owned();
    let mut command = Command::new("unshare");
    command
        .args(["-Urm", "sh", "-ec", script, "sh"])
        .arg(gradus)
        .current_dir(place.path())
        .env("GRADUS_TASKS", "tasks");
    let able = Command::new("unshare")
        .args(["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output();
    if !able.is_ok_and(|tried| tried.status.success()) {
        return None;
    }
    shell.args(["doctor"]);
    Some(Said::of(command.output().expect("unshare starts")))
}

#[test]
fn a_full_disk_is_told_as_one() {
    let place = Place::new();
    place.script("right", RIGHT);
    fs::create_dir(place.path().join("small")).expect("folder");
    let mount = "mount -t tmpfs -o size=16k none small;";
    let Some(said) = mounting(
        &place,
        &format!("{mount} exec \"$1\" grade tiny right -q --results small/r"),
    ) else {
        return;
    };
    said.code(5).complains(&[
        "can't be written",
        "No space left",
        "help: the disk is full",
    ]);
    // The submission itself is larger than what is left for its copy.
    place.write("right/large", &"x".repeat(64 << 10));
    let script = format!("{mount} TMPDIR=\"$PWD/small\" exec \"$1\" grade tiny right -q");
    let said = mounting(&place, &script).expect("as before");
    said.code(5).complains(&["No space left", "TMPDIR"]);
}

#[test]
fn a_missing_proc_is_told_as_such() {
    let place = Place::new();
    place.script("right", RIGHT);
    let script = "mount -t tmpfs none /proc; exec \"$1\" grade tiny right -q";
    if let Some(said) = mounting(&place, script) {
        said.code(5).complains(&["/proc"]);
    }
}

#[test]
fn without_further_namespaces_or_ids_it_grades_in_a_weaker_tier() {
    let place = Place::new();
    place.script("right", RIGHT);
    let script = "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$1\" grade tiny right -q --format json";
    let Some(said) = mounting(&place, script) else {
        return;
    };
    let report = said.code(0).json();
    assert_eq!(report["tier"], "reduced");
    assert!(
        report["host"]["namespaces"]
            .as_str()
            .is_some_and(|text| text.starts_with("missing"))
    );
    let gaps = report["unguarded"].as_array().expect("gaps");
    assert!(gaps.contains(&"network".into()), "{gaps:?}");
    let script = "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$1\" doctor";
    let said = mounting(&place, script).expect("as before").code(0);
    assert!(
        said.out.contains("user.max_user_namespaces=10000"),
        "{}",
        said.out
    );
    assert!(said.out.contains("tier reduced"), "{}", said.out);
}

/// Calls that a container's filter forbids, as numbers of this architecture.
fn forbid(command: &mut Command, calls: &[libc::c_long]) {
    let mut code = vec![statement(0x20, 0)]; // Load the call's number.
    for &call in calls {
        code.push(libc::sock_filter {
            code: 0x15,
            jt: 0,
            jf: 1,
            k: call as u32,
        });
        code.push(statement(
            0x06,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
        ));
    }
    code.push(statement(0x06, libc::SECCOMP_RET_ALLOW));
    let install = move || {
        let program = libc::sock_fprog {
            len: code.len() as u16,
            filter: code.as_ptr().cast_mut(),
        };
        // Safety: the program lives as long as the call; the kernel copies it.
        let done = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                0,
                &raw const program,
            )
        };
        if done == 0 {
            Ok(())
        } else {
            Err(std::io::Error::last_os_error())
        }
    };
    // Safety: system calls only, on memory that was made before the fork.
    unsafe { command.pre_exec(install) };
}

fn statement(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

#[test]
fn a_containers_filter_gives_tier_reduced_and_less_gives_less() {
    let place = Place::new();
    place.script("right", RIGHT);
    const LANDLOCK: libc::c_long = libc::SYS_landlock_create_ruleset;
    let cases: &[(&str, &[libc::c_long], &[&str])] = &[
        (
            "reduced",
            &[libc::SYS_unshare, libc::SYS_mount],
            &["network"],
        ),
        (
            "reduced",
            &[libc::SYS_unshare, LANDLOCK],
            &["files", "network"],
        ),
        ("full", &[LANDLOCK], &[]),
    ];
    for (tier, calls, gaps) in cases {
        let mut command = place.command(&["grade", "tiny", "right", "-q", "--format", "json"]);
        forbid(&mut command, calls);
        let said = Said::of(command.output().expect("gradus starts")).code(0);
        let report = said.json();
        let open = report["unguarded"].as_array().cloned().unwrap_or_default();
        for gap in *gaps {
            assert!(open.contains(&(*gap).into()), "{tier} {gap}: {open:?}");
        }
        // On a host that gives less by itself, less it is.
        if report["host"]["namespaces"]
            .as_str()
            .is_some_and(|v| !v.starts_with("missing"))
            || *tier != "full"
        {
            assert_eq!(report["tier"], *tier, "{report:#}");
        }
    }
}

#[test]
fn few_descriptors_and_short_files_are_told_as_such() {
    let place = Place::new();
    place.script("right", RIGHT);
    let limited = |limit: &str, words: &str| {
        let gradus = place.command(&[]).get_program().to_owned();
        let mut command = place.command(&[]);
        command = {
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &format!("{limit}; exec \"$0\" {words}")])
                .arg(gradus);
            shell
                .current_dir(place.path())
                .env("GRADUS_TASKS", "tasks")
                .env_remove("LANG");
            drop(command);
            shell
        };
        Said::of(command.output().expect("sh starts"))
    };
    let said = limited("ulimit -n 20", "grade tiny right -q --format json").code(5);
    assert!(said.out.contains("Too many open files"), "{said:#?}");
    let said = limited("ulimit -n 20", "doctor").code(0);
    assert!(said.out.contains("ulimit -Hn"), "{said:#?}");
    limited("ulimit -f 1", "grade tiny right -q --results f")
        .code(5)
        .complains(&["can't be written"]);
}
