//! The page's words, by language.

/// Words of the page.
pub(super) struct Words {
    pub lang: &'static str,
    pub gradebook: &'static str,
    pub students: &'static str,
    pub no_script: &'static str,
    pub find: &'static str,
    pub task: &'static str,
    pub standing: &'static str,
    pub failed_check: &'static str,
    pub shown: &'static str,
    pub statistics: &'static str,
    pub check: &'static str,
    pub passed: &'static str,
    pub failed: &'static str,
    pub undecided: &'static str,
    pub reasons: &'static str,
    pub mean: &'static str,
    pub median: &'static str,
    pub of: &'static str,
    pub notes: &'static str,
    pub name: &'static str,
    pub section: &'static str,
    pub total: &'static str,
    pub any: &'static str,
    pub all: &'static str,
    pub late: &'static str,
    pub dropped: &'static str,
    pub provisional: &'static str,
    /// By standing: name, long, short.
    pub standings: [(&'static str, &'static str, &'static str); 6],
    /// By mark.
    pub marks: [(&'static str, &'static str); 5],
}

const ENGLISH: Words = Words {
    lang: "en",
    gradebook: "Gradebook",
    students: "students",
    no_script: "The table of students needs scripts; the numbers below don't.",
    find: "Find a student",
    task: "Exercise",
    standing: "Standing",
    failed_check: "Failed the check",
    shown: "shown",
    statistics: "Which checks the class failed",
    check: "Check",
    passed: "Passed",
    failed: "Failed",
    undecided: "Undecided",
    reasons: "Most often",
    mean: "mean",
    median: "median",
    of: "of",
    notes: "Notes",
    name: "Student",
    section: "Section",
    total: "Total",
    any: "any",
    all: "All exercises",
    late: "days late",
    dropped: "doesn't count in the total",
    provisional: "not final: something could not be decided or is missing",
    standings: [
        ("graded", "graded", ""),
        ("refused", "can't be built or started", "✗"),
        ("too_late", "too late", "late"),
        ("inconclusive", "not final: not all could be decided", "?"),
        ("fault", "no score: the harness or the host failed", "!"),
        ("missing", "nothing handed in", ""),
    ],
    marks: [
        ("p", "passed"),
        ("f", "failed"),
        ("i", "could not be decided"),
        ("h", "the harness failed"),
        ("u", "not judged"),
    ],
};

const RUSSIAN: Words = Words {
    lang: "ru",
    gradebook: "Ведомость",
    students: "студентов",
    no_script: "Таблице студентов нужны скрипты; числам ниже — нет.",
    find: "Найти студента",
    task: "Упражнение",
    standing: "Состояние",
    failed_check: "Не прошёл проверку",
    shown: "показано",
    statistics: "Какие проверки не прошла группа",
    check: "Проверка",
    passed: "Прошли",
    failed: "Не прошли",
    undecided: "Не решено",
    reasons: "Чаще всего",
    mean: "среднее",
    median: "медиана",
    of: "из",
    notes: "Заметки",
    name: "Студент",
    section: "Группа",
    total: "Итог",
    any: "любое",
    all: "Все упражнения",
    late: "дней опоздания",
    dropped: "не входит в итог",
    provisional: "не окончательно: что-то не решено или не сдано",
    standings: [
        ("graded", "оценено", ""),
        ("refused", "не собирается или не запускается", "✗"),
        ("too_late", "слишком поздно", "поздно"),
        ("inconclusive", "не окончательно: решено не всё", "?"),
        (
            "fault",
            "оценки нет: отказ проверяющей программы или машины",
            "!",
        ),
        ("missing", "ничего не сдано", ""),
    ],
    marks: [
        ("p", "пройдена"),
        ("f", "не пройдена"),
        ("i", "не удалось решить"),
        ("h", "отказ проверяющей программы"),
        ("u", "не проверялось"),
    ],
};

impl Words {
    pub fn of(language: &str) -> &'static Words {
        if language == "ru" { &RUSSIAN } else { &ENGLISH }
    }

    /// What the script says.
    pub fn json(&self) -> serde_json::Value {
        let long = |(name, long, _): &(&str, &str, &str)| ((*name).to_owned(), (*long).into());
        let short = |(name, _, short): &(&str, &str, &str)| ((*name).to_owned(), (*short).into());
        let object =
            |pairs: serde_json::Map<String, serde_json::Value>| serde_json::Value::Object(pairs);
        serde_json::json!({
            "name": self.name, "id": "ID", "section": self.section, "total": self.total, "any": self.any,
            "all": self.all, "late": self.late, "dropped": self.dropped, "provisional": self.provisional,
            "standings": object(self.standings.iter().map(long).collect()),
            "short": object(self.standings.iter().map(short).collect()),
            "marks": object(self.marks.iter().map(|(n, w)| ((*n).to_owned(), (*w).into())).collect()),
        })
    }
}
