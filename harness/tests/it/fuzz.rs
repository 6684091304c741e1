//! Mutated inputs for everything that is parsed: no input may make gradus panic, loop or score out of bounds.
//! Bounded in time: `GRADUS_FUZZ_S` seconds for each target (2 unless told), `GRADUS_FUZZ_SEED` to repeat a run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gradus::check::{View, judge_run};
use gradus::evidence::reader;
use gradus::score;
use gradus::submission::Manifest;
use gradus::task::{self, Task};

use super::place::{Place, RIGHT};

/// Pieces that parsers trip over.
const PIECES: &[&str] = &[
    "",
    "\0",
    "\n",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "\"",
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "&a",
    "*a",
    "<<: *a",
    "!!binary",
    "|",
    ">",
    "#",
    "---",
    "...",
    "null",
    "~",
    "true",
    "-1",
    "0",
    "1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "1e999",
    "-0.0",
    ".nan",
    ".inf",
    "0x",
    "1KiB..0",
    "16EiB..17EiB",
    "limit",
    "limit + 1",
    "limit * limit * limit * limit",
    "999999999999 * 999999999999",
    "until",
    "settle",
    "{}",
    "[]",
    "[[[[[[[[[[[[[[[[",
    "{a: {a: {a: {a: {a: {",
    "\u{1b}[2J",
    "é",
    "../../x",
    "/",
    "4294967295",
    "4294967296",
    "65536",
];

/// A small generator of our own: the same seed gives the same inputs everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn piece(&mut self) -> &'static str {
        PIECES[self.below(PIECES.len())]
    }
}

/// One to four changes of a text, on characters, words or lines.
fn mutated(text: &str, dice: &mut Dice) -> String {
    let mut text = text.to_owned();
    for _ in 0..=dice.below(4) {
        let cut = |at: usize| {
            (0..=at)
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0)
        };
        let (a, b) = (
            cut(dice.below(text.len() + 1)),
            cut(dice.below(text.len() + 1)),
        );
        let (from, to) = (a.min(b), a.max(b).min(cut(a.min(b) + 40).max(a.min(b))));
        match dice.below(6) {
            0 => text.insert_str(from, dice.piece()),
            1 => text.replace_range(from..to, dice.piece()),
            2 => {
                let copy = text[from..to].to_owned();
                text.insert_str(from, &copy);
            }
            3 => text = swap_lines(&text, dice),
            4 => text = other_word(&text, from, dice.piece()),
            _ => text.truncate(if dice.below(8) == 0 { from } else { text.len() }),
        }
    }
    text
}

fn swap_lines(text: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let (a, b) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(3) {
        _ if lines.is_empty() => {}
        0 => lines.swap(a, b),
        1 => drop(lines.remove(a)),
        _ => lines.insert(a, lines[b]),
    }
    lines.join("\n") + "\n"
}

/// Replaces the word or number at this place.
fn other_word(text: &str, at: usize, piece: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let from = text[..at].rfind(|c| !word(c)).map_or(0, |i| {
        i + text[i..].chars().next().map_or(1, char::len_utf8)
    });
    let to = text[at..].find(|c| !word(c)).map_or(text.len(), |i| at + i);
    format!("{}{piece}{}", &text[..from], &text[to..])
}

/// Feeds mutations of the seeds to `target` until the time is over.
fn fuzz(name: &str, seeds: &[String], target: impl Fn(&str)) {
    assert!(!seeds.is_empty(), "{name} has seeds");
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let time = Duration::from_secs(number("GRADUS_FUZZ_S").unwrap_or(2));
    let seed = number("GRADUS_FUZZ_SEED").unwrap_or_else(|| u64::from(std::process::id())) | 1;
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let start = Instant::now();
    let mut inputs = 0u64;
    for text in seeds {
        target(text);
    }
    while start.elapsed() < time {
        let text = mutated(&seeds[dice.below(seeds.len())], &mut dice);
        let one = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| target(&text)));
        inputs += 1;
        let took = one.elapsed();
        assert!(
            done.is_ok() && took < Duration::from_secs(20),
            "{name}, seed {seed}, input {inputs}, {took:?}:\n{text}"
        );
    }
    eprintln!("{name}: {inputs} inputs");
}

fn files(folder: &Path, name: &str, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path: PathBuf = entry.path();
        if path.is_dir() {
            files(&path, name, into);
        } else if path.file_name().is_some_and(|found| found == name) {
            into.push(std::fs::read_to_string(&path).expect("text"));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn task_packs() {
    let mut seeds = Vec::new();
    files(&root().join("tasks"), "task.yaml", &mut seeds);
    fuzz("task packs", &seeds, |text| {
        match task::load(text, "task.yaml") {
            // What is taken can also be planned, or refused in words.
            Ok(task) => {
                for scenario in &task.scenarios {
                    // Plans of huge worlds are right, and slow.
                    let huge = format!("{:?}", scenario.world).len() > 100_000;
                    for set in 0..scenario.with.len().min(3) {
                        if !huge {
                            let _ = gradus::plan::expand(&task, scenario, set, 7);
                        }
                    }
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}

#[test]
fn manifests() {
    let mut seeds = Vec::new();
    files(&root().join("fixtures"), "submission.yaml", &mut seeds);
    fuzz("manifests", &seeds, |text| {
        if let Err(error) = Manifest::read(text, "submission.yaml") {
            assert!(error.to_string().contains("submission.yaml"));
        }
    });
}

#[test]
fn evidence() {
    let place = Place::new();
    place.script("right", RIGHT);
    place.script("wrong", "echo x; exit $1\n");
    let mut tasks: Vec<Task> = vec![task::load(super::place::TINY, "task.yaml").expect("a task")];
    for name in ["right", "wrong"] {
        place.gradus(&[
            "grade",
            "tiny",
            name,
            "-q",
            "--results",
            &format!("r/{name}"),
        ]);
    }
    // A world with requests, files and settling.
    let hostile = root().join("fixtures/hostile");
    let copy = |from: &str, to: &str| {
        place.write(
            to,
            &std::fs::read_to_string(hostile.join(from)).expect("a file"),
        );
    };
    for file in ["task.yaml", "statement.md"] {
        copy(
            &format!("tasks/hostile/{file}"),
            &format!("tasks/hostile/{file}"),
        );
    }
    copy("client.py", "sub/client.py");
    copy("attacks/none.py", "sub/attack.py");
    place.write("sub/places.json", "{}");
    place.write("sub/submission.yaml", "run: [python3, client.py]\n");
    place.gradus(&["grade", "hostile", "sub", "-q", "--results", "r/hostile"]);
    tasks.push(task::load(&place.read("tasks/hostile/task.yaml"), "task.yaml").expect("a task"));
    // And the rules of every other pack, over evidence that isn't theirs.
    let mut packs = Vec::new();
    files(&root().join("tasks"), "task.yaml", &mut packs);
    tasks.extend(
        packs
            .iter()
            .filter_map(|text| task::load(text, "task.yaml").ok()),
    );

    let mut seeds = Vec::new();
    files(&place.path().join("r"), "evidence.jsonl", &mut seeds);
    fuzz("evidence", &seeds, |text| {
        let Ok((records, _)) = reader::read(text.as_bytes()) else {
            return;
        };
        let Ok(view) = View::new(&records) else {
            return;
        };
        for task in &tasks {
            for scenario in &task.scenarios {
                let first = judge_run(scenario, &view);
                assert_eq!(
                    first,
                    judge_run(scenario, &view),
                    "judging is pure, its order stable"
                );
                for (check, verdict) in scenario.checks.iter().zip(&first) {
                    let points = score::points(verdict.1.outcome, check);
                    assert!(points <= check.points.max(0.0) && points >= -check.penalty.max(0.0));
                }
            }
        }
    });
}

#[test]
fn command_lines() {
    // Words only: what they would do is not done, as none of them names a task that is there.
    let place = Place::new();
    let mut dice = Dice(u64::from(std::process::id()) | 1);
    let words = [
        "grade",
        "report",
        "rescore",
        "verify",
        "show",
        "tasks",
        "doctor",
        "schema",
        "completions",
        "--format",
        "--out",
        "--seed",
        "--jobs",
        "--only",
        "--tier",
        "-q",
        "--",
        "--results",
        "--help",
        "-h",
        "--version",
        "--lang",
        "--audience",
        "nobody",
    ];
    for _ in 0..60 {
        let line: Vec<&str> = (0..=dice.below(5))
            .map(|_| match dice.below(3) {
                0 => dice.piece(),
                _ => words[dice.below(words.len())],
            })
            .filter(|word| !word.contains('\0') && !word.starts_with('/') && !word.contains(".."))
            .collect();
        let done = place.command(&line).output().expect("gradus starts");
        let code = done.status.code();
        assert!(code.is_some_and(|code| code <= 5), "{line:?}: {done:?}");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!said.contains("panicked"), "{line:?}: {said}");
    }
}
