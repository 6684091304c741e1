//! Grades one submission of a class as `gradus grade` does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fit;
use super::listing::Listed;
use super::work::{Item, Made, Marker};
use crate::arena::handle::Cancel;
use crate::grade::{self, Arenas, Ground, Order, PrepareError, Source, Submission, Wishes};
use crate::report::{Build, Report};
use crate::submission::archive::{self, ArchiveError, Bounds};
use crate::submission::{CopyError, Rules, Scratch, digest, digest_file};
use crate::task::Pack;

/// Arenas for a class.
#[derive(Debug)]
pub struct ClassGrader {
    pub ground: Ground,
    pub cancel: Arc<Cancel>,
    /// Further folders that submissions may read.
    pub expose: Vec<PathBuf>,
    /// Folders that no submission may see.
    pub hidden: Vec<PathBuf>,
    pub only: Vec<String>,
    pub language: String,
    /// All tasks of the class: submissions may have a folder for each.
    pub tasks: Vec<String>,
    /// Called with each finished result while nobody sees it yet.
    pub finish: Option<fn(&Path, &Report)>,
}

/// Why a submission isn't graded: it is at fault, or the host is.
enum Refusal {
    Submission(String),
    Host(String),
}

impl Marker for ClassGrader {
    fn digest(&self, submission: &Listed) -> Result<String, String> {
        if submission.packed {
            return digest_file(&submission.path).map_err(|error| error.to_string());
        }
        digest(&submission.path, &self.rules()).map_err(|error| error.to_string())
    }

    fn mark(&self, item: &Item<'_>, into: &Path) -> Made {
        let made = self.made(item, into);
        if let (Some(finish), Made::Report(report)) = (self.finish, &made) {
            finish(into, report);
        }
        made
    }

    fn stopped(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

impl ClassGrader {
    fn made(&self, item: &Item<'_>, into: &Path) -> Made {
        let mut order = self.order(item, into);
        match self.prepare(item, &mut order) {
            Ok(None) => Made::Missing,
            Ok(Some((arenas, _scratch))) => {
                let graded = grade::grade(&order, &arenas, &());
                match graded.store {
                    _ if graded.interrupted => Made::Stopped,
                    Some(error) => Made::Broken(error),
                    None => Made::Report(Box::new(graded.report)),
                }
            }
            Err(refusal) => {
                let (build, fault) = match refusal {
                    Refusal::Submission(output) => {
                        let command = Vec::new();
                        (
                            Some(Build {
                                command,
                                ok: false,
                                output,
                            }),
                            None,
                        )
                    }
                    Refusal::Host(why) => (None, Some(why)),
                };
                match grade::keep_not_begun(&order, build, fault) {
                    Ok(report) => Made::Report(Box::new(report)),
                    Err(error) => Made::Broken(error),
                }
            }
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            hidden: self.hidden.clone(),
            ..Rules::default()
        }
    }

    fn order(&self, item: &Item<'_>, into: &Path) -> Order {
        Order {
            pack: Pack::clone(item.pack),
            submission: Submission {
                name: item.submission.name.clone(),
                build: None,
                run: Vec::new(),
                port: None,
            },
            seed: item.seed,
            only: self.only.clone(),
            tier: self.ground.tier,
            host: self.ground.facts.clone(),
            jobs: 1,
            results: into.to_owned(),
            language: self.language.clone(),
        }
    }

    /// None: there is no submission for this task.
    fn prepare(
        &self,
        item: &Item<'_>,
        order: &mut Order,
    ) -> Result<Option<(Arenas, Option<Scratch>)>, Refusal> {
        let (folder, scratch) = self.folder(item.submission)?;
        let task = &item.pack.task.task;
        let Some(folder) = fit::part(&folder, task, &self.tasks) else {
            return Ok(None);
        };
        let ours = Source::Folder(folder).find(task).map_err(|error| {
            if error.is_submission() {
                Refusal::Submission(error.to_string())
            } else {
                Refusal::Host(error.to_string())
            }
        })?;
        // The class's name for it, which its roster knows.
        let name = order.submission.name.clone();
        order.submission = Submission {
            name,
            ..ours.submission.clone()
        };
        let wishes = Wishes {
            expose: self.expose.clone(),
            hidden: self.hidden.clone(),
            keep: false,
        };
        let arenas = Arenas::new(&self.ground, &ours, wishes, self.cancel.clone());
        let arenas = arenas.map_err(|error| match error {
            PrepareError::Submission(error) => of_copy(&error),
            error => Refusal::Host(error.to_string()),
        })?;
        Ok(Some((arenas, scratch)))
    }

    fn folder(&self, submission: &Listed) -> Result<(PathBuf, Option<Scratch>), Refusal> {
        if !submission.packed {
            return Ok((submission.path.clone(), None));
        }
        let scratch = Scratch::new()
            .map_err(|error| Refusal::Host(format!("no temporary folder can be made: {error}")))?;
        let to = scratch.path().join("unpacked");
        archive::unpack(&submission.path, &to, &Bounds::default()).map_err(
            |error| match error {
                error @ ArchiveError::Refused { .. } => Refusal::Submission(error.to_string()),
                error => Refusal::Host(error.to_string()),
            },
        )?;
        let is_task = |name: &str| self.tasks.iter().any(|task| fit::names(task, name));
        Ok((archive::inner(&to, &is_task), Some(scratch)))
    }
}

fn of_copy(error: &CopyError) -> Refusal {
    match error {
        // A folder that can't be read by the teacher is no fault of the student's program.
        CopyError::Read { .. } => Refusal::Host(error.to_string()),
        error => Refusal::Submission(error.to_string()),
    }
}
