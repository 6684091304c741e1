//! The gate against real programs, in whole runs of real arenas. An arena wants a process of its own:
//! this test program anew, caught before the test runner's main begins.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::arena::handle::{Cancel, Job, run};
use crate::arena::toolchain::{Toolchains, Wish};
use crate::arena::{Config, child, user};
use crate::check::{View, judge};
use crate::evidence::{Event, Record, Settled, Tier};
use crate::plan::expand;
use crate::task::Task;
use crate::world::origin::{host_addr, host_name};

#[used]
#[unsafe(link_section = ".init_array")]
static CATCH: extern "C" fn() = {
    extern "C" fn catch() {
        if std::env::args().nth(1).as_deref() == Some("__arena") {
            let done = child::main();
            if let Err(error) = &done {
                eprintln!("{error}");
            }
            std::process::exit(i32::from(done.is_err()));
        }
    }
    catch
};

const TIERS: [Tier; 2] = [Tier::Full, Tier::Reduced];

/// Runs a program (a file with its text, and its command) in a scenario.
fn play(tier: Tier, program: (&str, &str), command: &[&str], scenario: &str) -> Vec<Record> {
    let pack = format!(
        "{{ schema: 1, task: t, title: {{ en: t }}, teaches: {{ en: t }}, kind: client, run: [t, '{{limit}}', '{{out}}', '{{urls}}'],
            scenarios: [{{ scenario: s, title: {{ en: s }}, with: [{{ limit: 4 }}], checks: [], {scenario} }}] }}"
    );
    let task: Task = serde_yaml::from_str(&pack).unwrap();
    let plan = expand(&task, &task.scenarios[0], 0, 1).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let user = user::for_next_run();
    let (work, input) = (dir.path().join("work"), dir.path().join("in"));
    for folder in [&work, &input] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(work.join(program.0), program.1).unwrap();
    if let Some(user) = user {
        for folder in [dir.path(), &work, &input] {
            std::os::unix::fs::chown(folder, Some(user.id), Some(user.id)).unwrap();
        }
    }
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let env = |name: &str| std::env::var(name).ok();
    let command_name = command.first().copied();
    let wish = Wish {
        env: &env,
        command: command_name,
        expose: &[],
        hidden: &[],
    };
    let config = Config {
        tier,
        dir: dir.path().to_owned(),
        work,
        input: Some(input),
        user,
        hosts: (0..3)
            .map(|host| (host_name(host), host_addr(host).into()))
            .collect(),
        toolchains: Toolchains::find(&wish),
        tmp_mib: 64,
        groups: Vec::new(),
        env: Default::default(),
    };
    let run_it = command.iter().map(|word| word.to_string()).collect();
    let job = Job {
        plan,
        run: run_it,
        port: None,
        facilities: Default::default(),
        config,
    };
    let mut records = Vec::new();
    let keep = |line: &[u8]| {
        records.push(serde_json::from_slice(line)?);
        Ok(())
    };
    run(
        &std::env::current_exe().unwrap(),
        &job,
        &Cancel::default(),
        keep,
    )
    .unwrap();
    records
}

fn calls(records: &[Record]) -> [u64; 4] {
    let found = records.iter().find_map(|r| match r.event {
        Event::Calls {
            write,
            open,
            fsync,
            rename,
        } => Some([write, open, fsync, rename]),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("the gate was not there: {records:?}"))
}

fn held(records: &[Record]) -> Vec<(String, String, bool)> {
    let held = records.iter().filter_map(|r| match &r.event {
        Event::Held {
            op,
            path,
            main_thread,
            ..
        } => Some((op.clone(), path.clone(), *main_thread)),
        _ => None,
    });
    held.collect()
}

fn settled(records: &[Record]) -> Vec<&Settled> {
    let settled = records.iter().filter_map(|r| match &r.event {
        Event::Settled(settled) => Some(settled),
        _ => None,
    });
    settled.collect()
}

fn status(records: &[Record]) -> Option<i32> {
    records.iter().find_map(|r| match r.event {
        Event::Exited { status, .. } => status,
        _ => None,
    })
}

fn there(command: &str) -> bool {
    let found = Command::new(command)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!("{command} isn't there: not tested");
    }
    found
}

const PYTHON: &str = r#"
import asyncio, os, sys, urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
limit, out, urls = int(sys.argv[1]), sys.argv[2], open(sys.argv[3]).read().split()
os.makedirs(out, exist_ok=True)
def save(name, data):
    with open(name, "wb") as file:
        file.write(data)
async def fetch(url):
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {url.partition(parts.netloc)[2]} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
    data = await reader.read()
    writer.close()
    return data.partition(b"\r\n\r\n")[2]
async def worker(jobs):
    for number, url in jobs:
        data = await fetch(url)
        SAVE
async def everything():
    jobs = iter(list(enumerate(urls)))
    await asyncio.gather(*(worker(jobs) for _ in range(limit)))
def by_thread(job):
    number, url = job
    with urllib.request.urlopen(url) as answer:
        save(f"{out}/{number}", answer.read())
MAIN
"#;
const NODE: &str = r#"
const http = require('http'), fs = require('fs');
const [limit, out, list] = process.argv.slice(2);
const urls = fs.readFileSync(list, 'utf8').split('\n').map((line) => line.trim()).filter(Boolean);
fs.mkdirSync(out, { recursive: true });
const get = (url) => new Promise((good, bad) => http.get(url, { agent: false }, (answer) => {
  const parts = [];
  answer.on('data', (part) => parts.push(part));
  answer.on('end', () => good(Buffer.concat(parts)));
}).on('error', bad));
let next = 0;
async function worker() {
  while (next < urls.length) {
    const number = next++;
    const data = await get(urls[number]);
    SAVE
  }
}
Promise.all(Array.from({ length: +limit }, worker));
"#;

/// Holds the first call of this kind, lets every answer go, and says what the rule makes of it.
fn network(tier: Tier, op: &str, program: (&str, &str), command: &[&str]) -> String {
    let scenario = format!(
        "world: {{ origin: {{ pages: 40, size: 2KiB..40KiB, gate: head }}, disk: {{ hold: {{ ops: [{op}], count: 1 }} }} }},
         script: [until: {{ requests: limit }}, release: {{ count: 1 }}, until: {{ held: 1 }}, open, settle, let_go: {{}}, exit]"
    );
    let records = play(tier, program, command, &scenario);
    let rule = serde_yaml::from_str("goes_on: { in_flight: limit }").unwrap();
    let verdict = judge(&rule, &View::new(&records).unwrap());
    assert_eq!(status(&records), Some(0), "{records:?}");
    verdict.code
}

#[test]
fn a_python_loop_stands_still_and_threads_go_on() {
    if !there("python3") {
        return;
    }
    let plain = "save(f'{out}/{number}', data)";
    let offloaded = "await asyncio.to_thread(save, f'{out}/{number}', data)";
    let pool = "with ThreadPoolExecutor(limit) as pool: list(pool.map(by_thread, enumerate(urls)))";
    let asyncio = "asyncio.run(everything())";
    for (save, main, op, want) in [
        (plain, asyncio, "write", "disk.stalled_main"),
        (plain, asyncio, "open", "disk.stalled_main"),
        (offloaded, asyncio, "write", "disk.goes_on"),
        (offloaded, asyncio, "open", "disk.goes_on"),
        (plain, pool, "write", "disk.goes_on"),
    ] {
        let text = PYTHON.replace("SAVE", save).replace("MAIN", main);
        let seen = TIERS.map(|tier| network(tier, op, ("main.py", &text), &["python3", "main.py"]));
        assert_eq!(seen, [want; 2], "{save} {main} {op}");
    }
}

#[test]
fn synchronous_node_stands_still_and_promises_go_on() {
    if !there("node") {
        return;
    }
    for (save, want) in [
        (
            "fs.writeFileSync(`${out}/${number}`, data);",
            "disk.stalled_main",
        ),
        (
            "await fs.promises.writeFile(`${out}/${number}`, data);",
            "disk.goes_on",
        ),
    ] {
        let text = NODE.replace("SAVE", save);
        assert_eq!(
            network(
                Tier::Full,
                "write",
                ("main.js", &text),
                &["node", "main.js"]
            ),
            want
        );
    }
}

const EVERY_KIND: &str = r#"
import os, sys
out = sys.argv[2]
os.mkdir(out)
fd = os.open(out + "/a", os.O_CREAT | os.O_RDWR)
os.write(fd, b"12"); os.pwrite(fd, b"34", 2); os.writev(fd, [b"5", b"6"]); os.pwritev(fd, [b"7"], 6)
os.ftruncate(fd, 10); os.posix_fallocate(fd, 0, 20); os.truncate(out + "/a", 5)
os.fsync(fd); os.fdatasync(fd)
os.dup2(fd, 9); os.write(9, b"dup")
folder = os.open(out, os.O_RDONLY)
copy = os.open("b", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
os.copy_file_range(fd, copy, 3, 0)
os.sendfile(copy, fd, 0, 3)
r, w = os.pipe(); os.write(w, b"pipe"); os.splice(r, copy, 4)
os.rename("b", "c", src_dir_fd=folder, dst_dir_fd=folder)
os.chdir(out); os.link("c", "d"); os.replace("d", "../out/./e"); os.symlink("e", "f"); os.unlink("f")
open("../beside", "w").write("x")
os.open("a", os.O_RDONLY)
"#;

#[test]
fn every_kind_of_call_is_known_for_what_it_does() {
    if !there("python3") {
        return;
    }
    for tier in TIERS {
        let scenario = "world: { disk: { hold: { ops: [fsync], from: 99 } } }, script: [exit]";
        let records = play(
            tier,
            ("main.py", EVERY_KIND),
            &["python3", "main.py"],
            scenario,
        );
        assert_eq!(status(&records), Some(0), "{records:?}");
        assert_eq!(calls(&records), [11, 2, 2, 4], "{tier:?}");
    }
}

#[test]
fn redirections_and_copies_of_a_shell_are_held() {
    let script = "mkdir \"$2\"; echo one > \"$2/a\"; cp \"$2/a\" \"$2/b\"; mv \"$2/b\" \"$2/c\"; cat < \"$2/a\" >> \"$2/c\"";
    for (tier, op, want) in TIERS
        .into_iter()
        .flat_map(|t| [(t, "write", ["a", "b"]), (t, "rename", ["c", ""])])
    {
        let scenario = format!(
            "world: {{ disk: {{ hold: {{ ops: [{op}], count: 2 }} }} }},
             script: [until: {{ held: 1 }}, let_go: {{ count: 1 }}, until: {{ held: 1 }}, let_go: {{}}, exit]"
        );
        let records = play(tier, ("main.sh", script), &["sh", "main.sh"], &scenario);
        assert_eq!(status(&records), Some(0), "{records:?}");
        let held: Vec<_> = held(&records)
            .into_iter()
            .map(|(_, path, _)| path)
            .collect();
        assert_eq!(
            held,
            want.into_iter()
                .filter(|w| !w.is_empty())
                .collect::<Vec<_>>(),
            "{tier:?} {op}"
        );
        let files = records.iter().filter(|r| {
            matches!(
                &r.event,
                Event::File {
                    sha256: Some(_),
                    ..
                }
            )
        });
        assert_eq!(files.count(), 2);
    }
}

#[test]
fn a_held_program_is_settled_and_a_signal_does_not_disturb_the_call() {
    if !there("python3") {
        return;
    }
    let text = r#"
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: print("late", flush=True))
os.mkdir(sys.argv[2])
fd = os.open(sys.argv[2] + "/a", os.O_CREAT | os.O_WRONLY)
print(os.write(fd, b"123"), flush=True)
"#;
    let scenario = "world: { disk: { hold: { ops: [write] } } },
        script: [until: { held: 1 }, settle, signal: TERM, settle, let_go: {}, exit]";
    for tier in TIERS {
        let records = play(tier, ("main.py", text), &["python3", "main.py"], scenario);
        assert_eq!(status(&records), Some(0), "{records:?}");
        assert_eq!(
            held(&records),
            [("write".to_owned(), "a".to_owned(), true)],
            "one call, held once"
        );
        let settled = settled(&records);
        assert!(
            settled.len() == 2 && settled.iter().all(|s| s.held == 1),
            "{settled:?}"
        );
    }
}

#[test]
fn a_killed_program_leaves_no_held_call_behind() {
    let script = "mkdir \"$2\"; echo one > \"$2/a\"";
    let scenario = "world: { disk: { hold: { ops: [write] } } }, script: [until: { held: 1 }, signal: KILL, exit]";
    for tier in TIERS {
        let records = play(tier, ("main.sh", script), &["sh", "main.sh"], scenario);
        let killed = |r: &&Record| {
            matches!(
                r.event,
                Event::Exited {
                    signal: Some(libc::SIGKILL),
                    ..
                }
            )
        };
        assert!(records.iter().any(|r| killed(&r)), "{records:?}");
        assert!(
            !records
                .iter()
                .any(|r| matches!(r.event, Event::LetGo { .. } | Event::Fault { .. }))
        );
    }
}

#[test]
fn calls_fail_as_they_are_told_to() {
    if !there("python3") {
        return;
    }
    let text = r#"
import errno, os, sys
os.mkdir(sys.argv[2])
for name in "abc":
    try:
        with open(f"{sys.argv[2]}/{name}", "wb", 0) as file:
            file.write(b"1"); file.write(b"2")
    except OSError as error:
        print(name, errno.errorcode[error.errno])
"#;
    for (fail, want) in [
        ("{ ops: [write], nth: 3, errno: ENOSPC }", "b ENOSPC\n"),
        ("{ ops: [write], nth: 1, errno: EIO }", "a EIO\n"),
        ("{ ops: [open], nth: 2, errno: EMFILE }", "b EMFILE\n"),
    ] {
        let scenario = format!("world: {{ disk: {{ fail: {fail} }} }}, script: [exit]");
        let records = play(
            Tier::Full,
            ("main.py", text),
            &["python3", "main.py"],
            &scenario,
        );
        let out: String = records
            .iter()
            .filter_map(|r| match &r.event {
                Event::Output {
                    data: crate::evidence::Bytes::Text(text),
                    ..
                } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(out, want);
    }
}

#[test]
fn what_a_program_loads_is_recorded_once_and_what_isnt_there_is_not() {
    let script = "cat main.sh main.sh nothing-here; mkdir \"$2\"; echo one > \"$2/a\"";
    let scenario = "world: { disk: { loads: [nothing-here] } }, script: [exit]";
    for tier in TIERS {
        let records = play(tier, ("main.sh", script), &["sh", "main.sh"], scenario);
        let loaded: Vec<&str> = records
            .iter()
            .filter_map(|r| match &r.event {
                Event::Loaded { path } => Some(path.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(
            loaded
                .iter()
                .filter(|path| path.ends_with("/work/main.sh"))
                .count(),
            1,
            "{loaded:?}"
        );
        assert!(
            !loaded.iter().any(|path| path.ends_with("nothing-here")),
            "{loaded:?}"
        );
        assert!(
            loaded.iter().any(|path| path.contains("libc.so")),
            "{loaded:?}"
        );
        let mention = |r: &&Record| matches!(&r.event, Event::Mention { path, line: 1, .. } if path == "main.sh");
        assert!(records.iter().any(|r| mention(&r)), "{records:?}");
    }
}

#[test]
fn without_a_gate_the_folder_is_listed_all_the_same() {
    let script = "mkdir \"$2\"; echo one > \"$2/a\"";
    let scenario = "world: { disk: { hold: { ops: [write] } } }, script: [until: { held: 1 }, let_go: {}, exit]";
    let records = play(
        Tier::Portable,
        ("main.sh", script),
        &["sh", "main.sh"],
        scenario,
    );
    assert_eq!(status(&records), Some(0), "{records:?}");
    assert!(
        !records
            .iter()
            .any(|r| matches!(r.event, Event::Calls { .. }))
    );
    assert!(
        records
            .iter()
            .any(|r| matches!(&r.event, Event::File { path, size: 4, .. } if path == "a"))
    );
}
