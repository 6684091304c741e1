//! The class in the terminal: numbers for each task, the checks that were failed most, and whoever has no
//! final grade.

use std::fmt::Write;

use anstyle::Style;

use crate::class::book::{Book, Standing};
use crate::class::csv::number;
use crate::report::clean::clean_line;

const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
/// Most students whose grades aren't final that are named.
const NAMED: usize = 50;

/// A summary with styles; a list of grades for small classes is in the files.
pub fn terminal(book: &Book) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(
        out,
        "{STRONG}{}{STRONG:#}: {} students",
        clean_line(&book.class, 80),
        book.students.len()
    );
    for (task, numbers) in book.tasks.iter().zip(&book.statistics) {
        let optional = |value: Option<f64>| value.map_or("-".to_owned(), number);
        let _ = writeln!(
            out,
            "\n{STRONG}{}{STRONG:#}  of {}: mean {}, median {}",
            task.task,
            number(task.max),
            optional(numbers.mean),
            optional(numbers.median)
        );
        let standings: Vec<String> = numbers
            .standings
            .iter()
            .map(|(name, n)| format!("{n} {name}"))
            .collect();
        let _ = writeln!(out, "  {FAINT}{}{FAINT:#}", standings.join(", "));
        let mut checks: Vec<_> = numbers.checks.iter().filter(|c| c.failed > 0).collect();
        checks.sort_by_key(|check| std::cmp::Reverse(check.failed));
        for check in checks {
            let reasons: Vec<String> = check
                .reasons
                .iter()
                .map(|(code, n)| format!("{code} {n}"))
                .collect();
            let _ = writeln!(
                out,
                "  {:>5} failed {}  {FAINT}{}{FAINT:#}",
                check.failed,
                check.check,
                reasons.join(", ")
            );
        }
    }
    let open = book.students.iter().flat_map(|row| {
        let grades = book.tasks.iter().zip(&row.grades);
        grades
            .filter(|(_, g)| matches!(g.standing, Standing::Inconclusive | Standing::Fault))
            .map(move |(task, grade)| (row, task, grade))
    });
    let open: Vec<_> = open.collect();
    if !open.is_empty() {
        let _ = writeln!(out, "\n{STRONG}not final{STRONG:#}");
    }
    for (row, task, grade) in open.iter().take(NAMED) {
        let _ = writeln!(
            out,
            "  {} {}: {} ({} points open)",
            clean_line(&row.name, 60),
            task.task,
            grade.standing.name(),
            number(grade.undecided)
        );
    }
    if open.len() > NAMED {
        let _ = writeln!(out, "  … and {} more", open.len() - NAMED);
    }
    for note in &book.notes {
        let _ = writeln!(out, "note: {}", clean_line(note, 300));
    }
    out
}
