//! The grading itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::assess::{self, Assessed};
use super::{News, Order, Runner, Watch, build, only};
use crate::arena::handle::Fault;
use crate::check::Outcome;
use crate::evidence::{FORMAT as EVIDENCE_FORMAT, Header};
use crate::plan::{Plan, expand};
use crate::report::Report;
use crate::store::{FORMAT, Grading, Results, RunEntry, State, StoreError};
use crate::task::Task;

/// What a grading came to. There is always a report.
#[derive(Debug)]
pub struct Graded {
    pub report: Report,
    /// Why results could not be kept, if so: the report has it among its faults too.
    pub store: Option<StoreError>,
    /// It was cancelled; what had been run is judged, the rest is inconclusive.
    pub interrupted: bool,
}

/// Grades. Blocks until everything is over.
pub fn grade(order: &Order, runner: &dyn Runner, watch: &dyn Watch) -> Graded {
    let grading = order.grading();
    let mut work = Work {
        order,
        runner,
        watch,
        run: order.submission.run.clone(),
        state: Mutex::default(),
        grading: Mutex::new(grading),
    };
    let store = work.all().err();
    work.end(store)
}

impl Order {
    /// What is known before anything was run.
    pub(super) fn grading(&self) -> Grading {
        Grading {
            gradus_results: FORMAT,
            gradus: env!("CARGO_PKG_VERSION").to_owned(),
            task: self.pack.task.task.clone(),
            pack: self.pack.digest.clone(),
            submission: self.submission.name.clone(),
            seed: self.seed,
            tier: self.tier,
            host: self.host.clone(),
            only: self.only.clone(),
            language: self.language.clone(),
            build: None,
            runs: Vec::new(),
            faults: Vec::new(),
            finished: false,
        }
    }
}

struct Work<'o> {
    order: &'o Order,
    runner: &'o dyn Runner,
    watch: &'o dyn Watch,
    /// The program's command; a build may settle it.
    run: Vec<String>,
    state: Mutex<Progress>,
    grading: Mutex<Grading>,
}

#[derive(Default)]
struct Progress {
    assessed: Vec<(usize, Assessed)>,
    interrupted: bool,
    /// The first failure to keep results: nothing more is started then.
    broken: Option<StoreError>,
}

/// One run that is to be.
struct Planned {
    number: usize,
    name: String,
    plan: Plan,
    needed: Option<crate::evidence::Tier>,
}

impl Work<'_> {
    fn all(&mut self) -> Result<(), StoreError> {
        let task = match only(&self.order.pack.task, &self.order.only) {
            Ok(task) => task,
            Err(error) => {
                self.fault(error.to_string());
                return Ok(());
            }
        };
        let planned = self.plan(&task);
        let results = Results::create(&self.order.results, &self.grading(), &self.order.pack)?;
        if self.build(&results)? {
            self.runs(&task, &results, &planned);
        }
        if let Some(error) = self.state().broken.take() {
            return Err(error);
        }
        let interrupted = self.state().interrupted;
        let mut grading = self.grading();
        grading.finished = !interrupted;
        results.update(&grading)?;
        drop(grading);
        results.write_report(&self.report())
    }

    /// What this host can't run is planned too: its checks are then inconclusive, not gone.
    fn plan(&self, task: &Task) -> Vec<Planned> {
        let mut planned = Vec::new();
        for scenario in &task.scenarios {
            for set in 0..scenario.with.len() {
                match expand(task, scenario, set, self.order.seed) {
                    Ok(plan) => {
                        let number = planned.len() + 1;
                        let name = format!("{}-{}", scenario.scenario, set + 1);
                        let needed = scenario.tier.filter(|&needed| needed > self.order.tier);
                        planned.push(Planned {
                            number,
                            name,
                            plan,
                            needed,
                        });
                    }
                    Err(error) => self.fault(error.to_string()),
                }
            }
        }
        let entry = |run: &Planned| RunEntry {
            run: run.name.clone(),
            scenario: run.plan.scenario.clone(),
            set: run.plan.set,
            with: run.plan.params.clone(),
            seed: run.plan.seed,
            state: State::Planned,
        };
        self.grading().runs = planned.iter().map(entry).collect();
        planned
    }

    /// Whether there is something to run.
    fn build(&mut self, results: &Results) -> Result<bool, StoreError> {
        let Some(command) = &self.order.submission.build else {
            return Ok(true);
        };
        self.watch.on(News::Building { command });
        let plan = build::plan(&self.order.pack.task.task, command);
        let mut seen = build::Seen::default();
        let done = self.runner.build(&plan, command, &mut |line| {
            seen.take(line);
            Ok(())
        });
        match done {
            Ok(()) => {
                let mut report = seen.report(command);
                if report.ok {
                    match self.runner.settle(&self.order.submission.run) {
                        Ok(run) => self.run = run,
                        Err(why) => {
                            report.ok = false;
                            report.output.push_str(&format!("\n{why}"));
                        }
                    }
                }
                let ok = report.ok;
                self.watch.on(News::Built { ok });
                let mut grading = self.grading();
                grading.build = Some(report);
                results.update(&grading)?;
                Ok(ok)
            }
            Err(Fault::Cancelled) => {
                self.state().interrupted = true;
                Ok(false)
            }
            Err(fault) => {
                self.watch.on(News::Built { ok: false });
                self.fault(format!("the build could not be carried out: {fault}"));
                Ok(false)
            }
        }
    }

    fn runs(&self, task: &Task, results: &Results, planned: &[Planned]) {
        let next = AtomicUsize::new(0);
        let worker = || {
            while let Some(run) = planned.get(next.fetch_add(1, Ordering::SeqCst)) {
                let state = self.state();
                if state.interrupted || state.broken.is_some() {
                    return;
                }
                drop(state);
                if let Err(error) = self.one(task, results, run, planned.len()) {
                    self.state().broken.get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.order.jobs.clamp(1, planned.len().max(1)) {
                scope.spawn(worker);
            }
            worker();
        });
    }

    fn one(
        &self,
        task: &Task,
        results: &Results,
        run: &Planned,
        total: usize,
    ) -> Result<(), StoreError> {
        let &Planned {
            number,
            ref name,
            ref plan,
            needed,
        } = run;
        if let Some(needed) = needed {
            self.watch.on(News::Skipped {
                number,
                total,
                run: name,
                needed,
            });
            return self.mark(results, number, State::Skipped);
        }
        self.mark(results, number, State::Running)?;
        self.watch.on(News::Begins {
            number,
            total,
            run: name,
            plan,
        });
        let mut file = results.evidence(name)?;
        let done = self.runner.run(name, plan, &self.run, &mut |line| {
            self.watch.on(News::Line { run: name, line });
            file.keep(line)
        });
        let failed = |path: &std::path::Path, source| StoreError::Io {
            doing: "written",
            path: path.to_owned(),
            source,
        };
        match done {
            Ok(()) => {}
            Err(Fault::Cancelled) => {
                // What came so far stays under its unfinished name.
                self.state().interrupted = true;
                return self.mark(results, number, State::Planned);
            }
            Err(Fault::Keep(source)) => return Err(failed(file.path(), source)),
            Err(fault) => {
                let header = || Header {
                    format: EVIDENCE_FORMAT,
                    gradus: env!("CARGO_PKG_VERSION").to_owned(),
                    tier: self.order.tier,
                    plan: plan.clone(),
                    facilities: Default::default(),
                };
                file.fault(header, &fault.to_string())
                    .map_err(|source| failed(file.path(), source))?;
            }
        }
        file.finish()?;
        // Judged from what was kept, so that judging it again can't differ.
        let entry = self.grading().runs[number - 1].clone();
        let assessed = assess::run(task, &entry, results.records(name));
        self.watch.on(News::Ended {
            number,
            total,
            run: name,
            outcome: assessed.worst(),
        });
        self.state().assessed.push((number, assessed));
        self.mark(results, number, State::Done)
    }

    fn mark(&self, results: &Results, number: usize, state: State) -> Result<(), StoreError> {
        let mut grading = self.grading();
        grading.runs[number - 1].state = state;
        results.update(&grading)
    }

    fn fault(&self, message: String) {
        self.grading().faults.push(message);
    }

    fn end(self, store: Option<StoreError>) -> Graded {
        if let Some(error) = &store {
            self.fault(error.to_string());
        }
        let report = self.report();
        Graded {
            report,
            store,
            interrupted: self.state().interrupted,
        }
    }

    fn report(&self) -> Report {
        let grading = self.grading();
        let mut state = self.state();
        state.assessed.sort_by_key(|(number, _)| *number);
        let mut ran = state.assessed.iter().peekable();
        let all = grading.runs.iter().enumerate().map(|(i, entry)| {
            match ran.next_if(|(number, _)| *number == i + 1) {
                Some((_, assessed)) => assessed.clone(),
                None => assess::not_run(&self.order.pack.task, entry, grading.tier),
            }
        });
        let all: Vec<Assessed> = all.collect();
        assess::report(&self.order.pack, &grading, &all)
    }

    // A panic of another worker has its own end; what it left here is still whole.
    fn state(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grading(&self) -> MutexGuard<'_, Grading> {
        self.grading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worst outcome, as a whole run.
impl Assessed {
    pub(super) fn worst(&self) -> Outcome {
        self.judged
            .verdicts
            .iter()
            .map(|(_, verdict)| verdict.outcome)
            .max()
            .unwrap_or(Outcome::Pass)
    }
}
