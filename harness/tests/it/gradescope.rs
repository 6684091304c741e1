//! The autograder of Gradescope, in a folder laid out as theirs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::place::{Place, RIGHT};

/// `autograder/` with the contents of a zip in `source/`, as the platform lays it out. None: no Python here.
fn layout(place: &Place, deadline: &str) -> Option<PathBuf> {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: needs python3");
        return None;
    }
    let builder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/gradescope/build.py");
    let zip = place.path().join("tiny.zip");
    let built = Command::new("python3")
        .arg(builder)
        .args([
            "tiny",
            "--gradus",
            env!("CARGO_BIN_EXE_gradus"),
            "--deadline",
            deadline,
        ])
        .args(["--seed", "7", "--tasks"])
        .arg(place.path().join("tasks"))
        .arg("-o")
        .arg(&zip)
        .output()
        .expect("python3 starts");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let root = place.path().join("autograder");
    let source = root.join("source");
    let unpack = "import sys, zipfile, os\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        for i in z.infolist():\n    os.chmod(z.extract(i, sys.argv[2]), i.external_attr >> 16 & 0o777)\n";
    let unpacked = Command::new("python3")
        .args(["-c", unpack])
        .args([&zip, &source])
        .status()
        .expect("python3 starts");
    assert!(unpacked.success());
    for script in ["setup.sh", "run_autograder"] {
        let mode = fs::metadata(source.join(script))
            .expect(script)
            .permissions()
            .mode();
        assert_eq!(mode & 0o111, 0o111, "{script}");
        let checked = Command::new("bash")
            .arg("-n")
            .arg(source.join(script))
            .status();
        assert!(checked.expect("bash").success(), "{script}");
    }
    fs::copy(source.join("run_autograder"), root.join("run_autograder")).expect("a copy");
    Some(root)
}

/// Runs it, and reads what it left.
fn graded(place: &Place, root: &Path, program: &str) -> Value {
    let submission = place.script("submission", program);
    fs::rename(place.path().join(submission), root.join("submission")).expect("moved");
    fs::write(root.join("submission_metadata.json"), "{}").expect("a file");
    let ran = Command::new(root.join("run_autograder"))
        .env("AUTOGRADER_ROOT", root)
        .env_remove("GRADUS_TASKS")
        .current_dir(root)
        .output()
        .expect("it starts");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let text = fs::read_to_string(root.join("results/results.json")).expect("results.json");
    let results: Value = serde_json::from_str(&text).expect("valid JSON");
    let tests = results["tests"].as_array().expect("tests");
    assert!(
        results["score"].is_number() && !tests.is_empty(),
        "{results}"
    );
    for test in tests {
        let known = ["visible", "hidden", "after_due_date", "after_published"];
        assert!(
            known.contains(&test["visibility"].as_str().unwrap_or("visible")),
            "{test}"
        );
        assert!(
            test["status"].is_null()
                || ["passed", "failed"].contains(&test["status"].as_str().unwrap_or(""))
        );
    }
    results
}

#[test]
fn a_right_program_gets_its_points_and_hidden_checks_stay_hidden() {
    let place = Place::new();
    let Some(root) = layout(&place, "60") else {
        return;
    };
    let results = graded(&place, &root, RIGHT);
    assert_eq!(results["score"], 5.0, "{results}");
    assert_eq!(results["extra_data"]["gradus"]["final"], true);
    assert_eq!(results["extra_data"]["gradus"]["seed"], 7);
    assert_eq!(results["tests"][0]["visibility"], "visible");
    assert_eq!(results["tests"][1]["visibility"], "hidden");
}

#[test]
fn a_deadline_leaves_a_valid_partial_report() {
    let place = Place::new();
    let Some(root) = layout(&place, "10") else {
        return;
    };
    // The first run is right, the second never ends.
    let program = "[ \"$1\" = 1 ] && exit 0\nwhile :; do :; done\n";
    let task = place.path().join("autograder/source/tasks/tiny/task.yaml");
    let text = fs::read_to_string(&task).expect("the pack");
    let patient = text.replace("wall_s: 20, idle_s: 4", "wall_s: 200, idle_s: 100");
    fs::write(&task, patient).expect("the pack");
    let results = graded(&place, &root, program);
    assert_eq!(results["extra_data"]["gradus"]["final"], false, "{results}");
    assert_eq!(
        results["extra_data"]["gradus"]["task"], "tiny",
        "gradus itself made it: {results}"
    );
    assert!(
        results["tests"]
            .as_array()
            .is_some_and(|tests| tests.len() == 2),
        "{results}"
    );
}

#[test]
fn without_gradus_there_is_a_valid_result_all_the_same() {
    let place = Place::new();
    let Some(root) = layout(&place, "60") else {
        return;
    };
    fs::remove_file(root.join("source/gradus")).expect("removed");
    let results = graded(&place, &root, RIGHT);
    assert_eq!(results["extra_data"]["gradus"]["final"], false);
    assert_eq!(results["tests"][0]["status"], "failed");
}
