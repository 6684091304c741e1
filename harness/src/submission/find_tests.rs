use super::*;

/// A folder with these files; a name that ends in `!` becomes executable.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name.trim_end_matches('!'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let mode = if name.ends_with('!') { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    dir
}

fn found(files: &[(&str, &str)]) -> Result<Found, FindError> {
    find(folder(files).path(), "disk-writer")
}

fn run(files: &[(&str, &str)]) -> String {
    found(files).unwrap().run.join(" ")
}

fn error(files: &[(&str, &str)]) -> String {
    found(files).unwrap_err().to_string()
}

#[test]
fn a_manifest_says_it_all() {
    let yaml = "name: Ann\nbuild: [make, all]\nrun: [./w, '{limit}']\nport: 9000\n";
    let found = found(&[("submission.yaml", yaml), ("main.py", "")]).unwrap();
    assert_eq!(
        (found.name.as_str(), found.port, found.by.as_str()),
        ("Ann", Some(9000), "submission.yaml")
    );
    assert_eq!(found.build.unwrap(), ["make", "all"]);
    assert_eq!(found.run, ["./w", "{limit}"]);
}

#[test]
fn a_manifest_without_run_leaves_that_to_the_conventions() {
    let found = found(&[("submission.yaml", "port: 9000\n"), ("main.py", "")]).unwrap();
    assert_eq!(
        (found.run.join(" "), found.port),
        ("python3 main.py".to_owned(), Some(9000))
    );
}

#[test]
fn a_manifest_with_run_builds_only_what_it_says() {
    let files = [("submission.yaml", "run: [./x]\n"), ("Makefile", "")];
    assert_eq!(found(&files).unwrap().build, None);
}

#[test]
fn an_empty_command_is_told() {
    assert!(error(&[("submission.yaml", "run: []\n")]).contains("`run` is empty"));
}

#[test]
fn python_by_name_or_alone() {
    assert_eq!(run(&[("solution.py", "")]), "python3 solution.py");
    assert_eq!(
        run(&[("main.py", ""), ("helper.py", "")]),
        "python3 main.py"
    );
    assert_eq!(
        run(&[("main.py", ""), ("disk_writer.py", "")]),
        "python3 disk_writer.py"
    );
    assert!(error(&[("a.py", ""), ("b.py", "")]).contains("several Python files"));
}

#[test]
fn cargo_builds_the_program_it_names() {
    let toml = "[package]\nname = \"writer\" # mine\nversion = \"0.1.0\"\n";
    let found = found(&[("Cargo.toml", toml), ("src/main.rs", "")]).unwrap();
    assert_eq!(found.run, ["./target/release/writer"]);
    assert!(found.build.unwrap()[2].contains("--bin writer"));
}

#[test]
fn of_several_cargo_programs_the_exercises_own_is_taken() {
    let toml = "[package]\nname = \"a\"\n[[bin]]\nname = \"disk-writer\"\npath = \"x.rs\"\n[[bin]]\nname = \"b\"\n";
    assert_eq!(run(&[("Cargo.toml", toml)]), "./target/release/disk-writer");
    let toml = "[package]\nname = \"a\"\n[[bin]]\nname = \"c\"\n[[bin]]\nname = \"b\"\n";
    assert!(error(&[("Cargo.toml", toml)]).contains("several programs (b, c)"));
    assert!(error(&[("Cargo.toml", "[workspace]\n")]).contains("no program"));
}

#[test]
fn a_name_with_a_shells_characters_builds_nothing() {
    let toml = "[package]\nname = \"a;reboot\"\n";
    assert!(error(&[("Cargo.toml", toml), ("src/main.rs", "")]).contains("no name of a program"));
}

#[test]
fn node_starts_without_a_package_manager() {
    assert_eq!(
        run(&[(
            "package.json",
            r#"{"scripts":{"start":"node src/app.js --fast"}}"#
        )]),
        "node src/app.js --fast"
    );
    assert_eq!(
        run(&[("package.json", r#"{"main":"app.js"}"#), ("app.js", "")]),
        "node app.js"
    );
    assert_eq!(
        run(&[("package.json", "{}"), ("index.js", "")]),
        "node index.js"
    );
    assert!(
        error(&[("package.json", r#"{"scripts":{"start":"tsc && node x"}}"#)]).contains("index.js")
    );
    assert!(error(&[("package.json", "{")]).contains("package.json"));
}

#[test]
fn what_make_made_is_known_afterwards() {
    let dir = folder(&[("Makefile", ""), ("disk_writer!", "")]);
    let mut found = find(dir.path(), "disk-writer").unwrap();
    found.settle(dir.path()).unwrap();
    assert_eq!(found.run, ["./disk_writer"]);
    fs::remove_file(dir.path().join("disk_writer")).unwrap();
    let error = found.settle(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("made none of: run, disk-writer, disk_writer"),
        "{error}"
    );
}

#[test]
fn an_executable_called_run() {
    assert_eq!(run(&[("run!", "")]), "./run");
    assert!(error(&[("run", "")]).contains("chmod +x"));
}

#[test]
fn what_cannot_be_started_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let tell = |path: &Path| find(path, "fetcher").unwrap_err().to_string();
    assert!(tell(dir.path()).contains("the folder is empty"));
    assert!(tell(&dir.path().join("no")).contains("no such folder"));
    fs::write(dir.path().join("notes.txt"), "").unwrap();
    assert!(tell(dir.path()).contains("fetcher.py"));
    assert!(tell(&dir.path().join("notes.txt")).contains("this is a file"));
}

#[test]
fn a_manifest_that_is_a_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join(FILE)).unwrap();
    assert!(matches!(
        find(dir.path(), "fetcher"),
        Err(FindError::Unreadable { .. })
    ));
}
