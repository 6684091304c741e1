//! Packs and results for the tests of classes, made without a run.

use std::path::Path;

use crate::check::{Code, Finding, Verdict};
use crate::evidence::Tier;
use crate::grade::{Order, Submission, keep_not_begun};
use crate::report::{Material, Report, build, json};
use crate::task::{Pack, Params, pack};

/// A pack with two checks: `ends` (of so many points) and `refuses` (of one).
pub fn pack(task: &str, points: f64, alone: bool) -> Pack {
    let alone = if alone { "alone: true\n" } else { "" };
    let text = format!(
        "schema: 1\ntask: {task}\ntitle: {{ en: 'The {task} task' }}\nteaches: {{ en: x }}\nkind: program\nrun: [x]\n{alone}\
         scenarios:\n  - scenario: s\n    title: {{ en: S }}\n    script: [exit]\n    checks:\n\
         \x20     - {{ check: ends, title: {{ en: Ends }}, rule: {{ exits: {{ status: zero }} }}, points: {points} }}\n\
         \x20     - {{ check: refuses, title: {{ en: Refuses }}, rule: {{ exits: {{ status: any }} }}, points: 1 }}\n"
    );
    from(task, &text)
}

/// A pack from its text.
pub fn from(task: &str, text: &str) -> Pack {
    let dir = tempfile::tempdir().expect("dir");
    std::fs::write(dir.path().join("task.yaml"), text).expect("file");
    std::fs::write(dir.path().join("statement.md"), "# T\n").expect("file");
    pack::open_as(dir.path(), task).expect("a right pack")
}

/// Keeps a result of so many points in a folder; without points something is undecided.
pub fn kept(into: &Path, pack: &Pack, name: &str, points: Option<f64>, fault: bool) -> Report {
    let order = Order {
        pack: pack.clone(),
        submission: Submission {
            name: name.to_owned(),
            build: None,
            run: Vec::new(),
            port: None,
        },
        seed: 7,
        only: Vec::new(),
        tier: Tier::Full,
        host: Default::default(),
        jobs: 1,
        results: into.to_owned(),
        language: "en".to_owned(),
    };
    let fault = fault.then(|| "the host failed".to_owned());
    keep_not_begun(&order, None, fault.clone()).expect("kept");
    let report = report(pack, name, points, fault);
    let text = json(&report).expect("json");
    std::fs::write(into.join("report.json"), text).expect("written");
    report
}

/// A report whose score is `points`: `refuses` passes, and so does `ends` unless they are 0 or none.
pub fn report(pack: &Pack, name: &str, points: Option<f64>, fault: Option<String>) -> Report {
    let verdict = match points {
        None => Verdict::new(Code::GaveUp).fact("why", "the host was busy"),
        Some(0.0) => Verdict::new(Code::Hang)
            .fact("in_flight", 0u32)
            .fact("left", 0u32),
        Some(_) => Verdict::new(Code::Ended).fact("status", 0u32),
    };
    let finding = |check: &str, verdict: &Verdict| Finding {
        check: check.to_owned(),
        scenario: "s".to_owned(),
        with: Params::new(),
        run: "s-1".to_owned(),
        verdict: verdict.clone(),
    };
    let findings = [
        finding("ends", &verdict),
        finding("refuses", &Verdict::new(Code::Ended).fact("status", 0u32)),
    ];
    let made = build(Material {
        task: &pack.task,
        only: None,
        submission: name,
        language: "en",
        tier: Tier::Full,
        seed: 7,
        host: Default::default(),
        findings: if fault.is_some() { &[] } else { &findings },
        runs: Vec::new(),
        build: None,
        faults: fault.into_iter().collect(),
    });
    Report {
        pack: Some(pack.digest.clone()),
        score: points.unwrap_or(made.score),
        ..made
    }
}
