use super::*;
use crate::evidence::{Event, FORMAT as EVIDENCE_FORMAT, Header, Tier};
use crate::store::{RunEntry, State};
use crate::task::Task;

fn grading() -> Grading {
    Grading {
        gradus_results: FORMAT,
        gradus: "0".into(),
        task: "fetcher".into(),
        pack: "d".into(),
        submission: "s".into(),
        seed: 7,
        tier: Tier::Full,
        host: [("cores".into(), "2".into())].into(),
        only: Vec::new(),
        language: "en".into(),
        build: None,
        runs: vec![RunEntry {
            run: "s-1".into(),
            scenario: "s".into(),
            set: 0,
            with: [].into(),
            seed: 9,
            state: State::Planned,
        }],
        faults: Vec::new(),
        finished: false,
    }
}

fn pack() -> Pack {
    let task: Task = serde_json::from_value(serde_json::json!({
        "schema": 1, "task": "fetcher", "title": {"en": "T"}, "teaches": {"en": "T"}, "kind": "client",
        "run": ["fetcher"], "scenarios": [],
    }))
    .expect("task");
    let files = [("task.yaml".to_owned(), b"schema: 1".to_vec())].into();
    Pack {
        task,
        source: String::new(),
        statements: [].into(),
        digest: String::new(),
        files,
    }
}

fn header() -> Header {
    let plan = serde_json::json!({
        "task": "fetcher", "kind": "client", "scenario": "s", "set": 0, "params": {}, "seed": 9, "command": [],
        "world": {}, "script": [], "limits": {},
    });
    Header {
        format: EVIDENCE_FORMAT,
        gradus: "0".into(),
        tier: Tier::Full,
        plan: serde_json::from_value(plan).expect("plan"),
        facilities: [].into(),
    }
}

#[test]
fn what_was_written_can_be_opened_again() {
    let dir = tempfile::tempdir().expect("dir");
    let root = dir.path().join("a/results");
    let results = Results::create(&root, &grading(), &pack()).expect("made");
    let mut file = results.evidence("s-1").expect("file");
    file.keep(
        &serde_json::to_vec(&Record {
            n: 0,
            t: 5,
            event: Event::Run(Box::new(header())),
        })
        .expect("json"),
    )
    .expect("kept");
    file.fault(header, "the arena died").expect("kept");
    assert!(
        !root.join(Results::evidence_name("s-1")).exists(),
        "no final name before the end"
    );
    file.finish().expect("finished");
    write::whole(&results.report_path(), b"{}").expect("written");
    drop(results);

    let (results, read) = Results::open(&root).expect("opened");
    assert_eq!(read, grading());
    assert_eq!(results.read_report().expect("report"), b"{}");
    assert_eq!(
        fs::read(results.pack().join("task.yaml")).expect("pack"),
        b"schema: 1"
    );
    let records = results.records("s-1").expect("read").expect("some");
    assert_eq!(records.len(), 2);
    assert_eq!((records[1].n, records[1].t), (1, 5));
    assert!(matches!(&records[1].event, Event::Fault { message } if message == "the arena died"));
    assert_eq!(results.records("other").expect("read"), None);
}

#[test]
fn an_arena_that_died_at_once_leaves_evidence_too() {
    let dir = tempfile::tempdir().expect("dir");
    let results = Results::create(dir.path(), &grading(), &pack()).expect("made");
    let mut file = results.evidence("s-1").expect("file");
    file.fault(header, "no").expect("kept");
    file.finish().expect("finished");
    assert_eq!(
        results.records("s-1").expect("read").map(|r| r.len()),
        Some(2)
    );
}

#[test]
fn unfinished_evidence_is_read_as_far_as_it_goes() {
    let dir = tempfile::tempdir().expect("dir");
    let results = Results::create(dir.path(), &grading(), &pack()).expect("made");
    let mut file = results.evidence("s-1").expect("file");
    file.fault(header, "no").expect("kept");
    // Dropped without an end: what was buffered is there, under the unfinished name.
    drop(file);
    assert_eq!(
        results.records("s-1").expect("read").map(|r| r.len()),
        Some(2)
    );
}

#[test]
fn earlier_results_are_replaced_and_nothing_else_is() {
    let dir = tempfile::tempdir().expect("dir");
    let root = dir.path().join("r");
    let results = Results::create(&root, &grading(), &pack()).expect("made");
    results
        .evidence("s-1")
        .expect("file")
        .finish()
        .expect("finished");
    write::whole(&results.report_path(), b"{}").expect("written");
    drop(results);
    let results = Results::create(&root, &grading(), &pack()).expect("made again");
    assert!(!results.report_path().exists());
    assert_eq!(results.records("s-1").expect("read"), None);

    let other = dir.path().join("homework");
    fs::create_dir(&other).expect("folder");
    fs::write(other.join("main.py"), "x").expect("file");
    assert!(matches!(
        Results::create(&other, &grading(), &pack()),
        Err(StoreError::NotOurs(_))
    ));
    fs::write(other.join("grading.json"), "{\"marks\": []}").expect("file");
    assert!(matches!(
        Results::create(&other, &grading(), &pack()),
        Err(StoreError::NotOurs(_))
    ));
    assert_eq!(fs::read_dir(&other).expect("folder").count(), 2);
    let file = other.join("main.py");
    assert!(matches!(
        Results::create(&file, &grading(), &pack()),
        Err(StoreError::File(_))
    ));
}

#[test]
fn two_gradings_never_share_a_folder() {
    let dir = tempfile::tempdir().expect("dir");
    let first = Results::create(dir.path(), &grading(), &pack()).expect("made");
    assert!(matches!(
        Results::create(dir.path(), &grading(), &pack()),
        Err(StoreError::Busy(_))
    ));
    drop(first);
    Results::create(dir.path(), &grading(), &pack()).expect("free again");
}

#[test]
fn what_are_no_results_is_said() {
    let dir = tempfile::tempdir().expect("dir");
    let open = || Results::open(dir.path()).map(|_| ());
    assert!(matches!(open(), Err(StoreError::NoResults(_))));
    let path = dir.path().join(GRADING);
    fs::write(&path, "{\"gradus_results\": 99}").expect("file");
    assert!(matches!(open(), Err(StoreError::Format { found: 99, .. })));
    fs::write(&path, "{\"gradus_results\": 1").expect("file");
    assert!(matches!(open(), Err(StoreError::Damaged { .. })));
    let mut escaping = grading();
    escaping.runs[0].run = "../../etc".into();
    fs::write(&path, pretty(&escaping)).expect("file");
    assert!(matches!(open(), Err(StoreError::Damaged { .. })));
}
