use super::*;
use crate::class::book::{
    BookCheck, BookTask, CheckStatistics, Grade, Mark, Row, SCHEMA_VERSION, Standing,
    TaskStatistics,
};
use crate::task::Visibility;

/// A name that tries everything.
const NASTY: &str = "=cmd|' /C calc'!A0 </script><script>alert(1)</script><img src=x onerror=alert(1)>\u{2028}\u{202e}\"'";

fn grade(standing: Standing, score: Option<f64>) -> Grade {
    Grade {
        standing,
        score,
        raw: score,
        max: 20.0,
        undecided: 0.0,
        late_days: 1.5,
        late_percent: 10.0,
        dropped: false,
        submission: Some("s".into()),
        report: Some("graded/s/fetcher/report.html".into()),
        marks: vec![Mark::Pass, Mark::Fail],
    }
}

fn row(name: &str, id: &str, grade: Grade) -> Row {
    Row {
        name: name.into(),
        id: id.into(),
        sis_id: format!("sis{id}"),
        login: format!("login{id}"),
        section: "A".into(),
        email: format!("{id}@example.org"),
        number: format!("n{id}"),
        total: grade.share().map(|share| share * 100.0),
        is_final: grade.standing.is_final(),
        grades: vec![grade],
    }
}

pub(crate) fn book() -> Book {
    let check = |name: &str| BookCheck {
        check: name.into(),
        title: [("en".to_owned(), NASTY.to_owned())].into(),
        max_points: 10.0,
        visibility: Visibility::Visible,
    };
    let numbers = |name: &str| CheckStatistics {
        check: name.into(),
        passed: 2,
        failed: 1,
        undecided: 0,
        reasons: vec![("flight.exceeded".into(), 1)],
    };
    Book {
        schema_version: SCHEMA_VERSION,
        gradus: "0.0.0".into(),
        class: NASTY.into(),
        tasks: vec![BookTask {
            task: "fetcher".into(),
            title: [("en".to_owned(), "Fetch, with a \"limit\"".to_owned())].into(),
            max: 20.0,
            weight: 1.0,
            column: "Fetcher (42)".into(),
            pack: String::new(),
            checks: vec![check("keeps-limit"), check("prints")],
        }],
        students: vec![
            row("Doe, Jane", "7", grade(Standing::Graded, Some(12.345))),
            row(NASTY, "8", grade(Standing::Inconclusive, Some(9.0))),
            row("Fault, F", "9", grade(Standing::Fault, None)),
            row(
                "    Points Possible",
                "10",
                grade(Standing::Refused, Some(0.0)),
            ),
        ],
        statistics: vec![TaskStatistics {
            task: "fetcher".into(),
            standings: [("graded".to_owned(), 4)].into(),
            mean: Some(10.0),
            median: Some(12.0),
            checks: vec![numbers("keeps-limit"), numbers("prints")],
        }],
        notes: vec![NASTY.into()],
    }
}

fn read(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    reader
        .records()
        .map(|row| row.expect("row").iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn canvas_finds_its_columns_and_students() {
    let rows = read(&canvas(&book()));
    assert_eq!(
        rows[0],
        [
            "Student",
            "ID",
            "SIS User ID",
            "SIS Login ID",
            "Section",
            "Fetcher (42)"
        ]
    );
    // The importer looks for this text in the first cell of one row only.
    assert!(rows[1][0].contains("Points Possible") && rows[1][5] == "20");
    assert_eq!(
        rows.iter()
            .filter(|row| row[0].contains("Points Possible"))
            .count(),
        1
    );
    assert_eq!(rows[2], ["Doe, Jane", "7", "sis7", "login7", "A", "12.35"]);
    // Not final: blank, which is no score. Refused: a zero that is meant.
    assert_eq!(
        (
            rows[3][5].as_str(),
            rows[4][5].as_str(),
            rows[5][5].as_str()
        ),
        ("", "", "0")
    );
    assert!(rows[3][0].starts_with('\''));
}

#[test]
fn moodle_maps_an_identity_and_a_grade() {
    let rows = read(&moodle(&book()));
    assert_eq!(
        rows[0],
        [
            "Full name",
            "Username",
            "ID number",
            "Email address",
            "Fetcher (42)"
        ]
    );
    assert_eq!(
        rows[1],
        ["Doe, Jane", "login7", "n7", "7@example.org", "12.35"]
    );
    assert_eq!(rows[2][4], "");
}

#[test]
fn spreadsheets_get_everything_and_no_formula() {
    let rows = read(&plain(&book()));
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    let at = |name: &str| {
        rows[0]
            .iter()
            .position(|cell| cell == name)
            .expect("column")
    };
    assert_eq!(rows[1][at("score")], "12.345");
    assert_eq!(
        (
            rows[3][at("score")].as_str(),
            rows[3][at("standing")].as_str()
        ),
        ("", "fault")
    );
    let formula = |cell: &String| cell.trim_start().starts_with(['=', '+', '-', '@']);
    assert!(!rows.iter().flatten().any(formula));
}

#[test]
fn the_json_form_is_lossless_and_fits_its_schema() {
    let book = book();
    let text = json(&book).expect("json");
    assert_eq!(serde_json::from_str::<Book>(&text).expect("book"), book);
    let schema = serde_json::to_value(schemars::schema_for!(Book)).expect("schema");
    let value: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert!(
        jsonschema::validator_for(&schema)
            .expect("schema")
            .is_valid(&value)
    );
}

#[test]
fn nothing_that_people_wrote_is_markup() {
    for language in ["en", "ru"] {
        let page = html(&book(), language);
        assert!(!page.contains("<script>alert") && !page.contains("<img"));
        assert_eq!(
            page.matches("<script").count(),
            2,
            "the book and the script"
        );
        assert_eq!(page.matches("</script").count(), 2);
        for outside in ["http://", "https://", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("script-src 'sha256-"));
    }
    assert!(html(&book(), "ru").contains("Ведомость"));
}

#[test]
fn the_terminal_names_what_is_not_final() {
    let text = anstream::adapter::strip_str(&terminal(&book())).to_string();
    assert!(text.contains("Fault, F fetcher: fault"), "{text}");
    assert!(text.contains("1 failed keeps-limit"), "{text}");
    assert!(!text.contains(['\u{202e}', '\u{1b}']));
}
