//! Options to policies, and teams to lines.

use super::{Policy, Teams, Verb, clear, list, sheet};
use clap::{Args as _, Command, FromArgMatches as _};
use tg_admin::api::Team;
use tg_config::document::{TagSource, UnknownProject};
use tg_kernel::clock::Timestamp;
use tg_store::{Owner, TeamState};

fn parse(arguments: &[&str]) -> Result<Verb, String> {
    let command = Teams::augment_args(Command::new("teams"));
    let matches = command.try_get_matches_from([&["teams"], arguments].concat()).map_err(|e| e.to_string())?;
    Ok(Teams::from_arg_matches(&matches).unwrap().verb)
}

fn set(base: &Policy, arguments: &[&str]) -> Policy {
    let Verb::Set { policy, clear: cleared, .. } = parse(&[&["set", "search"], arguments].concat()).unwrap() else {
        panic!("another verb");
    };
    let mut base = base.clone();
    cleared.into_iter().for_each(|part| clear(&mut base, part));
    policy.onto(base)
}

#[test]
fn what_is_not_given_stays() {
    let base = Policy { projects: vec!["a".to_owned()], models: Some(vec!["m".to_owned()]), ..Policy::default() };
    assert_eq!(set(&base, &[]), base);
    let changed = set(&base, &["--project", "b", "--project", "c", "--unknown-project", "book_to_default"]);
    assert_eq!(changed.projects, ["b", "c"]);
    assert_eq!((changed.unknown_project, &changed.models), (UnknownProject::BookToDefault, &base.models));
    let tags = set(&base, &["--tag", "run", "--tags-max", "3", "--tag-source", "header"]).tags;
    assert_eq!((tags.allow, tags.max, tags.sources), (vec!["run".to_owned()], 3, vec![TagSource::Header]));
    assert_eq!(set(&base, &["--clear", "projects", "--clear", "models"]), Policy::default());
}

#[test]
fn bad_values_are_told_with_what_to_write() {
    for (arguments, expected) in [
        (&["create", "Not A Name"][..], "a-z"),
        (&["create", "a", "--project", "no no"], "a-z"),
        (&["create", "a", "--model", "a*b*c"], "`claude-*`"),
        (&["create", "a", "--unknown-project", "maybe"], "book_to_default"),
        (&["create", "a", "--tags-max", "51"], "50"),
        (&["create"], "NAME"),
    ] {
        let refused = parse(arguments).unwrap_err();
        assert!(refused.contains(expected), "{arguments:?}: {refused}");
    }
}

#[test]
fn teams_are_shown_in_columns_and_in_full() {
    let at = Timestamp::parse("2026-11-24T12:00:00Z").unwrap().into();
    let team = Team {
        name: "search".to_owned(),
        owner: Owner::File,
        state: TeamState::Active,
        policy: Policy { projects: vec!["a".to_owned(), "b\u{1b}".to_owned()], ..Policy::default() },
        displaced: None,
        created_at: at,
        updated_at: at,
    };
    let none = Team { policy: Policy { models: Some(Vec::new()), ..Policy::default() }, ..team.clone() };
    let text = list(&[team.clone(), none]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>()[..3], ["TEAM", "OWNER", "STATE"]);
    assert!(lines[1].contains("a, b\u{fffd}") && lines[1].ends_with("all"), "{text}");
    assert!(lines[2].ends_with("none"), "{text}");
    let full = sheet(&team);
    assert!(full.contains("tags             * (at most 10 per call, from header and body)"), "{full}");
    assert!(list(&[]).contains("teams create"));
}
