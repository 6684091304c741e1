//! The build of a submission: a run without a world, with limits of its own. Build scripts are
//! hostile code like any other.

use crate::evidence::{Bytes, Event, Record, Stream};
use crate::plan::Plan;
use crate::report::Build;
use crate::report::clean::clean;
use crate::task::script::Step;
use crate::task::world::World;
use crate::task::{Kind, Limits, Params};

/// Bytes of a build's output that a report keeps: its end, where compilers say what is wrong.
const KEPT: usize = 16 << 10;

/// A compiler may take its time and its memory.
const LIMITS: Limits = Limits {
    memory_mib: 4096,
    processes: 4096,
    descriptors: 8192,
    output_bytes: 1 << 20,
    file_mib: 4096,
    requests: 1,
    wall_s: 600,
    idle_s: 600,
};

/// The plan of a build.
pub(super) fn plan(task: &str, command: &[String]) -> Plan {
    Plan {
        task: task.to_owned(),
        kind: Kind::Program,
        scenario: "build".to_owned(),
        set: 0,
        params: Params::new(),
        seed: 0,
        // Only its name: whatever follows it here would be appended to the command once more.
        command: command.iter().take(1).cloned().collect(),
        world: World::default(),
        items: Vec::new(),
        commands: Vec::new(),
        site: None,
        upstream: None,
        peers: Vec::new(),
        script: vec![Step::Exit],
        limits: LIMITS,
    }
}

/// What a build's evidence comes to, line by line.
#[derive(Debug, Default)]
pub(super) struct Seen {
    output: Vec<u8>,
    cut: bool,
    ok: Option<bool>,
    why: Option<String>,
}

impl Seen {
    /// Takes one line. What is no record is left to the arena's own end: it says what went wrong.
    pub(super) fn take(&mut self, line: &[u8]) {
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            return;
        };
        match record.event {
            Event::Output {
                stream: Stream::Out | Stream::Err,
                data,
            } => self.print(data),
            Event::Exited { status, signal } => {
                self.ok.get_or_insert(status == Some(0));
                if let Some(signal) = signal {
                    self.why
                        .get_or_insert(format!("the build was ended by signal {signal}"));
                } else if let Some(status) = status.filter(|&status| status != 0) {
                    self.why
                        .get_or_insert(format!("the build ended with status {status}"));
                }
            }
            Event::NotStarted { why } => {
                self.ok = Some(false);
                self.why = Some(format!("the build command can't be started: {why}"));
            }
            Event::GaveUp { why, .. } => {
                self.ok = Some(false);
                self.why = Some(format!("the build was given up: {why}"));
            }
            _ => {}
        }
    }

    fn print(&mut self, data: Bytes) {
        match data {
            Bytes::Text(text) => self.output.extend_from_slice(text.as_bytes()),
            Bytes::Base64(_) => self.output.extend_from_slice("\u{fffd}".as_bytes()),
        }
        if self.output.len() > 2 * KEPT {
            self.cut = true;
            self.output.drain(..self.output.len() - KEPT);
        }
    }

    /// The report's part. Without an exit there is no success.
    pub(super) fn report(self, command: &[String]) -> Build {
        let from = self.output.len().saturating_sub(KEPT);
        let tail = String::from_utf8_lossy(&self.output[from..]);
        let mut output = String::new();
        if self.cut || from > 0 {
            output.push_str("[…]\n");
        }
        output.push_str(&clean(&tail));
        if let Some(why) = self.why {
            if !output.is_empty() && !output.ends_with('\n') {
                output.push('\n');
            }
            output.push_str(&why);
        }
        Build {
            command: command.to_vec(),
            ok: self.ok == Some(true),
            output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(events: &[Event]) -> Build {
        let mut seen = Seen::default();
        for (n, event) in events.iter().enumerate() {
            let record = Record {
                n: n as u64,
                t: 0,
                event: event.clone(),
            };
            seen.take(&serde_json::to_vec(&record).expect("json"));
        }
        seen.report(&["make".to_owned()])
    }

    fn says(text: &str) -> Event {
        Event::Output {
            stream: Stream::Err,
            data: Bytes::Text(text.to_owned()),
        }
    }

    #[test]
    fn a_build_is_judged_by_its_status() {
        let good = built(&[
            says("cc main.c\n"),
            Event::Exited {
                status: Some(0),
                signal: None,
            },
        ]);
        assert!(good.ok);
        assert_eq!(good.output, "cc main.c\n");
        let bad = built(&[
            says("error: x"),
            Event::Exited {
                status: Some(2),
                signal: None,
            },
        ]);
        assert!(!bad.ok);
        assert_eq!(bad.output, "error: x\nthe build ended with status 2");
        assert!(
            !built(&[Event::Exited {
                status: None,
                signal: Some(9)
            }])
            .ok
        );
        assert!(
            !built(&[Event::NotStarted {
                why: "no such command".into()
            }])
            .ok
        );
        assert!(
            !built(&[Event::GaveUp {
                settled: true,
                why: "600 s".into()
            }])
            .ok
        );
        assert!(!built(&[]).ok, "no end, no success");
    }

    #[test]
    fn a_flood_is_cut_to_its_end() {
        let mut events: Vec<Event> = (0..100)
            .map(|i| says(&format!("{i} {}\n", "é".repeat(1000))))
            .collect();
        events.push(says("the end"));
        let build = built(&events);
        assert!(build.output.len() < KEPT + 100);
        assert!(build.output.starts_with("[…]\n") && build.output.ends_with("the end"));
    }
}
