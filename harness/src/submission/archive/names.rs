//! Names in an archive: which can be taken, and which can't stand side by side.

use std::collections::HashMap;
use std::path::PathBuf;

use super::{Refusal, lossy};

/// Longest part of a name, bytes: what file systems take.
const LONGEST: usize = 255;
/// Longest name, bytes.
const LONGEST_PATH: usize = 4096 - 256;
/// What some systems add to archives, and no program needs.
const LITTER: [&str; 4] = ["__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"];

/// The names that were taken so far.
pub(super) struct Names {
    entries: u64,
    depth: usize,
    /// By the name in lower case: the name as it is, and whether it is a folder's.
    known: HashMap<String, (String, bool)>,
}

impl Names {
    pub fn new(entries: u64, depth: usize) -> Names {
        Names {
            entries,
            depth,
            known: HashMap::new(),
        }
    }

    /// How many there may be.
    pub fn most(&self) -> u64 {
        self.entries
    }

    /// A file's name, relative to the top. None: litter, which is left out.
    pub fn file(&mut self, raw: &[u8]) -> Result<Option<PathBuf>, Refusal> {
        let parts = parts(raw, self.depth)?;
        let Some((last, folders)) = parts.split_last() else {
            return Err(Refusal::Name(lossy(raw)));
        };
        if litter(&parts) {
            return Ok(None);
        }
        let above = self.folders(folders)?;
        let name = format!("{above}{last}");
        match self.known.get(&name.to_lowercase()) {
            None => self.keep(name, false).map(Some),
            Some((same, _)) if *same != name => Err(Refusal::Case(same.clone(), name)),
            Some((_, true)) => Err(Refusal::Clash(name)),
            Some((_, false)) => Err(Refusal::Twice(name)),
        }
    }

    /// A folder's name. None: the top itself, or litter.
    pub fn folder(&mut self, raw: &[u8]) -> Result<Option<PathBuf>, Refusal> {
        let parts = parts(raw, self.depth)?;
        if parts.is_empty() || litter(&parts) {
            return Ok(None);
        }
        self.folders(&parts).map(|name| Some(PathBuf::from(name)))
    }

    /// All folders of this way. Gives it with a slash at its end.
    fn folders(&mut self, parts: &[&str]) -> Result<String, Refusal> {
        let mut name = String::new();
        for part in parts {
            name.push_str(part);
            match self.known.get(&name.to_lowercase()) {
                None => {
                    self.keep(name.clone(), true)?;
                }
                Some((same, _)) if *same != name => {
                    return Err(Refusal::Case(same.clone(), name));
                }
                Some((_, true)) => {}
                Some((_, false)) => return Err(Refusal::Clash(name)),
            }
            name.push('/');
        }
        Ok(name)
    }

    fn keep(&mut self, name: String, folder: bool) -> Result<PathBuf, Refusal> {
        if self.known.len() as u64 >= self.entries {
            return Err(Refusal::TooMany(self.entries));
        }
        self.known
            .insert(name.to_lowercase(), (name.clone(), folder));
        Ok(PathBuf::from(name))
    }
}

/// The parts of a name; none for the top (`./`).
fn parts(raw: &[u8], depth: usize) -> Result<Vec<&str>, Refusal> {
    let text = std::str::from_utf8(raw).map_err(|_| Refusal::Encoding(lossy(raw)))?;
    let bytes = text.as_bytes();
    let drive = bytes.len() > 1 && bytes[1] == b':' && bytes[0].is_ascii_alphabetic();
    if text.starts_with(['/', '\\']) || drive {
        return Err(Refusal::Absolute(lossy(raw)));
    }
    // Also where `..` hides behind the other system's separator.
    if text.split(['/', '\\']).any(|part| part == "..") {
        return Err(Refusal::Outside(lossy(raw)));
    }
    if text.len() > LONGEST_PATH || text.contains('\\') || text.chars().any(char::is_control) {
        return Err(Refusal::Name(lossy(raw)));
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.iter().any(|part| part.len() > LONGEST) {
        return Err(Refusal::Name(lossy(raw)));
    }
    if parts.len() > depth {
        return Err(Refusal::TooDeep {
            name: lossy(raw),
            limit: depth,
        });
    }
    Ok(parts)
}

fn litter(parts: &[&str]) -> bool {
    parts.first() == Some(&LITTER[0]) || parts.last().is_some_and(|last| LITTER.contains(last))
}
