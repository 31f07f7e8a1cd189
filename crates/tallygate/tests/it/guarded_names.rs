//! What callers write to choose a model or a guardrail: it reaches providers, and is checked too.

use crate::guarded::{EMAIL, SECRET, guarded, house, no_mail, no_secrets, rule};
use crate::speak::{CHAT, Manner, ask, path};
use crate::wire::Call;
use crate::world::{Setup, World};
use serde_json::{Value, json};
use std::borrow::Cow;
use tg_catalog::Catalogue;
use tg_kernel::dialect::Dialect;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_policy::guard::{Action, Check, Guards, Inquiry, Pii, Rule, Style, Subject};

/// A world in which patterns take any name that begins so.
fn world(rules: Vec<Rule>) -> World {
    let models = "- { name: 'x.*', targets: [{ provider: bedrock }] }\n\
                  - { name: 'guardrail/*', targets: [{ provider: bedrock }] }\n";
    World::with(Setup { models: models.to_owned(), guards: vec![house(rules)], ..Setup::default() })
}

/// A call to Converse with the body changed.
fn converse(change: impl FnOnce(&mut Value)) -> Call {
    let mut call = ask(Dialect::BedrockConverse, Manner::Plain, "on-bedrock", "hello");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    change(&mut body);
    call.body = body.to_string().into();
    call
}

/// Calls with something in what they choose by name.
fn choosing(text: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = CHAT.map(|dialect| ask(dialect, Manner::Plain, &format!("x.{text}"), "hello")).to_vec();
    let count =
        path(Dialect::BedrockConverse, Manner::Plain, &format!("x.{text}")).replace("/converse", "/count-tokens");
    let counted = json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}}});
    calls.push(Call::post(count, counted.to_string()));
    calls.push(ask(Dialect::OpenaiEmbeddings, Manner::Plain, &format!("x.{text}"), "hello"));
    let applied = json!({"source": "INPUT", "content": [{"text": {"text": "hello"}}]}).to_string();
    calls.push(Call::post(format!("/guardrail/{text}/version/1/apply"), &*applied));
    calls.push(Call::post(format!("/guardrail/gr1abc/version/{text}/apply"), &*applied));
    calls.push(converse(|body| body["model"] = text.into()));
    calls.push(converse(|body| {
        body["guardrailConfig"] = json!({"guardrailIdentifier": text, "guardrailVersion": "1"});
    }));
    let mut invoke = ask(Dialect::BedrockInvoke, Manner::Plain, "on-bedrock", "hello");
    let mut body: Value = serde_json::from_slice(&invoke.body).unwrap();
    body["anthropic_version"] = text.into();
    invoke.body = body.to_string().into();
    calls.push(invoke);
    calls
}

#[test]
fn no_name_carries_a_value_to_a_provider() {
    let world = world(vec![no_secrets(), no_mail(Action::Redact(Style::Tag))]);
    for (value, rule) in [(SECRET, "house/secrets"), (EMAIL, "house/mail")] {
        for call in choosing(value) {
            let answer = world.send(&call);
            assert_eq!(answer.header("x-tallygate-error-code"), "content_blocked", "{}: {}", call.path, answer.text());
            assert_eq!(answer.header("x-tallygate-guardrail"), rule, "{}", call.path);
            let hits = world.row(&answer).guarded.unwrap().hits;
            assert_eq!(hits.last().unwrap().channel, Channel::Metadata, "{}", call.path);
        }
    }
    assert!(world.sim.books.entries().is_empty());
}

#[test]
fn names_that_the_configuration_has_are_its_own() {
    let models = format!("- {{ name: 'for-{SECRET}', targets: [{{ provider: openai, model: gpt-5-mini }}] }}\n");
    let world = World::with(Setup { models, guards: vec![house(vec![no_secrets()])], ..Setup::default() });
    for dialect in CHAT {
        let answer = world.send(&ask(dialect, Manner::Plain, &format!("for-{SECRET}"), "hello"));
        assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
    }
}

#[test]
fn no_model_of_the_catalogue_is_called_like_a_value() {
    let rules = vec![no_secrets(), rule("pii", Check::Pii(Pii::All), Action::Block)];
    let guards = Guards::compile(&[house(rules)], None).unwrap();
    let guard = guards.of(&Subject { attribution: &Attribution::default(), model: "m" }).unwrap();
    let catalogue = Catalogue::embedded().unwrap();
    assert!(catalogue.rows().len() > 100);
    for row in catalogue.rows() {
        let id = row.id();
        let profile = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{id}");
        for name in [id.to_owned(), format!("us.{id}"), format!("vendor/{id}:free"), profile] {
            let named = guard.judge_names(&[Cow::Borrowed(&*name)], &mut Inquiry::default());
            assert!(!named.has_values, "{name}: {:?}", named.verdict.block);
        }
    }
}

#[test]
fn a_name_that_says_nothing_goes_on_as_it_is() {
    let world = guarded(vec![no_secrets(), rule("pii", Check::Pii(Pii::All), Action::Block)]);
    for model in [
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "arn:aws:bedrock:us-east-1:411111111111:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0",
    ] {
        let answer = world.send(&ask(Dialect::BedrockConverse, Manner::Plain, model, "hello"));
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
        assert_eq!(&*world.row(&answer).served.unwrap().model, model);
    }
}
