//! The matrix in every format: terminal, JSON, Markdown, JUnit.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::matrix::{Cell, Kind, Mark, Matrix, Row};
use crate::report::clean::clean_line;

const LEGEND: [(Mark, &str, &str); 7] = [
    (Mark::Kept, "·", "kept"),
    (Mark::Lost, "x", "lost, as it should"),
    (Mark::WronglyLost, "X", "lost, and should be kept"),
    (Mark::WronglyKept, "o", "kept, and should be lost"),
    (Mark::Undecided, "?", "not decided"),
    (Mark::Differs, "~", "differs from run to run"),
    (Mark::Absent, " ", "not graded"),
];

const WRONG: Style = AnsiColor::Red.on_default().bold();
const FINE: Style = AnsiColor::Green.on_default().bold();

fn sign(mark: Mark) -> &'static str {
    LEGEND.iter().find(|l| l.0 == mark).map_or("?", |l| l.1)
}

fn is_wrong(mark: Mark) -> bool {
    matches!(
        mark,
        Mark::WronglyKept | Mark::WronglyLost | Mark::Undecided | Mark::Differs
    )
}

fn label(row: &Row) -> String {
    match row.kind {
        Kind::Reference => "reference".to_owned(),
        Kind::Good => format!("good/{}", row.name),
        Kind::Bad => format!("bad/{}", row.name),
    }
}

/// For a terminal: a row for each fixture, a numbered column for each check.
pub fn terminal(matrix: &Matrix, color: bool) -> String {
    let paint = |text: &str, style: Style| {
        if color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    };
    let mut out = String::new();
    let stress = if matrix.stress {
        ", all cores loaded"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "{}: {} fixtures × {} checks, {} time(s){stress}\n",
        matrix.task,
        matrix.rows.len(),
        matrix.checks.len(),
        matrix.repeats
    );
    for (i, check) in matrix.checks.iter().enumerate() {
        let _ = writeln!(out, "{:>3}  {check}", i + 1);
    }
    let names = matrix
        .rows
        .iter()
        .map(|r| label(r).chars().count())
        .max()
        .unwrap_or(0);
    let _ = write!(out, "\n{:names$} ", "");
    for i in 1..=matrix.checks.len() {
        let _ = write!(out, "{i:>3}");
    }
    out.push('\n');
    for row in &matrix.rows {
        let _ = write!(out, "{:names$} ", label(row));
        match &row.skipped {
            Some(missing) => {
                let _ = write!(out, "  skipped: needs {missing}");
            }
            None => {
                for cell in &row.cells {
                    let sign = sign(cell.mark);
                    let painted = if is_wrong(cell.mark) {
                        paint(sign, WRONG)
                    } else {
                        sign.to_owned()
                    };
                    let _ = write!(out, "  {painted}");
                }
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    let used: Vec<String> = LEGEND
        .iter()
        .filter(|l| {
            l.1 != " "
                && matrix
                    .rows
                    .iter()
                    .flat_map(|r| &r.cells)
                    .any(|c| c.mark == l.0)
        })
        .map(|l| format!("{} {}", l.1, l.2))
        .collect();
    let _ = writeln!(out, "\n{}", used.join("   "));
    if matrix.holds() {
        let _ = writeln!(
            out,
            "\n{}",
            paint("Each fixture lost exactly what it should.", FINE)
        );
    } else {
        let _ = writeln!(
            out,
            "\n{}",
            paint(&format!("{} problem(s):", matrix.problems.len()), WRONG)
        );
        for problem in &matrix.problems {
            let _ = writeln!(out, "  - {}", clean_line(&problem.to_string(), 600));
        }
    }
    out
}

/// As JSON, a list, with a line end.
///
/// # Errors
/// Those of the serializer; a matrix causes none.
pub fn json(matrices: &[Matrix]) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(matrices)? + "\n")
}

/// As Markdown: a table, fixtures down and checks across.
pub fn markdown(matrix: &Matrix) -> String {
    use crate::report::escape_markdown as escape;
    let mut out = format!("## {}\n\n", escape(&matrix.task));
    let verdict = if matrix.holds() {
        "✅ each fixture lost exactly what it should"
    } else {
        "❌ something is wrong"
    };
    let _ = writeln!(
        out,
        "{verdict} ({} time(s){})\n",
        matrix.repeats,
        if matrix.stress {
            ", all cores loaded"
        } else {
            ""
        }
    );
    for problem in &matrix.problems {
        let _ = writeln!(out, "- {}", escape(&problem.to_string()));
    }
    let _ = write!(out, "\n| |");
    for check in &matrix.checks {
        let _ = write!(out, " {} |", escape(check));
    }
    let _ = write!(out, "\n|---|{}\n", ":---:|".repeat(matrix.checks.len()));
    for row in &matrix.rows {
        let _ = write!(out, "| {} |", escape(&label(row)));
        for cell in &row.cells {
            let sign = if row.skipped.is_some() {
                "–"
            } else {
                sign(cell.mark)
            };
            let _ = if is_wrong(cell.mark) {
                write!(out, " **{}** |", escape(sign))
            } else {
                write!(out, " {sign} |")
            };
        }
        out.push('\n');
    }
    out.push('\n');
    for (_, sign, meaning) in LEGEND.iter().filter(|l| l.1 != " ") {
        let _ = writeln!(out, "`{sign}` {meaning}  ");
    }
    out
}

/// As JUnit: a suite for each fixture, a case for each check; problems of the whole in a suite of their own.
///
/// # Errors
/// Those of the XML writer.
pub fn junit(matrices: &[Matrix]) -> Result<String, SerializeError> {
    let mut xml = quick_junit::Report::new("gradus verify");
    for matrix in matrices {
        suites(matrix, &mut xml);
    }
    xml.to_string()
}

fn suites(matrix: &Matrix, xml: &mut quick_junit::Report) {
    let mut whole = TestSuite::new(format!("{}.verify", matrix.task));
    let mut status = TestCaseStatus::success();
    if !matrix.holds() {
        let all: Vec<String> = matrix
            .problems
            .iter()
            .map(|p| clean_line(&p.to_string(), 600))
            .collect();
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status
            .set_message(format!("{} problem(s)", all.len()))
            .set_type("verify")
            .set_description(all.join("\n"));
    }
    whole.add_test_case(case("holds", &format!("{}.verify", matrix.task), status));
    xml.add_test_suite(whole);
    for row in &matrix.rows {
        let class = format!("{}.{}", matrix.task, label(row).replace('/', "."));
        let mut suite = TestSuite::new(class.as_str());
        for (check, cell) in matrix.checks.iter().zip(&row.cells) {
            suite.add_test_case(case(check, &class, status_of(row, cell)));
        }
        xml.add_test_suite(suite);
    }
}

fn status_of(row: &Row, cell: &Cell) -> TestCaseStatus {
    let codes: Vec<String> = cell
        .codes
        .iter()
        .map(|(code, times)| format!("{code} ×{times}"))
        .collect();
    let meaning = LEGEND.iter().find(|l| l.0 == cell.mark).map_or("", |l| l.2);
    let mut status = match cell.mark {
        _ if row.skipped.is_some() => TestCaseStatus::skipped(),
        Mark::Kept | Mark::Lost => return TestCaseStatus::success(),
        Mark::WronglyKept | Mark::WronglyLost | Mark::Differs => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Mark::Undecided | Mark::Absent => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    match &row.skipped {
        Some(missing) => status.set_message(format!("needs {missing}")),
        None => status.set_message(format!("{meaning}: {}", codes.join(", "))),
    };
    status
}

fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}
