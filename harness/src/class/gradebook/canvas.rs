//! CSV for Canvas' gradebook import, as its importer reads it (canvas-lms, lib/gradebook_importer.rb):
//! the header begins with `Student,ID`, then the SIS columns and the section; the row behind it gives the
//! points. Students are found by ID, then SIS user ID, then login, then name.

use crate::class::book::{Book, Row};
use crate::class::csv::{document, text};

/// Scores that aren't final are left blank, which Canvas takes for no score.
pub fn canvas(book: &Book) -> String {
    let mut header: Vec<String> = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
        .map(str::to_owned)
        .into();
    let mut points: Vec<String> = vec!["    Points Possible".to_owned()];
    points.extend(std::iter::repeat_n(String::new(), 4));
    for task in &book.tasks {
        header.push(text(&task.column));
        points.push(score(task.max));
    }
    let mut rows = vec![header, points];
    rows.extend(book.students.iter().map(row));
    document(&rows)
}

fn row(row: &Row) -> Vec<String> {
    let mut cells = [&row.name, &row.id, &row.sis_id, &row.login, &row.section]
        .map(|cell| text(cell))
        .to_vec();
    // The importer passes over rows whose first cell names the points.
    if cells[0].contains("Points Possible") {
        cells[0] = "(student)".to_owned();
    }
    let scores = row
        .grades
        .iter()
        .map(|grade| grade.settled().map(score).unwrap_or_default());
    cells.extend(scores);
    cells
}

/// Canvas compares to two decimals.
fn score(points: f64) -> String {
    crate::class::csv::number((points * 100.0).round() / 100.0)
}
