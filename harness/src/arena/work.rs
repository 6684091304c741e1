//! Looking on while the submission computes.

use std::time::{Duration, Instant};

use super::accounts;
use super::settle::Scene;
use super::stage::Stage;
use crate::evidence::{Event, StepOutcome, Worked};

/// From one look to the next.
const BETWEEN: Duration = Duration::from_millis(100);
/// A program that uses no processor time for so long isn't computing.
const IDLE: Duration = Duration::from_secs(5);
/// Less than this is no progress.
const PROGRESS: Duration = Duration::from_millis(1);

impl Stage {
    /// Looks at all threads now and then, until together they have used so much processor time.
    pub(super) async fn work(&self, enough: Duration) -> StepOutcome {
        let begun = Instant::now();
        let mut last = (Duration::ZERO, begun);
        loop {
            let next = Instant::now() + BETWEEN;
            self.drain().await;
            if self.exited() {
                return StepOutcome::Exited;
            }
            let Some(threads) = self.worked(begun) else {
                return StepOutcome::Idle;
            };
            let used = Duration::from_nanos(threads.iter().map(|t| t.run_ns).sum());
            if !threads.is_empty() {
                self.recorder.record(Event::Work { threads });
            }
            if used >= enough {
                return StepOutcome::Reached;
            }
            if used > last.0 + PROGRESS || used < last.0 {
                last = (used, Instant::now());
            } else if last.1.elapsed() >= IDLE {
                return StepOutcome::Stuck;
            }
            while Instant::now() < next {
                if Instant::now() >= self.deadline {
                    self.recorder.record(Event::GaveUp {
                        settled: false,
                        why: "the run's time is over".to_owned(),
                    });
                    return StepOutcome::GaveUp;
                }
                self.nap(next.saturating_duration_since(Instant::now()));
                self.drain().await;
            }
        }
    }

    fn worked(&self, begun: Instant) -> Option<Vec<Worked>> {
        let mut looker = self.looker.borrow_mut();
        let looker = looker.as_mut()?;
        let look = looker.look();
        let root = looker.root();
        let threads = look.threads.iter().filter(|t| t.pid != root);
        Some(
            threads
                .filter_map(|t| accounts::worked(looker.proc(), t.pid, t.tid, begun))
                .collect(),
        )
    }
}
