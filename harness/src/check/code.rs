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

    /// While a call was held, further requests began.
    DiskGoesOn "disk.goes_on" Pass ["op" "file" "new"];
    /// Nothing was left to download by the time of the first call that could be held.
    DiskLate "disk.late" Pass ["op"];
    /// The program makes no call of this kind, so that none can stop it.
    DiskNoSuchCall "disk.no_such_call" Pass ["op"];
    /// A call on a file was held, and the network stood still.
    DiskStalled "disk.stalled" Fail ["op" "file" "new" "wanted" "left"];
    /// The same, and it was the main thread that waited.
    DiskStalledMain "disk.stalled_main" Fail ["op" "file" "new" "wanted" "left"];
    /// No file was ever touched.
    DiskUntouched "disk.untouched" Fail ["ending"];
    /// Files came to be in a way that the gate doesn't see.
    DiskUnseen "disk.unseen" Inconclusive ["op"];
    /// This host shows no calls on files.
    DiskNoGate "disk.no_gate" Inconclusive [];
    /// What waits for the disk stays bounded.
    BacklogBounded "disk.backlog_bounded" Pass ["bound" "waiting"];
    /// More and more came in while the disk was held.
    BacklogExceeded "disk.backlog" Fail ["bound" "waiting" "held"];
    /// The disk's error was told.
    DiskErrorTold "disk.error_told" Pass ["error" "op" "file" "status"];
    /// All files are there in spite of it.
    DiskErrorMended "disk.error_mended" Pass ["error" "op" "file"];
    /// The disk failed, a file is missing, and the program ends with success.
    DiskErrorIgnored "disk.error_ignored" Fail ["error" "op" "file" "missing"];
    /// A spoilt file lies under its final name.
    DiskErrorPartial "disk.error_partial" Fail ["error" "op" "file" "name"];
    /// Other files are missing too.
    DiskErrorSpoils "disk.error_spoils" Fail ["error" "op" "file" "others" "status"];
    /// Not a word of it on standard error.
    DiskErrorSilent "disk.error_silent" Fail ["error" "op" "file" "status"];
    /// The program hangs after it.
    DiskErrorHang "disk.error_hang" Fail ["error" "op" "file"];

    /// Each file has its bytes.
    FilesEqual "files.equal" Pass ["files"];
    /// A file has other bytes.
    FileDiffers "files.different" Fail ["file" "target" "size" "expected"];
    /// Files are missing.
    FileMissing "files.missing" Fail ["missing" "total" "file" "target"];
    /// Files that could not be read.
    FilesUnread "files.unread" Inconclusive ["files"];
    /// No halves under final names.
    NoPartial "files.no_partial" Pass ["entries"];
    /// A failed download left a file under its final name.
    PartialFile "files.partial" Fail ["file" "size" "expected" "target"];
    /// The kill left a half under its final name.
    PartialAfterKill "files.partial_killed" Fail ["file" "size" "expected" "target"];
    /// Nothing was saved at all.
    NothingSaved "files.nothing_saved" Fail ["ending"];
    /// Nothing was written elsewhere.
    StayedInside "files.inside" Pass ["entries"];
    /// A file was written outside of the folder.
    EscapedFolder "files.outside" Fail ["file" "target"];
    /// A file with a difficult name was lost silently.
    LostByName "files.lost" Fail ["target"];
    /// Equal names don't replace each other.
    NotOverwritten "files.distinct" Pass ["entries"];
    /// One file replaced another.
    Overwritten "files.overwritten" Fail ["file" "asked" "lost" "target"];

    /// Each failed download was named.
    FailuresNamed "failures.named" Pass ["failed"];
    /// Failed downloads without a word.
    FailureUnnamed "failures.unnamed" Fail ["unnamed" "failed" "target"];
    /// The text of an error was saved as if it were the file.
    ErrorPageSaved "failures.saved" Fail ["file" "status" "target"];

    /// None of the libraries was loaded.
    LibraryAvoided "house.avoided" Pass ["files"];
    /// One of them was.
    LibraryLoaded "house.library" Fail ["library" "path" "place"];
    /// This host doesn't show what is loaded; a source names one of them.
    LibraryMentioned "house.mentioned" Inconclusive ["library" "place"];
    /// This host doesn't show what is loaded.
    LibraryUnseen "house.unseen" Inconclusive [];
    /// The server never listened on its port.
    NeverListened "server.never_listened" Fail ["port"];
    /// The server ended before it was asked to.
    ServerEnded "server.ended" Fail ["ending"];
    /// Clients were refused, or left waiting for a connection.
    NotAccepting "server.not_accepting" Fail ["connected" "count"];
    /// Everything came back.
    Echoed "echo.right" Pass ["clients"];
    /// The server stands still and owes bytes to its clients.
    NotEchoed "echo.missing" Fail ["clients" "served" "sent" "received"];
    /// The server ended connections before all bytes had come back.
    Cut "echo.cut" Fail ["clients" "sent" "received"];
    /// Other bytes came back than were sent.
    EchoedWrong "echo.wrong" Fail ["at" "expected" "got"];
    /// Letters came back in upper case.
    Raised "case.raised" Pass [];
    /// Letters came back as they were sent.
    Unraised "case.unraised" Fail ["letters"];
    /// After a half-close all that was left came back, and then the end of the stream.
    FinishedWell "half_close.right" Pass [];
    /// After a half-close the server doesn't end the connection.
    LeftOpen "half_close.left_open" Fail [];
    /// After a half-close the server ended the connection by a reset.
    EndedByReset "half_close.reset" Fail [];
    /// The server came to rest.
    Rests "rest.kept" Pass [];
    /// The server keeps the processor busy with nothing.
    Spins "rest.spins" Fail [];
    /// The server wakes up so often that it costs processor time.
    Polls "rest.polls" Fail ["percent"];
    /// No descriptor stayed open.
    DescriptorsFreed "descriptors.freed" Pass ["before" "after" "connections"];
    /// Descriptors stayed open.
    DescriptorsLeaked "descriptors.leaked" Fail ["before" "after" "connections"];
    /// The host doesn't tell the descriptors of a process.
    DescriptorsUnknown "descriptors.unknown" Inconclusive [];
    /// Memory stayed as it was.
    MemorySteady "memory.steady" Pass ["mib" "grown"];
    /// Memory grew with what clients sent.
    MemoryGrew "memory.grew" Fail ["mib" "grown"];
    /// The signal ended the server.
    SignalEnded "signal.ended" Pass ["signal" "ending"];
    /// The signal changed nothing.
    SignalIgnored "signal.ignored" Fail ["signal"];
    /// The signal ended the server in another way.
    SignalWrongEnd "signal.wrong_end" Fail ["signal" "ending"];

    /// The peer got all that it must get.
    PeerHeard "peer.heard" Pass ["due"];
    /// The program stands still and owes bytes to the peer.
    PeerNotHeard "peer.not_heard" Fail ["due" "received"];
    /// Other bytes came to the peer.
    PeerWrong "peer.wrong" Fail ["at" "expected" "got"];
    /// All that the peer said was taken.
    PeerTaken "peer.taken" Pass ["told"];
    /// The program stands still and doesn't take what the peer says.
    PeerNotTaken "peer.not_taken" Fail ["told" "taken"];
    /// The program ended its stream in order.
    PeerLeft "peer.left" Pass [];
    /// The program ended the connection by a reset.
    PeerReset "peer.reset" Fail [];
    /// The program never ended its stream.
    PeerLeftOpen "peer.left_open" Fail [];
    /// The program stopped sending.
    PeerStopped "peer.stopped" Pass ["due" "received"];
    /// The program sent everything in spite of the error.
    PeerNotStopped "peer.not_stopped" Fail ["due"];
    /// Nobody came to the peer.
    PeerAlone "peer.alone" Fail [];
    /// Standard output is what the peer said.
    PassedOn "passed_on.right" Pass ["expected" "printed"];
    /// Standard output is something else.
    NotPassedOn "passed_on.wrong" Fail ["expected" "printed"];

    /// Each request got the reply that is due.
    Replied "reply.right" Pass ["replies"];
    /// A reply says something else than is due.
    ReplyWrong "reply.wrong" Fail ["request" "reply" "expected"];
    /// The server stands still and owes replies.
    ReplyMissing "reply.missing" Fail ["clients" "request" "replies"];
    /// One order of all requests explains all replies.
    HistoryExplained "history.explained" Pass ["operations"];
    /// No order of the requests explains the replies.
    HistoryBroken "history.broken" Fail ["operations" "history"];
    /// The search for an order took too long.
    HistoryTooHard "history.too_hard" Inconclusive ["operations"];

    /// No connection was ended before its time.
    IdleKept "idle.kept" Pass ["ms"];
    /// A connection was ended before its time.
    IdleEarly "idle.early" Fail ["ms" "after"];
    /// Bytes came when the time was nearly over, so that either may be right.
    IdleDoubtful "idle.doubtful" Inconclusive [];
    /// Idle connections were ended.
    IdleClosed "idle.closed" Pass ["clients"];
    /// The server stands still and leaves idle connections open.
    IdleLeftOpen "idle.left_open" Fail ["clients" "open" "ms"];
    /// An idle connection is open long after its time.
    IdleLate "idle.late" Fail ["ms" "after"];

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
