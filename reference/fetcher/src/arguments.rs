//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use lexopt::prelude::*;

pub const USAGE: &str = "usage: fetcher -c N urls.txt";

#[derive(Debug, PartialEq)]
pub struct Arguments {
    pub limit: usize,
    pub list: PathBuf,
}

impl Arguments {
    pub fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut limit = None;
        let mut list = None;
        while let Some(argument) = parser.next()? {
            match argument {
                Short('c') => limit = Some(parser.value()?.parse::<NonZeroUsize>()?.get()),
                Value(path) if list.is_none() => list = Some(PathBuf::from(path)),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Self {
            limit: limit.ok_or("the limit -c N is missing")?,
            list: list.ok_or("the list of URLs is missing")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, lexopt::Error> {
        Arguments::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn limit_and_list_may_come_in_either_order() {
        let expected = Arguments {
            limit: 3,
            list: "urls.txt".into(),
        };
        assert_eq!(parse(&["-c", "3", "urls.txt"]).unwrap(), expected);
        assert_eq!(parse(&["urls.txt", "-c3"]).unwrap(), expected);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let senseless: [&[&str]; 9] = [
            &[],
            &["-c", "3"],
            &["urls.txt"],
            &["-c", "0", "urls.txt"],
            &["-c", "-1", "urls.txt"],
            &["-c", "2.5", "urls.txt"],
            &["-c", "many", "urls.txt"],
            &["-c", "3", "urls.txt", "more.txt"],
            &["-x", "-c", "3", "urls.txt"],
        ];
        for arguments in senseless {
            assert!(parse(arguments).is_err(), "{arguments:?} was accepted");
        }
    }
}
