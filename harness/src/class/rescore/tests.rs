use super::*;
use crate::class::folder::{ClassTask, FORMAT};
use crate::class::{SeedPolicy, Status, testing};

/// The tiny task under another rubric: `points` for its first check, and this status demanded by its second.
fn pack(points: f64, status: &str) -> Pack {
    let pack = testing::pack("tiny", points, false);
    testing::from(
        "tiny",
        &pack
            .source
            .replace("status: any", &format!("status: {status}")),
    )
}

struct Place {
    _dir: tempfile::TempDir,
    folder: ClassFolder,
    class: Class,
}

/// `a` passes everything, `b` fails its first check.
fn place(pack: &Pack) -> Place {
    let dir = tempfile::tempdir().expect("dir");
    let (folder, _) = ClassFolder::claim(&dir.path().join("r")).expect("claimed");
    let class = Class {
        gradus_class: FORMAT,
        gradus: env!("CARGO_PKG_VERSION").into(),
        name: "class".into(),
        tasks: vec![ClassTask {
            task: "tiny".into(),
            pack: pack.digest.clone(),
        }],
        seed: 7,
        seeds: SeedPolicy::Same,
        only: Vec::new(),
        language: "en".into(),
        submissions: vec!["a".into(), "b".into()],
        roster: String::new(),
        policy: String::new(),
        shards: 1,
        present: vec![1],
    };
    folder.describe(&class, None, None).expect("described");
    folder.keep_pack(pack).expect("kept");
    for (name, points) in [("a", 5.0), ("b", 0.0)] {
        let work = folder.work(name, "tiny").expect("work");
        testing::kept(&work, pack, name, Some(points), false);
        let mut report = testing::report(pack, name, Some(points), None);
        report.score = if name == "a" { 5.0 } else { 1.0 };
        fs::write(work.join("report.json"), json(&report).expect("json")).expect("written");
        let key = Key {
            submission: "d".into(),
            pack: pack.digest.clone(),
            gradus: env!("CARGO_PKG_VERSION").into(),
            seed: 7,
            only: Vec::new(),
        };
        let entry = Entry {
            gradus_entry: entry::FORMAT,
            submission: name.into(),
            task: "tiny".into(),
            key,
            status: Status::Graded,
            attempts: 1,
            seconds: 0.0,
        };
        folder.publish(&work, &entry).expect("published");
    }
    Place {
        _dir: dir,
        folder,
        class,
    }
}

fn rules(packs: &[Pack]) -> Rules<'_> {
    Rules {
        packs,
        roster: None,
        policy: None,
        full: false,
        jobs: 2,
    }
}

#[test]
fn a_rubric_changes_scores_without_evidence() {
    let mut place = place(&pack(4.0, "any"));
    let packs = [pack(2.0, "any")];
    let report = || fs::read(place.folder.graded("a", "tiny").join("report.json")).expect("report");
    let before = report();
    let mut class = place.class.clone();
    let preview = rescore(&place.folder, &mut class, &rules(&packs), false).expect("rescored");
    assert_eq!((preview.results, preview.judged), (2, 0));
    assert_eq!(report(), before, "a preview changes nothing");
    assert_eq!(class, place.class);
    let change = &preview.changes[0];
    assert_eq!(
        (change.before.as_str(), change.after.as_str()),
        ("5 of 5", "3 of 3")
    );
    assert_eq!(change.why, ["ends is worth 2 instead of 4"]);
    let applied = rescore(&place.folder, &mut place.class, &rules(&packs), true).expect("rescored");
    assert_eq!(applied.changes, preview.changes);
    // The same runs would be made: grading the class again has nothing to do.
    let entry = place
        .folder
        .entry("a", "tiny")
        .expect("read")
        .expect("an entry");
    assert_eq!(entry.key.pack, packs[0].digest);
    assert_eq!(place.class.tasks[0].pack, packs[0].digest);
    let book = Book::of(&place.folder, &place.class).expect("book");
    assert_eq!(book, applied.after);
    assert!(book.notes.is_empty(), "{:?}", book.notes);
    let again = rescore(&place.folder, &mut place.class, &rules(&packs), true).expect("rescored");
    assert!(again.changes.is_empty());
}

#[test]
fn a_rule_that_changed_is_never_taken_from_the_report() {
    let old = pack(4.0, "any");
    let report = testing::report(&old, "a", Some(5.0), None);
    let carry = |pack: &Pack| Carry::between(Some(&old.task), pack, &[]);
    let by = |pack: &Pack| quick(&report, &carry(pack), "en");
    assert!(by(&pack(2.0, "any")).is_some());
    assert!(by(&pack(4.0, "zero")).is_none());
    let script = testing::from("tiny", &old.source.replace("[exit]", "[settle, exit]"));
    assert!(by(&script).is_none());
    let limits = testing::from(
        "tiny",
        &old.source
            .replace("run: [x]", "run: [x]\nlimits: { wall_s: 5 }"),
    );
    assert!(by(&limits).is_none());
    let more = testing::from(
        "tiny",
        &format!(
            "{}      - {{ check: new, title: {{ en: N }}, rule: {{ exits: {{ status: any }} }}, points: 1 }}\n",
            old.source
        ),
    );
    assert!(by(&more).is_none());
    let other = Report {
        gradus: "0.0.0-other".into(),
        ..report.clone()
    };
    assert!(quick(&other, &carry(&pack(2.0, "any")), "en").is_none());
    // Another gradus' rules, or a pack that nobody has any more.
    assert!(quick(&report, &Carry::between(None, &pack(2.0, "any"), &[]), "en").is_none());
}

#[test]
fn late_rules_change_grades_too() {
    let mut place = place(&pack(4.0, "any"));
    let roster = b"submission,late_days\na,1\nb,0\n".to_vec();
    let policy = b"late: { per_day: 20 }".to_vec();
    let read = Roster::read(&roster, "r").expect("roster");
    let packs = [pack(4.0, "any")];
    let rules = Rules {
        roster: Some((roster, read)),
        policy: Some((
            policy.clone(),
            Policy::read("late: { per_day: 20 }", "p", &["tiny"]).expect("policy"),
        )),
        ..rules(&packs)
    };
    let done = rescore(&place.folder, &mut place.class, &rules, true).expect("rescored");
    assert_eq!(done.changes.len(), 1);
    assert_eq!(done.changes[0].after, "4 of 5");
    assert_eq!(
        done.changes[0].why,
        ["1 days late cost 20 % instead of 0 %"]
    );
    let book = Book::of(&place.folder, &place.class).expect("book");
    assert_eq!(book, done.after);
}
