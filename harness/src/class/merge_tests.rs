use super::*;
use crate::class::folder::{ClassTask, FORMAT};
use crate::class::{Key, SeedPolicy, entry, testing};

struct Shards {
    dir: tempfile::TempDir,
}

impl Shards {
    fn new() -> Shards {
        Shards {
            dir: tempfile::tempdir().expect("dir"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Shard `index` of 2 over a, b, c; `skip` names submissions that it hasn't graded yet.
    fn shard(
        &self,
        name: &str,
        index: u32,
        seed: u64,
        skip: &[&str],
        points: Option<f64>,
    ) -> PathBuf {
        let pack = testing::pack("tiny", 4.0, false);
        let (folder, _) = ClassFolder::claim(&self.path(name)).expect("claimed");
        let class = Class {
            gradus_class: FORMAT,
            gradus: env!("CARGO_PKG_VERSION").into(),
            name: "class".into(),
            tasks: vec![ClassTask {
                task: "tiny".into(),
                pack: pack.digest.clone(),
            }],
            seed,
            seeds: SeedPolicy::Same,
            only: Vec::new(),
            language: "en".into(),
            submissions: ["a", "b", "c"].map(str::to_owned).into(),
            roster: String::new(),
            policy: String::new(),
            shards: 2,
            present: vec![index],
        };
        folder.describe(&class, None, None).expect("described");
        folder.keep_pack(&pack).expect("kept");
        for submission in class.expected().filter(|name| !skip.contains(name)) {
            let work = folder.work(submission, "tiny").expect("work");
            let report = testing::kept(&work, &pack, submission, points, false);
            let entry = Entry {
                gradus_entry: entry::FORMAT,
                submission: submission.into(),
                task: "tiny".into(),
                key: Key {
                    submission: "d".into(),
                    pack: pack.digest.clone(),
                    gradus: "0".into(),
                    seed,
                    only: Vec::new(),
                },
                status: Status::of(&report),
                attempts: 1,
                seconds: f64::from(index),
            };
            folder.publish(&work, &entry).expect("published");
        }
        self.path(name)
    }
}

/// Everything below a folder, with contents.
fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("folder").flatten() {
        let (path, name) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        if path.is_dir() {
            all.extend(
                tree(&path)
                    .into_iter()
                    .map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)),
            );
        } else {
            all.push((name, fs::read(&path).expect("file")));
        }
    }
    all.sort();
    all
}

#[test]
fn order_and_repetition_make_no_difference() {
    let shards = Shards::new();
    let one = shards.shard("1", 1, 7, &[], Some(3.0));
    let two = shards.shard("2", 2, 7, &[], Some(4.0));
    let twin = shards.shard("2b", 2, 7, &[], None);
    let into = |name: &str, sources: &[&PathBuf]| {
        let sources: Vec<PathBuf> = sources.iter().map(|p| (*p).clone()).collect();
        let merged = merge(&sources, &shards.path(name), false).expect("merged");
        assert_eq!((merged.results, merged.missing.len()), (3, 0));
        tree(&shards.path(name))
    };
    let first = into("x", &[&one, &two, &twin]);
    assert_eq!(into("y", &[&twin, &two, &one, &two]), first);
    // Again, into what is there, and with itself among the sources.
    let x = shards.path("x");
    assert_eq!(into("x", &[&two, &one]), first);
    assert_eq!(into("x", &[&x, &twin]), first);
    let (folder, class) = ClassFolder::open(&x).expect("opened");
    assert_eq!(class.present, [1, 2]);
    let book = crate::class::book::Book::of(&folder, &class).expect("book");
    // The decided one of two results of one shard.
    assert_eq!(book.students[1].grades[0].score, Some(4.0));
}

#[test]
fn parts_of_other_classes_are_refused() {
    let shards = Shards::new();
    let one = shards.shard("1", 1, 7, &[], Some(3.0));
    let two = shards.shard("2", 2, 8, &[], Some(3.0));
    let error = merge(&[one, two], &shards.path("x"), true).expect_err("refused");
    assert!(
        error.to_string().contains("they differ in the seed"),
        "{error}"
    );
    assert!(tree(&shards.path("x")).is_empty());
}

#[test]
fn what_is_missing_is_named() {
    let shards = Shards::new();
    let one = shards.shard("1", 1, 7, &["c"], Some(3.0));
    let error = merge(std::slice::from_ref(&one), &shards.path("x"), false).expect_err("missing");
    assert!(
        error.to_string().contains("1 of 2 shards are missing: 2"),
        "{error}"
    );
    let two = shards.shard("2", 2, 7, &[], Some(3.0));
    let error =
        merge(&[one.clone(), two.clone()], &shards.path("x"), false).expect_err("unfinished");
    assert!(error.to_string().contains("such as c tiny"), "{error}");
    assert!(error.to_string().contains("shard(s) 1 again"), "{error}");
    let merged = merge(std::slice::from_ref(&one), &shards.path("x"), true).expect("partial");
    assert_eq!((merged.results, merged.missing), (1, vec![2]));
}
