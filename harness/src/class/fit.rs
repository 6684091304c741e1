//! Which part of a submission is for which task.

use std::path::{Path, PathBuf};

use crate::submission;

/// Whether a folder's name means this task: `disk-writer` is also written `disk_writer`.
pub fn names(task: &str, folder: &str) -> bool {
    let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    plain(folder) == plain(task)
}

/// The folder for this task. A submission that can be started as it stands is one for all tasks, whatever
/// folders it has; else the folder counts that bears the task's name. None: there are folders for
/// others of the `tasks`, but none for this one.
pub fn part(folder: &Path, task: &str, tasks: &[String]) -> Option<PathBuf> {
    if submission::find(folder, task).is_ok() {
        return Some(folder.to_owned());
    }
    let mut inner: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    inner.sort();
    if let Some(name) = inner.iter().find(|name| names(task, name)) {
        return Some(folder.join(name));
    }
    let for_others = |name: &String| tasks.iter().any(|task| names(task, name));
    (!inner.iter().any(for_others)).then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_for_each_task_or_one_for_all() {
        let dir = tempfile::tempdir().expect("dir");
        let tasks = ["fetcher", "disk-writer", "crawler"].map(str::to_owned);
        let part = |task: &str| part(dir.path(), task, &tasks);
        assert_eq!(part("fetcher"), Some(dir.path().to_owned()));
        std::fs::create_dir(dir.path().join("src")).expect("folder");
        assert_eq!(part("fetcher"), Some(dir.path().to_owned()));
        std::fs::create_dir(dir.path().join("Disk_Writer")).expect("folder");
        assert_eq!(part("disk-writer"), Some(dir.path().join("Disk_Writer")));
        assert_eq!(part("fetcher"), None);
        // A package that happens to bear a task's name.
        std::fs::write(dir.path().join("main.py"), "").expect("file");
        assert_eq!(part("disk-writer"), Some(dir.path().to_owned()));
    }
}
