//! The result folder itself.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::{EvidenceFile, FORMAT, Grading, StoreError, write};
use crate::evidence::Record;
use crate::evidence::reader;
use crate::report::{Report, json};
use crate::task::Pack;

const GRADING: &str = "grading.json";
const REPORT: &str = "report.json";
const PACK: &str = "pack";
const RUNS: &str = "runs";
pub(super) const EVIDENCE: &str = "evidence.jsonl";
pub(super) const EVIDENCE_PART: &str = "evidence.jsonl.part";
/// `grading.json` is a few kilobytes for each run.
const MAX_GRADING: u64 = 64 << 20;

/// A result folder that is ours while this value lives.
#[derive(Debug)]
pub struct Results {
    root: PathBuf,
    /// Holds the lock; nothing else is done with it.
    _lock: File,
}

impl Results {
    /// Makes the folder for a new grading. Earlier results of gradus in it are removed; anything else
    /// in it is an error.
    ///
    /// # Errors
    /// If the folder isn't ours, is in use, or can't be written.
    pub fn create(root: &Path, grading: &Grading, pack: &Pack) -> Result<Results, StoreError> {
        if root.is_file() {
            return Err(StoreError::File(root.to_owned()));
        }
        fs::create_dir_all(root).map_err(StoreError::io("made", root))?;
        let results = Results {
            root: root.to_owned(),
            _lock: lock(root)?,
        };
        results.clear()?;
        // The mark comes first: whatever happens next, the folder is known to be ours.
        results.update(grading)?;
        for (name, bytes) in &pack.files {
            write::whole(&root.join(PACK).join(name), bytes)?;
        }
        let runs = root.join(RUNS);
        fs::create_dir_all(&runs).map_err(StoreError::io("made", &runs))?;
        Ok(results)
    }

    /// Opens results that were written before.
    ///
    /// # Errors
    /// If there are none, or they are of another format, damaged or in use.
    pub fn open(root: &Path) -> Result<(Results, Grading), StoreError> {
        if !root.join(GRADING).is_file() {
            return Err(StoreError::NoResults(root.to_owned()));
        }
        let grading = read_grading(&root.join(GRADING))?;
        Ok((
            Results {
                root: root.to_owned(),
                _lock: lock(root)?,
            },
            grading,
        ))
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes `grading.json` anew.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn update(&self, grading: &Grading) -> Result<(), StoreError> {
        write::whole(&self.root.join(GRADING), &pretty(grading))
    }

    /// A file for the evidence of this run.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn evidence(&self, run: &str) -> Result<EvidenceFile, StoreError> {
        EvidenceFile::create(&self.root.join(RUNS).join(run))
    }

    /// The evidence of this run, whole or as far as it came. None: there is none.
    ///
    /// # Errors
    /// If it can't be read or isn't evidence.
    pub fn records(&self, run: &str) -> Result<Option<Vec<Record>>, StoreError> {
        let folder = self.root.join(RUNS).join(run);
        for path in [folder.join(EVIDENCE), folder.join(EVIDENCE_PART)] {
            match File::open(&path) {
                Ok(file) => {
                    let read = reader::read(BufReader::new(file));
                    let (records, _) =
                        read.map_err(|source| StoreError::Evidence { path, source })?;
                    return Ok(Some(records).filter(|records| !records.is_empty()));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("read", &path)(error)),
            }
        }
        Ok(None)
    }

    /// Where the evidence of a run is, relative to the folder.
    pub fn evidence_name(run: &str) -> String {
        format!("{RUNS}/{run}/{EVIDENCE}")
    }

    /// The folder with the pack as it was graded.
    pub fn pack(&self) -> PathBuf {
        self.root.join(PACK)
    }

    /// Where `report.json` is.
    pub fn report_path(&self) -> PathBuf {
        self.root.join(REPORT)
    }

    /// Writes `report.json`.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write_report(&self, report: &Report) -> Result<(), StoreError> {
        let path = self.report_path();
        let text = json(report).map_err(|error| StoreError::io("written", &path)(error.into()))?;
        write::whole(&path, text.as_bytes())
    }

    /// `report.json` as it was written.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn read_report(&self) -> Result<Vec<u8>, StoreError> {
        fs::read(self.report_path()).map_err(StoreError::io("read", &self.report_path()))
    }

    /// Removes earlier results; refuses to when the folder has anything but those.
    fn clear(&self) -> Result<(), StoreError> {
        let names = fs::read_dir(&self.root).map_err(StoreError::io("read", &self.root))?;
        let names = names
            .map(|entry| entry.map(|e| e.file_name()))
            .collect::<io::Result<Vec<_>>>();
        let names = names.map_err(StoreError::io("read", &self.root))?;
        if names.is_empty() {
            return Ok(());
        }
        if read_grading(&self.root.join(GRADING))
            .is_err_and(|e| !matches!(e, StoreError::Format { .. }))
        {
            return Err(StoreError::NotOurs(self.root.clone()));
        }
        for (name, folder) in [(RUNS, true), (PACK, true), (REPORT, false)] {
            let path = self.root.join(name);
            let removed = if folder {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::io("replaced", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// How long a lock is waited for: a process that is being started holds a copy of its parent's until it is
/// another program.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// Two gradings into one folder would mix; the lock ends with the process, whatever its end.
fn lock(root: &Path) -> Result<File, StoreError> {
    let folder = File::open(root).map_err(StoreError::io("opened", root))?;
    let start = Instant::now();
    loop {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) if start.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(StoreError::Busy(root.to_owned())),
            // A file system without locks is no reason not to grade.
            _ => return Ok(folder),
        }
    }
}

fn read_grading(path: &Path) -> Result<Grading, StoreError> {
    #[derive(serde::Deserialize)]
    struct Mark {
        gradus_results: u32,
    }
    let damaged = |why: String| StoreError::Damaged {
        path: path.to_owned(),
        why,
    };
    let size = fs::metadata(path)
        .map_err(StoreError::io("read", path))?
        .len();
    if size > MAX_GRADING {
        return Err(damaged(format!("it has {size} bytes")));
    }
    let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
    let mark: Mark = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if mark.gradus_results != FORMAT {
        return Err(StoreError::Format {
            path: path.to_owned(),
            found: mark.gradus_results,
        });
    }
    let grading: Grading =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    // Names of runs become paths.
    let sound = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    match grading.runs.iter().find(|entry| !sound(&entry.run)) {
        Some(entry) => Err(damaged(format!(
            "`{}` can't be the name of a run",
            entry.run
        ))),
        None => Ok(grading),
    }
}

fn pretty(grading: &Grading) -> Vec<u8> {
    // Plain values with string keys: there is nothing in it that JSON can't hold.
    let mut bytes = serde_json::to_vec_pretty(grading).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
