//! Where task packs are looked up by name: a folder of folders, or the binary itself.

use std::fs;
use std::path::PathBuf;

use super::near::nearest;
use super::pack::{Files, MAIN, Pack, PackError, counts, open, pack, unreadable};

/// The packs that gradus brings along.
#[derive(rust_embed::Embed)]
#[folder = "../tasks"]
struct Shipped;

/// Where packs are looked up by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Library {
    /// A folder whose folders are packs.
    Folder(PathBuf),
    /// The packs inside this binary.
    Embedded,
}

impl Library {
    /// Names of all packs here, sorted.
    ///
    /// # Errors
    /// If the folder can't be read or has no packs.
    pub fn names(&self) -> Result<Vec<String>, PackError> {
        let names: Vec<String> = match self {
            Library::Embedded => {
                let main = |file: &str| file.strip_suffix(&format!("/{MAIN}")).map(str::to_owned);
                Shipped::iter().filter_map(|file| main(&file)).collect()
            }
            Library::Folder(folder) => {
                let entries = fs::read_dir(folder).map_err(|e| unreadable(folder, e))?;
                let packs = entries
                    .filter_map(Result::ok)
                    .filter(|e| e.path().join(MAIN).is_file());
                packs
                    .filter_map(|e| e.file_name().into_string().ok())
                    .collect()
            }
        };
        if names.is_empty() {
            return Err(PackError::NoPacks {
                place: self.to_string(),
            });
        }
        let mut names = names;
        names.sort();
        Ok(names)
    }

    /// The pack of this name.
    ///
    /// # Errors
    /// If there is none (with the most alike name), or it is wrong.
    pub fn find(&self, name: &str) -> Result<Pack, PackError> {
        let names = self.names()?;
        if !names.iter().any(|n| n == name) {
            let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
            return Err(PackError::Unknown {
                name: name.to_owned(),
                near,
                known: names,
            });
        }
        match self {
            Library::Folder(folder) => open(&folder.join(name)),
            Library::Embedded => pack(shipped(name), name, &format!("tasks/{name}")),
        }
    }

    /// All packs, each exercise behind those that it builds on.
    ///
    /// # Errors
    /// The first pack that is wrong.
    pub fn path(&self) -> Result<Vec<Pack>, PackError> {
        let packs = self
            .names()?
            .iter()
            .map(|name| self.find(name))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ordered(packs))
    }
}

impl std::fmt::Display for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Library::Folder(folder) => write!(f, "{}", folder.display()),
            Library::Embedded => f.write_str("this gradus"),
        }
    }
}

fn shipped(name: &str) -> Files {
    let prefix = format!("{name}/");
    let file = |path: std::borrow::Cow<'static, str>| {
        let inner = path
            .strip_prefix(&prefix)
            .filter(|inner| counts(inner))?
            .to_owned();
        Some((inner, Shipped::get(&path)?.data.into_owned()))
    };
    Shipped::iter().filter_map(file).collect()
}

/// Each pack behind all that it comes after, else by name; a circle is broken at its first name.
fn ordered(mut left: Vec<Pack>) -> Vec<Pack> {
    left.sort_by(|a, b| a.task.task.cmp(&b.task.task));
    let mut path: Vec<Pack> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |pack: &Pack| {
            pack.task
                .after
                .iter()
                .any(|name| left.iter().any(|p| p.task.task == *name))
        };
        let next = left.iter().position(|pack| !waits(pack)).unwrap_or(0);
        path.push(left.remove(next));
    }
    path
}
