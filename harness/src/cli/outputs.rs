//! Where reports go, and in which format.

use std::path::{Path, PathBuf};

use super::args::{FormatArg, Outputs};
use super::exit::{Exit, Failure};
use super::out;
use crate::report::{self, Report};
use crate::store::write_whole;

/// Reports to make: a file each, or standard output where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(pub Vec<(FormatArg, Option<PathBuf>)>);

impl Wanted {
    /// Pairs formats with files.
    ///
    /// # Errors
    /// Of usage: a format that can't be told, or numbers that don't fit.
    pub fn resolve(outputs: &Outputs) -> Result<Wanted, Failure> {
        let Outputs { format, out } = outputs;
        let usage = |message: String| Failure::new(Exit::Usage, message);
        if out.is_empty() {
            let formats = if format.is_empty() {
                &[FormatArg::Terminal][..]
            } else {
                &format[..]
            };
            return Ok(Wanted(
                formats.iter().map(|&format| (format, None)).collect(),
            ));
        }
        if !format.is_empty() && format.len() != out.len() {
            let mend =
                "give each --out its --format, or leave the formats to the files' extensions";
            return Err(usage(format!(
                "{} --format for {} --out\n   help: {mend}",
                format.len(),
                out.len()
            )));
        }
        let mut wanted = Vec::new();
        for (i, path) in out.iter().enumerate() {
            let format = match format.get(i) {
                Some(&format) => format,
                None => by_extension(path).ok_or_else(|| {
                    let mend = "end its name in .json, .xml, .md or .txt, or add --format";
                    usage(format!(
                        "the format of {} can't be told from its name\n   help: {mend}",
                        path.display()
                    ))
                })?,
            };
            wanted.push((
                format,
                Some(path.clone()).filter(|path| path != Path::new("-")),
            ));
        }
        // People still read it on the terminal, unless standard output is taken by a file's format.
        if wanted.iter().all(|(_, path)| path.is_some()) {
            wanted.push((FormatArg::Terminal, None));
        }
        Ok(Wanted(wanted))
    }

    /// Writes the report everywhere. Goes on to the next place when one fails.
    ///
    /// # Errors
    /// The first failure.
    pub fn write(&self, report: &Report, language: &str) -> Result<(), Failure> {
        self.each(|format| render(report, format, language))
    }

    /// Writes what `render` makes for each format.
    ///
    /// # Errors
    /// The first failure.
    pub fn each(&self, render: impl Fn(FormatArg) -> Vec<u8>) -> Result<(), Failure> {
        let mut first = Ok(());
        for (format, path) in &self.0 {
            let bytes = render(*format);
            let done = match path {
                Some(path) if *format == FormatArg::Terminal => {
                    let plain = anstream::adapter::strip_bytes(&bytes).into_vec();
                    write_whole(path, &plain).map_err(Failure::from)
                }
                Some(path) => write_whole(path, &bytes).map_err(Failure::from),
                None if *format == FormatArg::Terminal => {
                    out::print(&String::from_utf8_lossy(&bytes))
                }
                None => out::print_bytes(&bytes),
            };
            first = first.and(done);
        }
        first
    }
}

fn by_extension(path: &Path) -> Option<FormatArg> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => Some(FormatArg::Json),
        "xml" => Some(FormatArg::Junit),
        "md" | "markdown" => Some(FormatArg::Markdown),
        "txt" => Some(FormatArg::Terminal),
        _ => None,
    }
}

fn render(report: &Report, format: FormatArg, language: &str) -> Vec<u8> {
    match format {
        FormatArg::Terminal => {
            report::terminal::render(report, language, out::width()).into_bytes()
        }
        FormatArg::Json => report::json::render(report),
        FormatArg::Junit => report::junit::render(report, language),
        FormatArg::Markdown => report::markdown::render(report, language).into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FormatArg::{Json, Junit, Markdown, Terminal};

    fn resolve(
        format: &[FormatArg],
        out: &[&str],
    ) -> Result<Vec<(FormatArg, Option<PathBuf>)>, Failure> {
        let outputs = Outputs {
            format: format.to_vec(),
            out: out.iter().map(PathBuf::from).collect(),
        };
        Wanted::resolve(&outputs).map(|wanted| wanted.0)
    }

    fn file(name: &str) -> Option<PathBuf> {
        Some(PathBuf::from(name))
    }

    #[test]
    fn formats_and_files_are_paired() {
        assert_eq!(resolve(&[], &[]), Ok(vec![(Terminal, None)]));
        assert_eq!(resolve(&[Json], &[]), Ok(vec![(Json, None)]));
        assert_eq!(
            resolve(&[], &["a.json", "b.XML"]),
            Ok(vec![
                (Json, file("a.json")),
                (Junit, file("b.XML")),
                (Terminal, None)
            ])
        );
        assert_eq!(
            resolve(&[Markdown], &["summary"]),
            Ok(vec![(Markdown, file("summary")), (Terminal, None)])
        );
        assert_eq!(resolve(&[Json], &["-"]), Ok(vec![(Json, None)]));
    }

    #[test]
    fn what_can_t_be_told_is_usage() {
        for (format, out) in [
            (&[][..], &["report"][..]),
            (&[Json, Junit], &["a.json"]),
            (&[], &["-"]),
        ] {
            assert_eq!(
                resolve(format, out).expect_err("usage").exit,
                Exit::Usage,
                "{format:?} {out:?}"
            );
        }
    }
}
