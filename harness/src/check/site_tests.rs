use crate::check::story::{Story, check, script};
use crate::evidence::{Event, Place};
use crate::plan::site;
use crate::plan::{Item, SitePlan};
use crate::task::Params;
use crate::task::site::LinkKind;

const ALL: &str = "{ visits: {} }";
const ONCE: &str = "{ each_once: {} }";

fn drawn(yaml: &str) -> (SitePlan, Vec<Item>) {
    site::plan(&serde_yaml::from_str(yaml).unwrap(), &Params::new(), 1).unwrap()
}

fn story((plan, items): &(SitePlan, Vec<Item>), steps: &str) -> Story {
    Story::new(3, items.clone(), script(steps))
        .header(|header| header.plan.site = Some(plan.clone()))
}

fn tree(pages: u32, fan: u32) -> (SitePlan, Vec<Item>) {
    drawn(&format!("{{ pages: {pages}, shape: {{ tree: {fan} }} }}"))
}

fn of_kind(kind: &str) -> (SitePlan, Vec<Item>) {
    drawn(&format!(
        "{{ pages: 1, shape: {{ tree: 1 }}, links: [{kind}] }}"
    ))
}

fn fetch(story: Story, items: impl IntoIterator<Item = usize>) -> Story {
    items
        .into_iter()
        .fold(story, |s, i| s.ask([i as u32]).release([i as u32]))
}

fn due((plan, items): &(SitePlan, Vec<Item>)) -> Vec<usize> {
    (0..items.len()).filter(|&page| plan.is_due(page)).collect()
}

fn traps((plan, _): &(SitePlan, Vec<Item>)) -> Vec<usize> {
    (0..plan.pages.len())
        .filter(|&page| plan.pages[page].trap.is_some())
        .collect()
}

#[test]
fn exactly_the_pages_of_the_site_are_right() {
    let site = tree(7, 2);
    let whole = fetch(story(&site, "[open, exit]"), 0..7).exit(0);
    check(&whole, ALL, "site.visited");
    check(
        &fetch(story(&site, "[open, exit]"), 0..6).exit(0),
        ALL,
        "site.missing",
    );
    check(
        &fetch(story(&site, "[open, exit]"), 0..7)
            .stray("GET", "/else", None)
            .exit(0),
        ALL,
        "site.unlinked",
    );
    check(
        &fetch(story(&site, "[open, exit]"), (0..7).chain([4])).exit(0),
        ALL,
        "site.again",
    );
    check(
        &fetch(story(&site, "[open, exit]"), 0..6),
        ALL,
        "evidence.partial",
    );
    check(&story(&site, "[open, exit]").exit(0), ALL, "nothing.done");
}

#[test]
fn heads_and_robots_are_no_visits() {
    let site = tree(2, 1);
    let polite = story(&site, "[open, exit]")
        .stray("GET", "/robots.txt", None)
        .stray("HEAD", "/", Some(0));
    check(&fetch(polite, 0..2).exit(0), ALL, "site.visited");
}

#[test]
fn only_what_is_known_is_missing() {
    // 0 leads to 1 and 2, 1 to 3 and 4: without 1 nobody can know of 3 and 4.
    let site = tree(5, 2);
    let verdict = check(
        &fetch(story(&site, "[open, exit]"), [0, 2]).exit(0),
        ALL,
        "site.missing",
    );
    assert_eq!(verdict.facts["missing"], 1u32.into());
}

#[test]
fn each_kind_is_judged_by_itself() {
    for kind in [
        "relative", "up", "dots", "base", "entity", "capitals", "tag", "broken", "query",
        "complete", "redirect",
    ] {
        let site = of_kind(kind);
        let rule = format!("{{ visits: {{ links: [{kind}] }} }}");
        check(
            &fetch(story(&site, "[open, exit]"), due(&site)).exit(0),
            &rule,
            "site.visited",
        );
        // One that no plain link leads to.
        let target = |page: &usize| {
            *page > 0
                && !site
                    .0
                    .pages
                    .iter()
                    .any(|p| p.links.contains(&(*page as u32)))
        };
        let last = due(&site).into_iter().rfind(target).unwrap();
        let missing = fetch(
            story(&site, "[open, exit]"),
            due(&site).into_iter().filter(|&page| page != last),
        )
        .exit(0);
        check(&missing, &rule, "site.missing");
        // Another kind's rule doesn't mind.
        check(&missing, "{ visits: { links: [plain] } }", "site.visited");
        for trap in traps(&site) {
            let misread = fetch(
                story(&site, "[open, exit]"),
                due(&site).into_iter().chain([trap]),
            )
            .exit(0);
            check(&misread, &rule, "site.misread");
        }
    }
}

#[test]
fn what_is_no_link_must_not_be_followed() {
    for kind in [
        "comment",
        "script",
        "style",
        "text",
        "other_tag",
        "other_host",
        "other_port",
        "other_name",
        "redirect_out",
        "error_page",
        "not_html",
    ] {
        let site = of_kind(kind);
        let rule = format!("{{ visits: {{ links: [{kind}] }} }}");
        check(
            &fetch(story(&site, "[open, exit]"), due(&site)).exit(0),
            &rule,
            "site.visited",
        );
        assert!(!traps(&site).is_empty(), "{kind}");
        for trap in traps(&site) {
            let followed = fetch(
                story(&site, "[open, exit]"),
                due(&site).into_iter().chain([trap]),
            )
            .exit(0);
            let verdict = check(&followed, &rule, "site.followed");
            let link = format!("{:?}", verdict.facts["link"]);
            assert!(!link.contains('~') && link.contains("page.html"), "{link}");
        }
    }
}

#[test]
fn a_program_that_saw_no_such_link_has_no_points_for_it() {
    let site = of_kind("comment");
    let rule = "{ visits: { links: [comment] } }";
    check(
        &fetch(story(&site, "[open, exit]"), [0]).exit(1),
        rule,
        "flight.ended_early",
    );
    check(
        &fetch(story(&site, "[open, exit]"), [0]),
        rule,
        "evidence.partial",
    );
}

#[test]
fn a_fragment_makes_no_page() {
    let site = of_kind("fragment");
    let page = (0..site.1.len())
        .find(|&i| {
            site.0.pages[i]
                .marks
                .iter()
                .any(|m| m.kind == LinkKind::Fragment)
        })
        .unwrap();
    let again = fetch(
        story(&site, "[open, exit]"),
        due(&site).into_iter().chain([page]),
    )
    .exit(0);
    check(&again, "{ visits: { links: [fragment] } }", "site.again");
    // That is what it is, and nothing else.
    check(&again, ONCE, "flight.ended_early");
}

#[test]
fn pages_beyond_the_bound_are_too_deep() {
    let site = drawn("{ pages: 7, shape: { tree: 2 }, depth: 1 }");
    let rule = "{ visits: { links: [too_deep] } }";
    check(
        &fetch(story(&site, "[open, exit]"), 0..3).exit(0),
        ALL,
        "site.visited",
    );
    check(
        &fetch(story(&site, "[open, exit]"), 0..3).exit(0),
        rule,
        "site.visited",
    );
    let verdict = check(
        &fetch(story(&site, "[open, exit]"), 0..4).exit(0),
        rule,
        "site.too_deep",
    );
    assert_eq!(verdict.facts["distance"], 2u32.into());
}

#[test]
fn what_lies_behind_the_short_way_is_due_however_late_it_is_found() {
    let site = drawn("{ pages: 9, shape: { detour: 3 }, depth: 4 }");
    let all = due(&site);
    let near: Vec<usize> = all
        .iter()
        .copied()
        .filter(|&i| site.1[i].path.ends_with("/near.html"))
        .collect();
    assert_eq!(near.len(), 2);
    let without = fetch(
        story(&site, "[open, exit]"),
        all.iter().copied().filter(|i| !near.contains(i)),
    )
    .exit(0);
    check(&without, "{ visits: { links: [nearer] } }", "site.missing");
    check(
        &fetch(story(&site, "[open, exit]"), all).exit(0),
        "{ visits: { links: [nearer] } }",
        "site.visited",
    );
}

#[test]
fn twice_at_the_same_moment_is_twice() {
    let site = drawn("{ pages: 6, shape: { web: 3 } }");
    check(
        &fetch(story(&site, "[open, exit]"), 0..6).exit(0),
        ONCE,
        "coverage.once",
    );
    check(
        &fetch(story(&site, "[open, exit]"), 0..4)
            .ask([4, 4])
            .release([4])
            .exit(0),
        ONCE,
        "site.again",
    );
    check(&story(&site, "[open, exit]").exit(0), ONCE, "nothing.done");
    check(
        &fetch(story(&site, "[open, exit]"), [0]).exit(0),
        ONCE,
        "flight.ended_early",
    );
}

#[test]
fn only_known_pages_can_fill_free_places() {
    // The start leads to two pages; each of these to two more.
    let site = tree(7, 2);
    let steps = "[{ until: { requests: 3 } }, settle, { release: { count: 1 } }, { until: { requests: 5 } }, settle, open, exit]";
    let begun = fetch(story(&site, steps), [0])
        .ask([1, 2])
        .reached(0)
        .settle(1)
        .release([1])
        .reached(2);
    let bound = "{ reaches: { in_flight: 3 } }";
    let refills = "{ refills: { in_flight: 3 } }";
    // A page was let go and its links are known: two places are free, and two pages to fill them.
    let barrier = begun.clone().stuck(3).settle(4).reached(5).exit(0);
    check(&barrier, refills, "flight.not_refilled");
    check(&barrier, bound, "flight.not_reached");
    let ahead = begun.ask([3, 4]).reached(3).settle(4).reached(5).exit(0);
    check(&ahead, refills, "flight.refilled");
    check(&ahead, bound, "flight.reached");
    // With only the start under way nobody can do more, and nothing is held against anybody.
    let alone = story(&site, "[{ until: { requests: 3 } }, open, exit]")
        .ask([0])
        .stuck(0)
        .reached(1)
        .exit(0);
    check(&alone, bound, "flight.ended_early");
}

#[test]
fn a_line_for_each_visited_page() {
    let site = drawn(
        "{ pages: 3, shape: { tree: 2 }, also: [{ count: 1, answer: reset }, { count: 1, answer: { status: 404 } }] }",
    );
    let rule = "{ prints_visits: {} }";
    let url = |page: usize| format!("http://ALPHA.test:8000{}", site.1[page].path);
    let lines = |first: &str| {
        let story = fetch(story(&site, "[open, exit]"), [0, 3, 4])
            .ask([1])
            .broken(1)
            .ask([2])
            .end_with(2, 404, crate::evidence::Ending::Complete);
        story
            .out(first)
            .out(&format!(
                "{} 200\n{} ERROR reset\n{} 404\n{} 200\n",
                url(3),
                url(1),
                url(2),
                url(4)
            ))
            .exit(0)
    };
    check(
        &lines(&format!("{} 200\nelse\n", url(0))),
        rule,
        "output.right",
    );
    check(&lines(""), rule, "output.missing");
    check(&lines(&format!("200 {}\n", url(0))), rule, "output.missing");
    check(&lines(&format!("{} 404\n", url(0))), rule, "output.wrong");
    check(
        &lines(&format!("{} 200\n{} 200\n", url(0), url(1))),
        rule,
        "output.false_success",
    );
}

#[test]
fn an_address_in_figures_has_no_capitals() {
    let site = of_kind("capitals");
    let figures = |addr: &str| {
        let place = Place {
            name: addr.into(),
            addr: format!("{addr}:8000").parse().unwrap(),
        };
        fetch(
            story(&site, "[open, exit]").event(Event::World { hosts: vec![place] }),
            due(&site),
        )
        .exit(0)
    };
    check(
        &figures("127.0.0.1"),
        "{ visits: { links: [capitals] } }",
        "run.tier",
    );
}
