//! `gradus rescore` and `gradus report`: what was graded before.

use super::args::{ReportArgs, Rescore, WhichPack};
use super::exit::{Exit, Failure};
use super::out;
use super::outputs::Wanted;
use super::pictures::pictures;
use crate::grade;
use crate::report::{Report, SCHEMA_VERSION};
use crate::store::{Results, StoreError};
use crate::task::{Library, PackError, pack};

/// `gradus rescore`.
///
/// # Errors
/// If there are no results, or no pack to judge them by.
pub fn rescore(library: &Library, args: &Rescore) -> Result<Exit, Failure> {
    let wanted = Wanted::resolve(&args.outputs)?;
    let (results, grading) = Results::open(&args.results)?;
    let pack = match args.pack {
        WhichPack::Current => match library.find(&grading.task) {
            Err(PackError::Unknown { .. }) => {
                out::tell(&format!(
                    "there is no pack of {} here: judged by the stored one",
                    grading.task
                ));
                pack::open_as(&results.pack(), &grading.task)?
            }
            found => found?,
        },
        WhichPack::Stored => pack::open_as(&results.pack(), &grading.task)?,
    };
    if pack.digest != grading.pack {
        out::tell(&format!(
            "the pack of {} has changed since this was graded",
            grading.task
        ));
    }
    grade::only(&pack.task, &grading.only)?;
    let report = grade::rescore(&results, &grading, &pack);
    results.write_report(&report)?;
    wanted.write_with(&report, &grading.language, || pictures(&results, &report))?;
    Ok(if args.exit_zero {
        Exit::Passed
    } else {
        Exit::of(&report)
    })
}

/// `gradus report`.
///
/// # Errors
/// If there is no report, or it is of another version.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let wanted = Wanted::resolve(&args.outputs)?;
    let (results, grading) = Results::open(&args.results)?;
    let path = results.report_path();
    let report: Report = match serde_json::from_slice(&results.read_report()?) {
        Ok(report) => report,
        Err(error) => {
            let why = format!("{error}; `gradus rescore` makes it anew");
            return Err(StoreError::Damaged { path, why }.into());
        }
    };
    if report.schema_version != SCHEMA_VERSION {
        return Err(StoreError::Format {
            path,
            found: report.schema_version,
        }
        .into());
    }
    wanted.write_with(&report, &grading.language, || pictures(&results, &report))?;
    Ok(Exit::Passed)
}
