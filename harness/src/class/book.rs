//! The gradebook as one value: students × tasks × checks, made from a class's folder. Renderers are pure
//! functions of it.

mod grade;
mod statistics;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::roster::{HandedIn, Student};
use super::{Class, ClassError, ClassFolder, Policy, Roster, Status};
use crate::grade::only;
use crate::report::text::of;
use crate::report::{Report, from_json};
use crate::score::round;
use crate::task::{Pack, Text, Visibility, pack};

pub use grade::{Grade, Held, Mark, Standing};
pub use statistics::{CheckStatistics, TaskStatistics};

/// Version of the book's JSON form.
pub const SCHEMA_VERSION: u32 = 1;

/// A class's grades.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Book {
    pub schema_version: u32,
    pub gradus: String,
    /// Name of the class.
    pub class: String,
    pub tasks: Vec<BookTask>,
    /// In the order of the roster, else by name.
    pub students: Vec<Row>,
    pub statistics: Vec<TaskStatistics>,
    /// What a teacher should know: submissions that nobody claims, results that are missing.
    pub notes: Vec<String>,
}

/// A column: one task with its checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BookTask {
    pub task: String,
    pub title: Text,
    pub max: f64,
    /// Share in the total.
    pub weight: f64,
    /// Name of the column in other programs' gradebooks.
    pub column: String,
    /// Digest of the pack that all was judged by.
    pub pack: String,
    pub checks: Vec<BookCheck>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BookCheck {
    pub check: String,
    pub title: Text,
    pub max_points: f64,
    pub visibility: Visibility,
}

/// A student's row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    pub name: String,
    /// Canvas' number, and what else other systems know the student by; empty where the roster says nothing.
    pub id: String,
    pub sis_id: String,
    pub login: String,
    pub section: String,
    pub email: String,
    pub number: String,
    /// One for each task, in their order.
    pub grades: Vec<Grade>,
    /// Weighted mean of the tasks that count, percent. None: nothing counts yet.
    pub total: Option<f64>,
    /// No grade in the total can still change.
    pub is_final: bool,
}

impl Book {
    /// Reads the results one by one, so that memory holds only what the book shows.
    ///
    /// # Errors
    /// If roster or policy are wrong, or the folder can't be read.
    pub fn of(folder: &ClassFolder, class: &Class) -> Result<Book, ClassError> {
        let names: Vec<&str> = class.tasks.iter().map(|t| t.task.as_str()).collect();
        let (roster, policy) = folder.rules(&names)?;
        let rules = BookRules {
            roster: roster.as_ref(),
            policy: &policy,
            packs: &[],
        };
        Book::with(folder, class, &rules, &mut |_, report| report)
    }

    /// The same under other rules; `change` may judge each report anew (it is given the submission's name).
    ///
    /// # Errors
    /// If the folder can't be read.
    pub fn with(
        folder: &ClassFolder,
        class: &Class,
        rules: &BookRules<'_>,
        change: &mut dyn FnMut(&str, Report) -> Report,
    ) -> Result<Book, ClassError> {
        let mut maker = Maker {
            folder,
            class,
            policy: rules.policy,
            tasks: Vec::new(),
            tallies: class.tasks.iter().map(|_| Default::default()).collect(),
            notes: Vec::new(),
        };
        for known in &class.tasks {
            let now = rules.packs.iter().find(|pack| pack.task.task == known.task);
            let stored = || pack::open_as(&folder.pack_place(&known.pack), &known.task).ok();
            let task = match now {
                Some(pack) => maker.column(&known.task, Some(pack)),
                None => maker.column(&known.task, stored().as_ref()),
            };
            maker.tasks.push(task);
        }
        let people = people(class, rules.roster, &mut maker.notes);
        let mut students = Vec::with_capacity(people.len());
        for person in &people {
            students.push(maker.row(person, change)?);
        }
        Ok(maker.book(students))
    }
}

/// What a book is made by, beside the results.
#[derive(Debug, Clone, Copy)]
pub struct BookRules<'r> {
    pub roster: Option<&'r Roster>,
    pub policy: &'r Policy,
    /// Packs that differ from those that are kept with the results.
    pub packs: &'r [Pack],
}

/// A student and the submissions that are theirs.
struct Person<'r> {
    student: Student,
    handed_in: Vec<(String, Option<&'r HandedIn>)>,
}

/// Who is in the book: the roster's students, and submissions that nobody there claims.
fn people<'r>(
    class: &Class,
    roster: Option<&'r Roster>,
    notes: &mut Vec<String>,
) -> Vec<Person<'r>> {
    let mut free: BTreeSet<&str> = class.submissions.iter().map(String::as_str).collect();
    let mut people: Vec<Person<'r>> = Vec::new();
    for student in roster.iter().flat_map(|roster| &roster.students) {
        let mut handed_in = Vec::new();
        for handed in &student.handed_in {
            let found = match &handed.submission {
                Some(name) => of_name(class, name).map(str::to_owned),
                None => student
                    .names()
                    .find_map(|n| of_name(class, n))
                    .map(str::to_owned),
            };
            match found {
                Some(name) => {
                    free.remove(name.as_str());
                    handed_in.push((name, Some(handed)));
                }
                None if handed.submission.is_some() => notes.push(format!(
                    "line {} of the roster: there is no submission `{}`",
                    handed.line,
                    handed.submission.as_deref().unwrap_or_default()
                )),
                None => {}
            }
        }
        people.push(Person {
            student: Student {
                handed_in: Vec::new(),
                ..student.clone()
            },
            handed_in,
        });
    }
    for name in free {
        if roster.is_some() {
            notes.push(format!("nobody in the roster has the submission `{name}`"));
        }
        people.push(Person {
            student: Student {
                name: name.to_owned(),
                ..Student::default()
            },
            handed_in: vec![(name.to_owned(), None)],
        });
    }
    people
}

/// The submission that a roster means: also with an archive's ending.
fn of_name<'c>(class: &'c Class, name: &str) -> Option<&'c str> {
    let find = |name: &str| {
        let at = class.submissions.binary_search_by(|n| n.as_str().cmp(name));
        at.ok().map(|at| class.submissions[at].as_str())
    };
    let stem = || crate::submission::archive::stem(std::path::Path::new(name));
    find(name).or_else(|| stem().and_then(|stem| find(&stem)))
}

struct Maker<'m> {
    folder: &'m ClassFolder,
    class: &'m Class,
    policy: &'m Policy,
    tasks: Vec<BookTask>,
    tallies: Vec<statistics::Tally>,
    notes: Vec<String>,
}

impl Maker<'_> {
    fn row(
        &mut self,
        person: &Person<'_>,
        change: &mut dyn FnMut(&str, Report) -> Report,
    ) -> Result<Row, ClassError> {
        let mut grades = Vec::with_capacity(self.class.tasks.len());
        for i in 0..self.class.tasks.len() {
            let task = self.class.tasks[i].task.clone();
            let mut held = Vec::new();
            for (submission, handed) in &person.handed_in {
                let days = handed.map_or(0.0, |handed| handed.days(&task));
                held.extend(self.held(i, submission, days, change)?);
            }
            let grade = grade::of(held, self.policy);
            self.tallies[i].count(&grade);
            grades.push(grade);
        }
        grade::drop_lowest(
            &mut grades,
            self.policy.drop.as_ref().map_or(0, |drop| drop.lowest),
        );
        let weights: Vec<f64> = self
            .class
            .tasks
            .iter()
            .map(|t| self.policy.weight(&t.task))
            .collect();
        let (total, is_final) = grade::total(&grades, &weights);
        let Student {
            name,
            id,
            sis_id,
            login,
            section,
            email,
            number,
            ..
        } = person.student.clone();
        Ok(Row {
            name,
            id,
            sis_id,
            login,
            section,
            email,
            number,
            grades,
            total: total.map(round),
            is_final,
        })
    }

    /// What there is of one submission for one task.
    fn held(
        &mut self,
        i: usize,
        submission: &str,
        late_days: f64,
        change: &mut dyn FnMut(&str, Report) -> Report,
    ) -> Result<Option<Held>, ClassError> {
        let task = &self.class.tasks[i].task;
        let entry = self.folder.entry(submission, task)?;
        let path = super::folder::place(submission, task).join("report.json");
        let report = std::fs::read_to_string(self.folder.root().join(&path));
        let read = entry.zip(report.ok()).map(|(_, text)| from_json(&text));
        let report = match read {
            Some(Ok(report)) => change(submission, report),
            Some(Err(error)) => {
                self.notes.push(format!("{}: {error}", path.display()));
                return Ok(None);
            }
            None => return Ok(None),
        };
        let known = &self.tasks[i];
        if known.pack != report.pack.clone().unwrap_or_default() {
            let note = format!(
                "results of {task} were judged by different packs: run `gradus rescore` on the class"
            );
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        let marks = known.checks.iter().map(|check| {
            let found = report.findings.iter().find(|f| f.check == check.check);
            found.map_or(Mark::Unjudged, |f| Mark::from(f.outcome))
        });
        let marks: Vec<Mark> = marks.collect();
        self.tallies[i].codes(&report);
        let page = path.with_extension("html");
        let page = Some(page).filter(|page| self.folder.root().join(page).is_file());
        Ok(Some(Held {
            submission: submission.to_owned(),
            report: page.unwrap_or(path).display().to_string(),
            status: Status::of(&report),
            score: report.score,
            max: report.max_score,
            undecided: report.undecided,
            marks,
            late_days,
        }))
    }

    fn book(self, students: Vec<Row>) -> Book {
        let statistics =
            self.tasks
                .iter()
                .zip(&self.tallies)
                .enumerate()
                .map(|(i, (task, tally))| {
                    tally.statistics(task, students.iter().filter_map(|row| row.grades.get(i)))
                });
        Book {
            schema_version: SCHEMA_VERSION,
            gradus: env!("CARGO_PKG_VERSION").to_owned(),
            class: self.class.name.clone(),
            statistics: statistics.collect(),
            tasks: self.tasks,
            students,
            notes: self.notes,
        }
    }

    /// The task's column, by its pack: reports of what could not be built name no checks.
    fn column(&self, name: &str, pack: Option<&Pack>) -> BookTask {
        let part = pack
            .map(|pack| only(&pack.task, &self.class.only).unwrap_or_else(|_| pack.task.clone()));
        let checks: Vec<BookCheck> = part
            .iter()
            .flat_map(|task| task.scenarios.iter().flat_map(|s| &s.checks))
            .map(|check| BookCheck {
                check: check.check.clone(),
                title: check.title.clone(),
                max_points: round(check.points.max(0.0)),
                visibility: check.visibility,
            })
            .collect();
        let title = part.map(|task| task.title).unwrap_or_default();
        let named = self.policy.tasks.get(name).and_then(|t| t.column.clone());
        let shown = Some(of(&title, "en"))
            .filter(|title| !title.is_empty())
            .unwrap_or(name);
        BookTask {
            task: name.to_owned(),
            // A sum of nothing is a negative zero.
            max: round(checks.iter().map(|check| check.max_points).sum::<f64>()) + 0.0,
            weight: self.policy.weight(name),
            column: named.unwrap_or_else(|| shown.to_owned()),
            pack: pack.map(|pack| pack.digest.clone()).unwrap_or_default(),
            checks,
            title,
        }
    }
}

#[cfg(test)]
#[path = "book/tests.rs"]
mod tests;
