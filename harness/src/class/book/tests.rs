use super::grade::{drop_lowest, of, total};
use super::*;

fn held(submission: &str, score: f64, status: Status, late_days: f64) -> Held {
    Held {
        submission: submission.into(),
        report: String::new(),
        status,
        score,
        max: 10.0,
        undecided: if status == Status::Inconclusive {
            3.0
        } else {
            0.0
        },
        marks: vec![Mark::Pass],
        late_days,
    }
}

fn policy(text: &str) -> Policy {
    Policy::read(text, "p", &["a", "b", "c"]).expect("right")
}

#[test]
fn late_days_cost_and_are_told() {
    let policy = policy("late: { per_day: 10, refuse_after: 5 }");
    let grade = |days| of(vec![held("x", 8.0, Status::Graded, days)], &policy);
    let late = grade(2.0);
    assert_eq!(
        (late.score, late.raw, late.late_percent),
        (Some(6.4), Some(8.0), 20.0)
    );
    let too_late = grade(6.0);
    assert_eq!(
        (too_late.standing, too_late.score),
        (Standing::TooLate, Some(0.0))
    );
}

#[test]
fn the_best_counts_after_its_penalty() {
    let policy = policy("late: { per_day: 50 }");
    let on_time = held("first", 5.0, Status::Graded, 0.0);
    let late = held("second", 8.0, Status::Graded, 1.0);
    let best = of(vec![on_time.clone(), late.clone()], &policy);
    assert_eq!(best.submission.as_deref(), Some("first"));
    let last = Policy {
        attempts: super::super::policy::Attempts::Last,
        ..policy
    };
    assert_eq!(of(vec![on_time, late], &last).score, Some(4.0));
}

#[test]
fn the_best_is_not_final_while_another_could_be_better() {
    let rules = Policy::default();
    let good = held("good", 8.0, Status::Graded, 0.0);
    let open = |score| held("open", score, Status::Inconclusive, 0.0);
    let grade = of(vec![good.clone(), open(6.0)], &rules);
    assert_eq!(
        (grade.score, grade.standing, grade.settled()),
        (Some(8.0), Standing::Inconclusive, None)
    );
    assert_eq!(
        of(vec![good.clone(), open(4.0)], &rules).standing,
        Standing::Graded
    );
    let faulty = held("faulty", 0.0, Status::Fault, 0.0);
    assert_eq!(of(vec![faulty.clone(), good], &rules).settled(), None);
    // A fault alone is no zero anywhere.
    let grade = of(vec![faulty], &rules);
    assert_eq!((grade.score, grade.raw, grade.share()), (None, None, None));
}

#[test]
fn missing_is_blank_unless_the_course_says_zero() {
    assert_eq!(of(Vec::new(), &Policy::default()).score, None);
    let zero = policy("missing: zero");
    let grade = of(Vec::new(), &zero);
    assert_eq!(
        (grade.score, grade.settled(), grade.share()),
        (Some(0.0), Some(0.0), Some(0.0))
    );
}

#[test]
fn the_lowest_is_dropped_but_never_a_fault() {
    let rules = Policy::default();
    let grade = |score, status| of(vec![held("x", score, status, 0.0)], &rules);
    let mut grades = [
        grade(9.0, Status::Graded),
        grade(0.0, Status::Fault),
        grade(4.0, Status::Graded),
    ];
    drop_lowest(&mut grades, 1);
    assert_eq!(grades.each_ref().map(|g| g.dropped), [false, false, true]);
    assert_eq!(total(&grades, &[1.0; 3]), (Some(90.0), false));
    let mut grades = [
        grade(9.0, Status::Graded),
        grade(6.0, Status::Graded),
        of(Vec::new(), &rules),
    ];
    drop_lowest(&mut grades, 1);
    assert_eq!(total(&grades, &[3.0, 1.0, 1.0]), (Some(82.5), true));
    // What isn't decided could still be the lowest or not.
    let mut grades = [grade(9.0, Status::Graded), grade(6.0, Status::Inconclusive)];
    drop_lowest(&mut grades, 1);
    assert_eq!(total(&grades, &[1.0; 2]), (Some(90.0), false));
}
