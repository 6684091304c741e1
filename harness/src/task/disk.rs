//! The disk of a scenario: the output folder, and which calls on its files are held or fail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;

/// An output folder. `{out}` is its path; it isn't there at the start, and what lies in it at the end of
/// the run is recorded with sizes and digests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Calls on files of the folder that wait until the script lets them go.
    pub hold: Option<Hold>,
    /// A call that fails.
    pub fail: Option<Fail>,
    /// Libraries to look out for: which files the submission opens for reading is recorded, and where its
    /// sources name one of these. Costs some microseconds for each open, so it has a scenario of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<String>,
}

/// Which calls are held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    pub ops: Vec<Op>,
    /// The first call that is held, from 1.
    #[serde(default = "one")]
    pub from: Amount,
    /// How many are held in all; without end if left out.
    #[serde(default)]
    pub count: Option<Amount>,
}

/// Which call fails. The file that it was for goes on failing in these calls until it is opened anew or
/// removed, as it would on a full disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    pub ops: Vec<Op>,
    /// The call that fails, from 1.
    #[serde(default = "one")]
    pub nth: Amount,
    pub errno: Errno,
}

fn one() -> Amount {
    Amount::Int(1)
}

/// Calls on files, whatever the system names them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Puts bytes into a file, copies them there, or changes its length.
    Write,
    /// Opens a file for writing, or makes it.
    Open,
    /// Waits until a file's bytes are on the disk.
    Fsync,
    /// Gives a file another name, or one more.
    Rename,
}

impl Op {
    pub const ALL: [Op; 4] = [Op::Write, Op::Open, Op::Fsync, Op::Rename];

    /// As it stands in a task pack and in evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            Op::Write => "write",
            Op::Open => "open",
            Op::Fsync => "fsync",
            Op::Rename => "rename",
        }
    }
}

/// What a failing call reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Errno {
    /// The disk is full.
    Enospc,
    /// The disk is broken.
    Eio,
    /// The process has too many files open.
    Emfile,
}

impl Errno {
    /// The kernel's number.
    pub fn number(self) -> i32 {
        match self {
            Errno::Enospc => libc::ENOSPC,
            Errno::Eio => libc::EIO,
            Errno::Emfile => libc::EMFILE,
        }
    }
}

/// Lets held calls go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LetGo {
    /// How many, the oldest first. If left out: all of them, and nothing is held any more.
    pub count: Option<Amount>,
}
