//! CSV for Moodle's grade import: UTF-8, commas, decimal points. The teacher maps one column to a user field
//! (e-mail address, ID number or username) and each task's to a grade item. There are no feedback
//! columns: feedback without a grade would wipe the grade.

use crate::class::book::{Book, Row};
use crate::class::csv::{document, text};

/// Scores that aren't final are left blank: nothing is imported for them.
pub fn moodle(book: &Book) -> String {
    let mut header: Vec<String> = ["Full name", "Username", "ID number", "Email address"]
        .map(str::to_owned)
        .into();
    header.extend(book.tasks.iter().map(|task| text(&task.column)));
    let mut rows = vec![header];
    rows.extend(book.students.iter().map(row));
    document(&rows)
}

fn row(row: &Row) -> Vec<String> {
    let mut cells = [&row.name, &row.login, &row.number, &row.email]
        .map(|cell| text(cell))
        .to_vec();
    let score = |points: f64| crate::class::csv::number((points * 100.0).round() / 100.0);
    cells.extend(
        row.grades
            .iter()
            .map(|grade| grade.settled().map(score).unwrap_or_default()),
    );
    cells
}
