//! The corpus of attacks (`fixtures/hostile`), in every tier that this host gives: a right program with an
//! attack in it neither gains nor loses but what `expect.yaml` says, a wrong one never gains, nothing
//! outlives its run, and what a tier can't stop stands in its report.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::place::Place;
use super::stopping::processes_with;

/// Gradings at the same time.
const BESIDE: usize = 4;
/// Longest that a grading with an attack may take, on a loaded machine.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectations {
    attacks: BTreeMap<String, Expected>,
}

/// By tier (`full`, `reduced`, `portable`; with `-shared` where the runs have no user of their own), or `all`.
type Expected = BTreeMap<String, Outcome>;

#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields, default)]
struct Outcome {
    /// What the attack achieves: names among the report's `unguarded`.
    works: BTreeSet<String>,
    /// Checks that the attack costs the program that it is in.
    loses: BTreeSet<String>,
    /// Checks that can't be decided for it.
    undecided: BTreeSet<String>,
    /// Checks of which nothing is said: what becomes of them depends on how far the attack gets.
    open: BTreeSet<String>,
    /// How it ends, where the whole grading is no usual one.
    #[serde(default)]
    exit: Option<i32>,
}

/// One grading.
struct Seen {
    code: Option<i32>,
    outcomes: BTreeMap<String, String>,
    score: f64,
    works: BTreeSet<String>,
    unguarded: BTreeSet<String>,
    took: Duration,
    trouble: Vec<String>,
    /// What was not passed, in words.
    messages: Vec<String>,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/hostile")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the attacks aim at: a place with tasks, results and a neighbour, and open sockets of the host.
struct Target {
    place: Place,
    port: u16,
    abstract_name: String,
    _listeners: (TcpListener, UnixListener, UnixListener),
    root: bool,
}

impl Target {
    fn new() -> Target {
        let place = Place::new();
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755))
            .expect("open to all");
        for file in ["task.yaml", "statement.md"] {
            let text = read(&corpus().join("tasks/hostile").join(file));
            place.write(&format!("tasks/hostile/{file}"), &text);
        }
        place.write("neighbour/main.py", "# hostile: a neighbour's solution\n");
        let abstract_name = format!("gradus-it-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).expect("a name");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = tcp.local_addr().expect("bound").port();
        let unix = UnixListener::bind(place.path().join("host.sock")).expect("a socket");
        let hidden = UnixListener::bind_addr(&address).expect("an abstract socket");
        Target {
            place,
            port,
            abstract_name,
            _listeners: (tcp, unix, hidden),
            root: rustix::process::geteuid().is_root(),
        }
    }

    /// Grades one program with an attack in it.
    fn grade(&self, attack: &str, client: &str, tier: &str) -> Option<Seen> {
        let name = format!("{attack}-{client}-{tier}");
        let token = format!("hostile-{}-{name}", std::process::id());
        let at = |path: &str| self.place.path().join(path).display().to_string();
        let results = at(&format!("results/{name}"));
        let places = serde_json::json!({
            "secrets": [at("tasks/hostile/task.yaml"), at("neighbour/main.py"), format!("{results}/pack/task.yaml")],
            "results": [results, format!("{results}/runs/limit-1"), at("results")],
            "port": self.port, "abstract": self.abstract_name, "socket": at("host.sock"), "token": token,
            "alone": self.root || tier == "full",
        });
        let sub = format!("subs/{name}");
        let write = |file: &str, text: &str| self.place.write(&format!("{sub}/{file}"), text);
        write(&format!("{client}.py"), &read(&corpus().join("client.py")));
        write(
            "attack.py",
            &read(&corpus().join(format!("attacks/{attack}.py"))),
        );
        write("places.json", &places.to_string());
        let build = match attack.starts_with("build_") {
            true => "build: [python3, attack.py]\n",
            false => "",
        };
        write(
            "submission.yaml",
            &format!("{build}run: [python3, -X, token={token}, {client}.py]\n"),
        );
        let began = Instant::now();
        let said = self.place.gradus(&[
            "grade",
            "hostile",
            &sub,
            "--tier",
            tier,
            "--seed",
            "7",
            "--results",
            &results,
            "--audience",
            "teacher",
            "-q",
            "--out",
            &at(&format!("out/{name}.json")),
            "--out",
            &at(&format!("out/{name}.txt")),
            "--out",
            &at(&format!("out/{name}.md")),
            "--out",
            &at(&format!("out/{name}.xml")),
        ]);
        let took = began.elapsed();
        if said.code == Some(5) && said.err.contains("was asked for") {
            return None; // The host lacks this tier, and said so.
        }
        let mut trouble = Vec::new();
        if processes_with(&token) > 0 {
            trouble.push("a process outlived its run".to_owned());
        }
        let shown = |kind: &str| self.place.read(&format!("out/{name}.{kind}"));
        let report: serde_json::Value = serde_json::from_str(&shown("json")).expect("a report");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let findings = || report["findings"].as_array().into_iter().flatten();
        let outcomes = findings()
            .map(|f| (text(&f["check"]), text(&f["outcome"])))
            .collect();
        let messages = findings().filter(|f| f["outcome"] != "pass");
        let messages = messages
            .map(|f| format!("{}: {} {}", f["check"], f["code"], f["message"]))
            .collect();
        let unguarded = report["unguarded"].as_array().into_iter().flatten();
        for kind in ["txt", "md", "xml", "json"] {
            trouble.extend(danger(&shown(kind)).map(|what| format!("{kind}: {what}")));
        }
        trouble.extend(danger(&said.err).map(|what| format!("standard error: {what}")));
        Some(Seen {
            code: said.code,
            outcomes,
            score: report["score"].as_f64().unwrap_or(0.0),
            works: self.works(&results, &report),
            unguarded: unguarded.map(text).collect(),
            took,
            trouble,
            messages,
        })
    }

    /// What the attack said that it achieved, in any of the runs or in the build.
    fn works(&self, results: &str, report: &serde_json::Value) -> BTreeSet<String> {
        let runs = std::fs::read_dir(Path::new(results).join("runs"));
        let mut said: String = runs
            .into_iter()
            .flatten()
            .flatten()
            .map(|run| read(&run.path().join("evidence.jsonl")))
            .collect();
        said +=
            &std::fs::read_to_string(Path::new(results).join("grading.json")).unwrap_or_default();
        said += &report["build"].to_string();
        let words = said.split("worked: ").skip(1);
        words
            .map(|rest| {
                rest.chars()
                    .take_while(|c| c.is_ascii_alphabetic() || *c == '_')
                    .collect()
            })
            .collect()
    }
}

/// What must not reach anybody's terminal or pipeline.
fn danger(shown: &str) -> Option<String> {
    let control = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
    if let Some(c) = shown.chars().find(|c| control(*c)) {
        return Some(format!("shows {c:?}"));
    }
    let command = |line: &&str| {
        line.trim_start().starts_with("::")
            || ["##[", "##vso[", "##teamcity["]
                .iter()
                .any(|mark| line.contains(mark))
    };
    shown
        .lines()
        .find(command)
        .map(|line| format!("commands the pipeline: {line}"))
}

/// What speaks against a grading, against the one without an attack.
fn judge(client: &str, tier: &str, seen: &Seen, base: &Seen, expected: &Outcome) -> Vec<String> {
    let mut wrong = seen.trouble.clone();
    if seen.took > LONGEST {
        wrong.push(format!("took {:?}", seen.took));
    }
    if seen.works != expected.works {
        wrong.push(format!(
            "achieves {:?}, expected {:?}",
            seen.works, expected.works
        ));
    }
    for thing in seen.works.difference(&seen.unguarded) {
        wrong.push(format!(
            "achieves {thing}, of which the report says nothing"
        ));
    }
    if client == "wrong" {
        if seen.score > base.score {
            wrong.push(format!("gained: {} instead of {}", seen.score, base.score));
        }
        return wrong;
    }
    if let Some(code) = expected.exit {
        if seen.code != Some(code) {
            wrong.push(format!("ended with {:?}, not {code}", seen.code));
        }
        return wrong;
    }
    for (check, usual) in &base.outcomes {
        let is = seen.outcomes.get(check).map_or("missing", String::as_str);
        // Settling by time may come too early on a busy host, and then says that it can't tell.
        let right = if tier == "portable" && is == "inconclusive" {
            true
        } else if expected.loses.contains(check) {
            is == "fail"
        } else if expected.undecided.contains(check) {
            is == "inconclusive"
        } else if expected.open.contains(check) {
            is != "harness_fault"
        } else {
            is == usual
        };
        if !right {
            wrong.push(format!("{check}: {is} (without an attack: {usual})"));
        }
    }
    wrong
}

#[test]
fn attacks_gain_nothing_and_what_is_not_stopped_is_said() {
    let expectations: Expectations =
        serde_yaml::from_str(&read(&corpus().join("expect.yaml"))).expect("expectations");
    let only = std::env::var("GRADUS_ATTACK").ok();
    let target = Target::new();
    let mut attacks: Vec<String> = std::fs::read_dir(corpus().join("attacks"))
        .expect("attacks")
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| name != "none" && !name.starts_with('_'))
        .collect();
    attacks.sort();
    for name in expectations.attacks.keys() {
        assert!(attacks.contains(name), "{name} is expected, but not there");
    }
    attacks.retain(|name| only.as_ref().is_none_or(|only| only == name));
    let (mut bases, mut work) = (BTreeMap::new(), Vec::new());
    for tier in ["full", "reduced", "portable"] {
        for client in ["client", "wrong"] {
            let Some(seen) = target.grade("none", client, tier) else {
                continue;
            };
            assert_eq!(seen.trouble, Vec::<String>::new(), "{client} {tier}");
            assert!(seen.works.is_empty());
            if client == "client" {
                assert!(
                    !seen
                        .outcomes
                        .values()
                        .any(|o| o == "fail" || o == "harness_fault"),
                    "{tier}: {:?}",
                    seen.outcomes
                );
            }
            bases.insert((client, tier), seen);
            work.extend(attacks.iter().map(|attack| (attack.as_str(), client, tier)));
        }
    }
    assert!(!bases.is_empty());
    let (work, wrong) = (Mutex::new(work), Mutex::new(Vec::new()));
    let next = || work.lock().expect("not poisoned").pop();
    std::thread::scope(|scope| {
        for _ in 0..BESIDE {
            scope.spawn(|| {
                while let Some((attack, client, tier)) = next() {
                    let shared = format!("{tier}-shared");
                    let keys = match target.root || tier == "full" {
                        true => vec![tier, "all"],
                        false => vec![&shared, tier, "all"],
                    };
                    let expected = expectations.attacks.get(attack);
                    let expected = keys.iter().find_map(|key| expected?.get(*key)).cloned();
                    let Some(seen) = target.grade(attack, client, tier) else {
                        continue;
                    };
                    let problems = judge(
                        client,
                        tier,
                        &seen,
                        &bases[&(client, tier)],
                        &expected.unwrap_or_default(),
                    );
                    if only.is_some() || std::env::var_os("GRADUS_SAYS").is_some() {
                        eprintln!(
                            "{attack} {client} {tier}: {:?} {} {:?} {:?}",
                            seen.took, seen.score, seen.works, seen.outcomes
                        );
                    }
                    if !problems.is_empty() {
                        let mut wrong = wrong.lock().expect("not poisoned");
                        wrong.push(format!(
                            "{attack} in {client}, tier {tier}: {problems:#?} {:#?}",
                            seen.messages
                        ));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("not poisoned");
    wrong.sort();
    if !wrong.is_empty() && std::env::var_os("GRADUS_SAYS").is_some() {
        eprintln!("kept in {}", target.place.path().display());
        std::mem::forget(target);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
