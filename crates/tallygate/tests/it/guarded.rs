//! Calls that a guardrail stops, and those that it lets go with something else in place of what it found.

use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, error, frames, hear};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, until};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Verdict, Way};
use tg_kernel::passage::Channel;
use tg_kernel::record::{Ending, Record};
use tg_policy::admit::{Mode, Scope};
use tg_policy::guard::{Action, Check, On, Pii, Rule, Set, Style};

/// A credential that no scanner takes for an example.
pub(crate) const SECRET: &str = "AKIAQ3EGRLZ5UPYW2KHD";

/// An address of a person.
pub(crate) const EMAIL: &str = "ada.lovelace@analytical-engines.co.uk";

/// A rule that is in force where its check makes sense.
pub(crate) fn rule(name: &str, check: Check, action: Action) -> Rule {
    Rule::of(name, check, action)
}

/// The house's set: all calls.
pub(crate) fn house(rules: Vec<Rule>) -> Set {
    Set::of("house", rules)
}

pub(crate) fn no_secrets() -> Rule {
    rule("secrets", Check::Secrets(None), Action::Block)
}

pub(crate) fn no_mail(action: Action) -> Rule {
    rule("mail", Check::Pii(Pii::Named(vec!["email".into()])), action)
}

pub(crate) fn guarded(rules: Vec<Rule>) -> World {
    World::with(Setup { guards: vec![house(rules)], ..Setup::default() })
}

/// What any provider was sent of a call, and all that it was told beside it.
pub(crate) fn told(world: &World, row: &Record) -> String {
    let detail = world.entry(row).detail.unwrap();
    format!("{} {:?} {}", detail.path, detail.headers, detail.body)
}

/// What a stopped call to Converse is answered: the reason, and the words.
pub(crate) fn intervened(manner: Manner, answer: &Answer) -> (String, String) {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if manner == Manner::Plain {
        let body = answer.json();
        assert_eq!(body["usage"]["totalTokens"], 0, "{body}");
        return (word(&body["stopReason"]), word(&body["output"]["message"]["content"][0]["text"]));
    }
    let (mut reason, mut text) = (String::new(), String::new());
    for (_, name, payload) in frames(&answer.body) {
        match name.as_str() {
            "messageStop" => reason = word(&payload["stopReason"]),
            "contentBlockDelta" => text += &word(&payload["delta"]["text"]),
            _ => {}
        }
    }
    (reason, text)
}

#[test]
fn a_blocked_call_is_not_sent_costs_nothing_and_is_told_in_its_dialect() {
    let world = guarded(vec![no_secrets()]);
    let message = "Blocked by the guardrail `house/secrets`.";
    each_dialect(|dialect| {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let answer = world.send(&ask(dialect, manner, "on-anthropic", &format!("deploy with {SECRET} please")));
            assert_eq!(answer.header("x-tallygate-guardrail"), "house/secrets", "{place}");
            assert_eq!(answer.header("x-tallygate-error-code"), "content_blocked", "{place}");
            assert_eq!(answer.header("x-tallygate-cost-usd"), "0.00", "{place}");
            assert!(!answer.text().contains(SECRET), "{place}");
            let status = if dialect == Dialect::BedrockConverse {
                let (reason, said) = intervened(manner, &answer);
                assert_eq!((reason.as_str(), said.as_str()), ("guardrail_intervened", message), "{place}");
                200
            } else {
                let kind = match dialect {
                    Dialect::OpenaiChat | Dialect::OpenaiResponses => "content_filter",
                    Dialect::AnthropicMessages => "invalid_request_error",
                    _ => "ValidationException",
                };
                assert_eq!(error(dialect, &answer), (kind.to_owned(), message.to_owned()), "{place}");
                400
            };
            assert_eq!(answer.status, status, "{place}");
            let row = world.row(&answer);
            assert_eq!((row.ending, row.status), (Ending::Refused, status), "{place}");
            assert_eq!((row.fault.as_deref(), row.cost.amount.nanos()), (Some("content_blocked"), 0), "{place}");
            assert!(row.served.is_none(), "{place}");
            let evidence = row.guarded.unwrap();
            assert_eq!((evidence.verdict, evidence.sets), (Verdict::Blocked, vec![Arc::from("house")]), "{place}");
            let hit = &evidence.hits[0];
            let seen = (&*hit.rule, &*hit.check, hit.channel, hit.way, hit.action);
            assert_eq!(seen, ("secrets", "secrets", Channel::User, Way::Input, Done::Blocked), "{place}");
            assert!(hit.found.contains("aws"), "{place}: {}", hit.found);
        }
    });
    assert!(world.sim.books.entries().is_empty());
}

#[test]
fn what_is_redacted_is_not_sent_by_any_road() {
    let world = guarded(vec![no_mail(Action::Redact(Style::Tag))]);
    each_dialect(|dialect| {
        for manner in MANNERS {
            for model in ["on-bedrock", "on-anthropic", "on-openai", "on-local", "on-nova"] {
                if dialect == Dialect::BedrockInvoke && model == "on-nova" {
                    continue;
                }
                let place = format!("{dialect:?} {manner:?} {model}");
                let answer = world.send(&ask(dialect, manner, model, &format!("write to {EMAIL} now")));
                assert_eq!(answer.status, 200, "{place}: {}", answer.text());
                assert_eq!(answer.header("x-tallygate-guardrail"), "house/mail", "{place}");
                let heard = hear(dialect, manner, &answer);
                assert!(heard.text.starts_with("echo: write to [EMAIL_1] now "), "{place}: {}", heard.text);
                assert!(heard.ended, "{place}");
                let row = world.row(&answer);
                let sent = told(&world, &row);
                assert!(!sent.contains("lovelace") && sent.contains("[EMAIL_1]"), "{place}: {sent}");
                assert_eq!(row.guarded.unwrap().verdict, Verdict::Changed, "{place}");
            }
        }
    });
    assert_eq!(world.gateway().living.counts.unguarded.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_restored_reaches_the_caller_and_not_the_model() {
    let world = guarded(vec![no_mail(Action::Restore(Style::Tag))]);
    each_dialect(|dialect| {
        for manner in MANNERS {
            for model in ["on-bedrock", "on-openai"] {
                let place = format!("{dialect:?} {manner:?} {model}");
                let prompt = format!("write to {EMAIL} now [[sim: chunk=1]]");
                let answer = world.send(&ask(dialect, manner, model, &prompt));
                assert_eq!(answer.status, 200, "{place}: {}", answer.text());
                let heard = hear(dialect, manner, &answer);
                let wanted = format!("echo: write to {EMAIL} now ");
                assert!(heard.text.starts_with(&wanted) && heard.ended, "{place}: {}", heard.text);
                let row = world.row(&answer);
                assert!(!told(&world, &row).contains("lovelace"), "{place}");
                let evidence = row.guarded.unwrap();
                let ways: Vec<Way> = evidence.hits.iter().map(|hit| hit.way).collect();
                assert_eq!(ways, [Way::Input, Way::Output], "{place}");
            }
        }
    });
}

/// Complaint E 17: guardrails that are skipped on a streamed call in another dialect, while the log says that they passed.
#[test]
fn a_stream_is_not_let_through_unchecked_and_booked_as_checked() {
    let world = World::with(Setup {
        guards: vec![house(vec![Rule { on: Some(On::Output), ..no_mail(Action::Redact(Style::Mask)) }])],
        ..Setup::default()
    });
    for dialect in CHAT {
        let prompt = format!("write to {EMAIL} now [[sim: chunk=1]]");
        let answer = world.send(&ask(dialect, Manner::Streamed, "on-anthropic", &prompt));
        let heard = hear(dialect, Manner::Streamed, &answer);
        assert!(heard.ended && heard.text.starts_with("echo: write to "), "{dialect:?}: {}", heard.text);
        assert!(!heard.text.contains("lovelace") && !answer.text().contains("lovelace"), "{dialect:?}: {}", heard.text);
        let row = world.row(&answer);
        assert!(told(&world, &row).contains(EMAIL), "{dialect:?}: only the answer is guarded");
        let evidence = row.guarded.unwrap();
        assert_eq!(evidence.verdict, Verdict::Changed, "{dialect:?}");
        assert_eq!((evidence.hits[0].way, evidence.hits[0].action), (Way::Output, Done::Redacted), "{dialect:?}");
    }
}

#[test]
fn a_fallback_sends_what_was_let_go_and_not_what_was_asked() {
    let models = "- { name: twice, targets: [{ provider: dead, model: gpt-5-mini }, \
                  { provider: locked-anthropic, model: claude-haiku-4-5 }, { provider: bedrock, model: 'us.anthropic.claude-haiku-4-5-20251001-v1:0' }] }\n";
    let world = World::with(Setup {
        models: models.to_owned(),
        // Each call tries all of them.
        resilience: "{ breaker: { enabled: false } }".to_owned(),
        guards: vec![house(vec![no_mail(Action::Redact(Style::Tag))])],
        ..Setup::default()
    });
    for dialect in CHAT {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let answer = world.send(&ask(dialect, manner, "twice", &format!("write to {EMAIL} now")));
            assert_eq!(
                (answer.status, answer.header("x-tallygate-attempts")),
                (200, "3"),
                "{place}: {}",
                answer.text()
            );
            world.row(&answer);
        }
    }
    let seen = world.sim.books.entries();
    assert_eq!(seen.len(), 2 * CHAT.len() * MANNERS.len());
    for entry in seen {
        let body = entry.detail.unwrap().body;
        assert!(!body.contains("lovelace") && body.contains("[EMAIL_1]"), "{body}");
    }
}

#[test]
fn a_rule_that_only_watches_changes_nothing_and_is_booked() {
    let world = guarded(vec![
        Rule { mode: Mode::Observe, ..no_secrets() },
        Rule { mode: Mode::Observe, ..no_mail(Action::Redact(Style::Tag)) },
    ]);
    let prompt = format!("{EMAIL} has {SECRET}");
    for manner in MANNERS {
        let answer = world.send(&ask(Dialect::OpenaiChat, manner, "on-openai", &prompt));
        assert_eq!((answer.status, answer.header("x-tallygate-guardrail")), (200, ""));
        assert!(hear(Dialect::OpenaiChat, manner, &answer).text.contains(EMAIL));
        let row = world.row(&answer);
        assert!(told(&world, &row).contains(SECRET));
        let evidence = row.guarded.unwrap();
        assert_eq!(evidence.verdict, Verdict::Passed);
        assert!(evidence.hits.iter().all(|hit| hit.action == Done::Observed), "{evidence:?}");
        let seen = |rule: &str, way: Way| evidence.hits.iter().any(|hit| &*hit.rule == rule && hit.way == way);
        assert!(seen("secrets", Way::Input) && seen("mail", Way::Output), "{evidence:?}");
    }
}

#[test]
fn a_set_of_another_team_or_model_does_not_apply() {
    let of_team = |team: &str| Scope { team: Some(team.to_owned()), ..Scope::default() };
    let of_model = |model: &str| Scope { model: Some(model.to_owned()), ..Scope::default() };
    let world = World::with(Setup {
        guards: vec![
            Set { name: "blue".into(), scope: of_team("blue"), ..house(vec![no_mail(Action::Block)]) },
            Set { name: "there".into(), scope: of_model("on-nova"), ..house(vec![no_secrets()]) },
        ],
        ..Setup::default()
    });
    let prompt = format!("{EMAIL} has {SECRET}");
    for (model, status) in [("on-openai", 200), ("on-nova", 400)] {
        let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, model, &prompt));
        assert_eq!(answer.status, status, "{model}: {}", answer.text());
        let row = world.row(&answer);
        assert_eq!(row.guarded.is_some(), status == 400, "{model}");
    }
}

/// A new name for a model is no way round what was set for the old one.
#[test]
fn another_name_for_a_model_goes_round_no_guardrail_limit_or_budget() {
    let (folder, _sim) = crate::process::prepared(&Setup { teams: String::new(), ..Setup::default() });
    let text = std::fs::read_to_string(folder.path().join("tallygate.yaml")).unwrap()
        + "guardrails:\n- { name: house, for: { model: on-openai }, unreadable: allow, rules: [{ name: secrets, secrets: all, action: block }] }\n";
    let more = "- { name: newer, alias_of: on-openai }\n- { name: newest, alias_of: newer }\n\
                - { name: either, targets: [{ provider: local, model: local-chat }, { route: newest }] }\n\
                - { name: any, targets: [{ route: either, when: stream }, { provider: local, model: other }] }\n";
    let text = text.replace("models:\n", &format!("models:\n{more}"));
    let text = text.replace("limits:\n  []", "limits:\n- { name: few, for: { model: on-openai }, requests: 1/h }");
    let text = text.replace("budgets:\n  []", "budgets:\n- { name: tight, for: { model: 'on-open*' }, amount: 1 USD }");
    let snapshot = crate::world::load(&text).unwrap().snapshot;
    let red = tg_kernel::principal::Attribution { team: "red".into(), ..Default::default() };
    for (model, is_met) in
        [("on-openai", true), ("newer", true), ("newest", true), ("either", true), ("any", true), ("on-local", false)]
    {
        let guard = snapshot.guards.of(&tg_policy::guard::Subject { attribution: &red, model });
        assert_eq!(guard.is_some(), is_met, "{model}");
        assert_eq!(!snapshot.limits.of(&red, model, &["openai"]).is_empty(), is_met, "{model}");
        let payer = tg_policy::admit::budget::Payer { attribution: &red, model };
        assert_eq!(snapshot.budgets.list().iter().any(|budget| budget.meets(&payer)), is_met, "{model}");
    }
}

#[test]
fn the_log_and_the_metrics_tell_the_rule_and_never_the_value() {
    let (folder, _sim) = crate::process::prepared(&Setup { teams: String::new(), ..Setup::default() });
    let file = folder.path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&file).unwrap()
        + "guardrails:\n- { name: house, unreadable: { image: allow, audio: allow, video: allow, document: allow, \
           reference: allow, tokens: allow, hidden: allow, answers: allow }, rules: [{ name: secrets, secrets: all, action: block }] }\n\
           telemetry: { log: { level: trace } }\n";
    std::fs::write(&file, text).unwrap();
    let process = crate::process::Process::start(folder.path());
    let key = process.key.clone().unwrap();
    let call = ask(Dialect::AnthropicMessages, Manner::Plain, "on-anthropic", &format!("use {SECRET}"));
    let answer = call.bearer(&key).send(process.address);
    assert_eq!(answer.status, 400, "{}", answer.text());
    let line = until("the call's line", || {
        process.log().lines().find(|line| line.contains("content_blocked")).map(str::to_owned)
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["guard"], "blocked");
    assert!(line["guard_hits"][0].as_str().unwrap().starts_with("house/secrets secrets:aws"), "{line}");
    let metrics = Call::new("GET", "/metrics").send(process.admin).text();
    for shown in [
        r#"tallygate_guard_hits_total{set="house",rule="secrets",way="input",action="blocked"} 1"#,
        r#"tallygate_guarded_calls_total{verdict="blocked"} 1"#,
        r#"tallygate_unguarded_calls_total{reason="not_checked"} 0"#,
        r#"tallygate_unguarded_calls_total{reason="no_set"} 0"#,
    ] {
        assert!(metrics.contains(shown), "{shown}: {metrics}");
    }
    for (place, text) in [("the log", process.log()), ("the metrics", metrics)] {
        assert!(!text.contains(SECRET) && !text.contains(&SECRET[4..]), "{place} shows what was found");
    }
}
