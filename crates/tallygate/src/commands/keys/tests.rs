//! Options to keys, and keys to lines.

use super::{Key, Keys, NewKey, Verb, instructions, list};
use clap::{Args as _, Command, FromArgMatches as _};
use tg_admin::api::{IssuedKey, KeyKind, KeyState};
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;

fn parse(arguments: &[&str]) -> Result<Verb, String> {
    let command = Keys::augment_args(Command::new("keys"));
    let matches = command.try_get_matches_from([&["keys"], arguments].concat()).map_err(|e| e.to_string())?;
    Ok(Keys::from_arg_matches(&matches).unwrap().verb)
}

fn key() -> Key {
    Key {
        id: "Kq3x9ZbV1mWc".to_owned(),
        kind: KeyKind::Bearer,
        team: "search".to_owned(),
        project: None,
        environment: Some("production".to_owned()),
        models: Vec::new(),
        networks: Vec::new(),
        label: "nightly\u{1b}[2J".to_owned(),
        state: KeyState::Active,
        created_at: Timestamp::parse("2026-11-24T12:00:00Z").unwrap().into(),
        expires_at: None,
        revoked_at: None,
        rotated_from: None,
    }
}

#[test]
fn options_become_a_binding() {
    let arguments =
        ["create", "--team", "search", "--network", "10.0.0.0/8", "--expires", "90d", "--model", "claude-*"];
    let Verb::Create(create) = parse(&arguments).unwrap() else { panic!("another verb") };
    let expected = NewKey {
        team: "search".to_owned(),
        networks: vec!["10.0.0.0/8".to_owned()],
        expires: Some("90d".to_owned()),
        models: vec!["claude-*".to_owned()],
        ..NewKey::default()
    };
    assert_eq!(NewKey::from(create), expected);
    let Verb::Create(access) = parse(&["create", "--team", "search", "--aws"]).unwrap() else { panic!("another verb") };
    assert!(NewKey::from(access).aws);
    assert!(parse(&["create"]).unwrap_err().contains("--team"));
    assert!(parse(&["rotate", "x", "--overlap", "1 day"]).unwrap_err().contains("30s"));
    assert!(matches!(parse(&["rotate", "x"]).unwrap(), Verb::Rotate { overlap, .. } if overlap == "24h"));
}

#[test]
fn lists_hold_no_secret_and_nothing_that_a_terminal_obeys() {
    let text = list(&[key()]);
    assert!(text.contains("2026-11-24") && text.contains("nightly\u{fffd}[2J"), "{text}");
    assert!(list(&[]).contains("keys create"));
}

#[test]
fn a_fresh_key_is_printed_once_with_its_use() {
    let secret = Secret::new("sk-tg-x");
    let text = instructions(&IssuedKey { key: key(), secret });
    assert_eq!(text.matches("sk-tg-x").count(), 1, "{text}");
    for word in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"] {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn a_fresh_access_key_is_printed_once_with_its_use() {
    let key = Key { id: "TGKA2345".to_owned(), kind: KeyKind::Aws, ..key() };
    let text = instructions(&IssuedKey { key, secret: Secret::new("wJalrX") });
    for line in ["export AWS_ACCESS_KEY_ID=TGKA2345\n", "export AWS_SECRET_ACCESS_KEY=wJalrX\n", "AWS_REGION"] {
        assert_eq!(text.matches(line).count(), 1, "{line}: {text}");
    }
    assert!(!text.contains("OPENAI"), "{text}");
}
