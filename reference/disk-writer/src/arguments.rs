//! The command line: `disk-writer -c N -o DIR urls.txt`.

use std::fs;
use std::path::PathBuf;

use lexopt::prelude::*;

pub const USAGE: &str = "usage: disk-writer -c N -o DIR urls.txt";

pub struct Arguments {
    pub limit: usize,
    pub folder: PathBuf,
}

/// The arguments, and the URLs of the list.
pub fn read() -> Result<(Arguments, Vec<String>), lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let (mut limit, mut folder, mut list) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('c') => limit = Some(parser.value()?.parse::<usize>()?),
            Short('o') => folder = Some(PathBuf::from(parser.value()?)),
            Value(path) if list.is_none() => list = Some(PathBuf::from(path)),
            other => return Err(other.unexpected()),
        }
    }
    let arguments = Arguments {
        limit: limit
            .filter(|&n| n > 0)
            .ok_or("-c wants a number of 1 or more")?,
        folder: folder.ok_or("-o wants a folder")?,
    };
    let list = list.ok_or("the list of URLs is missing")?;
    let text = fs::read(&list).map_err(|e| format!("cannot read {}: {e}", list.display()))?;
    let lines = String::from_utf8_lossy(&text);
    let urls = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok((arguments, urls.map(String::from).collect()))
}
