//! Whether answers are taken to their end.

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::{How, View, fetches};
use crate::evidence::Ending;
use crate::task::world::Answer;

/// A program may give a request up by a time-out of its own, and none is shorter than this, ns. On a starved
/// host a request takes longer than it should, which can only excuse more.
const OWN_TIMEOUT: u64 = 500_000_000;

/// Of every entry that answers, one answer at least was taken to its end.
pub fn whole(view: &View) -> Verdict {
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    let (mut taken, mut excused, mut dropped) = (0u64, 0u64, Vec::new());
    for (index, flights) in fetches(view) {
        let answers = view.item(index).is_some_and(|item| {
            matches!(
                item.answer,
                Answer::Status(_) | Answer::Dripping | Answer::Stuck
            )
        });
        if !answers {
            continue;
        }
        let whole = flights.iter().any(|f| f.came_whole());
        let hung_up = |how| match how {
            How::Abandoned => true,
            How::Answered { ending, .. } => ending == Ending::Reset,
        };
        let early = flights.iter().all(|f| {
            f.end.is_some_and(|e| hung_up(e.how)) && f.lasted.is_some_and(|ns| ns < OWN_TIMEOUT)
        });
        if whole {
            taken += 1;
        } else if early {
            dropped.push((index, flights[0].begin));
        } else {
            excused += 1;
        }
    }
    match dropped.first() {
        Some(&(first, begin)) => Verdict::new(Code::AnswerDropped)
            .fact("target", view.name(first))
            .fact("dropped", dropped.len())
            .fact("total", taken + excused + dropped.len() as u64)
            .seen([begin]),
        None if taken > 0 && excused == 0 && view.complete => {
            Verdict::new(Code::AnswersTaken).fact("answers", taken)
        }
        None => common::undecided(view, false),
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, check, entry, pages, script};
    use crate::task::world::Answer;

    const WHOLE: &str = "{ takes_whole: {} }";

    fn story() -> Story {
        let mut items = pages(2);
        items.push(entry("/drip", Answer::Dripping));
        Story::new(3, items, script("[exit]")).ask(0..3)
    }

    #[test]
    fn answers_taken_to_their_end_are_fine_whatever_is_printed() {
        check(&story().release(0..3).exit(0), WHOLE, "answers.taken");
    }

    #[test]
    fn hanging_up_in_mid_answer_is_not() {
        let story = story().release(0..2).abandon([2]).exit(0);
        check(&story, WHOLE, "answers.dropped");
    }

    #[test]
    fn a_time_out_of_its_own_is_no_fault() {
        let story = story()
            .release(0..2)
            .later(600_000_000)
            .abandon([2])
            .exit(0);
        check(&story, WHOLE, "flight.given_up");
    }

    #[test]
    fn a_second_try_is_enough() {
        let story = story()
            .release(0..2)
            .abandon([2])
            .ask([2])
            .release([2])
            .exit(0);
        check(&story, WHOLE, "answers.taken");
    }
}
