//! Conditions, read and decided.

use super::*;
use proptest::prelude::*;
use tg_kernel::clock::Timestamp;
use tg_kernel::needs::Needs;

fn holds(text: &str, facts: &Facts<'_>) -> bool {
    Condition::compile(text).unwrap_or_else(|refused| panic!("{text}: {refused}")).holds(facts)
}

#[test]
fn conditions_are_decided_by_the_facts_of_a_call() {
    let tags = ["tier=gold".to_owned(), "beta".to_owned()];
    let facts = Facts {
        team: "search",
        environment: "prod",
        tags: &tags,
        tools: true,
        images: 2,
        input_tokens: 9000,
        difficulty: 0.25,
        task: "classification",
        // A Thursday, 13:46 UTC.
        at: Timestamp::parse("2026-11-26T13:46:40Z").unwrap(),
        ..Facts::default()
    };
    for (text, expected) in [
        ("team == 'search'", true),
        ("team in ['ads', 'shop']", false),
        ("team.startsWith('sea') && environment == 'prod'", true),
        ("'tier' in tags && tags.tier == 'gold'", true),
        ("has(tags.tier) && tags['tier'] == 'silver'", false),
        ("'beta' in tags", true),
        ("'alpha' in tags || tools", true),
        ("images > 1 && documents == 0", true),
        ("input_tokens >= 8000 ? tools : false", true),
        ("task == 'classification' && difficulty < 0.4", true),
        ("hour >= 13 && hour < 14 && weekday == 4", true),
        ("weekday > 5", false),
        ("team.matches('^s.*h$')", true),
        ("output_tokens_max == 0 && !stream", true),
    ] {
        assert_eq!(holds(text, &facts), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_decided_for_every_call_is_refused_when_it_is_read() {
    for (text, said) in [
        ("", "1 to 2000 bytes"),
        ("team ==", "no expression"),
        ("tema == 'x'", "nothing is known as `tema`"),
        ("team", "not true or false"),
        ("images + 1", "not true or false"),
        ("team > 3", "cannot be decided"),
        ("tags.tier == 'gold'", "cannot be decided"),
        ("team.nothing()", "cannot be decided"),
        ("difficulty < 'low'", "cannot be decided"),
    ] {
        let refused = Condition::compile(text).err().unwrap_or_else(|| panic!("{text} was taken"));
        assert!(refused.message.contains(said), "{text}: {refused:?}");
        assert!(!refused.hint.is_empty(), "{text}");
    }
    for deep in ["(", "[", "!", "-", "a?", "f("] {
        assert!(Condition::compile(&deep.repeat(900)).is_err(), "no nesting ends the process: {deep}");
    }
    let unknown = Condition::compile("tema == 'x'").err().map(|refused| refused.hint).unwrap_or_default();
    assert!(unknown.contains("team") && unknown.contains("weekday"), "{unknown}");
}

#[test]
fn only_conditions_that_ask_for_the_task_have_it_found() {
    for (text, asks) in [("task == 'chat'", true), ("difficulty < 0.5 && tools", true), ("tools", false)] {
        assert_eq!(Condition::compile(text).unwrap().asks_task(), asks, "{text}");
    }
}

proptest! {
    /// Whatever is written, it is taken or refused, and nothing breaks.
    #[test]
    fn no_text_breaks_it(text in "[a-z0-9'\"().<>=!&|?:+\\[\\] ]{0,60}") {
        if let Ok(condition) = Condition::compile(&text) {
            let _ = condition.holds(&Facts::default());
        }
    }
}

#[test]
fn what_every_call_needs_is_read_off_parts_that_must_all_hold() {
    let least = |text: &str| Condition::compile(text).unwrap().least();
    let none = Needs::default();
    for (text, expected) in [
        ("images > 0", Needs { images: 1, ..none }),
        ("stream && 2 <= images && tools", Needs { images: 2, tools: true, ..none }),
        (
            "documents != 0 && schema == true && reasoning",
            Needs { documents: 1, json_schema: true, reasoning: true, ..none },
        ),
        ("input_tokens > 50000", Needs { input_tokens: 50_001, ..none }),
        ("images > 0 || team == 'x'", none),
        ("!tools && images < 5 && !(images > 3)", none),
        ("tools ? false : turns < 4", none),
        ("true", none),
    ] {
        assert_eq!(least(text), Some(expected), "{text}");
    }
    assert_eq!(least("false"), None);
    assert_eq!(least("team == 'x' && false"), None);
}
