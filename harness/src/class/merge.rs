//! The results of several shards in one folder: whatever order they come in, and however often.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::entry::{FILE, Status};
use super::folder::{hex, io_error, place};
use super::{Class, ClassError, ClassFolder, Entry};
use crate::report::from_json;
use crate::submission::{self, Rules};
use crate::task::pack;

/// Why results can't stand in one gradebook.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error(transparent)]
    Class(#[from] ClassError),
    #[error("{} and {} are no parts of one class: they differ in {what}\n   help: grade all shards with the same gradus, tasks, rules and submissions", .a.display(), .b.display())]
    Mismatch {
        a: PathBuf,
        b: PathBuf,
        what: String,
    },
    #[error("{} of {total} shards are missing: {}\n   help: grade them, or merge what there is with --partial", .missing.len(), list(.missing))]
    Missing { missing: Vec<u32>, total: u32 },
    #[error("{} results are missing, such as {}\n   help: run the shard(s) {} again (they go on where they were), or merge what there is with --partial", .missing.len(), .missing[0], list(.shards))]
    Unfinished {
        missing: Vec<String>,
        shards: Vec<u32>,
    },
    #[error("{}: can't be copied: {why}", .path.display())]
    Copy { path: PathBuf, why: String },
}

fn list(numbers: &[u32]) -> String {
    numbers
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    pub results: usize,
    /// Of `partial` merges.
    pub missing: Vec<u32>,
}

/// Merges the results of these folders into another one, which may hold results of the same class.
///
/// # Errors
/// If they aren't of one class; if shards or results are missing, unless `partial`; if something can't be
/// read or written. Then nothing was written.
pub fn merge(sources: &[PathBuf], into: &Path, partial: bool) -> Result<Merged, MergeError> {
    let (target, known) = ClassFolder::claim(into)?;
    let mut all: Vec<(PathBuf, ClassFolder, Class)> = Vec::new();
    let mine = into.canonicalize().ok();
    let mut seen = BTreeSet::new();
    for source in sources {
        let real = source.canonicalize().unwrap_or_else(|_| source.clone());
        // The same folder twice, or the target itself, adds nothing.
        if Some(&real) == mine.as_ref() || !seen.insert(real) {
            continue;
        }
        let (folder, class) = ClassFolder::open(source)?;
        all.push((source.clone(), folder, class));
    }
    if let Some(class) = known {
        all.push((into.to_owned(), target, class));
    } else {
        // Held until the end: nobody else may claim it meanwhile.
        return merge_into(&all, &target, partial);
    }
    // Just pushed.
    let Some((_, target, _)) = all.last() else {
        return Ok(Merged {
            results: 0,
            missing: Vec::new(),
        });
    };
    merge_into(&all, target, partial)
}

fn merge_into(
    all: &[(PathBuf, ClassFolder, Class)],
    target: &ClassFolder,
    partial: bool,
) -> Result<Merged, MergeError> {
    let Some((first_path, first_folder, first)) = all.first() else {
        return Ok(Merged {
            results: 0,
            missing: Vec::new(),
        });
    };
    for (path, _, class) in &all[1..] {
        if class.plan() != first.plan() {
            return Err(MergeError::Mismatch {
                a: first_path.clone(),
                b: path.clone(),
                what: difference(first, class),
            });
        }
    }
    let present: BTreeSet<u32> = all
        .iter()
        .flat_map(|(_, _, class)| class.present.clone())
        .collect();
    let missing: Vec<u32> = (1..=first.shards)
        .filter(|n| !present.contains(n))
        .collect();
    if !missing.is_empty() && !partial {
        return Err(MergeError::Missing {
            missing,
            total: first.shards,
        });
    }
    let class = Class {
        present: present.into_iter().collect(),
        ..first.clone()
    };
    let chosen = choose(all, &class, partial)?;
    for (from, entry) in &chosen {
        copy(from, entry, target)?;
    }
    for task in &class.tasks {
        let kept = all.iter().find_map(|(_, folder, _)| {
            pack::open_as(&folder.pack_place(&task.pack), &task.task).ok()
        });
        if let Some(pack) = kept {
            target.keep_pack(&pack)?;
        }
    }
    let [roster, policy] = first_folder.given()?;
    target.describe(&class, roster.as_deref(), policy.as_deref())?;
    target.tidy();
    Ok(Merged {
        results: chosen.len(),
        missing,
    })
}

/// For each submission and task the best result that there is.
fn choose(
    all: &[(PathBuf, ClassFolder, Class)],
    class: &Class,
    partial: bool,
) -> Result<Vec<(PathBuf, Entry)>, MergeError> {
    let (mut chosen, mut lacking, mut shards) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (at, submission) in class.submissions.iter().enumerate() {
        let shard = (at % class.shards.max(1) as usize) as u32 + 1;
        if !class.present.contains(&shard) {
            continue;
        }
        for task in &class.tasks {
            let mut best: Option<(Rank, PathBuf, Entry)> = None;
            for (_, folder, _) in all {
                let Some(entry) = folder.entry(submission, &task.task)? else {
                    continue;
                };
                let path = folder.root().join(place(submission, &task.task));
                let rank = rank(&path, &entry)?;
                if best.as_ref().is_none_or(|(known, ..)| rank > *known) {
                    best = Some((rank, path, entry));
                }
            }
            match best {
                Some((_, path, entry)) => chosen.push((path, entry)),
                None => {
                    lacking.push(format!("{submission} {}", task.task));
                    shards.insert(shard);
                }
            }
        }
    }
    if lacking.is_empty() || partial {
        return Ok(chosen);
    }
    Err(MergeError::Unfinished {
        missing: lacking,
        shards: shards.into_iter().collect(),
    })
}

/// How good a result is: the more decided, the better. Among equals the digest of the report decides,
/// which is the same wherever and in whatever order results are merged.
type Rank = (Status, std::cmp::Reverse<u64>, String, Vec<u8>);

fn rank(path: &Path, entry: &Entry) -> Result<Rank, ClassError> {
    let report = path.join("report.json");
    let text = fs::read_to_string(&report).unwrap_or_default();
    // In hundred-thousandths of a point, as scores are told.
    let undecided = from_json(&text).map_or(f64::MAX, |report| report.undecided);
    let undecided = (undecided * 100_000.0).round() as u64;
    let digest = hex(&<sha2::Sha256 as sha2::Digest>::digest(text.as_bytes()));
    let file = path.join(FILE);
    let bytes = fs::read(&file).map_err(io_error("read", &file))?;
    Ok((entry.status, std::cmp::Reverse(undecided), digest, bytes))
}

fn copy(from: &Path, entry: &Entry, target: &ClassFolder) -> Result<(), MergeError> {
    let to = target.graded(&entry.submission, &entry.task);
    let same = |name: &str| {
        let bytes = |folder: &Path| fs::read(folder.join(name)).ok();
        bytes(from) == bytes(&to)
    };
    if from == to || (same(FILE) && same("report.json") && to.is_dir()) {
        return Ok(());
    }
    let work = target.work(&entry.submission, &entry.task)?;
    // Results are ours, however large they are.
    let rules = Rules {
        bytes: u64::MAX >> 1,
        entries: u64::MAX >> 1,
        ..Rules::default()
    };
    submission::stage(Some(from), &work, None, &rules).map_err(|error| MergeError::Copy {
        path: from.to_owned(),
        why: error.to_string(),
    })?;
    Ok(target.publish(&work, entry)?)
}

fn difference(a: &Class, b: &Class) -> String {
    let parts = [
        ("the version of gradus", a.gradus != b.gradus),
        ("the tasks or their packs", a.tasks != b.tasks),
        ("the seed", (a.seed, a.seeds) != (b.seed, b.seeds)),
        ("the checks that were asked for", a.only != b.only),
        ("the list of submissions", a.submissions != b.submissions),
        ("the number of shards", a.shards != b.shards),
        ("the roster", a.roster != b.roster),
        ("the policy", a.policy != b.policy),
        ("the language", a.language != b.language),
        ("the class's name", a.name != b.name),
    ];
    let named: Vec<&str> = parts
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(what, _)| *what)
        .collect();
    if named.is_empty() {
        "their layout".to_owned()
    } else {
        named.join(", ")
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
