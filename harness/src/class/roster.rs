//! Who handed in what: a CSV file with a row for each submission (or student).

use std::collections::{BTreeMap, HashMap};

use csv::{ReaderBuilder, StringRecord, Trim};

/// The file as it stands, and what was read from it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roster {
    /// In the order of the file.
    pub students: Vec<Student>,
}

/// One student. All texts may be empty, but one by which people can tell whom is meant isn't.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Student {
    pub name: String,
    /// Canvas' own number.
    pub id: String,
    pub sis_id: String,
    pub login: String,
    pub section: String,
    pub email: String,
    /// Moodle's ID number.
    pub number: String,
    /// In the order of the file.
    pub handed_in: Vec<HandedIn>,
}

/// One row's submission.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HandedIn {
    /// Name of the folder or archive; none: found by one of the student's other names.
    pub submission: Option<String>,
    /// Days behind the date, 0 or more.
    pub late_days: f64,
    /// Days for single tasks, where they differ.
    pub late_by_task: BTreeMap<String, f64>,
    /// Line of the file, from 1.
    pub line: u64,
}

/// What is wrong with a roster, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}{}", .mend.as_ref().map(|mend| format!("\n   help: {mend}")).unwrap_or_default())]
pub struct RosterError {
    pub file: String,
    pub line: u64,
    pub what: String,
    pub mend: Option<String>,
}

/// Largest file that is read, bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// Names of columns, in lower case, as our own files, Canvas and Moodle have them.
const COLUMNS: [(Column, &[&str]); 9] = [
    (
        Column::Submission,
        &["submission", "folder", "archive", "file"],
    ),
    (
        Column::Name,
        &["name", "student", "full name", "student name"],
    ),
    (Column::Id, &["id", "canvas id", "canvas_id"]),
    (
        Column::SisId,
        &["sis user id", "sis_user_id", "sis id", "sis_id"],
    ),
    (
        Column::Login,
        &[
            "sis login id",
            "sis_login_id",
            "login",
            "login_id",
            "username",
            "user",
        ],
    ),
    (Column::Section, &["section", "group"]),
    (Column::Email, &["email", "email address", "e-mail"]),
    (
        Column::Number,
        &[
            "id number",
            "id_number",
            "number",
            "student id",
            "student number",
        ],
    ),
    (
        Column::Late,
        &["late_days", "late days", "days late", "late"],
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Column {
    Submission,
    Name,
    Id,
    SisId,
    Login,
    Section,
    Email,
    Number,
    Late,
}

impl Roster {
    /// Reads it: UTF-8 with a header row, cells separated by commas, semicolons or tabs. Columns that
    /// aren't known don't count (a gradebook that was exported has many); late days of one task stand in
    /// a column `late_days:TASK`.
    ///
    /// # Errors
    /// The first fault, with its line.
    pub fn read(bytes: &[u8], file: &str) -> Result<Roster, RosterError> {
        let wrong = |line: u64, what: String, mend: Option<&str>| RosterError {
            file: file.to_owned(),
            line,
            what,
            mend: mend.map(str::to_owned),
        };
        if bytes.len() > MAX_BYTES {
            return Err(wrong(1, format!("more than {MAX_BYTES} bytes"), None));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|&&b| b == b'\n').count() as u64 + 1;
            wrong(
                line,
                "not UTF-8 text".to_owned(),
                Some("save it as CSV in UTF-8"),
            )
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter(text))
            .trim(Trim::All)
            .flexible(true)
            .has_headers(false)
            .from_reader(text.as_bytes());
        let mut rows = reader.records();
        let header = match rows.next() {
            Some(Ok(header)) => header,
            _ => {
                return Err(wrong(
                    1,
                    "there is no header row".to_owned(),
                    Some(HEADER_MEND),
                ));
            }
        };
        let columns = Columns::of(&header).map_err(|what| wrong(1, what, Some(HEADER_MEND)))?;
        let mut gathered = Gathered::default();
        for row in rows {
            let row = row.map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                wrong(line, error.to_string(), None)
            })?;
            let line = row.position().map_or(0, csv::Position::line);
            if row.iter().all(str::is_empty) || is_points_row(&row) {
                continue;
            }
            let (student, handed) = columns
                .student(&row, line)
                .map_err(|(what, mend)| wrong(line, what, Some(mend)))?;
            gathered
                .add(student, handed)
                .map_err(|what| wrong(line, what, None))?;
        }
        if gathered.students.is_empty() {
            return Err(wrong(1, "there are no students in it".to_owned(), None));
        }
        Ok(Roster {
            students: gathered.students,
        })
    }
}

const HEADER_MEND: &str = "begin with a row like `submission,name,id,late_days` (one of submission, name, id, login, email is needed)";

/// Canvas has such a row behind its header.
fn is_points_row(row: &StringRecord) -> bool {
    row.get(0)
        .is_some_and(|cell| cell.contains("Points Possible"))
}

/// The one that the header has most of.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |c: &u8| header.bytes().filter(|b| b == c).count();
    [b';', b'\t', b',']
        .into_iter()
        .max_by_key(count)
        .unwrap_or(b',')
}

struct Columns {
    known: HashMap<Column, usize>,
    /// Late days of single tasks.
    tasks: Vec<(String, usize)>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Columns, String> {
        let mut columns = Columns {
            known: HashMap::new(),
            tasks: Vec::new(),
        };
        for (i, title) in header.iter().enumerate() {
            let lower = title.to_lowercase();
            let task = ["late_days:", "late days:"]
                .iter()
                .find_map(|p| lower.strip_prefix(p));
            if let Some(task) = task {
                columns.tasks.push((task.trim().to_owned(), i));
                continue;
            }
            let column = COLUMNS
                .iter()
                .find(|(_, names)| names.contains(&lower.as_str()));
            if let Some((column, _)) = column
                && columns.known.insert(*column, i).is_some()
            {
                return Err(format!("column `{title}` means the same as another one"));
            }
        }
        let telling = [
            Column::Submission,
            Column::Name,
            Column::Id,
            Column::Login,
            Column::Email,
        ];
        if telling
            .iter()
            .any(|column| columns.known.contains_key(column))
        {
            Ok(columns)
        } else {
            Err("no column says whom or what a row is about".to_owned())
        }
    }

    fn student(
        &self,
        row: &StringRecord,
        line: u64,
    ) -> Result<(Student, HandedIn), (String, &'static str)> {
        let cell = |column| {
            let cell = self.known.get(&column).and_then(|&i| row.get(i));
            cell.unwrap_or_default().to_owned()
        };
        let mut student = Student {
            name: cell(Column::Name),
            id: cell(Column::Id),
            sis_id: cell(Column::SisId),
            login: cell(Column::Login),
            section: cell(Column::Section),
            email: cell(Column::Email),
            number: cell(Column::Number),
            handed_in: Vec::new(),
        };
        let submission = Some(cell(Column::Submission)).filter(|s| !s.is_empty());
        if student.identity().is_none() {
            let Some(submission) = &submission else {
                let mend = "give it a submission, a name, an id, a login or an e-mail address";
                return Err(("the row doesn't say whom it is about".to_owned(), mend));
            };
            student.name.clone_from(submission);
        }
        let mut handed = HandedIn {
            submission,
            late_days: days(&cell(Column::Late))?,
            line,
            ..HandedIn::default()
        };
        for (task, i) in &self.tasks {
            let cell = row.get(*i).unwrap_or_default();
            if !cell.is_empty() {
                handed.late_by_task.insert(task.clone(), days(cell)?);
            }
        }
        Ok((student, handed))
    }
}

fn days(cell: &str) -> Result<f64, (String, &'static str)> {
    if cell.is_empty() || cell == "-" {
        return Ok(0.0);
    }
    // Decimal commas come from spreadsheets of many countries.
    match cell.replace(',', ".").parse::<f64>() {
        Ok(days) if days.is_finite() => Ok(days.max(0.0)),
        _ => Err((
            format!("`{cell}` is no number of late days"),
            "write it like `2` or `0.5`",
        )),
    }
}

impl Student {
    /// What tells this student from the others: the first of these that is there.
    pub fn identity(&self) -> Option<&str> {
        let all = [
            &self.id,
            &self.sis_id,
            &self.login,
            &self.email,
            &self.number,
            &self.name,
        ];
        all.into_iter()
            .map(String::as_str)
            .find(|text| !text.is_empty())
    }

    /// Names by which a submission may be called where no row says it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let all = [
            &self.login,
            &self.sis_id,
            &self.number,
            &self.id,
            &self.email,
            &self.name,
        ];
        all.into_iter()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }
}

impl HandedIn {
    /// Late days for this task.
    pub fn days(&self, task: &str) -> f64 {
        self.late_by_task
            .get(task)
            .copied()
            .unwrap_or(self.late_days)
    }
}

/// Rows of one student belong together.
#[derive(Default)]
struct Gathered {
    students: Vec<Student>,
    by_identity: HashMap<String, usize>,
    submissions: HashMap<String, u64>,
}

impl Gathered {
    fn add(&mut self, student: Student, handed: HandedIn) -> Result<(), String> {
        if let Some(submission) = &handed.submission
            && let Some(line) = self.submissions.insert(submission.clone(), handed.line)
        {
            return Err(format!(
                "submission `{submission}` stands in line {line} already"
            ));
        }
        let identity = student.identity().unwrap_or_default().to_owned();
        match self.by_identity.get(&identity) {
            Some(&i) => {
                let known = &mut self.students[i];
                if handed.submission.is_none() {
                    let first = known.handed_in.first().map_or(0, |h| h.line);
                    return Err(format!("`{identity}` stands in line {first} already"));
                }
                known.handed_in.push(handed);
            }
            None => {
                self.by_identity.insert(identity, self.students.len());
                self.students.push(Student {
                    handed_in: vec![handed],
                    ..student
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Roster, String> {
        Roster::read(text.as_bytes(), "roster.csv").map_err(|error| error.to_string())
    }

    #[test]
    fn rows_of_one_student_belong_together() {
        let text = "\u{feff}submission;Name;ID;late_days;late_days:crawler\n\
                    ivanov-1;Иванов, И.;7;0,5;\nivanov-2;Иванов, И.;7;3;1\npetrov;Петров;8;;\n;Сидоров;9;-1;\n";
        let roster = read(text).expect("right");
        let all: Vec<(&str, usize)> = roster
            .students
            .iter()
            .map(|s| (s.name.as_str(), s.handed_in.len()))
            .collect();
        assert_eq!(all, [("Иванов, И.", 2), ("Петров", 1), ("Сидоров", 1)]);
        let second = &roster.students[0].handed_in[1];
        assert_eq!((second.days("fetcher"), second.days("crawler")), (3.0, 1.0));
        assert_eq!(roster.students[0].handed_in[0].late_days, 0.5);
        assert_eq!(roster.students[2].handed_in[0].submission, None);
    }

    #[test]
    fn a_gradebook_of_canvas_is_a_roster() {
        let text = "Student,ID,SIS User ID,SIS Login ID,Section,Fetcher (12)\n\
                    \"    Points Possible\",,,,,20\n\"Doe, Jane\",101,s1,jane,A,\n";
        let roster = read(text).expect("right");
        assert_eq!(roster.students.len(), 1);
        let jane = &roster.students[0];
        assert_eq!(
            (jane.id.as_str(), jane.login.as_str(), jane.section.as_str()),
            ("101", "jane", "A")
        );
        assert_eq!(jane.names().next(), Some("jane"));
    }

    #[test]
    fn faults_are_told_with_their_lines() {
        for (text, part) in [
            ("", "roster.csv:1: there is no header row"),
            ("color,size\nred,1\n", "roster.csv:1: no column says"),
            (
                "name,student\n",
                "roster.csv:1: column `student` means the same",
            ),
            ("name\n", "roster.csv:1: there are no students"),
            (
                "name,late_days\na,1\nb,soon\n",
                "roster.csv:3: `soon` is no number of late days",
            ),
            ("name,late_days\na,inf\n", "roster.csv:2: `inf`"),
            (
                "name,section\na,1\n,2\n",
                "roster.csv:3: the row doesn't say whom",
            ),
            (
                "name,submission\na,x\nb,x\n",
                "roster.csv:3: submission `x` stands in line 2",
            ),
            ("name\na\na\n", "roster.csv:3: `a` stands in line 2"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
        let error = Roster::read(b"name\nok\n\xff\n", "r")
            .expect_err("not text")
            .to_string();
        assert!(error.starts_with("r:3: not UTF-8"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Roster::read(&bytes, "r");
            let mut text = b"submission,name,late_days\n".to_vec();
            text.extend(&bytes);
            let _ = Roster::read(&text, "r");
        }
    }
}
