use std::collections::{BTreeMap, HashMap, VecDeque};

use proptest::prelude::*;

use super::reader::links;
use super::*;
use crate::evidence::Place;
use crate::task::Params;
use crate::task::site::Site;

/// Every kind that adds pages.
const KINDS: &str = "complete, relative, up, dots, query, fragment, base, entity, capitals, tag, broken, \
    redirect, nonsense, comment, script, style, text, other_tag, other_host, other_port, other_name, \
    other_scheme, redirect_out, error_page, not_html";

fn site(yaml: &str) -> Site {
    serde_yaml::from_str(yaml).unwrap()
}

fn drawn(yaml: &str, seed: u64) -> (SitePlan, Vec<Item>) {
    plan(&site(yaml), &Params::new(), seed).unwrap()
}

fn places() -> Vec<Place> {
    let place = |name: &str, addr: &str| Place {
        name: name.into(),
        addr: addr.parse().unwrap(),
    };
    vec![
        place("alpha.test", "127.0.0.2:8000"),
        place("alpha.test", "127.0.0.2:8100"),
        place("gamma.test", "127.0.0.4:8002"),
        place("delta.test", "127.0.0.5:8003"),
    ]
}

/// Crawls the rendered pages, one after the other in the order of their distance.
fn crawl(plan: &SitePlan, items: &[Item]) -> BTreeMap<String, u32> {
    let places = places();
    let at = |item: &Item| {
        format!(
            "http://{}:{}{}",
            places[usize::from(item.host)].name,
            places[usize::from(item.host)].addr.port(),
            item.path
        )
    };
    let known: HashMap<String, usize> = items
        .iter()
        .enumerate()
        .map(|(i, item)| (at(item), i))
        .collect();
    assert_eq!(known.len(), items.len(), "addresses are unique");
    let mut seen = BTreeMap::new();
    let mut queue = VecDeque::from([(at(&items[START]), 0)]);
    while let Some((url, distance)) = queue.pop_front() {
        if seen.contains_key(&url) || plan.depth.is_some_and(|depth| distance > depth) {
            continue;
        }
        seen.insert(url.clone(), distance);
        let page = *known
            .get(&url)
            .unwrap_or_else(|| panic!("{url} leads nowhere"));
        let (status, whole) = match items[page].answer {
            Answer::Status(status) => (status, true),
            Answer::Stuck => (200, true),
            _ => (0, false),
        };
        if let Some(target) = location(plan, page, &places).filter(|_| (300..400).contains(&status))
        {
            let target = super::reader::join(&url, &target).unwrap();
            if target.starts_with("http://alpha.test:8000/") {
                queue.push_front((target, distance));
            }
        } else if whole
            && (200..300).contains(&status)
            && content_type(plan, page).starts_with("text/html")
        {
            let html = String::from_utf8(render(plan, items, page, &places)).unwrap();
            for link in links(&url, &html) {
                if link.starts_with("http://alpha.test:8000/") {
                    queue.push_back((link, distance + 1));
                }
            }
        }
    }
    seen
}

fn due(plan: &SitePlan, items: &[Item]) -> BTreeMap<String, u32> {
    let due = (0..items.len()).filter(|&i| plan.is_due(i));
    due.map(|i| {
        (
            format!("http://alpha.test:8000{}", items[i].path),
            plan.pages[i].distance.unwrap(),
        )
    })
    .collect()
}

#[test]
fn what_is_due_is_what_a_reader_finds_with_every_kind_of_link() {
    for seed in 0..20 {
        let (plan, items) = drawn(
            &format!("{{ pages: 20, shape: {{ tree: 3 }}, links: [{KINDS}] }}"),
            seed,
        );
        assert_eq!(crawl(&plan, &items), due(&plan, &items), "seed {seed}");
        let traps = plan.pages.iter().filter(|page| page.trap.is_some());
        assert!(traps.clone().count() > 40 && traps.clone().all(|page| page.distance.is_none()));
    }
}

#[test]
fn each_kind_alone_is_read_alike() {
    for kind in KINDS.split(',').map(str::trim) {
        let (plan, items) = drawn(
            &format!("{{ pages: 1, shape: {{ tree: 1 }}, links: [{kind}] }}"),
            5,
        );
        assert_eq!(crawl(&plan, &items), due(&plan, &items), "{kind}");
    }
}

#[test]
fn a_misreading_shows_its_kind() {
    let (plan, items) = drawn(
        "{ pages: 1, shape: { tree: 1 }, links: [relative, dots, entity, base] }",
        3,
    );
    for (path, kind) in [
        (".html/next.html", LinkKind::Relative),
        ("/deep/../one.html", LinkKind::Dots),
        ("&amp;b=2", LinkKind::Entity),
    ] {
        let found = (0..items.len())
            .find(|&i| items[i].path.ends_with(path))
            .unwrap();
        assert_eq!(plan.pages[found].trap, Some(kind), "{path}");
    }
}

#[test]
fn every_target_of_a_kind_is_linked_by_that_kind_alone() {
    let (plan, items) = drawn(
        &format!("{{ pages: 9, shape: {{ web: 3 }}, links: [{KINDS}] }}"),
        1,
    );
    let mut kinds: HashMap<usize, Vec<LinkKind>> = HashMap::new();
    for (from, item) in items.iter().enumerate() {
        for (to, kind, _) in plan.leads(from, &item.answer) {
            kinds.entry(to).or_default().push(kind);
        }
    }
    // Where a redirect circle or a fragment comes back to is linked plainly, too.
    let back = [LinkKind::Redirect, LinkKind::Fragment];
    for (page, mut kinds) in kinds {
        kinds.sort();
        kinds.dedup();
        let marked = kinds
            .iter()
            .filter(|k| **k != LinkKind::Plain && !back.contains(k))
            .count();
        assert!(
            marked == 0 || kinds.len() == 1,
            "{}: {kinds:?}",
            items[page].path
        );
    }
}

#[test]
fn a_short_cut_is_nearer_than_the_long_way() {
    let (plan, items) = drawn("{ pages: 20, shape: { detour: 4 }, depth: 5 }", 9);
    assert_eq!(crawl(&plan, &items), due(&plan, &items));
    let near: Vec<u32> = (0..items.len())
        .filter(|&i| items[i].path.ends_with("/near.html"))
        .map(|i| plan.pages[i].distance.unwrap())
        .collect();
    assert_eq!(near, [3, 4]);
    assert!(
        plan.pages.iter().any(|p| p.distance == Some(4))
            && items.iter().filter(|i| i.answer == Answer::Stuck).count() == 1
    );
    // Without the short cut they are beyond the bound.
    let mut longer = items.clone();
    longer
        .iter_mut()
        .filter(|i| i.answer == Answer::Stuck)
        .for_each(|i| i.answer = Answer::Reset);
    let seen = crawl(&plan, &longer);
    assert!(seen.keys().all(|url| !url.ends_with("/near.html")));
}

#[test]
fn the_bound_of_the_distance_holds() {
    for depth in 0..4 {
        let (plan, items) = drawn(
            &format!("{{ pages: 50, shape: {{ tree: 3 }}, depth: {depth}, links: [redirect] }}"),
            depth,
        );
        assert_eq!(crawl(&plan, &items), due(&plan, &items), "depth {depth}");
        assert!(
            items.iter().any(|item| item.listed == 0),
            "something lies beyond {depth}"
        );
    }
}

#[test]
fn a_large_site_is_drawn_and_is_whole() {
    let (plan, items) = drawn("{ pages: 10000, shape: { list: 20 }, size: 32KiB }", 1);
    assert_eq!(items.len(), 10_000);
    assert!(items.iter().all(|item| item.listed == 1));
    let stored = serde_json::to_string(&plan).unwrap();
    assert!(stored.len() < 1 << 20, "{} bytes", stored.len());
    assert_eq!(serde_json::from_str::<SitePlan>(&stored).unwrap(), plan);
}

#[test]
fn shapes_that_cannot_be_are_refused() {
    for (yaml, says) in [
        ("{ pages: 0, shape: { tree: 2 } }", "use 1 to"),
        ("{ pages: 5, shape: { tree: 0 } }", "branches"),
        ("{ pages: 5, shape: { web: 4 } }", "behind them"),
        ("{ pages: 6, shape: { detour: 4 } }", "others"),
        (
            "{ pages: 6, shape: { tree: 4 }, also: [{ count: 1, answer: malformed }] }",
            "malformed",
        ),
    ] {
        let error = plan(&site(yaml), &Params::new(), 0)
            .unwrap_err()
            .to_string();
        assert!(error.to_lowercase().contains(says), "{yaml}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_shape_is_read_as_it_is_meant(seed: u64, pages in 8u64..60, fan in 1u64..6, shape in 0..3, depth in proptest::option::of(0u64..6)) {
        let shape = ["tree", "web", "list"][shape as usize];
        let depth = depth.map_or(String::new(), |d| format!(", depth: {d}"));
        let also = "also: [{ count: 1, answer: { status: 404 } }, { count: 1, answer: reset }, { count: 1, answer: truncated }]";
        let (plan, items) = drawn(&format!("{{ pages: {pages}, shape: {{ {shape}: {fan} }}, {also}{depth} }}"), seed);
        prop_assert_eq!(crawl(&plan, &items), due(&plan, &items));
        let again = drawn(&format!("{{ pages: {pages}, shape: {{ {shape}: {fan} }}, {also}{depth} }}"), seed);
        prop_assert_eq!(again, (plan, items));
    }
}
