use crate::check::story::{Story, check, pages, script};
use crate::evidence::{Ending, Event, Header, Usage};

const BOUNDED: &str = "{ bounded_memory: { mib: 64 } }";

/// This many bytes went through a program under a cgroup's limit.
fn story(bytes: u64) -> Story {
    Story::new(3, pages(2), script("[open, exit]"))
        .header(|h: &mut Header| {
            h.plan.limits.memory_mib = 64;
            h.facilities.insert("memory_limit".into(), "cgroup1".into());
        })
        .reached(0)
        .ask([0])
        .event(Event::Answered {
            req: 0,
            status: 200,
            bytes,
            ending: Ending::Complete,
        })
}

fn unlimited(story: Story) -> Story {
    story.header(|h| h.facilities.clear())
}

fn resident(mib: u64) -> Event {
    Event::Usage(Usage {
        label: "end".into(),
        max_rss_kib: Some(mib << 10),
        ..Usage::default()
    })
}

#[test]
fn much_through_little_memory() {
    check(&story(500 << 20).exit(0), BOUNDED, "memory.bounded");
}

#[test]
fn the_limit_struck_is_a_fail_even_in_cut_evidence() {
    let struck = story(500 << 20).event(Event::LimitHit {
        limit: "memory".into(),
        count: 1,
    });
    check(&struck.clone().killed(9), BOUNDED, "memory.exceeded");
    check(&struck, BOUNDED, "memory.exceeded");
}

#[test]
fn without_a_limit_in_force_the_kernels_own_mark_decides() {
    check(
        &unlimited(story(500 << 20)).event(resident(400)).exit(0),
        BOUNDED,
        "memory.exceeded",
    );
    check(
        &unlimited(story(500 << 20)).event(resident(30)).exit(0),
        BOUNDED,
        "memory.unknown",
    );
    check(
        &unlimited(story(500 << 20))
            .settle(1)
            .event(resident(30))
            .exit(0),
        BOUNDED,
        "memory.bounded",
    );
    check(
        &unlimited(story(500 << 20)).exit(0),
        BOUNDED,
        "memory.unknown",
    );
}

#[test]
fn too_little_through_proves_nothing() {
    check(&story(1 << 20).exit(0), BOUNDED, "memory.little_done");
    check(&story(500 << 20), BOUNDED, "evidence.partial");
}
