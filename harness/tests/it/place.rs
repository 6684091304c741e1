//! A temporary place with a task pack, submissions, and `gradus` in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A task that any shell script can pass: it ends with status 0, and says so.
pub const TINY: &str = "\
schema: 1
task: tiny
title: { en: A tiny task, ru: Крошечная задача }
teaches: { en: How to end. }
kind: program
run: [tiny, '{limit}']
limits: { wall_s: 20, idle_s: 4, output_bytes: 20000 }
scenarios:
  - scenario: ends
    title: { en: Ends }
    with: [ { limit: 1 }, { limit: 2 } ]
    script: [exit]
    checks:
      - check: ends
        title: { en: Ends with status 0 }
        rule: { exits: { status: zero } }
        points: 3
        link: end
  - scenario: refuses
    title: { en: Refuses }
    with: [ { limit: none } ]
    script: [exit]
    checks:
      - check: refuses
        title: { en: Refuses bad arguments }
        rule: { refuses_arguments: {} }
        points: 2
        visibility: hidden
";

/// Passes everything of the tiny task.
pub const RIGHT: &str =
    "case $1 in *[!0-9]*|'') echo \"tiny: not a number: $1\" >&2; exit 2;; esac\nexit 0\n";

pub struct Place {
    dir: tempfile::TempDir,
}

/// What came of one call.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Place {
    /// With the tiny task in `tasks/`.
    pub fn new() -> Place {
        let place = Place {
            dir: tempfile::tempdir().expect("a temporary folder"),
        };
        place.write("tasks/tiny/task.yaml", TINY);
        place.write(
            "tasks/tiny/statement.md",
            "# Tiny\n\n<a id=\"end\"></a>\n## The end\n\nEnd with **status** `0`.\n",
        );
        place
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A submission: a shell script that is started as it is.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.write(&format!("{name}/run"), &format!("#!/bin/sh\n{text}"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
        name.to_owned()
    }

    /// `gradus` in this place, with no surroundings that change what it says.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
        command
            .args(words)
            .current_dir(self.path())
            .env("GRADUS_TASKS", "tasks")
            .stdin(Stdio::null());
        for name in [
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "CLICOLOR",
            "LANG",
            "LC_ALL",
            "LC_MESSAGES",
            "COLUMNS",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub fn gradus(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().expect("gradus starts"))
    }
}

impl Said {
    pub fn of(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// It ended with this code.
    #[track_caller]
    pub fn code(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Standard error has all of these.
    #[track_caller]
    pub fn complains(self, parts: &[&str]) -> Said {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is missing: {self:#?}");
        }
        self
    }

    /// Nothing was said beside the output.
    #[track_caller]
    pub fn quietly(self) -> Said {
        assert_eq!(self.err, "", "{self:#?}");
        self
    }

    /// The output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
