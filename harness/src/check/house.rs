//! House rules of a course: libraries that are not to be used.
//!
//! Judged by what the program really opened. That a source names a library is a hint for the student, and
//! never costs a point by itself: it may stand in a comment.

use std::path::{Component, Path};

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::View;

/// The submission loads none of the libraries that the scenario watches for.
pub fn avoids(view: &View) -> Verdict {
    let libraries = view
        .plan()
        .world
        .disk
        .as_ref()
        .map_or(&[][..], |disk| &disk.loads);
    let mention = view.disk.mentions.first();
    let place = mention.map(|(_, path, line, _)| format!("{path}:{line}"));
    for (n, path) in &view.disk.loaded {
        if let Some(library) = libraries.iter().find(|library| is_of(path, library)) {
            return Verdict::new(Code::LibraryLoaded)
                .fact("library", library.as_str())
                .fact("path", *path)
                .fact("place", place.unwrap_or_else(|| "–".to_owned()))
                .seen([*n])
                .seen(mention.map(|m| m.0));
        }
    }
    if view.disk.calls.is_none() && view.complete {
        return match mention {
            Some((n, _, _, library)) => Verdict::new(Code::LibraryMentioned)
                .fact("library", *library)
                .fact("place", place.unwrap_or_default())
                .seen([*n]),
            None => Verdict::new(Code::LibraryUnseen),
        };
    }
    // A program that never came to its work may load them only then.
    if !view.complete || !view.finished() || view.flights.is_empty() {
        return common::unfinished(view);
    }
    Verdict::new(Code::LibraryAvoided).fact("files", view.disk.loaded.len())
}

/// Whether a file belongs to a library: it lies in a folder of that name, or is a module of that name
/// among installed packages. A lone file of the student's own may bear any name.
fn is_of(path: &str, library: &str) -> bool {
    let path = Path::new(path);
    let in_folder = path.parent().is_some_and(|folder| {
        folder
            .components()
            .any(|part| matches!(part, Component::Normal(name) if name == library))
    });
    let installed = path
        .parent()
        .and_then(Path::file_name)
        .is_some_and(|folder| matches!(folder.to_str(), Some("site-packages" | "dist-packages")));
    let stem = path
        .file_stem()
        .and_then(|s| s.to_str())
        .and_then(|s| s.split('.').next());
    in_folder || installed && stem == Some(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_known_by_its_folder_or_its_installed_module() {
        assert!(is_of(
            "/usr/lib/python3/site-packages/aiofiles/__pycache__/os.cpython-311.pyc",
            "aiofiles"
        ));
        assert!(is_of("/x/site-packages/aiofile.py", "aiofile"));
        assert!(is_of("/work/node_modules/fs-extra/index.js", "fs-extra"));
        assert!(
            !is_of("/work/aiofiles.py", "aiofiles"),
            "a module of one's own"
        );
        assert!(!is_of(
            "/x/site-packages/aiofiles_extra/__init__.py",
            "aiofiles"
        ));
    }
}
