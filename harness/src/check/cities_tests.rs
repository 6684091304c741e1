use super::super::story::{Story, pages, script};
use crate::check::{Outcome, Verdict};
use crate::plan::upstream::{City, UpstreamPlan};
use crate::task::upstream::Says;

/// Arbo has rain, Belto snow, and of Corun nothing is known; Arbo was given twice.
fn story() -> Story {
    let city = |name: &str, says, weather: Option<&str>| City {
        name: name.into(),
        says,
        weather: weather.map(str::to_owned),
    };
    let story = Story::new(3, pages(3), script("[exit]")).header(|h| {
        h.plan.upstream = Some(UpstreamPlan {
            cities: vec![
                city("Arbo", Says::Weather, Some("Rain")),
                city("Belto", Says::Weather, Some("Snow")),
                city("Corun", Says::Unknown, None),
            ],
            asked: vec![0, 1, 2, 0],
        });
    });
    story.ask(0..3)
}

fn judged(printed: &str, rule: &str) -> Verdict {
    story().release(0..3).out(printed).exit(0).judge(rule)
}

fn code(printed: &str, rule: &str) -> (Outcome, String) {
    let verdict = judged(printed, rule);
    (verdict.outcome, verdict.code)
}

const RIGHT: &str = "Arbo: Rain\nBelto: Snow\nCorun: no data\nArbo: Rain\n";

#[test]
fn the_contracts_own_lines_pass() {
    for rule in [
        "{ prints_cities: { exact: true } }",
        "{ prints_cities: {} }",
        "{ keeps_order: {} }",
    ] {
        assert_eq!(judged(RIGHT, rule).outcome, Outcome::Pass, "{rule}");
    }
}

#[test]
fn other_words_are_enough_where_they_arent_asked_about() {
    let printed = "asking Belto\nRain in Arbo\nBelto -> Snow!\nCorun?\nRain in Arbo\n";
    assert_eq!(
        judged(printed, "{ prints_cities: {} }").outcome,
        Outcome::Pass
    );
    let (outcome, code) = code(printed, "{ prints_cities: { exact: true } }");
    assert_eq!((outcome, code.as_str()), (Outcome::Fail, "cities.wrong"));
}

#[test]
fn a_city_without_a_line_is_missed_and_a_wrong_weather_found() {
    let (_, missing) = code("Arbo: Rain\nCorun: no data\n", "{ prints_cities: {} }");
    assert_eq!(missing, "cities.missing");
    let (_, wrong) = code(
        "Arbo: Rain\nBelto: Rain\nCorun: no data\n",
        "{ prints_cities: {} }",
    );
    assert_eq!(wrong, "cities.wrong");
    let (_, invented) = code(
        "Arbo: Rain\nBelto: Snow\nCorun: Mist\n",
        "{ prints_cities: { says: [unknown] } }",
    );
    assert_eq!(invented, "cities.wrong");
}

#[test]
fn only_the_cities_in_question_are_looked_for() {
    let printed = "Corun: no data\n";
    let of = |says| {
        code(
            printed,
            &format!("{{ prints_cities: {{ says: [{says}] }} }}"),
        )
        .0
    };
    assert_eq!(of("unknown"), Outcome::Pass);
    assert_eq!(of("weather"), Outcome::Fail);
    assert_eq!(of("bad_json"), Outcome::Inconclusive);
}

#[test]
fn order_is_that_of_the_arguments() {
    let order = |printed| code(printed, "{ keeps_order: {} }").1;
    assert_eq!(order(RIGHT), "cities.in_order");
    assert_eq!(
        order("Belto: Snow\nArbo: Rain\nCorun: no data\n"),
        "cities.out_of_order"
    );
    // One line for what was given twice is a matter of the output.
    assert_eq!(
        order("Arbo: Rain\nBelto: Snow\nCorun: no data\n"),
        "cities.in_order"
    );
    assert_eq!(
        order("{'Arbo': 'Rain', 'Belto': 'Snow', 'Corun': 'no data'}"),
        "cities.in_order"
    );
    assert_eq!(order("Arbo: Rain\nCorun: no data\n"), "cities.missing");
}

#[test]
fn what_a_program_gave_up_or_what_was_cut_isnt_held_against_it() {
    let gave_up = story().abandon([1]).release([0, 2]);
    let gave_up = gave_up.out("Arbo: Rain\nBelto: no data\nCorun: no data\n");
    let verdict = gave_up.exit(0).judge("{ prints_cities: {} }");
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict:?}");
    let cut = story().release(0..3).out("Arbo: Rain\n").gave_up(false);
    for rule in ["{ prints_cities: {} }", "{ keeps_order: {} }"] {
        let verdict = cut.judge(rule);
        assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict:?}");
    }
}
