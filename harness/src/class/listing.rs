//! The submissions of a class, as they lie in a folder: a folder or an archive each.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::submission::archive;

/// One submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The folder's name, or the archive's without its ending.
    pub name: String,
    pub path: PathBuf,
    pub packed: bool,
}

/// What lies in the folder, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub submissions: Vec<Listed>,
    /// What is neither a folder nor an archive, for people.
    pub skipped: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("{}: {source}\n   help: name the folder with the submissions, a folder or an archive for each", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has no submissions in it\n   help: it needs a folder or an archive (.zip, .tar, .tar.gz) for each", .0.display())]
    Empty(PathBuf),
}

/// Lists the submissions. Names that begin with a dot don't count; nor do those in `hidden`, by path.
///
/// # Errors
/// If the folder can't be read, or has none.
pub fn list(folder: &Path, hidden: &[PathBuf]) -> Result<Listing, ListError> {
    let read = |source| ListError::Read {
        path: folder.to_owned(),
        source,
    };
    let hidden: Vec<PathBuf> = hidden
        .iter()
        .filter_map(|p| p.canonicalize().ok())
        .collect();
    let mut listing = Listing::default();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if file.starts_with('.') || path.canonicalize().is_ok_and(|path| hidden.contains(&path)) {
            continue;
        }
        // A link to a folder elsewhere is the teacher's own doing.
        let meta = fs::metadata(&path).map_err(read)?;
        let archive = meta.is_file().then(|| archive::stem(&path)).flatten();
        match archive {
            None if !meta.is_dir() => listing.skipped.push(file),
            None => listing.submissions.push(Listed {
                name: file,
                path,
                packed: false,
            }),
            Some(name) => listing.submissions.push(Listed {
                name,
                path,
                packed: true,
            }),
        }
    }
    whole_names(&mut listing.submissions);
    listing.submissions.sort_by(|a, b| a.name.cmp(&b.name));
    listing.skipped.sort();
    if listing.submissions.is_empty() {
        return Err(ListError::Empty(folder.to_owned()));
    }
    Ok(listing)
}

/// Where a folder and an archive would bear the same name, archives keep their endings.
fn whole_names(submissions: &mut [Listed]) {
    let names: Vec<String> = submissions.iter().map(|s| s.name.clone()).collect();
    for submission in submissions.iter_mut().filter(|s| s.packed) {
        if names
            .iter()
            .filter(|name| **name == submission.name)
            .count()
            > 1
        {
            let file = submission.path.file_name().unwrap_or_default();
            submission.name = file.to_string_lossy().into_owned();
        }
    }
}

/// Longest name that is taken for a folder's as it is, bytes.
const LONGEST: usize = 80;

/// The name of a submission's folder among the results: its own where that is harmless, else a
/// harmless part of it and a digest.
pub fn folder_name(name: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty()
        && name.len() <= LONGEST
        && name.chars().all(harmless)
        && !name.starts_with(['.', '-'])
        // Kept free: the ending of those that aren't harmless.
        && !name.contains("..")
    {
        return name.to_owned();
    }
    let part: String = name
        .chars()
        .map(|c| if harmless(c) { c } else { '-' })
        .take(40)
        .collect();
    let part = part.trim_matches(['-', '.']).replace("..", "-");
    let digest = Sha256::digest(name.as_bytes());
    let digest: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{part}..{digest}")
        .trim_start_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_archives_are_submissions() {
        let dir = tempfile::tempdir().expect("dir");
        for name in ["b", "a", ".git", "results", "both"] {
            fs::create_dir(dir.path().join(name)).expect("folder");
        }
        for name in ["c.zip", "d.tar.gz", "both.zip", "notes.txt", "e.rar"] {
            fs::write(dir.path().join(name), "").expect("file");
        }
        let listing = list(dir.path(), &[dir.path().join("results")]).expect("listed");
        let names: Vec<&str> = listing
            .submissions
            .iter()
            .map(|s| s.name.as_str())
            .collect();
        assert_eq!(names, ["a", "b", "both", "both.zip", "c", "d"]);
        assert_eq!(listing.skipped, ["e.rar", "notes.txt"]);
        assert!(matches!(
            list(&dir.path().join("a"), &[]),
            Err(ListError::Empty(_))
        ));
        assert!(matches!(
            list(&dir.path().join("no"), &[]),
            Err(ListError::Read { .. })
        ));
    }

    #[test]
    fn every_name_has_a_folder_of_its_own() {
        let names = [
            "ivanov",
            "Ivanov I",
            "Ivanov-I",
            "Иванов",
            "Петров",
            "..",
            "../x",
            "-rf",
            "a/b",
            "",
            "a..b",
            "CON",
        ];
        let folders: std::collections::BTreeSet<String> =
            names.iter().map(|name| folder_name(name)).collect();
        assert_eq!(folders.len(), names.len(), "{folders:?}");
        for folder in &folders {
            assert!(
                !folder.starts_with(['.', '-']) && !folder.contains('/'),
                "{folder}"
            );
        }
        assert_eq!(folder_name("ivanov-2.x"), "ivanov-2.x");
    }
}
