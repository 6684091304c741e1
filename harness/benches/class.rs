//! A class: gradings per minute with one and with two workers; gradebook, page and rescoring of 10,000
//! stored results in time and memory.
//!
//! `GRADUS_BENCH_SUBMISSIONS` sets how many trivial submissions are graded (40), `GRADUS_BENCH_RESULTS` how many
//! results are stored (10,000). Needs the `gradus` binary that cargo builds along.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gradus::check::{Code, Finding, Verdict};
use gradus::class::book::Book;
use gradus::class::folder::{self, ClassTask};
use gradus::class::rescore::{Rules, rescore};
use gradus::class::{Class, ClassFolder, Entry, Key, SeedPolicy, Status, entry, gradebook};
use gradus::evidence::Tier;
use gradus::report::{self, Material, Report};
use gradus::task::{Library, Pack, Params, pack};

const TASK: &str = "schema: 1\ntask: tiny\ntitle: { en: T }\nteaches: { en: T }\nkind: program\nrun: [tiny]\nscenarios:\n  - scenario: ends\n    title: { en: E }\n    script: [exit]\n    checks:\n      - { check: ends, title: { en: E }, rule: { exits: { status: zero } }, points: 3 }\n";

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if std::env::args().any(|word| word == "--test") {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    workers(dir.path(), number("GRADUS_BENCH_SUBMISSIONS", 40));
    stored(dir.path(), number("GRADUS_BENCH_RESULTS", 10_000));
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

fn workers(dir: &Path, count: usize) {
    let tiny = dir.join("tasks/tiny");
    fs::create_dir_all(&tiny).expect("folder");
    fs::write(tiny.join("task.yaml"), TASK).expect("file");
    fs::write(tiny.join("statement.md"), "# T\n").expect("file");
    for n in 0..count {
        let submission = dir.join(format!("class/s{n:05}"));
        fs::create_dir_all(&submission).expect("folder");
        fs::write(submission.join("run"), "#!/bin/sh\nexit 0\n").expect("file");
        fs::set_permissions(submission.join("run"), fs::Permissions::from_mode(0o755))
            .expect("mode");
    }
    let mut first = None;
    for jobs in [1, 2] {
        let begun = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_gradus"))
            .current_dir(dir)
            .args([
                "class",
                "class",
                "--tasks",
                "tasks",
                "--task",
                "tiny",
                "-q",
                "--shard",
                "off",
                "--no-pages",
            ])
            .args([
                "--jobs",
                &jobs.to_string(),
                "--results",
                &format!("r{jobs}"),
            ])
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("gradus starts").success());
        let minute = count as f64 * 60.0 / begun.elapsed().as_secs_f64();
        let first = *first.get_or_insert(minute);
        println!(
            "{count} trivial submissions, {jobs} worker(s): {minute:.0} a minute, {:.2} times one worker",
            minute / first
        );
    }
}

fn stored(dir: &Path, count: usize) {
    let pack = Library::Embedded
        .find("fetcher")
        .expect("the fetcher's pack");
    let (folder, mut class) = results(&dir.join("stored"), &pack, count);
    let book = timed("gradebook", || Book::of(&folder, &class).expect("a book"));
    let page = timed("page", || gradebook::html(&book, "en"));
    println!("{:>28}: {} KiB", "size of the page", page.len() >> 10);
    for (name, text) in [
        ("canvas", gradebook::canvas(&book)),
        ("plain", gradebook::plain(&book)),
    ] {
        println!("{name:>28}: {} KiB", text.len() >> 10);
    }
    drop((book, page));
    let text = pack.source.replacen("points: 1", "points: 2", 1);
    let place = dir.join("changed/fetcher");
    fs::create_dir_all(&place).expect("folder");
    for (name, bytes) in &pack.files {
        let changed = if name == "task.yaml" {
            text.as_bytes()
        } else {
            bytes
        };
        fs::write(place.join(name), changed).expect("file");
    }
    let packs = [pack::open(&place).expect("a right pack")];
    let rules = Rules {
        packs: &packs,
        roster: None,
        policy: None,
        full: false,
        jobs: 2,
    };
    for (name, apply) in [("rescore, preview", false), ("rescore", true)] {
        let done = timed(name, || {
            rescore(&folder, &mut class, &rules, apply).expect("rescored")
        });
        println!(
            "{:>28}: {} of {} results",
            "grades that change",
            done.changes.len(),
            done.results
        );
    }
}

/// A class whose submissions passed or failed the fetcher's checks in turn, written without a run.
fn results(root: &Path, pack: &Pack, count: usize) -> (ClassFolder, Class) {
    let (folder, _) = ClassFolder::claim(root).expect("claimed");
    let class = Class {
        gradus_class: folder::FORMAT,
        gradus: env!("CARGO_PKG_VERSION").into(),
        name: "class".into(),
        tasks: vec![ClassTask {
            task: pack.task.task.clone(),
            pack: pack.digest.clone(),
        }],
        seed: 1,
        seeds: SeedPolicy::Same,
        only: Vec::new(),
        language: "en".into(),
        submissions: (0..count).map(|n| format!("s{n:05}")).collect(),
        roster: String::new(),
        policy: String::new(),
        shards: 1,
        present: vec![1],
    };
    folder.describe(&class, None, None).expect("described");
    folder.keep_pack(pack).expect("kept");
    for (n, name) in class.submissions.iter().enumerate() {
        let place = folder.graded(name, &pack.task.task);
        fs::create_dir_all(&place).expect("folder");
        let entry = Entry {
            gradus_entry: entry::FORMAT,
            submission: name.clone(),
            task: pack.task.task.clone(),
            key: Key {
                submission: String::new(),
                pack: pack.digest.clone(),
                gradus: String::new(),
                seed: 1,
                only: Vec::new(),
            },
            status: Status::Graded,
            attempts: 1,
            seconds: 1.0,
        };
        fs::write(
            place.join(entry::FILE),
            serde_json::to_vec(&entry).expect("json"),
        )
        .expect("file");
        let text = report::json(&report_of(pack, name, n)).expect("json");
        fs::write(place.join("report.json"), text).expect("file");
    }
    (folder, class)
}

fn report_of(pack: &Pack, name: &str, n: usize) -> Report {
    let checks = pack
        .task
        .scenarios
        .iter()
        .flat_map(|s| s.checks.iter().map(move |c| (s, c)));
    let findings: Vec<Finding> = checks
        .enumerate()
        .map(|(i, (scenario, check))| Finding {
            check: check.check.clone(),
            scenario: scenario.scenario.clone(),
            with: Params::new(),
            run: format!("{}-1", scenario.scenario),
            verdict: if (n * 7 + i * 13).is_multiple_of(11) {
                Verdict::new(Code::Exceeded)
                    .fact("limit", 3u32)
                    .fact("most", 4u32)
                    .fact("target", "alpha.test/x")
                    .seen(1..8)
            } else {
                Verdict::new(Code::Reached)
                    .fact("limit", 3u32)
                    .fact("most", 3u32)
                    .seen(1..4)
            },
        })
        .collect();
    let made = report::build(Material {
        task: &pack.task,
        only: None,
        submission: name,
        language: "en",
        tier: Tier::Full,
        seed: 1,
        host: Default::default(),
        findings: &findings,
        runs: Vec::new(),
        build: None,
        faults: Vec::new(),
    });
    Report {
        pack: Some(pack.digest.clone()),
        ..made
    }
}

/// Time, and how much higher the process's memory has ever been than before.
fn timed<T>(name: &str, make: impl FnOnce() -> T) -> T {
    let (before, begun) = (peak(), Instant::now());
    let made = make();
    let took: Duration = begun.elapsed();
    println!(
        "{name:>28}: {:.2} s, peak {} MiB (before: {} MiB)",
        took.as_secs_f64(),
        peak() >> 10,
        before >> 10
    );
    made
}

/// Most memory so far, KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
