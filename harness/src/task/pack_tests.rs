use std::path::PathBuf;

use super::*;
use crate::task::Library;

fn write(folder: &FilePath, name: &str, after: &str, link: &str) -> PathBuf {
    let pack = folder.join(name);
    fs::create_dir_all(&pack).expect("folder");
    let yaml = format!(
        "schema: 1\ntask: {name}\ntitle: {{ en: T }}\nteaches: {{ en: T }}\nafter: [{after}]\nkind: program\nrun: [x]\n\
         scenarios:\n  - scenario: s\n    title: {{ en: S }}\n    script: [exit]\n    checks:\n      \
         - {{ check: c, title: {{ en: C }}, rule: {{ exits: {{ status: zero }} }}, points: 1, link: {link} }}\n"
    );
    fs::write(pack.join("task.yaml"), yaml).expect("task");
    fs::write(pack.join("statement.md"), "<a id=\"limit\"></a>\n# T\n").expect("statement");
    pack
}

#[test]
fn packs_are_found_by_name_or_suggested() {
    let dir = tempfile::tempdir().expect("dir");
    write(dir.path(), "fetcher", "", "limit");
    write(dir.path(), "crawler", "fetcher", "limit");
    let library = Library::Folder(dir.path().to_owned());
    assert_eq!(library.names().expect("names"), ["crawler", "fetcher"]);
    assert_eq!(library.find("fetcher").expect("pack").task.task, "fetcher");
    match library.find("fethcer") {
        Err(PackError::Unknown {
            near: Some(near), ..
        }) => assert_eq!(near, "fetcher"),
        other => panic!("{other:?}"),
    }
    let names: Vec<String> = library
        .path()
        .expect("path")
        .into_iter()
        .map(|p| p.task.task)
        .collect();
    assert_eq!(names, ["fetcher", "crawler"]);
}

#[test]
fn the_digest_follows_every_byte_and_name() {
    let dir = tempfile::tempdir().expect("dir");
    let folder = write(dir.path(), "fetcher", "", "limit");
    let before = open(&folder).expect("pack").digest;
    assert_eq!(open(&folder).expect("pack").digest, before);
    fs::write(folder.join("notes.txt"), "not part of it").expect("write");
    assert_eq!(open(&folder).expect("pack").digest, before);
    fs::write(folder.join("statement.md"), "<a id=\"limit\"></a>\n# U\n").expect("write");
    let after = open(&folder).expect("pack").digest;
    assert_ne!(after, before);
    fs::write(folder.join("statement.ru.md"), "<a id=\"limit\"></a>").expect("write");
    assert_ne!(open(&folder).expect("pack").digest, after);
}

#[test]
fn a_link_must_lead_somewhere() {
    let dir = tempfile::tempdir().expect("dir");
    let folder = write(dir.path(), "fetcher", "", "limits");
    let error = open(&folder).expect_err("flaw").to_string();
    assert!(
        error.contains("no anchor `limits`") && error.contains("did you mean `limit`?"),
        "{error}"
    );
    assert!(
        error.contains("task.yaml:13:91: scenarios[0].checks[0].link: "),
        "{error}"
    );
}

#[test]
fn the_folder_bears_the_exercises_name() {
    let dir = tempfile::tempdir().expect("dir");
    let folder = write(dir.path(), "fetcher", "", "limit");
    let other = dir.path().join("other");
    fs::rename(folder, &other).expect("rename");
    assert!(
        open(&other)
            .expect_err("flaw")
            .to_string()
            .contains("its folder `other`")
    );
}

#[test]
fn what_is_no_pack_is_said() {
    let dir = tempfile::tempdir().expect("dir");
    assert!(matches!(open(dir.path()), Err(PackError::NoPack { .. })));
    assert!(matches!(
        open(&dir.path().join("none")),
        Err(PackError::Read { .. })
    ));
    let library = Library::Folder(dir.path().to_owned());
    assert!(matches!(library.names(), Err(PackError::NoPacks { .. })));
    let folder = write(dir.path(), "fetcher", "", "limit");
    fs::write(folder.join("task.yaml"), [0xff, 0xfe]).expect("write");
    assert!(matches!(open(&folder), Err(PackError::NotText { .. })));
}

#[test]
fn a_circle_of_exercises_still_has_an_order() {
    let dir = tempfile::tempdir().expect("dir");
    write(dir.path(), "a", "b", "limit");
    write(dir.path(), "b", "a", "limit");
    assert_eq!(
        Library::Folder(dir.path().to_owned())
            .path()
            .expect("path")
            .len(),
        2
    );
}

/// Every pack that is shipped is right; the tests of other modules rely on them.
#[test]
fn shipped_packs_are_right() {
    let library = Library::Embedded;
    for name in library.names().unwrap_or_default() {
        if let Err(error) = library.find(&name) {
            panic!("{error}");
        }
    }
}

#[test]
fn shipped_packs_speak_every_language() {
    for pack in Library::Embedded.path().expect("packs") {
        let name = &pack.task.task;
        let mut texts = vec![("title", &pack.task.title), ("teaches", &pack.task.teaches)];
        for scenario in &pack.task.scenarios {
            texts.push((&scenario.scenario, &scenario.title));
            for check in &scenario.checks {
                texts.push((&check.check, &check.title));
                if !check.hint.is_empty() {
                    texts.push((&check.check, &check.hint));
                }
            }
        }
        for language in crate::report::text::LANGUAGES {
            for (place, text) in &texts {
                let said = text.get(language).is_some_and(|said| !said.is_empty());
                assert!(said, "{name}: {place} says nothing in {language}");
            }
            let statement = pack.statements.get(language);
            let statement =
                statement.unwrap_or_else(|| panic!("{name}: no statement in {language}"));
            // Findings lead to places of the statement, in whatever language it is read.
            for anchor in pack.statements["en"].split("<a id=\"").skip(1) {
                let id = anchor.split('"').next().unwrap_or_default();
                assert!(
                    statement.contains(&format!("<a id=\"{id}\"")),
                    "{name}: {language} lacks #{id}"
                );
            }
        }
    }
}
