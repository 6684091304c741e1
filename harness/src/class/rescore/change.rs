//! Which grades change, and why.

use std::collections::HashMap;

use serde::Serialize;

use super::Reasons;
use crate::class::book::{Book, Grade, Row};
use crate::class::csv::number;
use crate::report::Report;
use crate::report::audience::outcome_name;

/// A grade that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub name: String,
    pub id: String,
    /// Of the task; none: the total.
    pub task: Option<String>,
    /// In words: points and how they stand.
    pub before: String,
    pub after: String,
    pub why: Vec<String>,
}

/// Compares two books, student by student.
pub fn changes(before: &Book, after: &Book, reasons: &Reasons) -> Vec<Change> {
    let old: HashMap<_, &Row> = before
        .students
        .iter()
        .map(|row| (identity(row), row))
        .collect();
    let mut changes = Vec::new();
    for row in &after.students {
        let change = |task: Option<&str>, before: String, after: String, why| Change {
            name: row.name.clone(),
            id: row.id.clone(),
            task: task.map(str::to_owned),
            before,
            after,
            why,
        };
        let Some(known) = old.get(&identity(row)) else {
            let why = vec!["new in the roster".to_owned()];
            changes.push(change(None, "-".to_owned(), total(row), why));
            continue;
        };
        let mut touched = false;
        for ((task, new), old) in after.tasks.iter().zip(&row.grades).zip(&known.grades) {
            if shown(old) == shown(new) {
                continue;
            }
            touched = true;
            let why = why(old, new, &task.task, reasons);
            changes.push(change(Some(&task.task), shown(old), shown(new), why));
        }
        if total(known) != total(row) && !touched {
            let why = vec!["other weights or dropped tasks".to_owned()];
            changes.push(change(None, total(known), total(row), why));
        }
    }
    let still: HashMap<_, ()> = after
        .students
        .iter()
        .map(|row| (identity(row), ()))
        .collect();
    for row in before
        .students
        .iter()
        .filter(|row| !still.contains_key(&identity(row)))
    {
        changes.push(Change {
            name: row.name.clone(),
            id: row.id.clone(),
            task: None,
            before: total(row),
            after: "-".to_owned(),
            why: vec!["no longer in the roster".to_owned()],
        });
    }
    changes
}

fn identity(row: &Row) -> [&str; 6] {
    [
        &row.id,
        &row.sis_id,
        &row.login,
        &row.email,
        &row.number,
        &row.name,
    ]
    .map(|text| text.as_str())
}

fn total(row: &Row) -> String {
    row.total.map_or("-".to_owned(), |total| {
        format!("{} %", number((total * 100.0).round() / 100.0))
    })
}

fn shown(grade: &Grade) -> String {
    let points = grade.score.map_or("-".to_owned(), number);
    let standing = if grade.standing.is_final() {
        String::new()
    } else {
        format!(" ({})", grade.standing.name())
    };
    let dropped = if grade.dropped { ", dropped" } else { "" };
    format!("{points} of {}{standing}{dropped}", number(grade.max))
}

fn why(old: &Grade, new: &Grade, task: &str, reasons: &Reasons) -> Vec<String> {
    let mut why = Vec::new();
    if old.submission != new.submission {
        let name = |grade: &Grade| {
            grade
                .submission
                .clone()
                .unwrap_or_else(|| "none".to_owned())
        };
        why.push(format!(
            "another submission counts: {} instead of {}",
            name(new),
            name(old)
        ));
    }
    let key = new
        .submission
        .clone()
        .map(|submission| (submission, task.to_owned()));
    why.extend(
        key.and_then(|key| reasons.get(&key))
            .into_iter()
            .flatten()
            .cloned(),
    );
    if old.late_percent != new.late_percent {
        let (before, after) = (number(old.late_percent), number(new.late_percent));
        why.push(format!(
            "{} days late cost {after} % instead of {before} %",
            number(new.late_days)
        ));
    }
    if old.dropped != new.dropped {
        let word = if new.dropped {
            "no longer counts"
        } else {
            "counts again"
        };
        why.push(format!("it {word} in the total"));
    }
    why
}

/// What is different in two reports of one result.
pub(super) fn reasons(old: Option<&Report>, new: &Report) -> Vec<String> {
    let Some(old) = old else {
        return vec!["the report was damaged".to_owned()];
    };
    let mut reasons = Vec::new();
    for finding in &new.findings {
        let Some(known) = old.findings.iter().find(|f| f.check == finding.check) else {
            let points = number(finding.points);
            reasons.push(format!(
                "new check {}: {points} of {}",
                finding.check,
                number(finding.max_points)
            ));
            continue;
        };
        if known.outcome != finding.outcome {
            let (before, after) = (outcome_name(known.outcome), outcome_name(finding.outcome));
            reasons.push(format!(
                "{}: {after} instead of {before} ({})",
                finding.check, finding.code
            ));
        }
        if known.max_points != finding.max_points {
            let (before, after) = (number(known.max_points), number(finding.max_points));
            reasons.push(format!(
                "{} is worth {after} instead of {before}",
                finding.check
            ));
        } else if known.points != finding.points && known.outcome == finding.outcome {
            let (before, after) = (number(known.points), number(finding.points));
            reasons.push(format!(
                "{} gives {after} instead of {before}",
                finding.check
            ));
        }
    }
    if reasons.is_empty() && old.max_score != new.max_score {
        let (before, after) = (number(old.max_score), number(new.max_score));
        reasons.push(format!("the task is worth {after} instead of {before}"));
    }
    let gone = old
        .findings
        .iter()
        .filter(|f| new.findings.iter().all(|n| n.check != f.check));
    reasons.extend(gone.map(|f| format!("{} is no longer checked", f.check)));
    reasons
}
