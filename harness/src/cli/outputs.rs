//! Where reports go, and in which format.

use std::path::{Path, PathBuf};

use super::args::{AudienceArg, FormatArg, Outputs};
use super::exit::{Exit, Failure};
use super::out;
use crate::report::{self, Audience, Look, Report, Timeline};
use crate::store::write_whole;

/// Reports to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// A file each, or standard output where there is none.
    places: Vec<(FormatArg, Option<PathBuf>)>,
    audience: Audience,
}

impl Wanted {
    /// Pairs formats with files.
    ///
    /// # Errors
    /// Of usage: a format that can't be told, or numbers that don't fit.
    pub fn resolve(outputs: &Outputs) -> Result<Wanted, Failure> {
        let Outputs {
            format,
            out,
            audience,
        } = outputs;
        let audience = Audience::from(*audience);
        let usage = |message: String| Failure::new(Exit::Usage, message);
        if out.is_empty() {
            let formats = if format.is_empty() {
                &[FormatArg::Terminal][..]
            } else {
                &format[..]
            };
            let places = formats.iter().map(|&format| (format, None)).collect();
            return Ok(Wanted { places, audience });
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
        let mut places = Vec::new();
        for (i, path) in out.iter().enumerate() {
            let format = match format.get(i) {
                Some(&format) => format,
                None => by_extension(path).ok_or_else(|| {
                    let mend =
                        "end its name in .html, .json, .xml, .md, .txt or .tap, or add --format";
                    usage(format!(
                        "the format of {} can't be told from its name\n   help: {mend}",
                        path.display()
                    ))
                })?,
            };
            places.push((
                format,
                Some(path.clone()).filter(|path| path != Path::new("-")),
            ));
        }
        // People still read it on the terminal, unless standard output is taken by a file's format.
        if places.iter().all(|(_, path)| path.is_some()) {
            places.push((FormatArg::Terminal, None));
        }
        Ok(Wanted { places, audience })
    }

    /// Whether nothing but these is wanted.
    pub fn all_among(&self, formats: &[FormatArg]) -> bool {
        self.places
            .iter()
            .all(|(format, _)| formats.contains(format))
    }

    /// Writes the report everywhere. Goes on to the next place when one fails.
    ///
    /// # Errors
    /// The first failure.
    pub fn write(&self, report: &Report, language: &str) -> Result<(), Failure> {
        self.write_with(report, language, Vec::new)
    }

    /// The same with the pictures of runs, which are asked for only where a format shows them.
    ///
    /// # Errors
    /// The first failure.
    pub fn write_with(
        &self,
        report: &Report,
        language: &str,
        pictures: impl Fn() -> Vec<Timeline>,
    ) -> Result<(), Failure> {
        self.each(|format| match format {
            FormatArg::Html => Ok(report::html(report, &pictures(), language, self.audience)),
            format => render(report, format, language, self.audience),
        })
    }

    /// Writes what `render` makes for each format.
    ///
    /// # Errors
    /// The first failure.
    pub fn each(
        &self,
        render: impl Fn(FormatArg) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        let mut first = Ok(());
        for (format, path) in &self.places {
            let done = render(*format).and_then(|text| match path {
                Some(path) => {
                    let plain = anstream::adapter::strip_str(&text).to_string();
                    let text = if *format == FormatArg::Terminal {
                        plain
                    } else {
                        text
                    };
                    write_whole(path, text.as_bytes()).map_err(Failure::from)
                }
                None if *format == FormatArg::Terminal => out::print(&text),
                None => out::print_bytes(text.as_bytes()),
            });
            first = first.and(done);
        }
        first
    }
}

impl From<AudienceArg> for Audience {
    fn from(audience: AudienceArg) -> Audience {
        match audience {
            AudienceArg::Student => Audience::Student,
            AudienceArg::Teacher => Audience::Teacher,
        }
    }
}

fn by_extension(path: &Path) -> Option<FormatArg> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" => Some(FormatArg::Json),
        "xml" => Some(FormatArg::Junit),
        "html" | "htm" => Some(FormatArg::Html),
        "md" | "markdown" => Some(FormatArg::Markdown),
        "txt" => Some(FormatArg::Terminal),
        "tap" => Some(FormatArg::Tap),
        _ => None,
    }
}

fn render(
    report: &Report,
    format: FormatArg,
    language: &str,
    audience: Audience,
) -> Result<String, Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Fault, format!("the report can't be made: {error}"))
    };
    match format {
        FormatArg::Terminal => {
            let look = Look {
                color: true,
                width: out::width(),
                language: language.to_owned(),
                audience,
            };
            Ok(report::terminal(report, &look))
        }
        FormatArg::Json => report::json(report).map_err(|error| broken(&error)),
        FormatArg::Junit => {
            report::junit(report, language, audience).map_err(|error| broken(&error))
        }
        FormatArg::Markdown => Ok(report::markdown(report, language, audience)),
        FormatArg::Html => Ok(report::html(report, &[], language, audience)),
        FormatArg::Github => Ok(report::github(report, language, audience)),
        FormatArg::Gitlab => report::gitlab(report, language, audience).map_err(|e| broken(&e)),
        FormatArg::Gradescope => report::gradescope(report, language).map_err(|e| broken(&e)),
        FormatArg::Prairielearn => {
            report::prairielearn(report, language, audience).map_err(|e| broken(&e))
        }
        FormatArg::Autolab => report::autolab(report, language, audience).map_err(|e| broken(&e)),
        FormatArg::Classroom => {
            report::classroom(report, language, audience).map_err(|e| broken(&e))
        }
        FormatArg::Vpl => Ok(report::vpl(report, language, audience, vpl_range())),
        FormatArg::Coderunner => {
            report::coderunner(report, language, audience).map_err(|e| broken(&e))
        }
        FormatArg::Check50 => report::check50(report, language, audience).map_err(|e| broken(&e)),
        FormatArg::Tap => report::tap(report, language, audience).map_err(|e| broken(&e)),
    }
}

/// The grades of the activity, where VPL runs us.
fn vpl_range() -> Option<report::Range> {
    let number = |name: &str| std::env::var(name).ok()?.trim().parse::<f64>().ok();
    let range = report::Range {
        lowest: number("VPL_GRADEMIN")?,
        highest: number("VPL_GRADEMAX")?,
    };
    (range.lowest.is_finite() && range.highest.is_finite()).then_some(range)
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
            audience: AudienceArg::Student,
        };
        Wanted::resolve(&outputs).map(|wanted| wanted.places)
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
