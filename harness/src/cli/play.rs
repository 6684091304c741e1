//! `gradus play`: an exercise's world in this terminal. A line is a wish; what is in flight is shown as
//! it changes.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::mpsc;

use super::args::Play;
use super::exit::{Exit, Failure};
use super::{grade, out, packs};
use crate::plan::expand;
use crate::play::{self, News, PlayError, Table, Wish};
use crate::store::write_whole;
use crate::task::{Library, Value};

const HELP: &str = "\
  Enter       let the oldest held answer go (a number: so many)
  n           let the newest go
  o           let everything go, and hold nothing from now on
  s           show what is in flight
  q           quit";
/// Requests that are listed.
const MOST: usize = 20;

/// `gradus play`.
///
/// # Errors
/// If there is no such exercise, or nothing in its world that could be asked.
pub fn play(library: &Library, args: &Play) -> Result<Exit, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let pack = packs::find(library, &args.task)?;
    let task = &pack.task;
    let asked = |name: &String| task.scenarios.iter().find(|s| s.scenario == *name);
    let scenario = match &args.scenario {
        Some(name) => asked(name).ok_or_else(|| {
            let known: Vec<&str> = task.scenarios.iter().map(|s| s.scenario.as_str()).collect();
            usage(format!(
                "{} has no scenario `{name}`\n   help: there are: {}",
                task.task,
                known.join(", ")
            ))
        })?,
        None => task
            .scenarios
            .iter()
            .find(|s| s.world.has_pages())
            .ok_or_else(|| usage(no_servers(&task.task)))?,
    };
    let seed = args.seed.unwrap_or_else(grade::fresh_seed);
    let set = usize::from(args.set.saturating_sub(1));
    let plan = expand(task, scenario, set, seed).map_err(|error| usage(error.to_string()))?;
    let limit = match plan.params.get("limit") {
        Some(Value::Int(limit)) => Some(*limit),
        _ => None,
    };
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::new(Exit::Fault, format!("no temporary folder: {error}")))?;
    let list = args
        .urls
        .clone()
        .unwrap_or_else(|| folder.path().join("urls.txt"));
    let command = plan.command.clone();
    let title = format!("{}, scenario {}, seed {seed}", task.task, plan.scenario);
    let live = std::io::stdout().is_terminal();
    let hint = Hint {
        title,
        list,
        command,
        limit,
    };
    let tell = Rc::new(move |news: News<'_>| match news {
        News::Ready { urls } => {
            if let Err(error) = write_whole(&hint.list, urls) {
                out::complain(&error.to_string());
            }
            let _ = out::print(&format!("{}\n{HELP}\n\n", hint.text()));
        }
        News::Change { line, table } => {
            let mut text = String::new();
            if let Some(line) = &line {
                let _ = writeln!(text, "{line}");
            }
            if line.is_none() {
                text.push_str(&listed(table));
            }
            if line.is_none() || live {
                let _ = writeln!(text, "{}", counts(table, limit));
            }
            let _ = out::print(&text);
        }
    });
    match play::play(&plan, wishes(), tell) {
        Ok(()) => Ok(Exit::Passed),
        Err(PlayError::Origin(crate::world::origin::OriginError::None)) => {
            Err(usage(no_servers(&task.task)))
        }
        Err(error) => Err(Failure::new(Exit::Fault, error)),
    }
}

struct Hint {
    title: String,
    list: PathBuf,
    command: Vec<String>,
    limit: Option<u64>,
}

impl Hint {
    fn text(&self) -> String {
        let list = self.list.display().to_string();
        let words: Vec<String> = self
            .command
            .iter()
            .map(|word| {
                let limit = self
                    .limit
                    .map_or_else(|| "{limit}".to_owned(), |n| n.to_string());
                word.replace("{urls}", &list).replace("{limit}", &limit)
            })
            .collect();
        format!(
            "{}\nThe list is in {list}. In another terminal, start your program as:\n    {}",
            self.title,
            words.join(" ")
        )
    }
}

fn no_servers(task: &str) -> String {
    format!(
        "the world of {task} has no servers that could be asked by hand\n   help: `gradus grade {task} DIR --keep` keeps what its runs leave"
    )
}

fn counts(table: &Table, limit: Option<u64>) -> String {
    let mut text = format!(
        "in flight {} ({} held), at most {} so far, {} asked in all",
        table.flying.len(),
        table.held(),
        table.most,
        table.asked
    );
    if let Some(limit) = limit {
        let _ = write!(text, "; limit {limit}");
        if table.most as u64 > limit {
            text.push_str(" PASSED");
        }
    }
    text
}

fn listed(table: &Table) -> String {
    let mut text = String::new();
    for (name, held) in table.flying.values().take(MOST) {
        let state = if *held { "held" } else { "going on" };
        let _ = writeln!(text, "  {state:>8}  {name}");
    }
    if table.flying.len() > MOST {
        let _ = writeln!(text, "  and {} more", table.flying.len() - MOST);
    }
    text
}

/// Wishes as they are typed; the end of the input is one to quit.
fn wishes() -> mpsc::UnboundedReceiver<Wish> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let wish = understood(&line);
            if wish.is_none() {
                out::tell(HELP);
            }
            if wish.is_some_and(|wish| sender.send(wish).is_err()) {
                return;
            }
        }
        let _ = sender.send(Wish::Quit);
    });
    receiver
}

fn understood(line: &str) -> Option<Wish> {
    match line.trim() {
        "" => Some(Wish::Release {
            count: 1,
            newest: false,
        }),
        "n" => Some(Wish::Release {
            count: 1,
            newest: true,
        }),
        "o" => Some(Wish::Open),
        "s" => Some(Wish::Show),
        "q" => Some(Wish::Quit),
        number => number.parse().ok().map(|count| Wish::Release {
            count,
            newest: false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_wish() {
        assert_eq!(
            understood(""),
            Some(Wish::Release {
                count: 1,
                newest: false
            })
        );
        assert_eq!(
            understood(" 12 "),
            Some(Wish::Release {
                count: 12,
                newest: false
            })
        );
        assert_eq!(understood("o"), Some(Wish::Open));
        assert_eq!(understood("what"), None);
    }
}
