//! `gradus rescore` and `gradus report`: what was graded before.

use super::args::{ReportArgs, Rescore, WhichPack};
use super::exit::{Exit, Failure};
use super::outputs::Wanted;
use super::pictures::pictures;
use super::{language, out, regrade};
use crate::class::folder::is_class;
use crate::grade;
use crate::report::{Report, SCHEMA_VERSION, translate};
use crate::store::{Results, StoreError};
use crate::task::{Library, PackError, pack};

/// `gradus rescore`.
///
/// # Errors
/// If there are no results, or no pack to judge them by.
pub fn rescore(library: &Library, args: &Rescore) -> Result<Exit, Failure> {
    if is_class(&args.results) {
        return regrade::rescore(library, args);
    }
    regrade::refuse_single(&args.of_class)?;
    let wanted = Wanted::resolve(&args.outputs)?;
    let (results, mut grading) = Results::open(&args.results)?;
    if let Some(asked) = &args.lang {
        grading.language = language::choose(Some(asked), language::env);
    }
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
    if args.lang.is_some() {
        results.update(&grading)?;
    }
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
    if let Some(into) = &args.merge {
        return regrade::merge(&args.results, into, args.partial);
    }
    let [results] = &args.results[..] else {
        let mend = "name one folder, or the shards of a class with --merge DIR";
        let message = format!("several results can't have one report\n   help: {mend}");
        return Err(Failure::new(Exit::Usage, message));
    };
    if is_class(results) {
        let mend = "`gradus gradebook` prints it in all its formats";
        let message = format!(
            "{} are results of a class\n   help: {mend}",
            results.display()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let wanted = Wanted::resolve(&args.outputs)?;
    let (results, grading) = Results::open(results)?;
    let path = results.report_path();
    let mut report: Report = match serde_json::from_slice(&results.read_report()?) {
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
    let mut language = grading.language.clone();
    if let Some(asked) = &args.lang {
        language = language::choose(Some(asked), language::env);
        // The pack's own hints stand in the pack that was graded.
        let pack = pack::open_as(&results.pack(), &grading.task).ok();
        translate(&mut report, pack.as_ref().map(|pack| &pack.task), &language);
    }
    wanted.write_with(&report, &language, || pictures(&results, &report))?;
    Ok(Exit::Passed)
}
