//! Exit codes and the one place where errors become messages.

use std::process::ExitCode;

use crate::check::{Code, Outcome};
use crate::grade::OnlyError;
use crate::report::{Report, ReportFinding};
use crate::store::StoreError;
use crate::task::PackError;

/// How `gradus` ends. Documented and stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; graded: everything passed.
    Passed,
    /// Graded: points were lost. Of `verify`: a pack isn't proven.
    Lost,
    /// Wrong usage, or a task pack that is wrong.
    Usage,
    /// The submission can't be found, built or started.
    Submission,
    /// Graded: nothing was lost, but some checks could not be decided.
    Inconclusive,
    /// The harness or the host failed.
    Fault,
    /// Ended by Ctrl-C (SIGINT).
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

impl Exit {
    pub const ALL: [Exit; 8] = [
        Exit::Passed,
        Exit::Lost,
        Exit::Usage,
        Exit::Submission,
        Exit::Inconclusive,
        Exit::Fault,
        Exit::Interrupted,
        Exit::Terminated,
    ];

    pub fn code(self) -> u8 {
        match self {
            Exit::Passed => 0,
            Exit::Lost => 1,
            Exit::Usage => 2,
            Exit::Submission => 3,
            Exit::Inconclusive => 4,
            Exit::Fault => 5,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// A line for `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Passed => "graded and passed, or done",
            Exit::Lost => "graded, points were lost (verify: a pack isn't proven)",
            Exit::Usage => "wrong usage, or a wrong task pack",
            Exit::Submission => "the submission can't be found, built or started",
            Exit::Inconclusive => "graded, nothing lost, but some checks could not be decided",
            Exit::Fault => "the harness or the host failed: nobody's points are lost",
            Exit::Interrupted => "ended by Ctrl-C",
            Exit::Terminated => "ended by SIGTERM",
        }
    }

    /// The exit that a report stands for.
    pub fn of(report: &Report) -> Exit {
        match report.outcome {
            _ if report.build.as_ref().is_some_and(|build| !build.ok) => Exit::Submission,
            Outcome::Inconclusive if report.findings.iter().any(not_started) => Exit::Submission,
            Outcome::Pass => Exit::Passed,
            Outcome::Fail => Exit::Lost,
            Outcome::Inconclusive => Exit::Inconclusive,
            Outcome::HarnessFault => Exit::Fault,
        }
    }
}

/// There was nothing that could be started: as little to judge as after a build that failed.
fn not_started(finding: &ReportFinding) -> bool {
    finding.code == Code::NotStarted.as_str()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// A command that came to nothing, with what to tell.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl ToString) -> Failure {
        Failure {
            exit,
            message: message.to_string(),
        }
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        Failure::new(Exit::Usage, error)
    }
}

impl From<OnlyError> for Failure {
    fn from(error: OnlyError) -> Self {
        Failure::new(Exit::Usage, error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::new(exit_of(&error), error)
    }
}

/// A folder that was named wrongly is a matter of usage; a disk that fails is one of the host.
pub fn exit_of(error: &StoreError) -> Exit {
    match error {
        StoreError::File(_)
        | StoreError::NotOurs(_)
        | StoreError::Busy(_)
        | StoreError::NoResults(_)
        | StoreError::Format { .. } => Exit::Usage,
        StoreError::Io { .. } | StoreError::Damaged { .. } | StoreError::Evidence { .. } => {
            Exit::Fault
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_as_documented() {
        let codes = Exit::ALL.map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 130, 143]);
    }
}
