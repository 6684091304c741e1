//! The command line.

use std::num::NonZeroUsize;

use lexopt::prelude::*;
use url::Url;

pub const USAGE: &str = "usage: crawler -c N [--depth D] URL";

#[derive(Debug)]
pub struct Arguments {
    pub limit: usize,
    pub depth: Option<u32>,
    pub start: Url,
}

impl Arguments {
    pub fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let (mut limit, mut depth, mut start) = (None, None, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('c') => limit = Some(parser.value()?.parse::<NonZeroUsize>()?.get()),
                Long("depth") => depth = Some(parser.value()?.parse()?),
                Value(url) if start.is_none() => start = Some(url.parse::<Url>()?),
                other => return Err(other.unexpected()),
            }
        }
        let start = start.ok_or("the URL is missing")?;
        if start.scheme() != "http" {
            return Err("only http:// URLs can be crawled".into());
        }
        Ok(Self {
            limit: limit.ok_or("the limit -c N is missing")?,
            depth,
            start,
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
    fn the_depth_may_be_left_out() {
        let all = parse(&["-c", "3", "http://h.test/a"]).unwrap();
        assert_eq!((all.limit, all.depth, all.start.path()), (3, None, "/a"));
        let near = parse(&["http://h.test", "--depth=0", "-c1"]).unwrap();
        assert_eq!(
            (near.limit, near.depth, near.start.path()),
            (1, Some(0), "/")
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let senseless: [&[&str]; 8] = [
            &[],
            &["-c", "3"],
            &["http://h.test/"],
            &["-c", "0", "http://h.test/"],
            &["-c", "3", "--depth", "-1", "http://h.test/"],
            &["-c", "3", "ftp://h.test/"],
            &["-c", "3", "h.test"],
            &["-c", "3", "http://h.test/", "http://h.test/"],
        ];
        for arguments in senseless {
            assert!(parse(arguments).is_err(), "{arguments:?} was accepted");
        }
    }
}
