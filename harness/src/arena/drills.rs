//! What arenas must do, in every tier, started by root and by an ordinary user.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::Limits;
use super::drill::{Drill, Held, Outcome};
use crate::evidence::Tier;

const TIERS: [Tier; 3] = [Tier::Full, Tier::Reduced, Tier::Portable];

/// Every tier, as whoever runs the tests and, if that is root, as an ordinary user too.
fn everywhere(argv: &[&str]) -> impl Iterator<Item = (Tier, Drill)> {
    let both = |tier| {
        [Drill::new(tier, argv), Drill::new(tier, argv).ordinary()].map(|drill| (tier, drill))
    };
    TIERS
        .into_iter()
        .flat_map(both)
        .collect::<Vec<_>>()
        .into_iter()
}

fn shell(tier: Tier, script: &str) -> Drill {
    Drill::new(tier, &["/bin/sh", "-c", script])
}

#[track_caller]
fn assert_status(outcome: &Outcome, status: i32, tier: Tier) {
    assert_eq!(
        (outcome.error.as_deref(), outcome.status),
        (None, Some(status)),
        "{tier:?}: {outcome:?}"
    );
}

/// A word for a command line by which a program's processes can be found on the host.
fn token() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "drill-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Living processes with this word in their command line, but for arenas, which hold it in their order.
fn with_token(token: &str) -> usize {
    let mut count = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        count += usize::from(line.split(|b| *b == 0).any(|word| word == token.as_bytes()));
    }
    count
}

/// The end of a killed arena is told before that of all its processes is.
#[track_caller]
fn assert_gone(token: &str) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while with_token(token) > 0 {
        assert!(
            Instant::now() < give_up,
            "{} processes are left",
            with_token(token)
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_program_runs_and_ends() {
    for (tier, drill) in everywhere(&["/bin/true"]) {
        let outcome = drill.run();
        assert_status(&outcome, 0, tier);
        assert_eq!(outcome.left, 0, "{tier:?}");
    }
}

#[test]
fn streams_status_and_work_folder_are_the_programs() {
    for (tier, drill) in everywhere(&[
        "/bin/sh",
        "-c",
        "cat; echo out; echo err >&2; cat data > copy; exit 7",
    ]) {
        let drill = drill.file("data", "12", 0o644);
        let outcome = drill.run();
        assert_status(&outcome, 7, tier);
        assert_eq!(
            (outcome.out.as_str(), outcome.err.as_str()),
            ("out\n", "err\n"),
            "{tier:?}"
        );
        assert_eq!(fs::read_to_string(drill.work().join("copy")).unwrap(), "12");
    }
}

#[test]
fn a_crash_is_told_by_its_signal() {
    for (tier, drill) in everywhere(&["/bin/sh", "-c", "kill -SEGV $$"]) {
        let outcome = drill.run();
        assert_eq!(outcome.signal, Some(libc::SIGSEGV), "{tier:?} {outcome:?}");
    }
}

#[test]
fn signals_start_with_their_defaults() {
    // Neither Rust's ignored SIGPIPE nor a blocked signal is handed on.
    let script = "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d ' \\t\\n'";
    for tier in TIERS {
        let outcome = shell(tier, script).run();
        assert_eq!(
            outcome.out, "SigBlk:0000000000000000SigIgn:0000000000000000",
            "{tier:?}"
        );
    }
}

#[test]
fn interpreters_of_the_host_work() {
    let programs: [&[&str]; 3] = [
        &[
            "python3",
            "-c",
            "import asyncio, threading, tempfile, socket\nprint(6 * 7)",
        ],
        &["node", "-e", "setTimeout(() => console.log(42), 1)"],
        &["perl", "-e", "print 42, qq(\\n)"],
    ];
    for argv in programs {
        for (tier, drill) in everywhere(argv) {
            let outcome = drill.run();
            // A tool that isn't installed, or lies where the lower tiers' own user can't go.
            if outcome
                .error
                .as_deref()
                .is_some_and(|e| e.contains("not found"))
            {
                continue;
            }
            assert_status(&outcome, 0, tier);
            assert_eq!(outcome.out, "42\n", "{tier:?} {argv:?}");
        }
    }
}

#[test]
fn failures_to_start_are_told_apart() {
    for tier in TIERS {
        let tell = |name: &str, text: &str, mode| {
            let outcome = Drill::new(tier, &[name]).file("prog", text, mode).run();
            assert!(outcome.blamed, "{tier:?} {outcome:?}");
            let error = outcome.error.unwrap();
            println!("{tier:?}: {error}");
            error
        };
        assert!(
            tell("./prog", "#!/bin/sh\n", 0o644).contains("chmod +x"),
            "{tier:?}"
        );
        assert!(
            tell("./prog", "echo\n", 0o755).contains("`#!` line"),
            "{tier:?}"
        );
        assert!(
            tell("./prog", "#!/no/such/sh\n", 0o755).contains("interpreter"),
            "{tier:?}"
        );
        assert!(tell("./other", "", 0o755).contains("not found"), "{tier:?}");
        assert!(
            tell("no-such-program", "", 0o755).contains("/usr/bin/no-such-program"),
            "{tier:?}"
        );
        assert!(
            tell("./prog/x", "", 0o755).contains("not found"),
            "{tier:?}"
        );
    }
}

#[test]
fn leftovers_are_counted_and_ended() {
    for tier in TIERS {
        for ordinary in [false, true] {
            let token = token();
            // Two that left their session and their parent, one of them with a child.
            let script = "setsid sh -c 'sleep 1000 & sleep 1000' x $0 & setsid sh -c 'exec sleep 1000' x $0 & exit 3";
            let drill = Drill::new(tier, &["/bin/sh", "-c", script, &token]);
            let drill = if ordinary { drill.ordinary() } else { drill };
            let outcome = drill.run();
            assert_status(&outcome, 3, tier);
            assert!(outcome.left >= 1, "{tier:?}");
            assert_gone(&token);
        }
    }
}

#[test]
fn a_stopped_tree_is_ended() {
    for tier in TIERS {
        let token = token();
        let script = "(kill -STOP $(sh -c 'echo $PPID')) & trap '' TERM HUP INT; sleep 0; echo ready; kill -STOP $$";
        let outcome = Drill::new(tier, &["/bin/sh", "-c", script, &token])
            .kill_after("ready\n")
            .run();
        assert_eq!(outcome.error, None, "{tier:?}");
        assert_gone(&token);
    }
}

#[test]
fn the_program_does_not_outlive_a_killed_arena() {
    for tier in TIERS {
        for ordinary in [false, true] {
            let token = token();
            let script =
                "setsid sh -c 'sleep 1000; :' x $0 & echo ready; while :; do sleep 1000; done";
            let drill = Drill::new(tier, &["/bin/sh", "-c", script, &token]).kill_after("ready\n");
            if ordinary { drill.ordinary() } else { drill }.run_and_end_arena();
            assert_gone(&token);
        }
    }
}

#[test]
fn a_fork_bomb_stays_within_its_limit() {
    let limits = Limits {
        processes: Some(40),
        ..Limits::default()
    };
    let token = token();
    let script = "b() { b \"$@\" & b \"$@\" & wait; }; echo ready; b 2>/dev/null; sleep 1000";
    let drill = Drill::new(Tier::Full, &["/bin/sh", "-c", script, &token]).ordinary();
    let outcome = drill.limits(limits).kill_after("ready\n").run();
    assert_eq!(outcome.error, None);
    assert_gone(&token);
}

#[test]
fn limits_are_the_programs() {
    let limits = Limits {
        descriptors: Some(123),
        processes: Some(77),
        file_bytes: Some(5 << 20),
        cpu_s: Some(50),
        cpus: Some(1),
    };
    for tier in TIERS {
        let outcome = shell(tier, "ulimit -n; ulimit -t; ulimit -c; nproc")
            .limits(limits.clone())
            .run();
        assert_eq!(outcome.out, "123\n50\n0\n1\n", "{tier:?}");
    }
    let outcome = shell(Tier::Full, "ulimit -p 2>/dev/null || ulimit -u")
        .limits(limits)
        .run();
    assert_eq!(outcome.out, "77\n");
}

#[test]
fn nothing_of_the_caller_is_in_the_environment() {
    for tier in TIERS {
        let outcome = shell(
            tier,
            "env | grep -vE '^(PATH|HOME|TMPDIR|LANG|PWD|SHLVL|_)='",
        )
        .run();
        let toolchains = |line: &&str| {
            let names = [
                "PYENV",
                "RUSTUP",
                "JAVA_HOME",
                "GO",
                "NVM_DIR",
                "VIRTUAL_ENV",
                "CONDA",
                "DOTNET",
                "RBENV",
                "SDKMAN",
            ];
            !names.iter().any(|name| line.starts_with(name))
        };
        assert_eq!(
            outcome.out.lines().filter(toolchains).collect::<Vec<_>>(),
            Vec::<&str>::new(),
            "{tier:?}"
        );
    }
}

#[test]
fn the_full_tier_shows_only_what_is_on_its_list() {
    let script = "id -u; ls /; ls /dev; ls /proc | grep -c '^[0-9]'; getent hosts alpha.test | cut -d' ' -f1; hostname; \
                  touch /x /etc/x /usr/x 2>/dev/null && echo written; ls /home /sys 2>/dev/null; \
                  grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'; \
                  unshare -U true 2>/dev/null && echo nested; cat /proc/1/environ 2>/dev/null; \
                  ls -A /var/tmp/. | tr '\n' ' '; ls -A /dev/shm";
    for drill in [
        shell(Tier::Full, script),
        shell(Tier::Full, script).ordinary(),
    ] {
        let outcome = drill.run();
        let lines: Vec<&str> = outcome.out.lines().collect();
        assert_eq!(lines[0], "1000");
        for hidden in [
            "home", "sys", "media", "mnt", "srv", "boot", "nested", "written",
        ] {
            assert!(!lines.contains(&hidden), "{hidden}: {lines:?}");
        }
        for wanted in [
            "null",
            "urandom",
            "127.0.0.2",
            "arena",
            "CapEff:0000000000000000",
            "CapBnd:0000000000000000",
            "NoNewPrivs:1",
            "Seccomp:2",
        ] {
            assert!(lines.contains(&wanted), "{wanted}: {lines:?}");
        }
    }
}

#[test]
fn a_toolchain_below_tmp_is_shown_within_the_private_one() {
    use std::os::unix::fs::PermissionsExt;
    let tools = tempfile::tempdir_in("/tmp").unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(tools.path(), open).unwrap();
    std::fs::write(tools.path().join("tool"), "here\n").unwrap();
    let script = format!("cat {}/tool; ls -A /tmp | wc -l", tools.path().display());
    for drill in [
        shell(Tier::Full, &script),
        shell(Tier::Full, &script).ordinary(),
    ] {
        let shown = tools.path().to_owned();
        let outcome = drill
            .config(|config| config.toolchains.shown.push(shown))
            .run();
        assert_eq!(outcome.out, "here\n2\n", "its folder and the home");
    }
}

#[test]
fn the_reduced_tier_keeps_the_program_in_its_folders() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let folder = outside.path().display();
    let script = format!(
        "cat {folder}/secret; touch {folder}/new; echo 1 > x; echo 1 > $TMPDIR/y; kill -0 $PPID && echo signal; true"
    );
    for drill in [
        shell(Tier::Reduced, &script),
        shell(Tier::Reduced, &script).ordinary(),
    ] {
        let outcome = drill.run();
        assert_status(&outcome, 0, Tier::Reduced);
        if outcome.facilities["landlock"] == "none" {
            continue;
        }
        assert_eq!(outcome.out, "", "{outcome:?}");
        assert!(!outside.path().join("new").exists());
        assert!(drill.work().join("x").exists());
    }
}

#[test]
fn programs_of_a_root_harness_are_not_root() {
    for tier in TIERS {
        assert_ne!(shell(tier, "id -u").run().out, "0\n", "{tier:?}");
    }
}

#[test]
fn io_uring_does_not_exist_for_programs() {
    let script = "import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)\n\
                  print(libc.syscall(425, 1, 0), ctypes.get_errno() == errno.ENOSYS)";
    for tier in [Tier::Full, Tier::Reduced] {
        let outcome = Drill::new(tier, &["/usr/bin/python3", "-c", script]).run();
        if outcome.error.is_none() {
            assert_eq!(outcome.out, "-1 True\n", "{tier:?}");
        }
    }
}

#[test]
fn held_calls_go_on_when_let_go() {
    for tier in [Tier::Full, Tier::Reduced] {
        let drill = shell(tier, "echo one > f; mkdir d; mv f d/g; cat d/g").gate(Held::LetGo);
        let outcome = drill.run();
        assert_status(&outcome, 0, tier);
        assert_eq!(outcome.out, "one\n");
        // At least: open, write, mkdir, rename, and cat's write.
        assert!(outcome.held >= 5, "{}", outcome.held);
    }
}

#[test]
fn held_calls_fail_when_failed() {
    let script = "exec 5> f; if echo one >&5; then echo fine; else echo failed; fi";
    for tier in [Tier::Full, Tier::Reduced] {
        // The shell writes through a copy of the descriptor at 1, so the whole output is affected there;
        // `dd` writes to its own descriptor.
        let outcome = shell(tier, script).gate(Held::LetGo).run();
        assert_eq!(outcome.out, "fine\n", "{tier:?}");
        let script = "import os\nfd = os.open('f', os.O_WRONLY | os.O_CREAT)\n\
                      try:\n os.write(fd, b'x'); print('fine')\nexcept OSError as e: print(e.errno)";
        let outcome = Drill::new(tier, &["/usr/bin/python3", "-c", script])
            .gate(Held::FailWrites(libc::ENOSPC))
            .run();
        if outcome.error.is_none() {
            assert_eq!(outcome.out, format!("{}\n", libc::ENOSPC), "{tier:?}");
        }
    }
}

#[test]
fn groups_limit_the_tree() {
    let Ok(place) = super::cgroup::Place::find() else {
        return;
    };
    let bounds = super::cgroup::Bounds {
        memory_mib: 64,
        processes: 20,
    };
    let (Some(_), Ok(group)) = (place.memory(), place.make(&bounds)) else {
        return;
    };
    let hungry = "x = bytearray(400 << 20)\nprint(len(x))";
    let drill = Drill::new(Tier::Full, &["/usr/bin/python3", "-c", hungry]);
    let outcome = drill
        .config(|config| config.groups = group.folders().to_vec())
        .run();
    if outcome.error.is_some() {
        return;
    }
    assert_eq!(outcome.signal, Some(libc::SIGKILL), "{outcome:?}");
    let account = group.account();
    assert!(account.oom_kills.is_some_and(|n| n > 0), "{account:?}");
    assert!(
        account
            .peak_kib
            .is_some_and(|kib| (32 << 10..=65 << 10).contains(&kib)),
        "{account:?}"
    );
}

#[test]
fn arenas_have_ports_of_their_own() {
    let serve = "import socket, time\ns = socket.create_server(('127.0.0.1', 15000))\n\
                 c = socket.create_connection(('127.0.0.1', 15000)); print('ready', flush=True); time.sleep(1000)";
    let argv = ["/usr/bin/python3", "-c", serve];
    let one = Drill::new(Tier::Full, &argv).kill_after("ready\n");
    let Some(mut holder) = one.hold() else { return };
    let other = Drill::new(Tier::Full, &argv)
        .ordinary()
        .kill_after("ready\n")
        .run();
    assert_eq!((other.error, other.out.as_str()), (None, "ready\n"));
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
}

#[test]
fn a_failed_start_leaves_nothing() {
    // The program's process is there already when the exec fails; in the lower tiers init's end alone
    // would not be its end.
    for tier in TIERS {
        for _ in 0..10 {
            let outcome = Drill::new(tier, &["./prog"])
                .file("prog", "#!/no/such\n", 0o755)
                .run();
            assert!(outcome.blamed, "{tier:?} {outcome:?}");
        }
    }
}

#[test]
fn compilers_of_the_host_work() {
    let c = "int main(void) { return 42; }\n";
    let rust = "fn main() { std::process::exit(42) }\n";
    let builds = [
        ("gcc -o prog prog.c && exec ./prog", "prog.c", c),
        ("rustc -o prog prog.rs && exec ./prog", "prog.rs", rust),
        (
            "cargo init -q --vcs none --name prog . && cargo build -q --offline && exec target/debug/prog",
            "prog.rs",
            rust,
        ),
        (
            "go build -o prog prog.go && exec ./prog",
            "prog.go",
            "package main\nimport \"os\"\nfunc main() { os.Exit(42) }\n",
        ),
        (
            "javac P.java && exec java P",
            "P.java",
            "class P { public static void main(String[] a) { System.exit(42); } }\n",
        ),
    ];
    for (script, file, text) in builds {
        for drill in [
            shell(Tier::Full, script),
            shell(Tier::Full, script).ordinary(),
            shell(Tier::Reduced, script),
        ] {
            let outcome = drill.file(file, text, 0o644).run();
            // 127: there is no such tool, or none where this user may go.
            if outcome.status != Some(127) && outcome.status != Some(126) {
                assert_status(&outcome, 42, Tier::Full);
            }
        }
    }
}
