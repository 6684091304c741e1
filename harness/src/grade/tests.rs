//! Gradings by a scripted runner: what a grading makes of runs, not how runs are made.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::evidence::{Event, FORMAT, Header, Record, Settled, StepOutcome};
use crate::report::Report;
use crate::store::{Results, State, StoreError};
use crate::task::load;

const TASK: &str = "\
schema: 1
task: tiny
title: { en: Tiny }
teaches: { en: Nothing }
kind: program
run: [tiny]
scenarios:
  - scenario: ends
    title: { en: Ends }
    with: [ { n: 1 }, { n: 2 } ]
    script: [exit]
    checks:
      - { check: ends, title: { en: Ends }, rule: { exits: { status: zero } }, points: 3 }
      - { check: refuses, title: { en: Refuses }, rule: { exits: { status: any } }, points: 1 }
  - scenario: needs-full
    title: { en: Needs more }
    tier: full
    script: [exit]
    checks:
      - { check: full, title: { en: Full }, rule: { exits: { status: zero } }, points: 2 }
";

fn order(results: &Path) -> Order {
    let task = load(TASK, "tiny").expect("a right pack");
    let files = [
        ("task.yaml".to_owned(), TASK.into()),
        ("statement.md".to_owned(), b"# T".to_vec()),
    ]
    .into();
    Order {
        pack: Pack {
            task,
            source: TASK.into(),
            statements: [].into(),
            digest: "d".into(),
            files,
        },
        submission: Submission {
            name: "mine".into(),
            build: None,
            run: vec!["./mine".into()],
            port: None,
        },
        seed: 7,
        only: vec!["ends".into()],
        tier: Tier::Full,
        host: BTreeMap::new(),
        jobs: 1,
        results: results.to_owned(),
        language: "en".into(),
    }
}

type Act = dyn Fn(&str, &Plan, &mut Keep<'_>) -> Result<(), Fault> + Sync;

/// A runner that does what the test says.
struct Script {
    act: Box<Act>,
    runs: Mutex<Vec<String>>,
    at_once: AtomicUsize,
    most: AtomicUsize,
}

fn script(
    act: impl Fn(&str, &Plan, &mut Keep<'_>) -> Result<(), Fault> + Sync + 'static,
) -> Script {
    Script {
        act: Box::new(act),
        runs: Mutex::default(),
        at_once: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    }
}

impl Script {
    fn runs(&self) -> Vec<String> {
        self.runs.lock().expect("runs").clone()
    }
}

impl Runner for Script {
    fn build(&self, plan: &Plan, _: &[String], keep: &mut Keep<'_>) -> Result<(), Fault> {
        (self.act)("build", plan, keep)
    }

    fn run(&self, name: &str, plan: &Plan, _: &[String], keep: &mut Keep<'_>) -> Result<(), Fault> {
        self.runs.lock().expect("runs").push(name.to_owned());
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let done = (self.act)(name, plan, keep);
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        done
    }
}

fn header(plan: &Plan) -> Event {
    Event::Run(Box::new(Header {
        format: FORMAT,
        gradus: "0".into(),
        tier: Tier::Full,
        plan: plan.clone(),
        facilities: [].into(),
    }))
}

fn say(keep: &mut Keep<'_>, events: Vec<Event>) -> Result<(), Fault> {
    for (n, event) in events.into_iter().enumerate() {
        let record = Record {
            n: n as u64,
            t: n as u64,
            event,
        };
        keep(&serde_json::to_vec(&record).expect("json")).map_err(Fault::Keep)?;
    }
    Ok(())
}

/// A run that ends with this status.
fn ends(plan: &Plan, status: i32, keep: &mut Keep<'_>) -> Result<(), Fault> {
    let events = vec![
        header(plan),
        Event::Started {
            argv: vec!["./mine".into()],
        },
        Event::Exited {
            status: Some(status),
            signal: None,
        },
        Event::Step {
            step: 0,
            outcome: StepOutcome::Reached,
        },
        Event::End,
    ];
    say(keep, events)
}

fn json(report: &Report) -> Vec<u8> {
    crate::report::json(report).expect("json").into_bytes()
}

fn stored(results: &Path) -> Vec<u8> {
    Results::open(results)
        .expect("results")
        .0
        .read_report()
        .expect("report")
}

#[test]
fn every_set_is_run_and_the_worst_counts() {
    let dir = tempfile::tempdir().expect("dir");
    let runner = script(|name, plan, keep| ends(plan, if name == "ends-2" { 3 } else { 0 }, keep));
    let graded = grade(&order(dir.path()), &runner, &());
    assert_eq!(runner.runs(), ["ends-1", "ends-2", "needs-full-1"][..2]);
    assert_eq!(graded.report.outcome, Outcome::Fail);
    let finding = &graded.report.findings[0];
    assert_eq!(
        (finding.check.as_str(), finding.run.as_str()),
        ("ends", "ends-2")
    );
    assert!(graded.store.is_none() && !graded.interrupted);
    assert_eq!(stored(dir.path()), json(&graded.report));
}

#[test]
fn judging_again_gives_the_same_bytes() {
    let dir = tempfile::tempdir().expect("dir");
    let mut order = order(dir.path());
    order.only.clear();
    order.tier = Tier::Reduced;
    order.jobs = 3;
    let runner = script(|name, plan, keep| match name {
        "ends-1" => ends(plan, 0, keep),
        _ => Err(Fault::Died {
            status: "signal 9".into(),
            stderr: ": oh".into(),
        }),
    });
    let graded = grade(&order, &runner, &());
    let (results, grading) = Results::open(dir.path()).expect("results");
    assert!(grading.finished);
    let states: Vec<State> = grading.runs.iter().map(|run| run.state).collect();
    assert_eq!(states, [State::Done, State::Done, State::Skipped]);
    let again = rescore(&results, &grading, &order.pack);
    assert_eq!(again, graded.report);
    assert_eq!(json(&again), results.read_report().expect("report"));
    assert_eq!(graded.report.outcome, Outcome::HarnessFault);
    let full = graded
        .report
        .findings
        .iter()
        .find(|f| f.check == "full")
        .expect("finding");
    assert_eq!(
        (full.outcome, full.code.as_str()),
        (Outcome::Inconclusive, "run.tier")
    );
}

#[test]
fn a_fault_is_in_the_evidence_and_costs_no_points() {
    let dir = tempfile::tempdir().expect("dir");
    let runner = script(|name, plan, keep| {
        if name == "ends-2" {
            return Err(Fault::Start(io::Error::other("no more processes")));
        }
        ends(plan, 0, keep)
    });
    let graded = grade(&order(dir.path()), &runner, &());
    assert_eq!(graded.report.outcome, Outcome::HarnessFault);
    assert!(
        graded
            .report
            .faults
            .iter()
            .any(|fault| fault.contains("no more processes")),
        "{:?}",
        graded.report.faults
    );
    let (results, _) = Results::open(dir.path()).expect("results");
    let records = results.records("ends-2").expect("read").expect("some");
    assert!(
        matches!(&records[1].event, Event::Fault { message } if message.contains("no more processes"))
    );
}

#[test]
fn a_failed_build_runs_nothing_and_still_reports() {
    let dir = tempfile::tempdir().expect("dir");
    let mut order = order(dir.path());
    order.submission.build = Some(vec!["make".into()]);
    let runner = script(|_, plan, keep| ends(plan, 2, keep));
    let graded = grade(&order, &runner, &());
    assert_eq!(runner.runs(), [] as [&str; 0]);
    let build = graded.report.build.as_ref().expect("build");
    assert!(!build.ok && build.output.contains("status 2"), "{build:?}");
    assert_eq!(graded.report.score, 0.0);
    assert_eq!(stored(dir.path()), json(&graded.report));
}

#[test]
fn a_build_that_the_host_failed_is_nobodys_fault() {
    let dir = tempfile::tempdir().expect("dir");
    let mut order = order(dir.path());
    order.submission.build = Some(vec!["make".into()]);
    let runner = script(|_, _, _| Err(Fault::Start(io::Error::other("no fork"))));
    let graded = grade(&order, &runner, &());
    assert_eq!(graded.report.outcome, Outcome::HarnessFault);
    assert!(graded.report.build.is_none());
}

#[test]
fn a_cancelled_grading_keeps_what_was_done() {
    let dir = tempfile::tempdir().expect("dir");
    let runner = script(|name, plan, keep| {
        if name == "ends-2" {
            say(
                keep,
                vec![header(plan), Event::Settled(Settled::clone(&settled()))],
            )?;
            return Err(Fault::Cancelled);
        }
        ends(plan, 0, keep)
    });
    let graded = grade(&order(dir.path()), &runner, &());
    assert!(graded.interrupted);
    assert_eq!(graded.report.outcome, Outcome::Inconclusive);
    let (results, grading) = Results::open(dir.path()).expect("results");
    assert!(!grading.finished);
    assert_eq!(
        results.records("ends-1").expect("read").map(|r| r.len()),
        Some(5)
    );
    assert_eq!(
        results.records("ends-2").expect("read").map(|r| r.len()),
        Some(2)
    );
    let again = rescore(&results, &grading, &order(dir.path()).pack);
    assert_eq!(json(&again), results.read_report().expect("report"));
}

fn settled() -> Settled {
    serde_json::from_value(serde_json::json!({
        "grade": "certain", "processes": 1, "threads": 1, "in_flight": 0, "parked": 0, "held": 0, "unread": 0,
        "unused": 0, "cpu_ns": 0, "working_threads": 1,
    }))
    .expect("settled")
}

#[test]
fn a_disk_that_fails_ends_the_grading_with_a_report() {
    let dir = tempfile::tempdir().expect("dir");
    let runner = script(|_, _, _| Err(Fault::Keep(io::Error::from(io::ErrorKind::StorageFull))));
    let graded = grade(&order(dir.path()), &runner, &());
    assert_eq!(runner.runs(), ["ends-1"], "nothing more is started");
    assert!(matches!(graded.store, Some(StoreError::Io { .. })));
    assert_eq!(graded.report.outcome, Outcome::HarnessFault);
    assert!(
        graded
            .report
            .faults
            .iter()
            .any(|fault| fault.contains("disk is full")),
        "{:?}",
        graded.report.faults
    );
}

#[test]
fn results_that_can_t_be_made_are_a_report_too() {
    let dir = tempfile::tempdir().expect("dir");
    std::fs::write(dir.path().join("homework.py"), "x").expect("file");
    let runner = script(|_, plan, keep| ends(plan, 0, keep));
    let graded = grade(&order(dir.path()), &runner, &());
    assert!(matches!(graded.store, Some(StoreError::NotOurs(_))));
    assert_eq!(runner.runs(), [] as [&str; 0]);
    assert_eq!(graded.report.outcome, Outcome::HarnessFault);
}

#[test]
fn jobs_run_side_by_side_and_come_out_in_order() {
    let dir = tempfile::tempdir().expect("dir");
    let mut order = order(dir.path());
    order.jobs = 2;
    // Neither run ends before both have begun.
    let both = std::sync::Barrier::new(2);
    let runner = script(move |_, plan, keep| {
        both.wait();
        ends(plan, 0, keep)
    });
    let graded = grade(&order, &runner, &());
    assert_eq!(runner.most.load(Ordering::SeqCst), 2);
    let names: Vec<&str> = graded
        .report
        .runs
        .iter()
        .map(|run| run.run.as_str())
        .collect();
    assert_eq!(names, ["ends-1", "ends-2"]);
    assert_eq!(graded.report.outcome, Outcome::Pass);
}

#[test]
fn a_part_of_a_task_is_named_by_check_or_scenario() {
    let task = load(TASK, "tiny").expect("a right pack");
    let names = |only_these: &[&str]| {
        let names: Vec<String> = only_these.iter().map(|&name| name.to_owned()).collect();
        only(&task, &names).map(|part| {
            part.scenarios
                .iter()
                .flat_map(|s| &s.checks)
                .map(|c| c.check.clone())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(names(&[]).expect("all").len(), 3);
    assert_eq!(names(&["refuses"]).expect("one"), ["refuses"]);
    assert_eq!(names(&["needs-full"]).expect("a scenario"), ["full"]);
    assert_eq!(
        names(&["end"]).expect_err("unknown").near.as_deref(),
        Some("ends")
    );
}
