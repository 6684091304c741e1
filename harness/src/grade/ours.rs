//! The real runner: an arena for each run, on this host.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Ground, Keep, Ours, Runner};
use crate::arena::Config;
use crate::arena::cgroup::{Bounds, Group};
use crate::arena::handle::{self, Cancel, Fault, Job};
use crate::arena::toolchain::{Toolchains, Wish};
use crate::arena::traces;
use crate::arena::user::{self, User};
use crate::evidence::Tier;
use crate::plan::Plan;
use crate::submission::{self, CopyError, Found, Rules, Scratch};
use crate::world::origin;

/// Size of the memory file systems of an arena, MiB.
const TMP_MIB: u64 = 256;
/// A build's temporary files may be larger.
const BUILD_TMP_MIB: u64 = 2048;

/// Why no arena can be made ready.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The submission can be blamed.
    #[error(transparent)]
    Submission(CopyError),
    #[error(
        "the submission can't be copied: {0}\n   help: make room, or set TMPDIR to another folder"
    )]
    Copy(CopyError),
    #[error("no temporary folder can be made: {0}\n   help: set TMPDIR to a writable folder")]
    Scratch(#[source] io::Error),
    #[error("the gradus binary can't be found again: {0}")]
    Exe(#[source] io::Error),
}

/// How arenas are to be.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Further folders that the submission may read.
    pub expose: Vec<PathBuf>,
    /// Folders that no submission may see: results, task packs.
    pub hidden: Vec<PathBuf>,
    /// Leave the working folders of all runs.
    pub keep: bool,
}

/// Starts an arena for each run. Its folders are removed when it is dropped, unless they are to be kept.
#[derive(Debug)]
pub struct Arenas {
    exe: PathBuf,
    ground: Ground,
    cancel: Arc<Cancel>,
    wishes: Wishes,
    /// Port that the submission serves, where it differs from the exercise's.
    port: Option<u16>,
    /// A program named by its path on the host.
    program: Option<String>,
    found: Option<Found>,
    scratch: Option<Scratch>,
    top: PathBuf,
    /// What every run's folder is copied from: taken once, so that nobody's editing gets in between.
    template: Mutex<PathBuf>,
    notes: Vec<String>,
    /// Of what all runs start from, before any build.
    digest: String,
}

impl Arenas {
    /// Takes the copy of the submission that all runs start from.
    ///
    /// # Errors
    /// If it can't be copied, or there is no place for copies.
    pub fn new(
        ground: &Ground,
        ours: &Ours,
        wishes: Wishes,
        cancel: Arc<Cancel>,
    ) -> Result<Arenas, PrepareError> {
        submission::sweep();
        traces::sweep();
        let scratch = Scratch::new().map_err(PrepareError::Scratch)?;
        let top = scratch.path().to_owned();
        let template = top.join("submission");
        let rules = Rules {
            hidden: wishes.hidden.clone(),
            ..Rules::default()
        };
        let copied =
            submission::stage(ours.folder.as_deref(), &template, None, &rules).map_err(blame)?;
        if let Some(file) = &ours.file {
            let name = file.file_name().unwrap_or_default();
            let read = |source| {
                PrepareError::Submission(CopyError::Read {
                    path: file.clone(),
                    source,
                })
            };
            fs::copy(file, template.join(name)).map_err(read)?;
        }
        let digest = submission::digest(&template, &Rules::default()).map_err(blame)?;
        Ok(Arenas {
            exe: std::env::current_exe().map_err(PrepareError::Exe)?,
            ground: ground.clone(),
            cancel,
            wishes,
            port: ours.submission.port,
            program: ours
                .named
                .then(|| ours.submission.run.first().cloned())
                .flatten(),
            found: ours.found.clone(),
            scratch: Some(scratch),
            top,
            template: Mutex::new(template),
            notes: copied.notes,
            digest,
        })
    }

    /// What of the submission was left out of its copy, and why.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Digest of the submission as it is graded.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Where the working folders are, if they are kept.
    pub fn kept(&self) -> Option<&Path> {
        self.wishes.keep.then_some(self.top.as_path())
    }

    fn template(&self) -> MutexGuard<'_, PathBuf> {
        self.template.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run in a fresh copy of the submission, in folders of its own below `dir`.
    fn arena(
        &self,
        dir: &Path,
        plan: &Plan,
        command: &[String],
        tmp_mib: u64,
        keep: &mut Keep<'_>,
    ) -> Result<(), Fault> {
        let user = user::for_next_run();
        let (work, input) = (dir.join("work"), dir.join("in"));
        let template = self.template().clone();
        let copied = submission::stage(Some(&template), &work, user, &Rules::default());
        copied.map_err(|error| Fault::Start(io::Error::other(error)))?;
        input_folder(&input, user).map_err(Fault::Start)?;
        let group = self.group(plan).map_err(Fault::Start)?;
        let job = Job {
            plan: plan.clone(),
            run: command.to_vec(),
            port: self.port,
            facilities: self.limits(),
            config: Config {
                tier: self.ground.tier,
                dir: dir.to_owned(),
                work,
                input: Some(input),
                user,
                hosts: names(plan),
                toolchains: Toolchains::find(&Wish {
                    env: &|name| std::env::var(name).ok(),
                    command: self
                        .program
                        .as_deref()
                        .or(command.first().map(String::as_str)),
                    expose: &self.wishes.expose,
                    hidden: &self.wishes.hidden,
                }),
                tmp_mib,
                groups: group
                    .as_ref()
                    .map(|group| group.folders().to_vec())
                    .unwrap_or_default(),
                env: BTreeMap::new(),
            },
        };
        let done = handle::run(&self.exe, &job, &self.cancel, keep);
        if let Some(user) = user.filter(|_| self.ground.tier < Tier::Full) {
            traces::clear(user);
        }
        done
    }

    fn group(&self, plan: &Plan) -> io::Result<Option<Group>> {
        let bounds = Bounds {
            memory_mib: plan.limits.memory_mib,
            processes: plan.limits.processes,
        };
        self.ground
            .groups
            .as_ref()
            .map(|place| place.make(&bounds))
            .transpose()
    }

    fn limits(&self) -> BTreeMap<String, String> {
        let Some(place) = &self.ground.groups else {
            return BTreeMap::new();
        };
        let facts = [
            ("memory_limit", place.memory()),
            ("process_limit", place.processes()),
        ];
        facts
            .into_iter()
            .filter_map(|(name, how)| Some((name.to_owned(), how?.to_owned())))
            .collect()
    }
}

impl Drop for Arenas {
    fn drop(&mut self) {
        if self.wishes.keep {
            self.scratch.take().map(Scratch::keep);
        }
    }
}

impl Runner for Arenas {
    fn build(&self, plan: &Plan, command: &[String], keep: &mut Keep<'_>) -> Result<(), Fault> {
        self.arena(&self.top.join("build"), plan, command, BUILD_TMP_MIB, keep)
    }

    fn settle(&self, run: &[String]) -> Result<Vec<String>, String> {
        let built = self.top.join("build/work");
        let mut run = run.to_vec();
        if let Some(found) = &self.found {
            let mut found = found.clone();
            found.settle(&built).map_err(|error| error.to_string())?;
            run = found.run;
        }
        // Whatever the build has left behind besides (odd modes, huge files) must not fail a run later.
        let template = self.top.join("built");
        submission::stage(Some(&built), &template, None, &Rules::default())
            .map_err(|error| error.to_string())?;
        *self.template() = template;
        if !self.wishes.keep {
            // Swept with the rest if it can't be removed now.
            let _ = submission::remove(&self.top.join("build"));
        }
        Ok(run)
    }

    fn run(
        &self,
        name: &str,
        plan: &Plan,
        command: &[String],
        keep: &mut Keep<'_>,
    ) -> Result<(), Fault> {
        // The path can be seen by the submission in places; the scenario's name is not for it.
        let folder = match self.wishes.keep {
            true => name.to_owned(),
            false => format!(
                "{:016x}",
                std::hash::RandomState::new().build_hasher().finish()
            ),
        };
        let dir = self.top.join("runs").join(folder);
        let done = self.arena(&dir, plan, command, TMP_MIB, keep);
        if !self.wishes.keep {
            // The whole scratch folder goes at the end: what can't be removed now is no fault of the run.
            let _ = submission::remove(&dir);
        }
        done
    }
}

fn blame(error: CopyError) -> PrepareError {
    if error.is_submission() {
        PrepareError::Submission(error)
    } else {
        PrepareError::Copy(error)
    }
}

/// The arena is that user when it writes there.
fn input_folder(input: &Path, user: Option<User>) -> io::Result<()> {
    fs::create_dir_all(input)?;
    fs::set_permissions(input, fs::Permissions::from_mode(0o755))?;
    user.map_or(Ok(()), |user| chown(input, Some(user.id), Some(user.id)))
}

/// The origin's host names, as the arena resolves them.
fn names(plan: &Plan) -> Vec<(String, std::net::IpAddr)> {
    let hosts = plan.world.hosts();
    (0..hosts)
        .map(|host| (origin::host_name(host), origin::host_addr(host).into()))
        .collect()
}
