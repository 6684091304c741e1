//! Reading YAML files of gradus: every fault with file, line, column, key, and a way to mend it.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_yaml::Error as YamlError;

use super::near::nearest;
use super::place::{Outline, Path, Place};
use super::{Task, validate};

/// Largest file that is read at all, bytes. The largest of our own packs is a hundredth of it.
pub const MAX_BYTES: usize = 1 << 20;

/// What is wrong with a YAML file: everything that was found, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TaskError {
    /// The file, as the user knows it.
    pub file: String,
    pub problems: Vec<Problem>,
}

/// One fault in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// Path of keys: `scenarios[2].checks[0].points`. Empty: the document as a whole.
    pub key: String,
    pub message: String,
    /// How to mend it, if we can tell.
    pub mend: Option<String>,
    /// The line of the file, for the eye.
    pub line: String,
}

/// A fault that is known by its path only; the outline of the file turns it into a [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub path: Path,
    /// Point at the key, not at its value.
    pub at_key: bool,
    pub message: String,
    pub mend: Option<String>,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.write(f, &self.file)?;
        }
        Ok(())
    }
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, file: &str) -> fmt::Result {
        let Place { line, column } = self.place;
        f.write_str(file)?;
        if line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if line > 0 && !self.line.is_empty() {
            let (shown, caret) = clip(&self.line, column);
            let number = line.to_string();
            let gutter = " ".repeat(number.len());
            write!(
                f,
                "\n {number} | {shown}\n {gutter} | {}^",
                " ".repeat(caret)
            )?;
        }
        match &self.mend {
            Some(mend) => write!(f, "\n   help: {mend}"),
            None => Ok(()),
        }
    }
}

/// Cuts a long line to a window around its column. Gives the caret's offset in what is shown.
fn clip(line: &str, column: u32) -> (String, usize) {
    const WIDTH: usize = 100;
    let chars: Vec<char> = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let at = (column.max(1) as usize - 1).min(chars.len());
    let from = at
        .saturating_sub(WIDTH / 2)
        .min(chars.len().saturating_sub(WIDTH));
    (chars[from..].iter().take(WIDTH).collect(), at - from)
}

/// Reads a task pack's `task.yaml`. `name` is the file's name for messages.
///
/// # Errors
/// Syntax, types, unknown keys (the first of them), and then everything that is wrong in meaning, all at once.
pub fn load(text: &str, name: &str) -> Result<Task, TaskError> {
    let task: Task = parse(text, name)?;
    let flaws = validate::flaws(&task);
    if flaws.is_empty() {
        Ok(task)
    } else {
        Err(located(text, name, flaws))
    }
}

/// Reads any YAML file of ours into its type, within the bounds for untrusted documents.
///
/// # Errors
/// The first fault of syntax, type or key, with its place.
pub fn parse<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, TaskError> {
    if text.len() > MAX_BYTES {
        let message = format!(
            "the file has {} bytes; more than {MAX_BYTES} are not read",
            text.len()
        );
        let whole = Problem {
            place: Place::default(),
            key: String::new(),
            message,
            mend: None,
            line: String::new(),
        };
        return Err(TaskError {
            file: name.to_owned(),
            problems: vec![whole],
        });
    }
    serde_yaml::from_str_with_options(text, options()).map_err(|error| of_yaml(text, name, &error))
}

/// Adds line and column to flaws.
pub(crate) fn located(text: &str, name: &str, flaws: Vec<Flaw>) -> TaskError {
    let outline = Outline::of(text, lenient());
    let mut problems: Vec<Problem> = flaws
        .into_iter()
        .map(|flaw| {
            let place = if flaw.at_key {
                outline.key(&flaw.path)
            } else {
                outline.value(&flaw.path)
            };
            Problem {
                place,
                key: flaw.path.to_string(),
                message: flaw.message,
                mend: flaw.mend,
                line: line_of(text, place),
            }
        })
        .collect();
    problems.sort_by_key(|p| p.place);
    TaskError {
        file: name.to_owned(),
        problems,
    }
}

/// A few thousand nodes are plenty for a task; aliases may repeat a part, but not multiply.
fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_documents: 1,
            max_depth: 32,
            max_nodes: 50_000,
            max_events: 200_000,
            max_aliases: 500,
            max_anchors: 100,
            max_total_scalar_bytes: MAX_BYTES,
            max_recorded_anchor_events: 50_000,
            max_recorded_anchor_bytes: MAX_BYTES,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 8,
        },
        strict_booleans: true,
        with_snippet: false,
    }
}

/// The outline is read to point at mistakes: those that have a place of their own don't end it.
fn lenient() -> serde_yaml::Options {
    let mut options = options();
    options.duplicate_keys = serde_yaml::DuplicateKeyPolicy::LastWins;
    options.non_finite_float_policy = serde_yaml::NonFiniteFloatPolicy::PassThrough;
    options
}

fn of_yaml(text: &str, name: &str, error: &YamlError) -> TaskError {
    let place = error.location().map(Place::from).unwrap_or_default();
    let path = Outline::of(text, lenient()).path_at(place);
    let (message, mend) = explain(innermost(error));
    let problem = Problem {
        place,
        key: path.to_string(),
        message,
        mend,
        line: line_of(text, place),
    };
    TaskError {
        file: name.to_owned(),
        problems: vec![problem],
    }
}

fn innermost(error: &YamlError) -> &YamlError {
    match error {
        YamlError::WithSnippet { error, .. } | YamlError::AliasError { error, .. } => {
            innermost(error)
        }
        other => other,
    }
}

fn explain(error: &YamlError) -> (String, Option<String>) {
    match error {
        YamlError::SerdeUnknownField {
            field, expected, ..
        } => (format!("unknown key `{field}`"), meant(field, expected)),
        YamlError::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!("unknown word `{variant}`"),
            meant(variant, expected),
        ),
        YamlError::SerdeMissingField { field, .. } => (
            format!("key `{field}` is missing"),
            Some(format!("add `{field}:` here")),
        ),
        YamlError::DuplicateMappingKey { key, .. } => (
            key.as_ref().map_or_else(
                || "a key stands twice".to_owned(),
                |key| format!("key `{key}` stands twice"),
            ),
            Some("keep one of the two".to_owned()),
        ),
        YamlError::Budget { .. }
        | YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. } => (
            "the document grows beyond what is read (too many aliases, nodes or levels)".to_owned(),
            Some("write the repeated parts out, or make the file smaller".to_owned()),
        ),
        YamlError::NullIntoString { .. } => (
            "a text is wanted, but nothing stands here".to_owned(),
            Some("write it, in quotes if it has a comma, a colon or a `#` in it".to_owned()),
        ),
        YamlError::Eof { .. } => ("the document is empty or ends too early".to_owned(), None),
        YamlError::Message { msg, .. }
            if msg.contains("did not match any variant of untagged enum Amount") =>
        {
            (
                "a whole number is wanted, or a sum of parameters".to_owned(),
                Some("write it like `3`, `limit` or `2 * limit + 1`".to_owned()),
            )
        }
        YamlError::Message { msg, .. }
            if msg.contains("did not match any variant of untagged enum") =>
        {
            ("a whole number or a text is wanted".to_owned(), None)
        }
        YamlError::Message { msg, .. } => (msg.clone(), None),
        other => (without_place(&other.to_string()), None),
    }
}

fn meant(word: &str, expected: &[&'static str]) -> Option<String> {
    match nearest(word, expected.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if expected.is_empty() => None,
        None => Some(format!("known here: {}", expected.join(", "))),
    }
}

/// The place stands before the message already.
fn without_place(message: &str) -> String {
    let end = message.rfind(" at line ").unwrap_or(message.len());
    let plain = message[..end].trim();
    plain.strip_prefix("error: ").unwrap_or(plain).to_owned()
}

fn line_of(text: &str, place: Place) -> String {
    let n = place.line as usize;
    n.checked_sub(1)
        .and_then(|n| text.lines().nth(n))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
