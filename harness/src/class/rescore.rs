//! New scores from what is stored: a rubric, late rules or a roster that changed, and not one run.
//!
//! Points, titles and visibility change no verdict: then the findings of the report are taken as they
//! are. Where a rule, a script or a world changed, the run's evidence is judged anew.

mod change;
mod judge;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use change::{Change, changes};
pub use judge::{Carry, quick};

use super::book::{Book, BookRules};
use super::folder::{digest_of, io_error};
use super::listing::folder_name;
use super::{Class, ClassError, ClassFolder, Entry, Key, Policy, Roster, entry};
use crate::grade;
use crate::report::{Report, from_json, json};
use crate::store::{Results, StoreError, write_whole};
use crate::task::Pack;

/// Rules to rescore by.
#[derive(Debug)]
pub struct Rules<'r> {
    /// Packs as they are now.
    pub packs: &'r [Pack],
    /// Bytes of the roster and of the policy, where they are to be replaced.
    pub roster: Option<(Vec<u8>, Roster)>,
    pub policy: Option<(Vec<u8>, Policy)>,
    /// Judge everything from evidence.
    pub full: bool,
    /// Results judged at the same time.
    pub jobs: usize,
}

/// What a rescoring comes to.
#[derive(Debug)]
pub struct Rescored {
    pub before: Book,
    pub after: Book,
    /// Every grade that changes, and why.
    pub changes: Vec<Change>,
    /// Results that were looked at, and those of them whose evidence was judged anew.
    pub results: usize,
    pub judged: usize,
}

/// Judges all results anew. With `apply` they are kept; else nothing changes.
///
/// # Errors
/// If results can't be read or written, or none of the packs is one of the class's.
pub fn rescore(
    folder: &ClassFolder,
    class: &mut Class,
    rules: &Rules<'_>,
    apply: bool,
) -> Result<Rescored, ClassError> {
    let names: Vec<&str> = class.tasks.iter().map(|t| t.task.as_str()).collect();
    let (roster, policy) = folder.rules(&names)?;
    let was = BookRules {
        roster: roster.as_ref(),
        policy: &policy,
        packs: &[],
    };
    let before = Book::with(folder, class, &was, &mut |_, report| report)?;
    let work = Work {
        folder,
        class,
        rules,
        carries: Mutex::default(),
        todo: todo(class, rules.packs),
        next: AtomicUsize::new(0),
        done: Mutex::default(),
    };
    let Done {
        reasons,
        results,
        judged,
        broken,
    } = work.all();
    if let Some(error) = broken {
        return Err(error);
    }
    let mut fresh = |submission: &str, report: Report| {
        let place = changed_place(folder, submission, &report.task);
        let text = fs::read_to_string(place).ok();
        text.and_then(|text| from_json(&text).ok())
            .unwrap_or(report)
    };
    let is = BookRules {
        roster: rules
            .roster
            .as_ref()
            .map(|(_, roster)| roster)
            .or(was.roster),
        policy: rules
            .policy
            .as_ref()
            .map_or(was.policy, |(_, policy)| policy),
        packs: rules.packs,
    };
    let after = Book::with(folder, class, &is, &mut fresh)?;
    let changes = changes(&before, &after, &reasons);
    if apply {
        for (submission, task) in reasons.keys() {
            let (from, to) = (
                changed_place(folder, submission, task),
                folder.graded(submission, task).join("report.json"),
            );
            fs::rename(&from, &to).map_err(io_error("written", &to))?;
            let (from, to) = (from.with_extension("entry"), to.with_file_name(entry::FILE));
            if from.exists() {
                fs::rename(&from, &to).map_err(io_error("written", &to))?;
            }
            // The page showed the old report; links lead to the report itself then.
            let _ = fs::remove_file(to.with_file_name("report.html"));
        }
        keep_rules(folder, class, rules)?;
    }
    folder.tidy();
    Ok(Rescored {
        before,
        after,
        changes,
        results,
        judged,
    })
}

fn keep_rules(
    folder: &ClassFolder,
    class: &mut Class,
    rules: &Rules<'_>,
) -> Result<(), ClassError> {
    for task in &mut class.tasks {
        if let Some(pack) = rules.packs.iter().find(|pack| pack.task.task == task.task) {
            task.pack.clone_from(&pack.digest);
            folder.keep_pack(pack)?;
        }
    }
    let roster = rules.roster.as_ref().map(|(bytes, _)| bytes.as_slice());
    let policy = rules.policy.as_ref().map(|(bytes, _)| bytes.as_slice());
    if let Some(bytes) = roster {
        class.roster = digest_of(bytes);
    }
    if let Some(bytes) = policy {
        class.policy = digest_of(bytes);
    }
    folder.describe(class, roster, policy)
}

fn todo<'t>(class: &Class, packs: &'t [Pack]) -> Vec<(String, &'t Pack)> {
    let ours = |pack: &&Pack| class.tasks.iter().any(|task| task.task == pack.task.task);
    let packs: Vec<&Pack> = packs.iter().filter(ours).collect();
    let of = |name: &'_ str| {
        packs
            .iter()
            .map(move |pack| (name.to_owned(), *pack))
            .collect::<Vec<_>>()
    };
    class.expected().flat_map(of).collect()
}

/// Where a report is that differs, until it takes its place.
fn changed_place(folder: &ClassFolder, submission: &str, task: &str) -> PathBuf {
    folder
        .work_top()
        .join("rescored")
        .join(folder_name(submission))
        .join(format!("{task}.json"))
}

/// By submission and task: what changed in the report.
pub(super) type Reasons = HashMap<(String, String), Vec<String>>;

/// What changed in one report, if anything did, and whether its evidence was judged.
type One = (Option<Vec<String>>, bool);

#[derive(Default)]
struct Done {
    reasons: Reasons,
    results: usize,
    judged: usize,
    broken: Option<ClassError>,
}

struct Work<'w> {
    folder: &'w ClassFolder,
    class: &'w Class,
    rules: &'w Rules<'w>,
    /// By task and the digest of the pack that reports were judged by.
    carries: Mutex<HashMap<(String, String), Arc<Carry>>>,
    todo: Vec<(String, &'w Pack)>,
    next: AtomicUsize,
    done: Mutex<Done>,
}

impl Work<'_> {
    fn all(self) -> Done {
        let worker = || {
            while let Some((submission, pack)) =
                self.todo.get(self.next.fetch_add(1, Ordering::SeqCst))
            {
                let result = self.one(submission, pack);
                let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                match result {
                    Ok(None) => {}
                    Ok(Some((reasons, judged))) => {
                        done.results += 1;
                        done.judged += usize::from(judged);
                        if let Some(reasons) = reasons {
                            let key = (submission.clone(), pack.task.task.clone());
                            done.reasons.insert(key, reasons);
                        }
                    }
                    Err(error) => {
                        done.broken.get_or_insert(error);
                    }
                }
                if done.broken.is_some() {
                    return;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.rules.jobs.max(1) {
                scope.spawn(worker);
            }
            worker();
        });
        self.done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// None: there is no result.
    fn one(&self, submission: &str, pack: &Pack) -> Result<Option<One>, ClassError> {
        let task = &pack.task.task;
        let place = self.folder.graded(submission, task);
        let path = place.join("report.json");
        let entry = match self.folder.entry(submission, task)? {
            Some(entry) if path.is_file() => entry,
            _ => return Ok(None),
        };
        let text = fs::read_to_string(&path).map_err(io_error("read", &path))?;
        let old = from_json(&text).ok();
        let quickly = old
            .as_ref()
            .filter(|_| !self.rules.full)
            .and_then(|report| self.quickly(&place, report, pack));
        let judged = quickly.is_none();
        let new = match quickly {
            Some(report) => report,
            None => {
                let (results, grading) = Results::open(&place)?;
                grade::rescore(&results, &grading, pack)
            }
        };
        if old.as_ref() == Some(&new) {
            return Ok(Some((None, judged)));
        }
        let to = changed_place(self.folder, submission, task);
        let text = json(&new).map_err(|error| io_error("written", &to)(error.into()))?;
        self.write(&to, text.as_bytes())?;
        let was = old.as_ref().and_then(|report| report.pack.as_ref());
        if !judged && was == Some(&entry.key.pack) {
            // No run would differ under the new pack: it is as if it had been graded by it.
            let key = Key {
                pack: pack.digest.clone(),
                ..entry.key.clone()
            };
            let text = serde_json::to_vec_pretty(&Entry { key, ..entry }).unwrap_or_default();
            self.write(&to.with_extension("entry"), &text)?;
        }
        Ok(Some((Some(change::reasons(old.as_ref(), &new)), judged)))
    }

    /// Many small files, and none of them counts until all are there: no need to wait for the disk at each.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ClassError> {
        let above = path.parent().unwrap_or(path);
        fs::create_dir_all(above).map_err(io_error("made", above))?;
        if fs::write(path, bytes).is_ok() {
            return Ok(());
        }
        // The careful way tells what is wrong.
        Ok::<(), StoreError>(write_whole(path, bytes)?).map_err(ClassError::from)
    }

    fn quickly(&self, place: &Path, report: &Report, pack: &Pack) -> Option<Report> {
        let digest = report.pack.as_ref()?;
        if *digest == pack.digest && report.gradus == env!("CARGO_PKG_VERSION") {
            return Some(report.clone());
        }
        let key = (pack.task.task.clone(), digest.clone());
        let mut carries = self.carries.lock().unwrap_or_else(PoisonError::into_inner);
        let carry = carries.entry(key).or_insert_with(|| {
            let places = [self.folder.pack_place(digest), place.join("pack")];
            Arc::new(Carry::find(digest, &places, pack, &self.class.only))
        });
        let carry = Arc::clone(carry);
        drop(carries);
        quick(report, &carry, &self.class.language)
    }
}

#[cfg(test)]
#[path = "rescore/tests.rs"]
mod tests;
