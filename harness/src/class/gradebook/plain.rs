//! CSV for spreadsheets: a row for each student and task, with everything that the book knows but the checks.

use crate::class::book::Book;
use crate::class::csv::{document, number, text};

const HEADER: [&str; 19] = [
    "name",
    "id",
    "sis_id",
    "login",
    "number",
    "email",
    "section",
    "task",
    "submission",
    "standing",
    "score",
    "raw",
    "max",
    "undecided",
    "late_days",
    "late_percent",
    "dropped",
    "total_percent",
    "total_final",
];

/// The whole book in rows.
pub fn plain(book: &Book) -> String {
    let mut rows = vec![HEADER.map(str::to_owned).to_vec()];
    for row in &book.students {
        for (task, grade) in book.tasks.iter().zip(&row.grades) {
            let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
            rows.push(vec![
                text(&row.name),
                text(&row.id),
                text(&row.sis_id),
                text(&row.login),
                text(&row.number),
                text(&row.email),
                text(&row.section),
                text(&task.task),
                text(grade.submission.as_deref().unwrap_or_default()),
                grade.standing.name().to_owned(),
                optional(grade.score),
                optional(grade.raw),
                number(task.max),
                number(grade.undecided),
                number(grade.late_days),
                number(grade.late_percent),
                grade.dropped.to_string(),
                optional(row.total),
                row.is_final.to_string(),
            ]);
        }
    }
    document(&rows)
}
