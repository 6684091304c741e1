//! `submission.yaml`: how a submission is built and started, in its author's words.

use serde::{Deserialize, Serialize};

use crate::task::load::{TaskError, parse};

/// Name of the file.
pub const FILE: &str = "submission.yaml";
/// Largest file that is read, bytes.
pub const MAX_BYTES: u64 = 64 << 10;

/// The file as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// A name for people; the folder's otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Argument vector of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Vec<String>>,
    /// Argument vector of the program, with placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Vec<String>>,
    /// Port that a server listens on, where it isn't the exercise's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl Manifest {
    /// Reads it. `name` is the file as the user knows it.
    ///
    /// # Errors
    /// Syntax, types and unknown keys, with line and column.
    pub fn read(text: &str, name: &str) -> Result<Manifest, TaskError> {
        // An empty document is YAML for nothing at all.
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Manifest::default());
        }
        parse(text, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_argument_vectors() {
        let text = "build: [gcc, -O2, -o, main, main.c]\nrun: [./main, '{limit}']\nport: 8080\n";
        let manifest = Manifest::read(text, "submission.yaml").unwrap();
        assert_eq!(manifest.run.unwrap(), ["./main", "{limit}"]);
        assert_eq!(manifest.build.unwrap().len(), 5);
        assert_eq!(manifest.port, Some(8080));
        assert_eq!(Manifest::read("# nothing yet\n", "submission.yaml").unwrap(), Manifest::default());
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let error = Manifest::read("run: [x]\nbuidl: [make]\n", "dir/submission.yaml").unwrap_err().to_string();
        assert!(error.starts_with("dir/submission.yaml:2:1"), "{error}");
        assert!(error.contains("build"), "{error}");
        let error = Manifest::read("run: python3 main.py\n", "submission.yaml").unwrap_err().to_string();
        assert!(error.starts_with("submission.yaml:1:"), "{error}");
        let error = Manifest::read("run: [x]\nport: 70000\n", "submission.yaml").unwrap_err().to_string();
        assert!(error.starts_with("submission.yaml:2:7"), "{error}");
    }
}
