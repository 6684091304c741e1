use super::super::story::{Story, check, script};
use crate::evidence::{Event, PeerEnding};
use crate::task::Value;
use crate::task::peer::Does;

const NAMES: &str = "{ names_outcomes: {} }";
const MS: u64 = 1_000_000;

/// Three targets on ports 7001 to 7003, with a time-out of one second.
fn story(does: [Does; 3]) -> Story {
    let steps = script("[{until: {met: 3}}, exit]");
    let story = Story::new(1, Vec::new(), steps).header(|h| {
        h.plan.peers = does.to_vec();
        h.plan
            .params
            .insert("timeout".into(), Value::Text("1".into()));
    });
    let addrs = (7001..7004)
        .map(|port| ([127, 0, 0, 1], port).into())
        .collect();
    story.event(Event::Peers { addrs })
}

fn met(story: Story, peer: u32) -> Story {
    let after = 1;
    story.event(Event::PeerMet {
        conn: peer,
        peer,
        after,
    })
}

fn gone(story: Story, conn: u32) -> Story {
    let how = PeerEnding::Client;
    story.event(Event::PeerGone { conn, how })
}

#[test]
fn outcomes_are_told_by_their_words() {
    let does = [Does::Line, Does::Refuse, Does::Close];
    let said = |text: &str| story(does).out(text).exit(0);
    let right = "127.0.0.1:7001 ok\n127.0.0.1:7002 refused\n127.0.0.1:7003 closed\n";
    check(&said(right), NAMES, "peers.named");
    check(
        &said(right),
        "{ names_outcomes: { exact: true } }",
        "peers.named",
    );
    let other = right.replace("127.0.0.1:7001 ok", "OK: 127.0.0.1:7001");
    check(&said(&other), NAMES, "peers.named");
    check(
        &said(&other),
        "{ names_outcomes: { exact: true } }",
        "peers.misnamed",
    );
    check(
        &said(&right.replace("refused", "reset")),
        NAMES,
        "peers.misnamed",
    );
    check(
        &said(&right.replace("127.0.0.1:7003 closed", "")),
        NAMES,
        "peers.missing",
    );
}

#[test]
fn a_time_out_on_a_slow_host_is_no_fault() {
    let does = [Does::Line, Does::Line, Does::Line];
    let text = "127.0.0.1:7001 ok\n127.0.0.1:7002 ok\n127.0.0.1:7003 read-timeout\n";
    let quick = gone(met(story(does), 2), 2).out(text).exit(0);
    check(&quick, NAMES, "peers.misnamed");
    let slow = gone(met(story(does), 2).later(1100 * MS), 2)
        .out(text)
        .exit(0);
    check(&slow, NAMES, "peers.doubtful");
}

#[test]
fn all_are_met_at_once_or_one_by_one() {
    let does = [Does::Silent; 3];
    let all = met(met(met(story(does), 0), 1), 2).reached(0);
    check(&all.exit(0), "{ meets_all: {} }", "peers.met");
    let one = met(story(does), 0).stuck(0);
    check(&one.exit(0), "{ meets_all: {} }", "peers.one_by_one");
}

#[test]
fn time_outs_are_kept_neither_early_nor_late() {
    let does = [Does::Silent, Does::Line, Does::Line];
    let after = |ms: u64| gone(met(story(does), 0).later(ms * MS), 0).exit(0);
    check(&after(1000), "{ in_time: {} }", "peers.in_time");
    check(&after(500), "{ in_time: {} }", "peers.early");
    let mut late = met(story([Does::Drip, Does::Line, Does::Line]), 0).later(1001 * MS);
    for _ in 0..3 {
        late = late.event(Event::PeerHeard { conn: 0 }).later(150 * MS);
    }
    check(&gone(late, 0).exit(0), "{ in_time: {} }", "peers.late");
}
