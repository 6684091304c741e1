//! The result folder of a class.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::{self, Entry};
use super::listing::folder_name;
use super::{Policy, Roster, Shard};
use crate::store::{StoreError, write_whole};
use crate::submission;
use crate::task::{Pack, TaskError};

/// Name of the mark.
pub const CLASS: &str = "class.json";
/// Version of the layout.
pub const FORMAT: u32 = 1;
const ROSTER: &str = "roster.csv";
const POLICY: &str = "policy.yaml";
const GRADED: &str = "graded";
const WORK: &str = "work";
const PACKS: &str = "packs";
/// A class of 10,000 has a megabyte.
const MAX_BYTES: u64 = 64 << 20;

/// The contents of `class.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Version of the layout. The key marks the folder as one of ours.
    pub gradus_class: u32,
    pub gradus: String,
    /// Name of the class: its folder's.
    pub name: String,
    pub tasks: Vec<ClassTask>,
    pub seed: u64,
    pub seeds: SeedPolicy,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Language of the reports' sentences.
    pub language: String,
    /// Names of all submissions of the class, those of other shards too, sorted.
    pub submissions: Vec<String>,
    /// Digests of roster and policy as they were given; empty where there was none.
    #[serde(default)]
    pub roster: String,
    #[serde(default)]
    pub policy: String,
    /// In how many shards the class is graded.
    pub shards: u32,
    /// Those whose results are in this folder.
    pub present: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassTask {
    pub task: String,
    /// Digest of the pack.
    pub pack: String,
}

/// Which world each submission meets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedPolicy {
    /// All the same: as fair as can be.
    #[default]
    Same,
    /// One of its own each, which follows from the class's seed and the submission's name.
    Each,
}

/// Why a class folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} holds no results of a class\n   help: name the folder that `gradus class` wrote (it has a {CLASS})", .0.display())]
    NoClass(PathBuf),
    #[error("{} has files in it that aren't results of a class; nothing was touched\n   help: name an empty or a new folder with --results", .0.display())]
    NotOurs(PathBuf),
    #[error("{}: of format {found}, but this gradus reads format {FORMAT}\n   help: use the gradus that wrote it", .path.display())]
    Format { path: PathBuf, found: u32 },
    #[error("{} is damaged: {why}\n   help: grade again into a new folder", .path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("another gradus is writing to {}\n   help: wait for it, or name another folder with --results", .0.display())]
    Busy(PathBuf),
    #[error(transparent)]
    Roster(#[from] super::roster::RosterError),
    #[error(transparent)]
    Policy(#[from] TaskError),
}

impl Class {
    /// What must be equal for results to stand in one gradebook, in one number.
    pub fn plan(&self) -> String {
        let same = Class {
            present: Vec::new(),
            ..self.clone()
        };
        let bytes = serde_json::to_vec(&same).unwrap_or_default();
        hex(&Sha256::digest(bytes))
    }

    /// The seed of a submission.
    pub fn seed_of(&self, submission: &str) -> u64 {
        match self.seeds {
            SeedPolicy::Same => self.seed,
            SeedPolicy::Each => seed_from(&[&self.seed.to_string(), submission]),
        }
    }

    /// The submissions of the shards that are here, by name.
    pub fn expected(&self) -> impl Iterator<Item = &str> {
        let here = |place: usize| {
            self.present.iter().any(|&index| {
                let total = self.shards;
                Shard { index, total }.has(place)
            })
        };
        let all = self.submissions.iter().enumerate();
        all.filter(move |(place, _)| here(*place))
            .map(|(_, name)| name.as_str())
    }
}

/// A seed that follows from texts; as short as those that are drawn.
pub fn seed_from(texts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let digest = hash.finalize();
    digest
        .iter()
        .take(4)
        .fold(0, |n, &byte| n << 8 | u64::from(byte))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digest of a file's bytes as they were given.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A class folder that is ours while this value lives.
#[derive(Debug)]
pub struct ClassFolder {
    root: PathBuf,
    /// Holds the lock; nothing else is done with it.
    _lock: File,
}

impl ClassFolder {
    /// Makes the folder, or takes over one that was made before. What was left unfinished is removed.
    ///
    /// # Errors
    /// If the folder has anything else in it, is in use, or can't be written.
    pub fn claim(root: &Path) -> Result<(ClassFolder, Option<Class>), ClassError> {
        fs::create_dir_all(root).map_err(io_error("made", root))?;
        let folder = ClassFolder {
            root: root.to_owned(),
            _lock: lock(root)?,
        };
        let class = folder.read_mark()?;
        if class.is_none() {
            let mut entries = fs::read_dir(root).map_err(io_error("read", root))?;
            // A write of the mark that was cut off leaves its temporary name.
            let ours = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(".gradus-");
            if entries.any(|entry| entry.is_ok_and(|entry| !ours(&entry.file_name()))) {
                return Err(ClassError::NotOurs(root.to_owned()));
            }
        }
        let work = folder.root.join(WORK);
        submission::remove(&work).map_err(io_error("removed", &work))?;
        Ok((folder, class))
    }

    /// Opens one that was written before.
    ///
    /// # Errors
    /// If it isn't one, is of another format, or in use.
    pub fn open(root: &Path) -> Result<(ClassFolder, Class), ClassError> {
        if !is_class(root) {
            return Err(ClassError::NoClass(root.to_owned()));
        }
        let folder = ClassFolder {
            root: root.to_owned(),
            _lock: lock(root)?,
        };
        let class = folder.read_mark()?;
        class
            .map(|class| (folder, class))
            .ok_or_else(|| ClassError::NoClass(root.to_owned()))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    fn read_mark(&self) -> Result<Option<Class>, ClassError> {
        #[derive(Deserialize)]
        struct Mark {
            gradus_class: u32,
        }
        let path = self.root.join(CLASS);
        let Some(bytes) = read_bounded(&path)? else {
            return Ok(None);
        };
        let damaged = |error: serde_json::Error| ClassError::Damaged {
            path: path.clone(),
            why: error.to_string(),
        };
        let mark: Mark = serde_json::from_slice(&bytes).map_err(damaged)?;
        if mark.gradus_class != FORMAT {
            let found = mark.gradus_class;
            return Err(ClassError::Format { path, found });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Writes the mark, and roster and policy beside it.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn describe(
        &self,
        class: &Class,
        roster: Option<&[u8]>,
        policy: Option<&[u8]>,
    ) -> Result<(), ClassError> {
        for (name, bytes) in [(ROSTER, roster), (POLICY, policy)] {
            if let Some(bytes) = bytes {
                write_whole(&self.root.join(name), bytes)?;
            }
        }
        let mut text = serde_json::to_vec_pretty(class).unwrap_or_default();
        text.push(b'\n');
        Ok(write_whole(&self.root.join(CLASS), &text)?)
    }

    /// Roster and policy as they were given.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn given(&self) -> Result<[Option<Vec<u8>>; 2], ClassError> {
        let read = |name: &str| read_bounded(&self.root.join(name));
        Ok([read(ROSTER)?, read(POLICY)?])
    }

    /// Roster and policy, read.
    ///
    /// # Errors
    /// What is wrong in them.
    pub fn rules(&self, tasks: &[&str]) -> Result<(Option<Roster>, Policy), ClassError> {
        let [roster, policy] = self.given()?;
        let shown = |name: &str| self.root.join(name).display().to_string();
        let roster = roster.map(|bytes| Roster::read(&bytes, &shown(ROSTER)));
        let policy = policy
            .map(|bytes| Policy::read(&String::from_utf8_lossy(&bytes), &shown(POLICY), tasks));
        Ok((roster.transpose()?, policy.transpose()?.unwrap_or_default()))
    }

    /// A place for a grading that goes on; nothing is there.
    ///
    /// # Errors
    /// If what was left there can't be removed.
    pub fn work(&self, submission: &str, task: &str) -> Result<PathBuf, ClassError> {
        let path = self
            .root
            .join(WORK)
            .join(folder_name(submission))
            .join(task);
        submission::remove(&path).map_err(io_error("removed", &path))?;
        Ok(path)
    }

    /// Where the result of a submission is once it is finished.
    pub fn graded(&self, submission: &str, task: &str) -> PathBuf {
        self.root.join(place(submission, task))
    }

    /// What is known of a submission's result. None: there is none.
    ///
    /// # Errors
    /// If it can't be read. One that makes no sense counts as none: it is graded anew.
    pub fn entry(&self, submission: &str, task: &str) -> Result<Option<Entry>, ClassError> {
        let path = self.graded(submission, task).join(entry::FILE);
        let Some(bytes) = read_bounded(&path)? else {
            return Ok(None);
        };
        let entry: Option<Entry> = serde_json::from_slice(&bytes).ok();
        let ours = |entry: &Entry| {
            entry.gradus_entry == entry::FORMAT
                && entry.submission == submission
                && entry.task == task
        };
        Ok(entry.filter(ours))
    }

    /// Gives a finished result its place, in one step; what was there before is removed.
    ///
    /// # Errors
    /// If it can't be moved.
    pub fn publish(&self, work: &Path, entry: &Entry) -> Result<(), ClassError> {
        let place = self.graded(&entry.submission, &entry.task);
        let above = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(above).map_err(io_error("made", above))?;
        write_entry(work, entry)?;
        let moved = match rustix::fs::renameat_with(CWD, work, CWD, &place, RenameFlags::NOREPLACE)
        {
            // Both change their names at once: at no moment is there none, or half of one.
            Err(Errno::EXIST) => {
                rustix::fs::renameat_with(CWD, work, CWD, &place, RenameFlags::EXCHANGE)
            }
            moved => moved,
        };
        match moved {
            Ok(()) => {}
            // File systems that can't: then there is none for a moment, and a kill in it costs a grading.
            Err(Errno::INVAL | Errno::NOSYS) => {
                submission::remove(&place).map_err(io_error("replaced", &place))?;
                fs::rename(work, &place).map_err(io_error("moved", work))?;
            }
            Err(error) => return Err(io_error("moved", work)(error.into())),
        }
        submission::remove(work).map_err(io_error("removed", work))
    }

    /// The place for what goes on now; nothing in it counts.
    pub fn work_top(&self) -> PathBuf {
        self.root.join(WORK)
    }

    /// Where the pack of this digest is kept, if it is.
    pub fn pack_place(&self, digest: &str) -> PathBuf {
        // Digests are hexadecimal; what came from a file and isn't leads nowhere.
        let sound = digest.chars().all(|c| c.is_ascii_hexdigit());
        self.root
            .join(PACKS)
            .join(if sound { digest } else { "none" })
    }

    /// Keeps a pack that results were judged by, so that later ones can be compared with it.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn keep_pack(&self, pack: &Pack) -> Result<(), ClassError> {
        let place = self.pack_place(&pack.digest);
        for (name, bytes) in &pack.files {
            let path = place.join(name);
            if !path.exists() {
                write_whole(&path, bytes)?;
            }
        }
        Ok(())
    }

    /// Removes the place for gradings that go on.
    pub fn tidy(&self) {
        // What stays is removed by the next claim.
        let _ = submission::remove(&self.root.join(WORK));
    }
}

/// Writes `entry.json`.
///
/// # Errors
/// If it can't be written.
pub fn write_entry(result: &Path, entry: &Entry) -> Result<(), ClassError> {
    let mut text = serde_json::to_vec_pretty(entry).unwrap_or_default();
    text.push(b'\n');
    Ok(write_whole(&result.join(entry::FILE), &text)?)
}

/// Where the result of a submission is, relative to the class's folder.
pub fn place(submission: &str, task: &str) -> PathBuf {
    Path::new(GRADED).join(folder_name(submission)).join(task)
}

/// Whether a folder is one of a class.
pub fn is_class(root: &Path) -> bool {
    root.join(CLASS).is_file()
}

fn lock(root: &Path) -> Result<File, ClassError> {
    let folder = File::open(root).map_err(io_error("opened", root))?;
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(ClassError::Busy(root.to_owned())),
        // A file system without locks is no reason not to grade.
        _ => Ok(folder),
    }
}

fn read_bounded(path: &Path) -> Result<Option<Vec<u8>>, ClassError> {
    let size = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
        meta => meta.map_err(io_error("read", path))?.len(),
    };
    if size > MAX_BYTES {
        return Err(ClassError::Damaged {
            path: path.to_owned(),
            why: format!("it has {size} bytes"),
        });
    }
    fs::read(path).map(Some).map_err(io_error("read", path))
}

pub(super) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClassError {
    move |source| {
        ClassError::Store(StoreError::Io {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}
