//! The language of scripts: `NAME: say WORD; sleep 0.2; get URL`, one task a line.

use std::time::Duration;

#[derive(Debug, PartialEq)]
pub struct Task {
    pub name: String,
    pub steps: std::collections::VecDeque<Step>,
}

#[derive(Debug, PartialEq)]
pub enum Step {
    Say(String),
    Sleep(Duration),
    Get(String),
}

pub fn parse(text: &str) -> Result<Vec<Task>, String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            parse_task(line).map_err(|error| format!("line {}: {error}", index + 1))
        })
        .collect()
}

fn parse_task(line: &str) -> Result<Task, String> {
    let (name, steps) = line
        .split_once(':')
        .ok_or("a task is NAME: STEP; STEP...")?;
    let steps = steps
        .split(';')
        .map(str::trim)
        .filter(|step| !step.is_empty())
        .map(parse_step)
        .collect::<Result<_, _>>()?;
    Ok(Task {
        name: name.trim().to_owned(),
        steps,
    })
}

fn parse_step(step: &str) -> Result<Step, String> {
    let (verb, argument) = step.split_once(' ').unwrap_or((step, ""));
    let argument = argument.trim();
    match verb {
        "say" if !argument.is_empty() => Ok(Step::Say(argument.to_owned())),
        "get" if !argument.is_empty() => Ok(Step::Get(argument.to_owned())),
        "sleep" => argument
            .parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(Step::Sleep)
            .ok_or_else(|| format!("{argument:?} is no number of seconds")),
        _ => Err(format!("what is {step:?}?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_a_line() {
        let tasks = parse("\n a : say x; sleep 0.25 ;get http://127.0.0.1:1/?q;\nb:\n").unwrap();
        assert_eq!(tasks.len(), 2);
        assert_eq!(tasks[0].name, "a");
        let steps = [
            Step::Say("x".into()),
            Step::Sleep(Duration::from_millis(250)),
            Step::Get("http://127.0.0.1:1/?q".into()),
        ];
        assert_eq!(tasks[0].steps, steps);
        assert!(tasks[1].steps.is_empty());
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for bad in [
            "x",
            "x: dance",
            "x: say",
            "x: sleep",
            "x: sleep -1",
            "x: sleep long",
            "x: get",
        ] {
            assert!(
                parse(&format!("a: say b\n{bad}"))
                    .unwrap_err()
                    .starts_with("line 2: ")
            );
        }
    }
}
