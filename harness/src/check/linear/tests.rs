use proptest::prelude::*;

use super::points::{Op, Points};
use super::*;

fn call(begin: u64, end: u64, request: &str, reply: &str) -> Call<Op> {
    Call {
        begin,
        end: Some(end),
        op: Op::read(request, Some(reply)).unwrap(),
    }
}

fn answer(calls: &[Call<Op>]) -> Answer {
    search(&Points, calls, &mut Budget(100_000))
}

/// The second implementation: every order of the calls, one after the other.
fn by_brute_force(calls: &[Call<Op>]) -> bool {
    fn go(left: &[Call<Op>], state: &<Points as Model>::State) -> bool {
        if left.iter().all(|call| call.end.is_none()) {
            return true;
        }
        (0..left.len()).any(|i| {
            let mut rest = left.to_vec();
            let first = rest.remove(i);
            let in_order = rest
                .iter()
                .all(|other| other.end.is_none_or(|end| end > first.begin));
            in_order
                && Points
                    .apply(state, &first.op)
                    .is_some_and(|after| go(&rest, &after))
        })
    }
    go(calls, &Points.initial())
}

#[test]
fn overlapping_calls_may_take_effect_in_either_order() {
    let calls = [
        call(0, 1, "SET a 1 1", "OK"),
        call(2, 9, "SET a 2 2", "OK"),
        call(3, 4, "GET a", "2 2"),
        call(5, 6, "GET a", "2 2"),
    ];
    assert_eq!(answer(&calls), Answer::Linearizable);
    let mut back = calls.to_vec();
    back[3] = call(5, 6, "GET a", "1 1");
    assert_eq!(
        answer(&back),
        Answer::Not,
        "the new value can't go away again"
    );
}

#[test]
fn torn_readings_and_halves_of_swaps_are_found() {
    let torn = [
        call(0, 1, "SET a 1 1", "OK"),
        call(2, 5, "SET a 2 2", "OK"),
        call(3, 4, "GET a", "2 1"),
    ];
    assert_eq!(answer(&torn), Answer::Not);
    let half = [
        call(0, 1, "SET a 1 1", "OK"),
        call(2, 3, "SET b 2 2", "OK"),
        call(4, 9, "SWAP a b", "OK"),
        call(5, 6, "GET a", "2 2"),
        call(7, 8, "GET b", "2 2"),
    ];
    assert_eq!(answer(&half), Answer::Not);
}

#[test]
fn what_never_returned_may_have_happened_or_not() {
    let mut calls = vec![call(0, 1, "SET a 1 1", "OK"), call(2, 3, "SET a 2 2", "OK")];
    calls[1].end = None;
    calls[1].op.reply = None;
    for seen in ["1 1", "2 2"] {
        let mut all = calls.clone();
        all.push(call(4, 5, "GET a", seen));
        assert_eq!(answer(&all), Answer::Linearizable, "{seen}");
    }
}

#[test]
fn unknown_points_are_errors() {
    let early = [
        call(0, 1, "GET a", "ERROR no"),
        call(2, 3, "SWAP a b", "ERROR no"),
    ];
    assert_eq!(answer(&early), Answer::Linearizable);
    let known = [
        call(0, 1, "SET a 1 1", "OK"),
        call(2, 3, "GET a", "ERROR no"),
    ];
    assert_eq!(answer(&known), Answer::Not);
}

#[test]
fn a_bound_struck_says_nothing() {
    let calls = [call(0, 1, "SET a 1 1", "OK"), call(2, 3, "GET a", "7 7")];
    assert_eq!(search(&Points, &calls, &mut Budget(1)), Answer::TooHard);
}

#[test]
fn a_counterexample_is_small_and_bad() {
    let mut calls = vec![call(0, 1, "SET a 0 0", "OK"), call(2, 3, "SET b 0 0", "OK")];
    for i in 1..60 {
        let at = i * 10;
        calls.push(call(at, at + 3, &format!("SET a {i} {i}"), "OK"));
        calls.push(call(at + 4, at + 6, "GET a", &format!("{i} {i}")));
        calls.push(call(at + 7, at + 8, "GET b", "0 0"));
    }
    calls.push(call(700, 710, "SET a 77 77", "OK"));
    calls.push(call(702, 704, "GET a", "77 59"));
    calls.push(call(720, 730, "GET a", "77 77"));
    let small = counterexample(&Points, &calls, &mut Budget(1_000_000));
    assert_eq!(answer(&small), Answer::Not);
    assert!(small.len() <= 4, "{small:?}");
    assert!(small.iter().any(|c| c.op.reply.as_deref() == Some("77 59")));
}

/// Calls of three clients, each with one at a time.
fn histories() -> impl Strategy<Value = Vec<Call<Op>>> {
    let request = prop_oneof![
        (0..2u8, 1..4u8).prop_map(|(p, v)| (format!("SET {p} {v} {v}"), "OK".to_owned())),
        (0..2u8, 0..4u8).prop_map(|(p, v)| {
            let reply = if v == 0 {
                "ERROR".to_owned()
            } else {
                format!("{v} {v}")
            };
            (format!("GET {p}"), reply)
        }),
        any::<bool>().prop_map(|ok| {
            (
                "SWAP 0 1".to_owned(),
                if ok { "OK" } else { "ERROR" }.to_owned(),
            )
        }),
    ];
    proptest::collection::vec((request, 0..3usize, 1..9u64, 1..9u64), 1..7).prop_map(|drawn| {
        let mut free = [0u64; 3];
        let mut calls = Vec::new();
        for (k, ((request, reply), client, wait, long)) in drawn.into_iter().enumerate() {
            let begin = free[client] + wait;
            // Each time is there once.
            let at = |t: u64, side: u64| t * 100 + k as u64 * 2 + side;
            let (begin, end) = (at(begin, 0), at(begin + long, 1));
            free[client] = end / 100 + 1;
            calls.push(call(begin, end, &request, &reply));
        }
        if calls.len() > 3 {
            calls[2].end = None;
            calls[2].op.reply = None;
        }
        calls
    })
}

proptest! {
    #[test]
    fn the_search_agrees_with_brute_force(calls in histories()) {
        let expected = if by_brute_force(&calls) { Answer::Linearizable } else { Answer::Not };
        prop_assert_eq!(answer(&calls), expected);
        if expected == Answer::Not {
            let small = counterexample(&Points, &calls, &mut Budget(1_000_000));
            prop_assert!(!by_brute_force(&small), "{:?}", small);
        }
    }
}
