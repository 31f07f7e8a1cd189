//! Names of models and guardrails: read for values, never changed.

use super::*;

fn named(rules: Vec<Rule>, name: &str) -> (Named, Inquiry) {
    let mut inquiry = Inquiry::default();
    let named = guard(&[set("house", rules)]).judge_names(&[Cow::Borrowed(name)], &mut inquiry);
    (named, inquiry)
}

fn everything() -> Vec<Rule> {
    let digits =
        Definition { name: "badge".to_owned(), pattern: r"B-\d{6}".to_owned(), words: Vec::new(), check: None };
    vec![
        rule("keys", Check::Secrets(None), Action::Block),
        rule("pii", Check::Pii(Pii::All), Action::Redact(Style::Tag)),
        rule("own", Check::Entities(vec![digits]), Action::Block),
    ]
}

#[test]
fn a_value_in_a_name_stops_the_call_whatever_would_be_done_with_it_elsewhere() {
    let key = format!("AKIA{}", "QYLPMN5HHHFPZAM2");
    for (name, by) in [
        (key.clone(), "keys"),
        (format!("anthropic.{key}"), "keys"),
        (format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{key}"), "keys"),
        (format!("guardrail/arn:aws:bedrock:us-east-1:123456789012:guardrail/{key}/1"), "keys"),
        ("ada.lovelace@analytical-engines.co.uk".to_owned(), "pii"),
        ("mail/ada.lovelace@analytical-engines.co.uk".to_owned(), "pii"),
        ("4111111111111111".to_owned(), "pii"),
        ("DE89370400440532013000".to_owned(), "pii"),
        ("model-B-123456".to_owned(), "own"),
    ] {
        let (Named { verdict, has_values }, inquiry) = named(everything(), &name);
        let block = verdict.block.unwrap_or_else(|| panic!("{name}"));
        assert_eq!((&*block.rule, has_values), (by, true), "{name}");
        assert_eq!(block.message.contains("a name is not changed"), by == "pii", "{}", block.message);
        let hits = inquiry.evidence().hits;
        assert_eq!((hits[0].channel, hits[0].doing), (Channel::Metadata, Doing::Blocked), "{name}");
    }
}

#[test]
fn a_value_in_a_name_is_told_counted_or_sent_elsewhere_as_in_a_text() {
    let name = "ada.lovelace@analytical-engines.co.uk";
    let mail = |action| rule("mail", Check::Pii(Pii::Structured), action);
    let (Named { verdict, has_values }, _) = named(vec![mail(Action::Annotate)], name);
    assert!(verdict.block.is_none() && verdict.annotations.len() == 1 && has_values);
    let (Named { verdict, .. }, inquiry) =
        named(vec![Rule { mode: Mode::Observe, ..mail(Action::Redact(Style::Tag)) }], name);
    assert_eq!((verdict, inquiry.evidence().hits[0].doing), (Verdict::default(), Doing::Observed));
    let (Named { verdict, .. }, _) = named(vec![mail(Action::RouteTo("kept".into()))], name);
    assert_eq!(verdict.route.map(|route| route.model.to_string()).as_deref(), Some("kept"));
    let users = Rule { channels: Some(Channels::of(&[Channel::User])), ..mail(Action::Block) };
    assert!(!named(vec![users], name).0.has_values);
}

#[test]
fn names_of_models_are_no_values() {
    let mut rules = everything();
    // What finds words and expressions, and what gives scores, has nothing to say of a name.
    rules.push(rule("words", Check::Words { list: vec!["claude".into(), "mistral".into()], fuzzy: 1 }, Action::Block));
    rules.push(rule("dates", Check::Pattern(r"\d{8}".into()), Action::Block));
    rules.push(rule("attacks", Check::Injection(0.0), Action::Block));
    rules.push(rule("long", Check::CharactersMax(3), Action::Block));
    let accounts: Vec<String> =
        (0..200_u64).map(|n| format!("{:012}", n * 5_032_843_777 % 1_000_000_000_000)).collect();
    let mut names: Vec<String> = [
        "ft:gpt-4o-mini-2024-07-18:acme::AbC12345",
        "ft:gpt-3.5-turbo-0125:my-org:custom-suffix:7qTZqBhV:ckpt-step-90",
        "gpt-4o-realtime-preview-2024-12-17",
        "claude-3-5-sonnet@20241022",
        "publishers/anthropic/models/claude-3-7-sonnet@20250219",
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "deepseek/deepseek-r1-0528:free",
        "accounts/fireworks/models/llama-v3p1-405b-instruct",
        "@cf/meta/llama-3.1-8b-instruct-fp8",
        "guardrail/gr1abcdef234/DRAFT",
        "guardrail/a1b2c3d4e5f6/12",
        "bedrock-2023-05-31",
        "vertex-2023-10-16",
        "jane-austen-7b",
    ]
    .map(str::to_owned)
    .to_vec();
    for account in accounts.iter().chain(&["411111111111".to_owned(), "123456789012".to_owned()]) {
        for arn in [
            "arn:aws:bedrock:us-east-1:ACCOUNT:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
            "arn:aws:bedrock:eu-central-1:ACCOUNT:application-inference-profile/k9x2m4c7q1zw",
            "arn:aws-us-gov:bedrock:us-gov-west-1:ACCOUNT:provisioned-model/8q1kz0c3v5b7",
            "arn:aws:bedrock:us-west-2:ACCOUNT:imported-model/3f7h2k9d1s5a",
            "arn:aws:bedrock:us-west-2:ACCOUNT:custom-model-deployment/5r8t1y4u7i0o",
            "arn:aws:bedrock:us-east-1:ACCOUNT:prompt/PRMPT12345:3",
            "arn:aws:bedrock:us-east-1:ACCOUNT:default-prompt-router/anthropic.claude:1",
            "arn:aws:sagemaker:us-east-1:ACCOUNT:endpoint/llama-3-8b-2024-07-18-12-34-56",
            "guardrail/arn:aws:bedrock:us-east-1:ACCOUNT:guardrail/a1b2c3d4e5f6/DRAFT",
        ] {
            names.push(arn.replace("ACCOUNT", account));
        }
    }
    let guard = guard(&[set("house", rules)]);
    for name in &names {
        let mut inquiry = Inquiry::default();
        let Named { verdict, has_values } = guard.judge_names(&[Cow::Borrowed(name)], &mut inquiry);
        assert!(verdict.block.is_none() && !has_values, "{name}: {:?}", inquiry.evidence().hits);
    }
}
