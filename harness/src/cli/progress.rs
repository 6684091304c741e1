//! What a grading is doing: one live line on a terminal, a plain line for each run elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{out, steps};
use crate::check::Outcome;
use crate::evidence::{Event, Record};
use crate::grade::{News, Watch};
use crate::task::Params;

/// A person can't read faster.
const REDRAW: Duration = Duration::from_millis(60);

/// Writes to standard error.
#[derive(Debug)]
pub struct Progress {
    live: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    runs: Vec<Live>,
    done: usize,
    total: usize,
    drawn: Option<Instant>,
    /// Something stands in the live line.
    shown: bool,
}

/// A run that goes on now.
#[derive(Debug)]
struct Live {
    run: String,
    label: String,
    /// What each step of the script waits for.
    steps: Vec<String>,
    step: usize,
    requests: u64,
    ended: u64,
}

impl Default for Progress {
    fn default() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Progress {
            live: io::stderr().is_terminal() && !dumb,
            state: Mutex::default(),
        }
    }
}

impl Progress {
    /// Takes the live line away. Call it before anything else is printed.
    pub fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clear();
    }

    fn say(&self, state: &mut State, text: &str) {
        state.clear();
        out::tell(text);
    }
}

impl Watch for Progress {
    fn on(&self, news: News<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match news {
            News::Building { command } => {
                let text = format!("building: {}", shown(&command.join(" ")));
                if self.live {
                    state.draw(&text)
                } else {
                    self.say(&mut state, &text)
                }
            }
            News::Built { ok: true } => state.clear(),
            News::Built { ok: false } => self.say(&mut state, "the build failed"),
            News::Begins {
                number: _,
                total,
                run,
                plan,
            } => {
                state.total = total;
                state.runs.push(Live {
                    run: run.to_owned(),
                    label: label(run, &plan.params),
                    steps: plan
                        .script
                        .iter()
                        .map(|step| steps::waits_for(step, plan))
                        .collect(),
                    step: 0,
                    requests: 0,
                    ended: 0,
                });
                self.redraw(&mut state, true);
            }
            News::Line { run, line } => {
                if self.live {
                    let moved = state
                        .runs
                        .iter_mut()
                        .find(|live| live.run == run)
                        .is_some_and(|live| live.take(line));
                    self.redraw(&mut state, moved);
                }
            }
            News::Ended {
                total,
                run,
                outcome,
                ..
            } => {
                let label = state
                    .runs
                    .iter()
                    .position(|live| live.run == run)
                    .map(|i| state.runs.remove(i).label);
                state.done += 1;
                let label = label.unwrap_or_else(|| run.to_owned());
                if self.live {
                    self.redraw(&mut state, true);
                } else {
                    let done = state.done;
                    self.say(
                        &mut state,
                        &format!("[{done}/{total}] {label}: {}", word(outcome)),
                    );
                }
            }
            News::Skipped {
                total, run, needed, ..
            } => {
                state.done += 1;
                let done = state.done;
                let needed = format!("{needed:?}").to_lowercase();
                self.say(
                    &mut state,
                    &format!("[{done}/{total}] {run}: not run, it needs tier {needed}"),
                );
            }
        }
    }
}

impl Progress {
    fn redraw(&self, state: &mut State, now: bool) {
        let due = now || state.drawn.is_none_or(|at| at.elapsed() >= REDRAW);
        if self.live && due {
            let text = state.line();
            state.draw(&text);
        }
    }
}

impl State {
    fn line(&self) -> String {
        let Some(live) = self.runs.first() else {
            return String::new();
        };
        let flying = live.requests.saturating_sub(live.ended);
        let doing = live.steps.get(live.step).map_or("ending", String::as_str);
        let more = match self.runs.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let flying = if live.requests > 0 {
            format!(", {flying} in flight")
        } else {
            String::new()
        };
        format!(
            "[{}/{}] {}{more}: {doing}{flying}",
            self.done + 1,
            self.total,
            live.label
        )
    }

    fn draw(&mut self, text: &str) {
        let width = out::terminal_width().unwrap_or(80).saturating_sub(1);
        let cut: String = text.chars().take(width).collect();
        let mut err = io::stderr().lock();
        // Nobody is told that nobody can be told.
        let _ = write!(err, "\r{cut}\x1b[K").and_then(|()| err.flush());
        self.shown = true;
        self.drawn = Some(Instant::now());
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let mut err = io::stderr().lock();
            let _ = write!(err, "\r\x1b[K").and_then(|()| err.flush());
        }
    }
}

impl Live {
    /// Whether the script went on. Only the few events that are shown are read in full: a run may have
    /// hundreds of thousands.
    fn take(&mut self, line: &[u8]) -> bool {
        match kind(line) {
            b"request" => self.requests += 1,
            b"answered" | b"abandoned" => self.ended += 1,
            b"step" => {
                if let Ok(Record {
                    event: Event::Step { step, .. },
                    ..
                }) = serde_json::from_slice(line)
                {
                    self.step = step as usize + 1;
                    return true;
                }
            }
            _ => {}
        }
        false
    }
}

/// The name of the event: `{"n":1,"t":2,"e":"request",…`.
fn kind(line: &[u8]) -> &[u8] {
    let head = &line[..line.len().min(96)];
    let mark = b"\"e\":\"";
    let Some(at) = head.windows(mark.len()).position(|window| window == mark) else {
        return &[];
    };
    let rest = &head[at + mark.len()..];
    &rest[..rest.iter().position(|&b| b == b'"').unwrap_or(0)]
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "passed",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Fail => "failed",
        Outcome::HarnessFault => "harness fault",
    }
}

fn label(run: &str, params: &Params) -> String {
    let scenario = run.rsplit_once('-').map_or(run, |(scenario, _)| scenario);
    if params.is_empty() {
        return scenario.to_owned();
    }
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{name} {}", shown(&value.to_string())))
        .collect();
    format!("{scenario} ({})", pairs.join(", "))
}

/// Nothing in a pack or a command line steers the terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_their_names() {
        let mut live = Live {
            run: "a-1".into(),
            label: "a".into(),
            steps: vec!["x".into(), "y".into()],
            step: 0,
            requests: 0,
            ended: 0,
        };
        assert!(!live.take(
            br#"{"n":1,"t":2,"e":"request","req":0,"conn":0,"host":0,"method":"GET","target":"/"}"#
        ));
        assert!(!live.take(br#"{"n":2,"t":3,"e":"parked","req":0,"at":"head"}"#));
        assert!(live.take(br#"{"n":3,"t":4,"e":"step","step":0,"outcome":"reached"}"#));
        assert!(!live.take(b"not json"));
        assert_eq!((live.requests, live.ended, live.step), (1, 0, 1));
    }

    #[test]
    fn the_line_says_run_parameters_and_what_is_awaited() {
        let mut state = State {
            total: 14,
            ..State::default()
        };
        state.done = 2;
        state.runs.push(Live {
            run: "keeps-limit-2".into(),
            label: label(
                "keeps-limit-2",
                &[("limit".to_owned(), crate::task::Value::Int(10))].into(),
            ),
            steps: vec!["waits for 10 requests in flight".into()],
            step: 0,
            requests: 8,
            ended: 1,
        });
        assert_eq!(
            state.line(),
            "[3/14] keeps-limit (limit 10): waits for 10 requests in flight, 7 in flight"
        );
    }
}
