//! Commands that only read.

use std::process::Stdio;

use super::place::{Place, TINY};

#[test]
fn help_is_as_it_was() {
    let place = Place::new();
    insta::assert_snapshot!("help", place.gradus(&["--help"]).code(0).quietly().out);
    insta::assert_snapshot!(
        "help-grade",
        place.gradus(&["grade", "--help"]).code(0).quietly().out
    );
}

#[test]
fn without_a_command_there_is_help_and_a_usage_error() {
    place_says(&[], 2, "Usage: gradus");
}

#[track_caller]
fn place_says(words: &[&str], code: i32, part: &str) {
    Place::new().gradus(words).code(code).complains(&[part]);
}

#[test]
fn exercises_are_listed_behind_those_they_build_on() {
    let place = Place::new();
    place.write(
        "tasks/more/task.yaml",
        &TINY.replace("task: tiny", "task: more\nafter: [tiny]"),
    );
    place.write("tasks/more/statement.md", "<a id=\"end\"></a>");
    insta::assert_snapshot!("tasks", place.gradus(&["tasks"]).code(0).quietly().out);
    let json = place.gradus(&["tasks", "--json"]).code(0).json();
    assert_eq!(json[1]["after"], serde_json::json!(["tiny"]));
    assert_eq!(json[0]["points"], 5.0);
}

#[test]
fn the_exercises_inside_gradus_are_found_without_any_folder() {
    let place = Place::new();
    let said = place
        .command(&["show", "fetcher"])
        .env_remove("GRADUS_TASKS")
        .output()
        .expect("gradus starts");
    let said = super::place::Said::of(said).code(0).quietly();
    assert!(said.out.contains("fetcher"), "{said:#?}");
    assert!(
        !said.out.contains("<a id="),
        "anchors are for links, not for eyes"
    );
}

#[test]
fn a_statement_is_shown_in_the_terminal() {
    let place = Place::new();
    let said = place.gradus(&["show", "tiny"]).code(0).quietly();
    insta::assert_snapshot!("show", said.out);
    let coloured = place
        .command(&["show", "tasks/tiny"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .expect("gradus starts");
    assert!(
        coloured.stdout.contains(&0x1b),
        "colours are kept when they are forced"
    );
    let plain = place
        .command(&["show", "tiny"])
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .output();
    assert!(
        !plain.expect("gradus starts").stdout.contains(&0x1b),
        "NO_COLOR wins"
    );
    place
        .gradus(&["show", "tiny", "--lang", "fr"])
        .code(0)
        .complains(&["no statement in `fr`", "there are: en"]);
    // From the locale it is a wish, not an order.
    let said = place
        .command(&["show", "tiny"])
        .env("LANG", "fr_FR.UTF-8")
        .output()
        .expect("gradus starts");
    assert_eq!(said.status.code(), Some(0));
}

#[test]
fn schemas_and_completions_are_printed() {
    let place = Place::new();
    for file in ["task", "submission", "report"] {
        let json = place.gradus(&["schema", file]).code(0).quietly().json();
        assert_eq!(json["type"], "object", "{file}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let said = place.gradus(&["completions", shell]).code(0).quietly();
        assert!(said.out.contains("gradus"), "{shell}");
        assert!(!said.out.contains("__arena"));
    }
}

#[test]
fn the_doctor_names_a_tier() {
    let place = Place::new();
    let json = place.gradus(&["doctor", "--json"]).code(0).quietly().json();
    let tier = json["best_tier"].as_str().expect("a tier").to_owned();
    let said = place.gradus(&["doctor"]).code(0).quietly();
    assert!(said.out.contains(&format!("tier {tier}")), "{said:#?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let mut child = place
        .command(&["schema", "report"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("gradus starts");
    // Nobody reads: what is printed meets a closed pipe.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("gradus ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn output_that_can_t_be_written_is_an_error() {
    let place = Place::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let output = place
        .command(&["tasks"])
        .stdout(full)
        .output()
        .expect("gradus starts");
    super::place::Said::of(output)
        .code(5)
        .complains(&["standard output can't be written"]);
}
