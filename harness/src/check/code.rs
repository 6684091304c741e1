//! The stable codes of verdicts. Each has one outcome, and names the facts that come with it: the
//! catalogue's sentences may use these and no others.

use super::Outcome;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $outcome:ident [$($fact:literal)*];)*) => {
        /// Why a verdict is what it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as it stands in reports: dotted, stable.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The outcome that goes with it.
            pub fn outcome(self) -> Outcome {
                match self { $(Code::$name => Outcome::$outcome,)* }
            }

            /// Names of the facts that always come with it.
            pub fn facts(self) -> &'static [&'static str] {
                match self { $(Code::$name => &[$($fact),*],)* }
            }
        }
    };
}

codes! {
    /// So many requests were in flight at once.
    Reached "flight.reached" Pass ["limit" "most"];
    /// The program settled below the limit, with work left.
    NotReached "flight.not_reached" Fail ["limit" "most" "left"];
    /// More in flight than allowed.
    Exceeded "flight.exceeded" Fail ["limit" "most" "target"];
    /// Held at the limit, and nothing more came.
    Kept "flight.kept" Pass ["limit" "most"];
    /// Each answer let go was followed by a new request.
    Refilled "flight.refilled" Pass ["times"];
    /// Answers were let go, and the program settled without starting as many.
    NotRefilled "flight.not_refilled" Fail ["released" "before" "after" "left"];
    /// All others were answered while some stayed held.
    NotStalled "flight.not_stalled" Pass ["held" "others"];
    /// Held answers stopped the rest.
    Stalled "flight.stalled" Fail ["held" "answered" "left"];
    /// The program ended before the question could be put.
    EndedEarly "flight.ended_early" Fail ["ending" "requests" "left"];
    /// It gave requests up by its own time-outs, so that nothing could be held against it.
    GivenUp "flight.given_up" Inconclusive ["abandoned"];

    /// No more connections than needed.
    SocketsBounded "sockets.bounded" Pass ["limit" "most"];
    /// Connections beyond those that the requests in flight need.
    SocketsUnbounded "sockets.too_many" Fail ["limit" "open" "unused" "busy"];

    /// Each entry as often as it is listed.
    Once "coverage.once" Pass ["total"];
    /// An entry was asked for too often.
    TooOften "coverage.too_often" Fail ["target" "times" "listed" "others"];
    /// Entries never asked for.
    Missing "coverage.missing" Fail ["missing" "total" "target"];
    /// All healthy entries were tried.
    Tried "coverage.tried" Pass ["total" "faulty"];
    /// Healthy entries were not tried.
    NotTried "coverage.not_tried" Fail ["missing" "total" "faulty" "target"];

    /// Pages were visited as links of these kinds lead.
    Visited "site.visited" Pass ["pages"];
    /// A page that another one leads to was never asked for.
    PageMissing "site.missing" Fail ["missing" "total" "target" "link" "page"];
    /// What isn't a link, or leads out of the site, was followed.
    Followed "site.followed" Fail ["target" "link" "page"];
    /// Only a misreading of a link leads there.
    Misread "site.misread" Fail ["target" "link" "page"];
    /// A page asked for again, as another way of writing its address was taken for another page.
    Again "site.again" Fail ["target" "times" "link"];
    /// Beyond the bound of the distance.
    TooDeep "site.too_deep" Fail ["target" "distance" "depth"];
    /// No page leads there, read rightly or wrongly.
    Unlinked "site.unlinked" Fail ["target"];

    /// Ended by itself as it should.
    Ended "ending.right" Pass ["status"];
    /// Ended with a failure where success was due.
    WrongStatus "ending.status" Fail ["status"];
    /// Ended with success where a failure was due.
    WrongSuccess "ending.success" Fail [];
    /// A signal ended it.
    Crashed "ending.signal" Fail ["signal"];
    /// It used more memory than the scenario gives, and was ended for that.
    OutOfMemory "ending.memory" Fail ["mib"];
    /// Everything was given to it, and it does not end.
    Hang "ending.hang" Fail ["in_flight" "left"];
    /// It asks without end.
    Endless "ending.endless" Fail ["requests" "total"];

    /// Bad arguments were refused in order.
    Refused "arguments.refused" Pass ["status"];
    /// Bad arguments, and the program ended with status 0.
    Accepted "arguments.accepted" Fail [];
    /// Bad arguments, and the program does not end.
    ArgumentsHang "arguments.hang" Fail [];
    /// Bad arguments, and a signal ended the program.
    ArgumentsCrash "arguments.crash" Fail ["signal"];
    /// Bad arguments, and nothing on standard error.
    Silent "arguments.silent" Fail ["status"];
    /// Bad arguments, and only the runtime's own trace on standard error.
    BareTrace "arguments.trace" Fail ["trace"];

    /// A right line for each entry.
    Printed "output.right" Pass ["lines"];
    /// No line for some entries.
    NotPrinted "output.missing" Fail ["missing" "total" "target"];
    /// A line says something else than what was answered.
    Misprinted "output.wrong" Fail ["line" "expected"];
    /// A failed transfer was printed as a success.
    FalseSuccess "output.false_success" Fail ["line" "failure"];
    /// Output was dropped, so that lines may have been lost.
    OutputCut "output.cut" Inconclusive ["bytes"];

    /// Stayed within the limit while more went through.
    MemoryBounded "memory.bounded" Pass ["mib" "through"];
    /// Grew beyond the limit.
    MemoryExceeded "memory.exceeded" Fail ["mib" "through"];
    /// Too little went through, by the program's own doing.
    MemoryUntested "memory.little_done" Fail ["mib" "through"];
    /// The host accounts memory too coarsely.
    MemoryUnknown "memory.unknown" Inconclusive ["mib"];

    /// The program made no request at all.
    NothingDone "nothing.done" Fail ["ending"];
    /// The evidence ends before the question was decided.
    Partial "evidence.partial" Inconclusive [];
    /// A give-up limit struck while the program was still running.
    GaveUp "evidence.gave_up" Inconclusive ["why"];
    /// Settled by time only: too weak a ground.
    Timed "evidence.timed" Inconclusive [];
    /// The run never came to the point that the check is about.
    Untested "evidence.untested" Inconclusive [];
    /// The pack's numbers make no sense for this run.
    BadRule "evidence.rule" HarnessFault ["error"];
    /// This host's tier is too weak for the scenario.
    TierTooWeak "run.tier" Inconclusive ["tier" "needed"];
    /// The program's own command could not be started.
    NotStarted "run.not_started" Inconclusive ["why"];
    /// The harness or the host failed.
    Fault "run.fault" HarnessFault ["error"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_dotted() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code:?} twice");
            assert_eq!(code.as_str().split('.').count(), 2, "{code:?}");
        }
    }
}
