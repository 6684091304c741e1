//! From a rule of the task language to the check that judges it.

use super::code::Code;
use super::view::View;
use super::{
    Verdict, account, coverage, dialogue, ending, failures, files, flight, held, house, idle,
    memory, output, peer, serving, site, sockets, visited,
};
use crate::task::Amount;
use crate::task::Scenario;
use crate::task::rule::Rule;

/// What this rule says of this run. Pure: the same evidence gives the same verdict.
///
/// In a run in which the harness or the host failed nothing is judged, whatever came before.
pub fn judge(rule: &Rule, view: &View) -> Verdict {
    if let Some((n, message)) = view.fault {
        return Verdict::new(Code::Fault).fact("error", message).seen([n]);
    }
    if let Some((n, why)) = view.not_started {
        return Verdict::new(Code::NotStarted).fact("why", why).seen([n]);
    }
    match rule {
        Rule::Reaches(bound) => with(view, &bound.in_flight, |n| flight::reaches(view, n)),
        Rule::NeverExceeds(bound) => {
            with(view, &bound.in_flight, |n| flight::never_exceeds(view, n))
        }
        Rule::Refills(refills) => with(view, &refills.in_flight, |n| flight::refills(view, n)),
        Rule::BoundedSockets(bound) => with(view, &bound.in_flight, |n| sockets::bounded(view, n)),
        Rule::NotStalled(_) => flight::not_stalled(view),
        Rule::EachOnce(_) if view.plan().site.is_some() => site::each_once(view),
        Rule::Visits(visits) => site::visits(view, &visits.links),
        Rule::PrintsVisits(_) => visited::prints_visits(view),
        Rule::EachOnce(_) => coverage::each_once(view),
        Rule::AllTried(_) => coverage::all_tried(view),
        Rule::Exits(exits) => ending::exits(view, exits.status),
        Rule::RefusesArguments(_) => ending::refuses_arguments(view),
        Rule::PrintsResults(_) => output::prints_results(view),
        Rule::BoundedMemory(memory) => with(view, &memory.mib, |n| memory::bounded(view, n)),
        Rule::GoesOn(goes_on) => with(view, &goes_on.in_flight, |n| held::goes_on(view, n)),
        Rule::Backlog(backlog) => with(view, &backlog.bodies, |n| held::backlog(view, n)),
        Rule::FilesEqual(_) => files::equal(view),
        Rule::NoPartial(_) => files::no_partial(view),
        Rule::StaysInside(_) => files::stays_inside(view),
        Rule::NoOverwriting(_) => files::no_overwriting(view),
        Rule::ReportsFailures(_) => failures::reports(view),
        Rule::ReportsDiskErrors(_) => failures::reports_disk_errors(view),
        Rule::Avoids(_) => house::avoids(view),
        Rule::Echoes(of) => serving::echoes(view, &of.group),
        Rule::Uppercases(of) => serving::uppercases(view, &of.group),
        Rule::Finishes(of) => serving::finishes(view, &of.group),
        Rule::Rests(_) => account::rests(view),
        Rule::FreesDescriptors(of) => {
            account::frees_descriptors(view, &of.group, &of.before, &of.after)
        }
        Rule::SteadyMemory(of) => with(view, &of.mib, |mib| {
            account::steady_memory(view, &of.group, &of.before, &of.after, mib)
        }),
        Rule::Hears(of) => peer::hears(view, &of.group),
        Rule::Takes(of) => peer::takes(view, &of.group),
        Rule::Leaves(of) => peer::leaves(view, &of.group),
        Rule::Stops(of) => peer::stops(view, &of.group),
        Rule::PassesOn(of) => peer::passes_on(view, &of.group),
        Rule::Replies(of) => dialogue::replies(view, &of.group, &of.lines),
        Rule::Linearizable(model) => dialogue::linearizable(view, *model),
        Rule::KeepsOpen(of) => with(view, &of.ms, |ms| idle::keeps_open(view, &of.group, ms)),
        Rule::Closes(of) => with(view, &of.ms, |ms| idle::closes(view, &of.group, ms)),
        Rule::EndsOnSignal(_) => account::ends_on_signal(view),
        Rule::All(rules) => rules
            .iter()
            .map(|rule| judge(rule, view))
            .reduce(|worst, next| {
                if next.outcome > worst.outcome {
                    next
                } else {
                    worst
                }
            })
            .unwrap_or_else(|| Verdict::new(Code::Untested)),
    }
}

/// What all checks of a scenario say of one run of it: (name of the check, verdict).
pub fn judge_run(scenario: &Scenario, view: &View) -> Vec<(String, Verdict)> {
    scenario
        .checks
        .iter()
        .map(|c| (c.check.clone(), judge(&c.rule, view)))
        .collect()
}

fn with(view: &View, amount: &Amount, check: impl FnOnce(u64) -> Verdict) -> Verdict {
    match view.plan().amount(amount) {
        Ok(n) => check(n),
        Err(error) => Verdict::new(Code::BadRule).fact("error", error.to_string()),
    }
}
