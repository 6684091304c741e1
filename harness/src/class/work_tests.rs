//! Classes by a scripted marker: what a class makes of gradings, not how they are made.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::class::book::{Book, Standing};
use crate::class::folder::{ClassTask, FORMAT};
use crate::class::testing;
use crate::class::{ClassFolder, SeedPolicy};

type Act = dyn Fn(&str, u32) -> Act2 + Sync;

/// What a grading comes to.
enum Act2 {
    Points(f64),
    Unsure,
    Fault,
    Missing,
    Stop,
}

struct Script {
    act: Box<Act>,
    /// Gradings by submission.
    calls: Mutex<BTreeMap<String, u32>>,
    digests: Mutex<BTreeMap<String, String>>,
    at_once: AtomicUsize,
    most: AtomicUsize,
    alone: Mutex<Vec<usize>>,
}

fn script(act: impl Fn(&str, u32) -> Act2 + Sync + 'static) -> Script {
    Script {
        act: Box::new(act),
        calls: Mutex::default(),
        digests: Mutex::default(),
        at_once: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        alone: Mutex::default(),
    }
}

impl Script {
    fn calls(&self) -> u32 {
        self.calls.lock().expect("calls").values().sum()
    }
}

impl Marker for Script {
    fn digest(&self, submission: &Listed) -> Result<String, String> {
        let known = self
            .digests
            .lock()
            .expect("digests")
            .get(&submission.name)
            .cloned();
        Ok(known.unwrap_or_else(|| format!("d-{}", submission.name)))
    }

    fn mark(&self, item: &Item<'_>, into: &Path) -> Made {
        assert!(!into.exists(), "a grading begins with nothing");
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        if item.pack.task.alone {
            self.alone.lock().expect("alone").push(now);
        }
        let name = &item.submission.name;
        let call = {
            let mut calls = self.calls.lock().expect("calls");
            let call = calls.entry(name.clone()).or_default();
            *call += 1;
            *call
        };
        let made = match (self.act)(name, call) {
            Act2::Points(points) => testing::kept(into, item.pack, name, Some(points), false),
            Act2::Unsure => testing::kept(into, item.pack, name, None, false),
            Act2::Fault => testing::kept(into, item.pack, name, None, true),
            Act2::Missing => return Made::Missing,
            Act2::Stop => return Made::Stopped,
        };
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        Made::Report(Box::new(made))
    }
}

struct Place {
    dir: tempfile::TempDir,
    class: Class,
    listed: Vec<Listed>,
    packs: Vec<Arc<Pack>>,
}

fn place(names: &[&str]) -> Place {
    let packs = vec![Arc::new(testing::pack("tiny", 4.0, false))];
    let class = Class {
        gradus_class: FORMAT,
        gradus: env!("CARGO_PKG_VERSION").into(),
        name: "class".into(),
        tasks: packs
            .iter()
            .map(|pack| ClassTask {
                task: pack.task.task.clone(),
                pack: pack.digest.clone(),
            })
            .collect(),
        seed: 7,
        seeds: SeedPolicy::Same,
        only: Vec::new(),
        language: "en".into(),
        submissions: names.iter().map(|n| (*n).to_owned()).collect(),
        roster: String::new(),
        policy: String::new(),
        shards: 1,
        present: vec![1],
    };
    let listed = names.iter().map(|name| Listed {
        name: (*name).to_owned(),
        path: (*name).into(),
        packed: false,
    });
    Place {
        dir: tempfile::tempdir().expect("dir"),
        class,
        listed: listed.collect(),
        packs,
    }
}

impl Place {
    fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("r")
    }

    fn grade(&self, marker: &Script, jobs: usize) -> Summary {
        let (folder, _) = ClassFolder::claim(&self.root()).expect("claimed");
        folder.describe(&self.class, None, None).expect("described");
        for pack in &self.packs {
            folder.keep_pack(pack).expect("kept");
        }
        let options = Options {
            jobs,
            retries: 1,
            again: false,
        };
        grade(
            &folder,
            &self.class,
            &self.listed,
            &self.packs,
            options,
            marker,
            &|_| {},
        )
    }

    fn book(&self) -> Book {
        let (folder, class) = ClassFolder::open(&self.root()).expect("opened");
        Book::of(&folder, &class).expect("book")
    }
}

#[test]
fn what_is_graded_is_graded_once() {
    let place = place(&["a", "b", "c"]);
    let marker = script(|_, _| Act2::Points(3.0));
    let first = place.grade(&marker, 2);
    assert_eq!((first.total, first.kept, first.graded), (3, 0, 3));
    assert!(!place.root().join("work").exists());
    let second = place.grade(&marker, 2);
    assert_eq!((second.kept, second.graded, marker.calls()), (3, 0, 3));
    // Another submission under the same name, and only that.
    marker
        .digests
        .lock()
        .expect("digests")
        .insert("b".into(), "other".into());
    let third = place.grade(&marker, 2);
    assert_eq!((third.kept, third.graded), (2, 1));
    let scores: Vec<_> = place
        .book()
        .students
        .iter()
        .map(|row| row.grades[0].score)
        .collect();
    assert_eq!(scores, [Some(3.0); 3]);
}

#[test]
fn another_pack_seed_or_choice_is_another_grading() {
    let mut place = place(&["a"]);
    let marker = script(|_, _| Act2::Points(3.0));
    place.grade(&marker, 1);
    place.class.seed = 8;
    assert_eq!(place.grade(&marker, 1).graded, 1);
    place.packs = vec![Arc::new(testing::pack("tiny", 5.0, false))];
    assert_eq!(place.grade(&marker, 1).graded, 1);
    assert_eq!(place.grade(&marker, 1).graded, 0);
}

#[test]
fn what_is_undecided_is_tried_again_and_then_listed() {
    let place = place(&["clears", "never", "fault", "recovers"]);
    let marker = script(|name, call| match (name, call) {
        ("clears", 1) => Act2::Unsure,
        ("recovers", 1) | ("fault", _) => Act2::Fault,
        ("never", _) => Act2::Unsure,
        _ => Act2::Points(4.0),
    });
    assert_eq!(place.grade(&marker, 2).graded, 8);
    let book = place.book();
    let standing = |i: usize| book.students[i].grades[0].standing;
    assert_eq!(
        [0, 1, 2, 3].map(standing),
        [
            Standing::Graded,
            Standing::Fault,
            Standing::Inconclusive,
            Standing::Graded
        ]
    );
    // Sorted by name: a fault has no score at all, what is undecided none that counts.
    assert_eq!(book.students[1].grades[0].score, None);
    assert_eq!(book.students[2].grades[0].settled(), None);
    // A later call tries just those again, and a worse outcome replaces nothing.
    let marker = script(|_, _| Act2::Fault);
    assert_eq!(place.grade(&marker, 2).kept, 2);
    assert_eq!(
        place.book().students[2].grades[0].standing,
        Standing::Inconclusive
    );
}

#[test]
fn an_interruption_loses_and_doubles_nothing() {
    let names: Vec<String> = (0..20).map(|n| format!("s{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let place = place(&names);
    let marker = script(|name, _| {
        if name == "s07" {
            Act2::Stop
        } else {
            Act2::Points(2.0)
        }
    });
    let first = place.grade(&marker, 1);
    assert!(first.stopped && first.graded == 7);
    let marker = script(|_, _| Act2::Points(2.0));
    let second = place.grade(&marker, 3);
    assert_eq!((second.kept, second.graded), (7, 13));
    assert!(
        marker
            .calls
            .lock()
            .expect("calls")
            .values()
            .all(|&n| n == 1)
    );
    assert_eq!(place.book().students.len(), 20);
}

#[test]
fn what_was_left_half_done_counts_nothing() {
    let place = place(&["a"]);
    place.grade(&script(|_, _| Act2::Points(2.0)), 1);
    let root = place.root();
    // As a kill leaves it: a grading that goes on, and an entry that was never finished.
    fs::create_dir_all(root.join("work/a/tiny/runs")).expect("folder");
    fs::write(root.join("work/a/tiny/grading.json"), "{").expect("file");
    fs::write(root.join("graded/a/tiny/entry.json"), "{\"gradus_entry\"").expect("file");
    let again = place.grade(&script(|_, _| Act2::Points(3.0)), 1);
    assert_eq!((again.kept, again.graded), (0, 1));
    assert_eq!(place.book().students[0].grades[0].score, Some(3.0));
}

#[test]
fn a_task_that_measures_speed_runs_alone() {
    let mut place = place(&["a", "b", "c", "d"]);
    let speedy = Arc::new(testing::pack("speedy", 1.0, true));
    place.class.tasks.push(ClassTask {
        task: "speedy".into(),
        pack: speedy.digest.clone(),
    });
    place.packs.push(speedy);
    let marker = script(|_, _| Act2::Points(1.0));
    assert_eq!(place.grade(&marker, 4).graded, 8);
    assert_eq!(*marker.alone.lock().expect("alone"), [1; 4]);
}

#[test]
fn what_was_handed_in_no_more_is_missing() {
    let place = place(&["a"]);
    place.grade(&script(|_, _| Act2::Points(2.0)), 1);
    let marker = script(|_, _| Act2::Missing);
    marker
        .digests
        .lock()
        .expect("digests")
        .insert("a".into(), "without".into());
    place.grade(&marker, 1);
    assert_eq!(
        place.book().students[0].grades[0].standing,
        Standing::Missing
    );
    assert_eq!(place.grade(&marker, 1).kept, 1);
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let dir = tempfile::tempdir().expect("dir");
    fs::write(dir.path().join("homework.txt"), "x").expect("file");
    assert!(matches!(
        ClassFolder::claim(dir.path()),
        Err(ClassError::NotOurs(_))
    ));
    assert!(dir.path().join("homework.txt").exists());
    let place = place(&["a"]);
    let held = ClassFolder::claim(&place.root()).expect("claimed");
    assert!(matches!(
        ClassFolder::claim(&place.root()),
        Err(ClassError::Busy(_))
    ));
    drop(held);
}
