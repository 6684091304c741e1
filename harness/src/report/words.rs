//! The few words of the reports themselves, by language.

use crate::check::Outcome;

/// Words around the findings.
#[derive(Debug)]
pub struct Words {
    pub score: &'static str,
    pub of: &'static str,
    pub undecided: &'static str,
    pub failed: &'static str,
    pub unsure: &'static str,
    pub faulty: &'static str,
    pub passed: &'static str,
    pub why: &'static str,
    pub hint: &'static str,
    pub read: &'static str,
    pub seen: &'static str,
    /// Heading over what was seen.
    pub seen_title: &'static str,
    pub events: &'static str,
    pub stderr: &'static str,
    pub build_failed: &'static str,
    pub hidden: &'static str,
    pub seed: &'static str,
    pub tier: &'static str,
    pub check: &'static str,
    pub points: &'static str,
    pub cut: &'static str,
    /// The harness or its host failed: there is no grade.
    pub no_grade: &'static str,
    /// Not all was decided: there is no final grade.
    pub open: &'static str,
    /// Further findings, which a format has no room for.
    pub more: &'static str,
    verdicts: [&'static str; 4],
}

impl Words {
    /// English unless the language is known.
    pub fn of(language: &str) -> &'static Words {
        if language == "ru" { &RUSSIAN } else { &ENGLISH }
    }

    /// What an outcome is called.
    pub fn outcome(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Pass => self.verdicts[0],
            Outcome::Inconclusive => self.verdicts[1],
            Outcome::Fail => self.verdicts[2],
            Outcome::HarnessFault => self.verdicts[3],
        }
    }
}

static ENGLISH: Words = Words {
    score: "Score",
    of: "of",
    undecided: "undecided",
    failed: "Failed",
    unsure: "Could not be decided",
    faulty: "gradus or its host failed",
    passed: "Passed",
    why: "Why it matters",
    hint: "Look at",
    read: "Read",
    seen: "Seen in",
    seen_title: "What was seen",
    events: "events",
    stderr: "End of standard error",
    build_failed: "The submission could not be built",
    hidden: "Hidden checks",
    seed: "Seed",
    tier: "Tier",
    check: "Check",
    points: "Points",
    cut: "Further details were left out: see the report in another format.",
    no_grade: "gradus or its host failed, not the submission: this is no grade. Submit again, or tell your teacher.",
    open: "Some checks could not be decided: this is no final grade. Submit again, or tell your teacher.",
    more: "More in the report",
    verdicts: ["passed", "undecided", "failed", "harness fault"],
};

static RUSSIAN: Words = Words {
    score: "Баллы",
    of: "из",
    undecided: "не решено",
    failed: "Не выполнено",
    unsure: "Решить не удалось",
    faulty: "Сбой gradus или машины",
    passed: "Выполнено",
    why: "Почему это важно",
    hint: "Куда смотреть",
    read: "В условии",
    seen: "Видно в",
    seen_title: "Что было видно",
    events: "события",
    stderr: "Конец стандартного потока ошибок",
    build_failed: "Решение не удалось собрать",
    hidden: "Скрытые проверки",
    seed: "Зерно",
    tier: "Уровень",
    check: "Проверка",
    points: "Баллы",
    cut: "Остальные подробности опущены: смотрите отчёт в другом формате.",
    no_grade: "Сбой gradus или машины, а не решения: это не оценка. Отправьте ещё раз или скажите преподавателю.",
    open: "Некоторые проверки решить не удалось: это не окончательная оценка. Отправьте ещё раз или скажите преподавателю.",
    more: "Остальное в отчёте",
    verdicts: ["выполнено", "не решено", "не выполнено", "сбой"],
};
