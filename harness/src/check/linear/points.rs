//! Named points: `SET a x y`, `GET a`, `SWAP a b`.

use super::{Call, Model};

/// The object: which points there are, by name, and what they hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct Points;

/// A request and its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    pub what: What,
    /// None while there is none.
    pub reply: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Set(String, String),
    Get(String),
    Swap(String, String),
}

impl Op {
    /// A request line; nothing if it is none of the three.
    pub fn read(request: &str, reply: Option<&str>) -> Option<Op> {
        let words: Vec<&str> = request.split_ascii_whitespace().collect();
        let what = match words[..] {
            ["SET", name, x, y] => What::Set(name.into(), format!("{x} {y}")),
            ["GET", name] => What::Get(name.into()),
            ["SWAP", a, b] => What::Swap(a.into(), b.into()),
            _ => return None,
        };
        let reply = reply.map(str::to_owned);
        Some(Op { what, reply })
    }

    fn says(&self, text: &str) -> bool {
        self.reply.as_deref().is_none_or(|reply| reply == text)
    }

    fn fails(&self) -> bool {
        self.reply
            .as_deref()
            .is_none_or(|reply| reply.starts_with("ERROR"))
    }
}

impl Model for Points {
    type Op = Op;
    /// Points in the order of their names.
    type State = Vec<(String, String)>;

    fn initial(&self) -> Self::State {
        Vec::new()
    }

    fn apply(&self, state: &Self::State, op: &Op) -> Option<Self::State> {
        let find = |name: &String| state.binary_search_by(|point| point.0.cmp(name));
        let fails = || op.fails().then(|| state.clone());
        match &op.what {
            What::Set(name, value) => {
                let mut after = state.clone();
                match find(name) {
                    Ok(i) => after[i].1.clone_from(value),
                    Err(i) => after.insert(i, (name.clone(), value.clone())),
                }
                op.says("OK").then_some(after)
            }
            What::Get(name) => match find(name) {
                Ok(i) => op.says(&state[i].1).then(|| state.clone()),
                Err(_) => fails(),
            },
            What::Swap(a, b) => match (find(a), find(b)) {
                (Ok(i), Ok(j)) => {
                    let mut after = state.clone();
                    (after[i].1, after[j].1) = (state[j].1.clone(), state[i].1.clone());
                    op.says("OK").then_some(after)
                }
                _ => fails(),
            },
        }
    }

    /// A reading changes nothing. A value of which nothing was ever read may as well not have been
    /// written, unless it made the point.
    fn dispensable(&self, op: &Op, others: &[Call<Op>]) -> bool {
        match &op.what {
            What::Get(_) => true,
            What::Swap(..) => false,
            What::Set(name, value) => {
                let read = |reply: &str| {
                    let mut parts = reply.split_ascii_whitespace();
                    parts.any(|part| value.split(' ').any(|mine| mine == part))
                };
                let replies = others
                    .iter()
                    .filter(|call| matches!(call.op.what, What::Get(_)));
                let unread = !replies
                    .filter_map(|call| call.op.reply.as_deref())
                    .any(read);
                // Another one of the name that was over before everything else touched it makes it.
                let makes = |call: &Call<Op>| {
                    matches!(&call.op.what, What::Set(other, _) if other == name)
                        && call.end.is_some_and(|end| {
                            let mut touching = others.iter().filter(|o| o.op.touches(name));
                            touching.all(|o| o.begin == call.begin || o.begin > end)
                        })
                };
                unread && others.iter().any(makes)
            }
        }
    }
}

impl Op {
    fn touches(&self, wanted: &str) -> bool {
        match &self.what {
            What::Set(name, _) | What::Get(name) => name == wanted,
            What::Swap(a, b) => a == wanted || b == wanted,
        }
    }
}
