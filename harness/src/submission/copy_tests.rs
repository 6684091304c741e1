use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn source() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::create_dir_all(at(".git/objects")).unwrap();
    fs::write(at("a/b/data"), "12345").unwrap();
    fs::write(at("run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(at("run"), fs::Permissions::from_mode(0o4751)).unwrap();
    symlink("b/data", at("a/inner")).unwrap();
    symlink("../run", at("a/up")).unwrap();
    symlink("../../etc/passwd", at("a/out")).unwrap();
    symlink("/etc/passwd", at("absolute")).unwrap();
    rustix::fs::mkfifoat(CWD, at("pipe"), Mode::RUSR).unwrap();
    dir
}

fn copy(from: &Path, rules: &Rules) -> (tempfile::TempDir, Result<Copied, CopyError>) {
    let dir = tempfile::tempdir().unwrap();
    let done = stage(Some(from), &dir.path().join("run-1/work"), None, rules);
    (dir, done)
}

#[test]
fn files_links_and_modes_are_kept() {
    let from = source();
    let (dir, done) = copy(from.path(), &Rules::default());
    let done = done.unwrap();
    let at = |name: &str| dir.path().join("run-1/work").join(name);
    assert_eq!(fs::read_to_string(at("a/inner")).unwrap(), "12345");
    assert_eq!(fs::read_link(at("a/up")).unwrap(), Path::new("../run"));
    assert_eq!(
        fs::metadata(at("run")).unwrap().permissions().mode() & 0o7777,
        0o751
    );
    assert_eq!(done.bytes, 15);
    for name in ["a/out", "absolute", "pipe", ".git"] {
        assert!(fs::symlink_metadata(at(name)).is_err(), "{name}");
    }
    assert_eq!(done.notes.len(), 3, "{:?}", done.notes);
}

#[test]
fn a_closed_folder_is_copied_so_that_it_can_be_removed() {
    let from = tempfile::tempdir().unwrap();
    fs::create_dir(from.path().join("ro")).unwrap();
    fs::write(from.path().join("ro/x"), "").unwrap();
    fs::set_permissions(from.path().join("ro"), fs::Permissions::from_mode(0o500)).unwrap();
    let (dir, done) = copy(from.path(), &Rules::default());
    done.unwrap();
    let copied = dir.path().join("run-1/work/ro");
    assert_eq!(
        fs::metadata(&copied).unwrap().permissions().mode() & 0o777,
        0o700
    );
    fs::set_permissions(from.path().join("ro"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn every_bound_holds() {
    let from = source();
    let rules = |bytes, entries, depth| Rules {
        bytes,
        entries,
        depth,
        hidden: Vec::new(),
    };
    let refuse = |rules: Rules| copy(from.path(), &rules).1.unwrap_err();
    assert!(matches!(
        refuse(rules(14, 100, 9)),
        CopyError::TooLarge { .. }
    ));
    assert!(matches!(refuse(rules(15, 8, 9)), CopyError::TooMany { .. }));
    assert!(matches!(
        refuse(rules(15, 100, 1)),
        CopyError::TooDeep { .. }
    ));
    assert!(copy(from.path(), &rules(15, 9, 2)).1.is_ok());
}

#[test]
fn hidden_folders_are_left_out_under_any_name() {
    let from = source();
    let rules = Rules {
        hidden: vec![from.path().join("a/../a/b")],
        ..Rules::default()
    };
    let (dir, done) = copy(from.path(), &rules);
    assert!(
        done.unwrap()
            .notes
            .iter()
            .any(|note| note.starts_with("a/b"))
    );
    assert!(!dir.path().join("run-1/work/a/b").exists());
}

#[test]
fn nothing_is_copied_into_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let error = stage(None, dir.path(), None, &Rules::default()).unwrap_err();
    assert!(matches!(error, CopyError::Write { .. }) && !error.is_submission());
}

#[test]
fn a_link_may_climb_only_to_the_top() {
    let inside = |link: &str, target: &str| stays_inside(Path::new(link), Path::new(target));
    assert!(inside("a/l", "../b") && inside("l", "a/../b") && inside("l", "."));
    assert!(
        !inside("l", "..")
            && !inside("a/l", "../../x")
            && !inside("l", "a/../../b")
            && !inside("l", "/a")
    );
}
