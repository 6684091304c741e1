//! Linearizability: whether recorded calls can be put in one order, each between its call and its
//! return, in which a model of the object gives the very replies that were seen.
//!
//! The search is Wing and Gong's with Lowe's memory of configurations already tried: depth first over
//! "which call took effect next", never twice with the same set of calls done and the same state. It is
//! bounded in steps, as the problem is NP-complete; beyond the bound nothing is said.

pub mod points;

use std::collections::HashSet;
use std::hash::Hash;

/// One call. Times are numbers of events: only their order counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<O> {
    pub begin: u64,
    /// None if it never returned: it may have taken effect or not.
    pub end: Option<u64>,
    pub op: O,
}

/// A sequential object.
pub trait Model {
    type Op: Clone;
    type State: Clone + Eq + Hash;

    /// The state before all calls.
    fn initial(&self) -> Self::State;
    /// The state after this call, if its reply fits; a call without a reply always fits.
    fn apply(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State>;
    /// Whether a history without this call is no easier to explain: leaving it out of a
    /// history that can be explained must leave one that can be.
    fn dispensable(&self, op: &Self::Op, others: &[Call<Self::Op>]) -> bool;
}

/// What the search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Linearizable,
    Not,
    /// The bound was struck.
    TooHard,
}

/// Steps that a search may take.
pub struct Budget(pub u64);

/// Whether the calls can be put in order.
pub fn search<M: Model>(model: &M, calls: &[Call<M::Op>], budget: &mut Budget) -> Answer {
    let mut calls: Vec<&Call<M::Op>> = calls.iter().collect();
    calls.sort_by_key(|call| call.begin);
    let mut left = calls.iter().filter(|call| call.end.is_some()).count();
    let mut done = Bits::new(calls.len());
    let mut state = model.initial();
    let mut tried: HashSet<(Bits, M::State)> = HashSet::new();
    let mut path: Vec<(usize, M::State)> = Vec::new();
    let mut from = 0;
    while left > 0 {
        if budget.0 == 0 {
            return Answer::TooHard;
        }
        budget.0 -= 1;
        match next(model, &calls, &mut done, &state, from, &mut tried) {
            Some((i, after)) => {
                left -= usize::from(calls[i].end.is_some());
                path.push((i, std::mem::replace(&mut state, after)));
                from = 0;
            }
            None => {
                let Some((i, before)) = path.pop() else {
                    return Answer::Not;
                };
                done.flip(i);
                left += usize::from(calls[i].end.is_some());
                state = before;
                from = i + 1;
            }
        }
    }
    Answer::Linearizable
}

/// The next call from index `from` on that may have taken effect now, and hasn't been tried so.
fn next<M: Model>(
    model: &M,
    calls: &[&Call<M::Op>],
    done: &mut Bits,
    state: &M::State,
    from: usize,
    tried: &mut HashSet<(Bits, M::State)>,
) -> Option<(usize, M::State)> {
    // Whatever began after the first of the others returned comes after that one.
    let horizon = (0..calls.len())
        .filter(|&i| !done.has(i))
        .filter_map(|i| calls[i].end)
        .min()?;
    for (i, call) in calls.iter().enumerate().skip(from) {
        if call.begin > horizon {
            break;
        }
        if done.has(i) {
            continue;
        }
        if let Some(after) = model.apply(state, &call.op) {
            done.flip(i);
            if tried.insert((done.clone(), after.clone())) {
                return Some((i, after));
            }
            done.flip(i);
        }
    }
    None
}

/// A small part of a history that can't be explained, which can't be explained either: the shortest
/// prefix, and of that no call that can be spared.
pub fn counterexample<M: Model>(
    model: &M,
    calls: &[Call<M::Op>],
    budget: &mut Budget,
) -> Vec<Call<M::Op>> {
    let mut ends: Vec<u64> = calls.iter().filter_map(|call| call.end).collect();
    ends.sort_unstable();
    // Of a history that can be explained every prefix can: the shortest bad one is found by halving.
    let (mut low, mut high) = (0, ends.len());
    while low < high {
        let middle = (low + high) / 2;
        let part = prefix(calls, ends[middle]);
        match search(model, &part, budget) {
            Answer::Not => high = middle,
            _ => low = middle + 1,
        }
    }
    let mut bad = match ends.get(low) {
        Some(&end) => prefix(calls, end),
        None => calls.to_vec(),
    };
    // With fewer choices it is no easier to explain.
    bad.retain(|call| call.end.is_some());
    let mut i = bad.len();
    while i > 0 {
        i -= 1;
        let mut fewer = bad.clone();
        let call = fewer.remove(i);
        if model.dispensable(&call.op, &fewer) && search(model, &fewer, budget) == Answer::Not {
            bad = fewer;
        }
    }
    bad.sort_by_key(|call| call.begin);
    bad
}

/// What had happened by this event.
fn prefix<O: Clone>(calls: &[Call<O>], until: u64) -> Vec<Call<O>> {
    let begun = calls.iter().filter(|call| call.begin <= until);
    begun
        .filter(|call| call.end.is_some_and(|end| end <= until))
        .cloned()
        .chain(pending(calls, until))
        .collect()
}

/// Calls that were under way then: they may have taken effect, whatever they returned later.
fn pending<O: Clone>(calls: &[Call<O>], until: u64) -> impl Iterator<Item = Call<O>> {
    calls
        .iter()
        .filter(move |call| call.begin <= until && call.end.is_none_or(|end| end > until))
        .map(|call| Call {
            end: None,
            ..call.clone()
        })
}

/// A set of indices.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize) -> Bits {
        Bits(vec![0; len.div_ceil(64)])
    }

    fn has(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 == 1
    }

    fn flip(&mut self, i: usize) {
        self.0[i / 64] ^= 1 << (i % 64);
    }
}

#[cfg(test)]
mod tests;
