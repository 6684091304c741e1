//! A submission named by its command: `gradus grade EXERCISE -- CMD ARGS…`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What such a command needs of the host, and how it is called inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// The command as it is started in the copy.
    pub run: Vec<String>,
    /// The folder that is copied; none: the program starts in an empty one.
    pub folder: Option<PathBuf>,
    /// A lone program that is copied into that empty folder.
    pub file: Option<PathBuf>,
}

/// Finds what belongs to a command. A script brings the folder that it lies in, a compiled program is
/// taken alone, and a program from `PATH` brings nothing. `here` is the folder that it was typed in.
pub fn command(words: &[String], here: &Path) -> Plain {
    let mut plain = Plain {
        run: words.to_vec(),
        folder: None,
        file: None,
    };
    let program = words
        .first()
        .filter(|word| word.contains('/'))
        .map(|word| (0, here.join(word)));
    let script = words
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, word)| !word.starts_with('-'));
    let script = script.map(|(at, word)| (at, here.join(word)));
    let found = program
        .into_iter()
        .chain(script)
        .find(|(_, path)| path.is_file() && !is_system(path));
    let Some((at, path)) = found else {
        return plain;
    };
    let Some(name) = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
    else {
        return plain;
    };
    plain.run[at] = if at == 0 { format!("./{name}") } else { name };
    if at == 0 && is_compiled(&path) {
        plain.file = Some(path);
    } else {
        plain.folder = path.parent().map(Path::to_owned);
    }
    plain
}

/// Visible inside at its own place.
fn is_system(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    crate::arena::toolchain::SYSTEM
        .iter()
        .any(|system| real.starts_with(system))
}

fn is_compiled(path: &Path) -> bool {
    let mut magic = [0u8; 4];
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok()
        && &magic == b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| s.to_string()).collect()
    }

    #[test]
    fn a_script_brings_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/f.py"), "").unwrap();
        let plain = command(&words(&["python3", "-u", "src/f.py", "{urls}"]), dir.path());
        assert_eq!(plain.run, words(&["python3", "-u", "f.py", "{urls}"]));
        assert_eq!(plain.folder, Some(dir.path().join("src")));
    }

    #[test]
    fn a_compiled_program_comes_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), b"\x7fELF...").unwrap();
        let plain = command(&words(&["./f", "-x"]), dir.path());
        assert_eq!(plain.run, words(&["./f", "-x"]));
        assert_eq!(
            (plain.folder, plain.file),
            (None, Some(dir.path().join("./f")))
        );
    }

    #[test]
    fn a_program_of_the_system_brings_nothing() {
        let plain = command(&words(&["/bin/sh", "-c", "true"]), Path::new("/"));
        assert_eq!(
            plain,
            Plain {
                run: words(&["/bin/sh", "-c", "true"]),
                folder: None,
                file: None
            }
        );
    }
}
