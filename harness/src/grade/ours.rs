//! The real runner: an arena for each run, on this host.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Keep, Runner, Submission};
use crate::arena::handle::{self, Cancel, Fault, Job};
use crate::arena::toolchain::{Toolchains, Wish};
use crate::arena::{Config, user};
use crate::evidence::Tier;
use crate::plan::Plan;
use crate::world::origin;

/// Size of the memory file systems of an arena, MiB.
const TMP_MIB: u64 = 256;
/// A build's temporary files may be larger.
const BUILD_TMP_MIB: u64 = 2048;

/// What this host gives to gradings.
#[derive(Debug, Clone)]
pub struct Ground {
    pub tier: Tier,
    /// For the report.
    pub facts: BTreeMap<String, String>,
}

/// Why this host can't grade as it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error(
        "this host gives tier {best}, but {wanted} was asked for\n   help: `gradus doctor` says why, and how to get more"
    )]
    TooWeak {
        best: &'static str,
        wanted: &'static str,
    },
    #[error("no temporary folder can be made: {0}\n   help: set TMPDIR to a writable folder")]
    Scratch(#[source] io::Error),
    #[error("the gradus binary can't be found again: {0}")]
    Exe(#[source] io::Error),
}

/// Where a submission comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Folder(PathBuf),
    /// Named outright; it starts in a copy of the folder, or in an empty one.
    Command {
        command: Vec<String>,
        folder: Option<PathBuf>,
    },
}

impl Source {
    /// A name for people and for folders.
    pub fn name(&self) -> String {
        match self {
            Source::Folder(folder) => {
                let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
                real.file_name().map_or_else(
                    || "submission".to_owned(),
                    |name| name.to_string_lossy().into_owned(),
                )
            }
            Source::Command { command, .. } => {
                // `python3 main.py` is better known as `main.py`.
                let named = command
                    .iter()
                    .skip(1)
                    .find(|word| !word.starts_with('-') && Path::new(word).is_file());
                let word = named.or(command.first()).map_or("command", String::as_str);
                Path::new(word).file_name().map_or_else(
                    || word.to_owned(),
                    |name| name.to_string_lossy().into_owned(),
                )
            }
        }
    }

    fn folder(&self) -> Option<&Path> {
        match self {
            Source::Folder(folder) => Some(folder),
            Source::Command { folder, .. } => folder.as_deref(),
        }
    }

    /// Finds out how it is built and started.
    ///
    /// # Errors
    /// If there is no such folder, or nothing in it that could be started.
    pub fn find(&self) -> Result<Submission, submission::FindError> {
        let name = self.name();
        match self {
            Source::Folder(folder) => {
                let found = submission::find(folder)?;
                Ok(Submission {
                    name,
                    build: found.build,
                    run: found.run,
                    port: found.port,
                })
            }
            Source::Command { command, folder } => {
                if let Some(folder) = folder {
                    submission::look(folder)?;
                }
                Ok(Submission {
                    name,
                    build: None,
                    run: command.clone(),
                    port: None,
                })
            }
        }
    }
}

impl Ground {
    /// Chooses the tier: the one asked for, else the strongest there is.
    ///
    /// # Errors
    /// If the host gives less than is asked for or required.
    pub fn find(asked: Option<Tier>, required: Option<Tier>) -> Result<Ground, HostError> {
        let host = probe();
        let best = host.0;
        let tier = asked.unwrap_or(best);
        for wanted in [asked, required].into_iter().flatten() {
            if best < wanted || tier < wanted {
                return Err(HostError::TooWeak {
                    best: word(best.min(tier)),
                    wanted: word(wanted),
                });
            }
        }
        Ok(Ground {
            tier,
            facts: host.1,
        })
    }
}

fn word(tier: Tier) -> &'static str {
    match tier {
        Tier::Portable => "portable",
        Tier::Reduced => "reduced",
        Tier::Full => "full",
    }
}

fn probe() -> (Tier, BTreeMap<String, String>) {
    (Tier::Full, BTreeMap::new())
}

/// Starts an arena for each run. Its folders are removed when it is dropped, unless they are to be kept.
#[derive(Debug)]
pub struct Arenas {
    exe: PathBuf,
    tier: Tier,
    cancel: Arc<Cancel>,
    /// Port that the submission serves, where it differs from the exercise's.
    port: Option<u16>,
    /// What the submission is copied from.
    from: Option<PathBuf>,
    /// Program named by its path on the host.
    program: Option<String>,
    expose: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    scratch: tempfile::TempDir,
    /// Where the build left its outcome.
    built: Mutex<Option<PathBuf>>,
    keep: bool,
    kept: Mutex<Vec<PathBuf>>,
}

impl Arenas {
    /// # Errors
    /// If there is no place for temporary folders.
    pub fn new(
        ground: &Ground,
        source: &Source,
        port: Option<u16>,
        expose: &[PathBuf],
        results: &Path,
        cancel: Arc<Cancel>,
        keep: bool,
    ) -> Result<Arenas, HostError> {
        let scratch = tempfile::Builder::new()
            .prefix("gradus-")
            .tempdir()
            .map_err(HostError::Scratch)?;
        Ok(Arenas {
            exe: std::env::current_exe().map_err(HostError::Exe)?,
            tier: ground.tier,
            cancel,
            port,
            from: source.folder().map(Path::to_owned),
            program: match source {
                Source::Command { command, .. } => command.first().cloned(),
                Source::Folder(_) => None,
            },
            expose: expose.to_vec(),
            hidden: vec![results.to_owned()],
            scratch,
            built: Mutex::default(),
            keep,
            kept: Mutex::default(),
        })
    }

    /// Working folders that are kept.
    pub fn kept(&self) -> Vec<PathBuf> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn built(&self) -> std::sync::MutexGuard<'_, Option<PathBuf>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh copy of the submission, and an arena around it.
    fn arena(
        &self,
        name: &str,
        plan: &Plan,
        command: &[String],
        keep: &mut Keep<'_>,
    ) -> Result<PathBuf, Fault> {
        let dir = self.scratch.path().join(name);
        let user = user::for_next_run();
        let (work, input) = (dir.join("work"), dir.join("in"));
        let from = self.built().clone().or_else(|| self.from.clone());
        submission::stage(from.as_deref(), &work, user).map_err(Fault::Start)?;
        std::fs::create_dir_all(&input).map_err(Fault::Start)?;
        if let Some(user) = user {
            // The arena is that user when it writes there.
            std::os::unix::fs::chown(&input, Some(user.id), Some(user.id)).map_err(Fault::Start)?;
        }
        let build = !plan.world.has_pages() && plan.scenario == "build";
        let job = Job {
            plan: plan.clone(),
            run: command.to_vec(),
            port: self.port,
            config: Config {
                tier: self.tier,
                dir,
                work: work.clone(),
                input: Some(input),
                user,
                hosts: names(plan),
                toolchains: Toolchains::find(&Wish {
                    env: &|name| std::env::var(name).ok(),
                    command: self
                        .program
                        .as_deref()
                        .or(command.first().map(String::as_str)),
                    expose: &self.expose,
                    hidden: &self.hidden,
                }),
                tmp_mib: if build { BUILD_TMP_MIB } else { TMP_MIB },
                groups: Vec::new(),
                env: BTreeMap::new(),
            },
        };
        handle::run(&self.exe, &job, &self.cancel, keep)?;
        Ok(work)
    }
}

impl Runner for Arenas {
    fn build(&self, plan: &Plan, command: &[String], keep: &mut Keep<'_>) -> Result<(), Fault> {
        let work = self.arena("build", plan, command, keep)?;
        *self.built() = Some(work);
        Ok(())
    }

    fn run(
        &self,
        name: &str,
        plan: &Plan,
        command: &[String],
        keep: &mut Keep<'_>,
    ) -> Result<(), Fault> {
        let done = self.arena(name, plan, command, keep);
        let dir = self.scratch.path().join(name);
        if self.keep {
            self.kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(dir.join("work"));
        } else {
            // The whole scratch folder goes at the end: what can't be removed now is no fault of the run.
            let _ = std::fs::remove_dir_all(&dir);
        }
        done.map(|_| ())
    }
}

/// The origin's host names, as the arena resolves them.
fn names(plan: &Plan) -> Vec<(String, std::net::IpAddr)> {
    let hosts = plan.world.hosts();
    (0..hosts)
        .map(|host| (origin::host_name(host), origin::host_addr(host).into()))
        .collect()
}

/// STUB until the real one is merged.
mod submission {
    use super::*;
    pub type FindError = io::Error;
    #[derive(serde::Deserialize)]
    pub struct Found {
        pub build: Option<Vec<String>>,
        pub run: Vec<String>,
        pub port: Option<u16>,
    }
    pub fn find(folder: &Path) -> Result<Found, FindError> {
        let text = std::fs::read_to_string(folder.join("submission.yaml"))?;
        serde_yaml::from_str(&text).map_err(|e| io::Error::other(e.to_string()))
    }
    pub fn look(folder: &Path) -> Result<(), FindError> {
        std::fs::read_dir(folder).map(|_| ())
    }
    pub fn stage(from: Option<&Path>, to: &Path, user: Option<user::User>) -> io::Result<()> {
        std::fs::create_dir_all(to)?;
        if let Some(from) = from {
            std::process::Command::new("cp")
                .arg("-a")
                .arg(from.join("."))
                .arg(to)
                .status()?;
        }
        if let Some(user) = user {
            std::process::Command::new("chown")
                .arg("-R")
                .arg(format!("{0}:{0}", user.id))
                .arg(to)
                .status()?;
        }
        Ok(())
    }
}
