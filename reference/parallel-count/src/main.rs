//! Counts down from each of several numbers, on W processors at once.

use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

fn main() -> ExitCode {
    let (workers, numbers) = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("parallel-count: {message}\nusage: parallel-count -w W N...");
            return ExitCode::from(2);
        }
    };
    match count_all(workers, &numbers, io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parallel-count: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(usize, Vec<u64>), String> {
    let (mut workers, mut numbers) = (None, Vec::new());
    let mut arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        if argument == "-w" {
            let value = arguments.next().and_then(|value| value.parse().ok());
            workers = value.filter(|workers| *workers > 0);
            if workers.is_none() {
                return Err("-w wants a number from 1 up".into());
            }
        } else {
            let number = argument
                .parse()
                .map_err(|error| format!("{argument:?}: {error}"))?;
            numbers.push(number);
        }
    }
    match workers {
        None => Err("-w is missing".into()),
        Some(_) if numbers.is_empty() => Err("no number given".into()),
        Some(workers) => Ok((workers, numbers)),
    }
}

/// Each worker takes the next number as soon as it is free; the results are put back in order before they are printed.
fn count_all(workers: usize, numbers: &[u64], mut out: impl Write) -> io::Result<()> {
    let waiting = Mutex::new(numbers.iter().copied().enumerate());
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..workers.min(numbers.len()) {
            let (waiting, done) = (&waiting, done.clone());
            thread::Builder::new().spawn_scoped(scope, move || {
                while let Some((index, number)) = next(waiting) {
                    count_down(number);
                    if done.send(index).is_err() {
                        return;
                    }
                }
            })?;
        }
        drop(done);

        let mut finished = vec![false; numbers.len()];
        let mut printed = 0;
        for index in results {
            finished[index] = true;
            while printed < numbers.len() && finished[printed] {
                writeln!(out, "{}", numbers[printed])?;
                printed += 1;
            }
        }
        out.flush()
    })
}

/// Only the choice of a number is under the lock; the counting isn't.
fn next(waiting: &Mutex<impl Iterator<Item = (usize, u64)>>) -> Option<(usize, u64)> {
    waiting.lock().ok()?.next()
}

fn count_down(mut number: u64) {
    while number > 0 {
        // Without this the compiler sees that nobody looks, and counts in no time.
        number = black_box(number - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(workers: usize, numbers: &[u64]) -> String {
        let mut out = Vec::new();
        count_all(workers, numbers, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn results_stand_in_the_order_of_the_arguments() {
        // The first takes the longest, so that with three workers it is the last to finish.
        assert_eq!(counted(3, &[3_000_000, 0, 5, 0]), "3000000\n0\n5\n0\n");
    }

    #[test]
    fn any_number_of_workers_will_do() {
        for workers in [1, 2, 50] {
            assert_eq!(counted(workers, &[3, 2, 1]), "3\n2\n1\n");
        }
    }
}
