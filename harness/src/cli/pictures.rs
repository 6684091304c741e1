//! The pictures of runs, from stored evidence.

use std::collections::BTreeSet;

use crate::report::{Report, Timeline, timeline};
use crate::store::Results;

/// One for each run whose evidence can be read. A picture is no verdict: what can't be drawn is left out.
pub fn pictures(results: &Results, report: &Report) -> Vec<Timeline> {
    let drawn = report.runs.iter().filter_map(|run| {
        let records = results.records(&run.run).ok().flatten()?;
        let marked: BTreeSet<u64> = report
            .findings
            .iter()
            .filter(|finding| finding.run == run.run)
            .flat_map(|finding| finding.events.iter().copied())
            .collect();
        Some(timeline(&run.run, &records, &marked))
    });
    drawn.collect()
}
