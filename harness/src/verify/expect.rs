//! `fixtures/TASK/expect.yaml`: what each fixture is for, and which checks it is meant to lose.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The fixtures of a task by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    /// They must get full marks.
    #[serde(default)]
    pub good: BTreeMap<String, Good>,
    /// They must lose exactly the checks that they list.
    #[serde(default)]
    pub bad: BTreeMap<String, Bad>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Good {
    /// What this style is here for.
    pub purpose: String,
    /// Commands, or `python3:MODULE`, without which it is skipped.
    #[serde(default)]
    pub needs: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bad {
    /// The one fault, in a sentence.
    pub fault: String,
    /// Commands, or `python3:MODULE`, without which it is skipped.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Names of the checks that it loses.
    pub loses: Vec<String>,
}

/// `expect.yaml` can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct ExpectError {
    /// The file, as the user knows it.
    pub name: String,
    /// What is wrong and where (line and column).
    pub reason: String,
}

/// Reads the file's text; `name` is for messages.
///
/// # Errors
/// Where it is no YAML, has unknown keys, or lacks some.
pub fn load(text: &str, name: &str) -> Result<Expectations, ExpectError> {
    serde_yaml::from_str(text).map_err(|e| ExpectError {
        name: name.to_owned(),
        reason: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read() {
        let text = "good:\n  a: { purpose: x, needs: [python3] }\nbad:\n  b: { fault: y, loses: [c, d] }\n";
        let expect = load(text, "expect.yaml").unwrap();
        assert_eq!(expect.good["a"].needs, ["python3"]);
        assert_eq!(expect.bad["b"].loses, ["c", "d"]);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for text in [
            "good: { a: { purpose: x, fault: y } }",
            "bad:\n  b: { fault: y }",
            "ugly: {}",
            "good: [",
        ] {
            let error = load(text, "expect.yaml").unwrap_err().to_string();
            assert!(
                error.starts_with("expect.yaml: ") && error.contains("line"),
                "{error}"
            );
        }
    }
}
