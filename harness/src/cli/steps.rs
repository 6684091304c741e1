//! What a script does next, in words.

use crate::plan::Plan;
use crate::task::Amount;
use crate::task::script::{Condition, Step};

/// The step, under this run's parameters.
pub fn waits_for(step: &Step, plan: &Plan) -> String {
    let number = |amount: &Amount| {
        plan.amount(amount)
            .map_or_else(|_| "?".to_owned(), |n| n.to_string())
    };
    match step {
        Step::Settle => "waits until the program can't go on by itself".to_owned(),
        Step::Until(condition) => format!("waits for {}", awaited(condition, &number)),
        Step::Release(release) => match &release.count {
            Some(count) => format!("lets {} held answer(s) go", number(count)),
            None => "lets held answers go".to_owned(),
        },
        Step::Open => "opens all gates".to_owned(),
        Step::LetGo(let_go) => match &let_go.count {
            Some(count) => format!("lets {} held call(s) go", number(count)),
            None => "lets the disk go on".to_owned(),
        },
        Step::Exit => "waits for the program's end".to_owned(),
        Step::Signal(name) => format!("sends SIG{name}"),
        Step::Measure(label) => format!("measures ({label})"),
        Step::Listen => "waits until the program listens".to_owned(),
        Step::Connect(connect) => {
            format!(
                "connects {} client(s) ({})",
                number(&connect.count),
                connect.group
            )
        }
        Step::Visit(visit) => {
            format!(
                "lets {} client(s) come and go ({})",
                number(&visit.count),
                visit.group
            )
        }
        Step::Tell(send) => format!("tells something ({})", send.group),
        Step::Ask(ask) => format!("lets clients ask ({})", ask.group),
        Step::Talk(talk) => format!(
            "lets clients speak {} times ({})",
            number(&talk.times),
            talk.group
        ),
        Step::Pause(ms) => format!("lets {} ms pass", number(ms)),
        Step::Send(send) => format!("lets clients speak ({})", send.group),
        Step::Read(clients) => format!("lets clients read ({})", clients.group),
        Step::Deaf(clients) => format!("lets clients read no more ({})", clients.group),
        Step::Finish(clients) => format!("half-closes clients ({})", clients.group),
        Step::Close(clients) => format!("closes clients ({})", clients.group),
        Step::Reset(clients) => format!("resets clients ({})", clients.group),
    }
}

fn awaited(condition: &Condition, number: &dyn Fn(&Amount) -> String) -> String {
    let parts = [
        (&condition.in_flight, "requests in flight"),
        (&condition.parked, "held answers"),
        (&condition.parked_at_body, "answers held in their bodies"),
        (&condition.requests, "requests in all"),
        (&condition.answered, "answers in all"),
        (&condition.held, "held calls on files"),
        (&condition.lines, "lines of output"),
    ];
    let clients = [
        (&condition.echoed, "answered in full"),
        (&condition.replied, "answered line by line"),
        (&condition.connected, "connected"),
        (&condition.said, "done with telling"),
        (&condition.heard, "given all that is due"),
        (&condition.ended, "ended"),
    ];
    let clients = clients.iter().filter_map(|(members, what)| {
        let members = members.as_ref()?;
        let count = members
            .count
            .as_ref()
            .map_or_else(|| "all".to_owned(), number);
        Some(format!("{count} clients ({}) {what}", members.group))
    });
    let named: Vec<String> = parts
        .iter()
        .filter_map(|(amount, what)| amount.as_ref().map(|n| format!("{} {what}", number(n))))
        .chain(clients)
        .collect();
    if named.is_empty() {
        "its condition".to_owned()
    } else {
        named.join(" and ")
    }
}
