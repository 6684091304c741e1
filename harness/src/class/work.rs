//! The grading of a class: what there is to do, several gradings side by side, another try where
//! something could not be decided.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::entry::{self, Entry, Key, Status, replaces, worth_a_retry};
use super::listing::Listed;
use super::{Class, ClassError, ClassFolder};
use crate::report::{Report, from_json};
use crate::store::StoreError;
use crate::task::Pack;

/// One grading that is to be.
#[derive(Debug, Clone)]
pub struct Item<'c> {
    pub submission: &'c Listed,
    pub pack: &'c Arc<Pack>,
    pub seed: u64,
    pub key: Key,
    /// Gradings of the same so far.
    attempts: u32,
}

/// What came of one.
#[derive(Debug)]
pub enum Made {
    /// There is a whole result in its folder.
    Report(Box<Report>),
    /// The submission has nothing for this task.
    Missing,
    /// It was interrupted: there is no result.
    Stopped,
    /// Results can't be kept.
    Broken(StoreError),
}

/// Grades. The real one is [`super::ClassGrader`].
pub trait Marker: Sync {
    /// Digest of the submission as it lies there.
    ///
    /// # Errors
    /// In words. Then it is graded, and that will tell.
    fn digest(&self, submission: &Listed) -> Result<String, String>;

    /// Grades into a folder that isn't there yet.
    fn mark(&self, item: &Item<'_>, into: &Path) -> Made;

    /// The user wants it to end: nothing more is begun.
    fn stopped(&self) -> bool {
        false
    }
}

/// How a class is to be graded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Gradings at the same time, at least 1.
    pub jobs: usize,
    /// Further tries where something could not be decided.
    pub retries: u32,
    /// Grade also what is graded already.
    pub again: bool,
}

/// What happens, for whoever watches.
#[derive(Debug)]
pub enum News<'n> {
    /// `kept` of `total` need no grading.
    Planned { total: usize, kept: usize },
    Done {
        done: usize,
        total: usize,
        submission: &'n str,
        task: &'n str,
        /// None: nothing was handed in for the task.
        report: Option<(&'n Report, Status)>,
        /// Guessed from what was graded so far.
        left: Duration,
    },
    /// So many could not be decided and are tried again.
    Again { count: usize },
}

/// What came of it all.
#[derive(Debug, Default)]
pub struct Summary {
    pub total: usize,
    pub kept: usize,
    /// Graded now.
    pub graded: usize,
    /// Ended before all was done.
    pub stopped: bool,
    pub broken: Option<ClassError>,
}

/// Grades everything of `submissions` for all `packs` that isn't graded yet. Blocks until it is over.
pub fn grade(
    folder: &ClassFolder,
    class: &Class,
    submissions: &[Listed],
    packs: &[Arc<Pack>],
    options: Options,
    marker: &dyn Marker,
    watch: &(dyn Fn(News<'_>) + Sync),
) -> Summary {
    let work = Work {
        folder,
        marker,
        watch,
        state: Mutex::default(),
        begun: Instant::now(),
    };
    let mut summary = Summary::default();
    let mut todo = Vec::new();
    for submission in submissions {
        if marker.stopped() {
            summary.stopped = true;
            return summary;
        }
        let digest = marker.digest(submission).unwrap_or_default();
        for pack in packs {
            summary.total += 1;
            let mut item = Item {
                submission,
                pack,
                seed: class.seed_of(&submission.name),
                key: Key {
                    submission: digest.clone(),
                    pack: pack.digest.clone(),
                    gradus: env!("CARGO_PKG_VERSION").to_owned(),
                    seed: class.seed_of(&submission.name),
                    only: class.only.clone(),
                },
                attempts: 0,
            };
            match work.known(&mut item) {
                Ok(true) if !options.again => summary.kept += 1,
                Ok(_) => todo.push(item),
                Err(error) => {
                    summary.broken = Some(error);
                    return summary;
                }
            }
        }
    }
    work.state().total = todo.len();
    watch(News::Planned {
        total: summary.total,
        kept: summary.kept,
    });
    // What measures speed is graded with nothing beside it.
    let (alone, shared): (Vec<_>, Vec<_>) = todo.into_iter().partition(|i| i.pack.task.alone);
    work.all(shared, options.jobs);
    work.all(alone, 1);
    for _ in 0..options.retries {
        let again = std::mem::take(&mut work.state().unsure);
        if again.is_empty() || work.over() {
            break;
        }
        watch(News::Again { count: again.len() });
        work.state().total += again.len();
        // One by one: a machine with less to do decides more.
        work.all(again, 1);
    }
    let mut state = work.state();
    summary.graded = state.graded;
    summary.broken = state.broken.take();
    summary.stopped = state.stopped || marker.stopped();
    drop(state);
    folder.tidy();
    summary
}

struct Work<'w, 'c> {
    folder: &'w ClassFolder,
    marker: &'w dyn Marker,
    watch: &'w (dyn Fn(News<'_>) + Sync),
    state: Mutex<State<'c>>,
    begun: Instant,
}

#[derive(Default)]
struct State<'c> {
    done: usize,
    graded: usize,
    total: usize,
    unsure: Vec<Item<'c>>,
    stopped: bool,
    /// The first failure to keep results: nothing more is begun then.
    broken: Option<ClassError>,
}

impl<'c> Work<'_, 'c> {
    /// Whether there is a result of this very thing that is worth nothing better.
    fn known(&self, item: &mut Item<'_>) -> Result<bool, ClassError> {
        let task = &item.pack.task.task;
        let Some(entry) = self.folder.entry(&item.submission.name, task)? else {
            return Ok(false);
        };
        // A digest that couldn't be taken is none.
        if entry.key != item.key || item.key.submission.is_empty() {
            return Ok(false);
        }
        item.attempts = entry.attempts;
        if entry.status.is_final() {
            return Ok(true);
        }
        let report = self.report(&item.submission.name, task);
        Ok(report.is_some_and(|report| !worth_a_retry(&report)))
    }

    fn report(&self, submission: &str, task: &str) -> Option<Report> {
        let path = self.folder.graded(submission, task).join("report.json");
        from_json(&std::fs::read_to_string(path).ok()?).ok()
    }

    fn all(&self, items: Vec<Item<'c>>, jobs: usize) {
        let next = AtomicUsize::new(0);
        let worker = || {
            while let Some(item) = items.get(next.fetch_add(1, Ordering::SeqCst)) {
                if self.over() {
                    return;
                }
                if let Err(error) = self.one(item) {
                    self.state().broken.get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..jobs.clamp(1, items.len().max(1)) {
                scope.spawn(worker);
            }
            worker();
        });
    }

    fn over(&self) -> bool {
        let state = self.state();
        state.stopped || state.broken.is_some() || self.marker.stopped()
    }

    fn one(&self, item: &Item<'c>) -> Result<(), ClassError> {
        let (name, task) = (&item.submission.name, &item.pack.task.task);
        let begun = Instant::now();
        let into = self.folder.work(name, task)?;
        match self.marker.mark(item, &into) {
            Made::Report(report) => {
                let status = Status::of(&report);
                self.keep(&into, entry(item, status, begun), &report)?;
                if worth_a_retry(&report) {
                    let attempts = item.attempts + 1;
                    self.state().unsure.push(Item {
                        attempts,
                        ..item.clone()
                    });
                }
                self.done(name, task, Some((&report, status)));
            }
            Made::Missing => {
                // Kept as well: it is known that there is nothing, and earlier results don't count.
                std::fs::create_dir_all(&into).map_err(super::folder::io_error("made", &into))?;
                self.folder
                    .publish(&into, &entry(item, Status::Missing, begun))?;
                self.done(name, task, None);
            }
            Made::Stopped => self.state().stopped = true,
            Made::Broken(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// A result never takes the place of a better one of the same.
    fn keep(&self, into: &Path, entry: Entry, report: &Report) -> Result<(), ClassError> {
        let known = self.folder.entry(&entry.submission, &entry.task)?;
        if let Some(known) = known.filter(|known| known.key == entry.key) {
            let old = self.report(&entry.submission, &entry.task);
            let undecided = old.map_or(f64::INFINITY, |report| report.undecided);
            if !replaces((entry.status, report), (known.status, undecided)) {
                let attempts = entry.attempts;
                let place = self.folder.graded(&entry.submission, &entry.task);
                return super::folder::write_entry(&place, &Entry { attempts, ..known });
            }
        }
        self.folder.publish(into, &entry)
    }

    fn done(&self, submission: &str, task: &str, report: Option<(&Report, Status)>) {
        let mut state = self.state();
        state.done += 1;
        state.graded += 1;
        let (done, total) = (state.done, state.total);
        drop(state);
        let each = self.begun.elapsed().as_secs_f64() / done as f64;
        let left = Duration::from_secs_f64(each * total.saturating_sub(done) as f64);
        (self.watch)(News::Done {
            done,
            total,
            submission,
            task,
            report,
            left,
        });
    }

    // A panic of another worker has its own end; what it left here is still whole.
    fn state(&self) -> MutexGuard<'_, State<'c>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(item: &Item<'_>, status: Status, begun: Instant) -> Entry {
    Entry {
        gradus_entry: entry::FORMAT,
        submission: item.submission.name.clone(),
        task: item.pack.task.task.clone(),
        key: item.key.clone(),
        status,
        attempts: item.attempts + 1,
        seconds: (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
    }
}

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;
