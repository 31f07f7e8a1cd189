//! Streams that rules outside keep, and that end before they are whole: at a limit, or stopped by the gateway's own rules.

use crate::guarded::{SECRET, house, no_secrets};
use crate::outside::outside;
use crate::speak::{CHAT, MANNERS, Manner, ask, hear};
use crate::world::{Setup, World};
use tg_kernel::dialect::Dialect;
use tg_policy::admit::Mode;
use tg_policy::guard::{Action, On, Rule, Style};

const HOOK: &str =
    "- { name: hook, kind: webhook, url: 'HOOK_URL/check', secret: 'env:HOOK_SECRET', remember: 'off' }\n";

fn of_answers(rule: Rule) -> Rule {
    Rule { on: Some(On::Output), ..rule }
}

fn cutting(rules: Vec<Rule>) -> World {
    let limits = "- { name: words, each: [key], output_tokens: 600/31d, output: cut }\n".to_owned();
    World::with(Setup { guards: vec![house(rules)], services: HOOK.to_owned(), limits, ..Setup::default() })
}

#[test]
fn what_the_gateway_still_held_when_a_stream_was_cut_does_not_leave_unjudged() {
    let secrets = of_answers(Rule { action: Action::Redact(Style::Tag), ..no_secrets() });
    let world = cutting(vec![secrets, outside("hook", Action::Block, On::Output)]);
    for dialect in CHAT {
        // A word without an end is held back, and is cut within.
        let prompt = format!("so forbidden{} [[sim: tokens=1000]]", "x".repeat(3_900));
        let key = world.issue(&world.new_key("red"));
        let call = ask(dialect, Manner::Streamed, "on-anthropic", &prompt).bearer(key.secret.expose());
        let answer = call.send(world.address);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let row = world.row(&answer);
        assert!(!body.contains("forbidden") && !body.contains("xxx"), "{dialect:?}: {body}");
        assert_eq!(row.fault.as_deref(), Some("content_blocked"), "{dialect:?}");
    }
    let asked = world.sim.hook.asked().into_iter().filter(|asked| asked.text.starts_with("echo: "));
    assert_eq!(asked.filter(|asked| asked.text.contains("forbiddenxxx")).count(), CHAT.len());
}

#[test]
fn a_stream_that_was_cut_and_judged_goes_on_to_its_end() {
    let secrets = of_answers(Rule { action: Action::Redact(Style::Tag), ..no_secrets() });
    let world = cutting(vec![secrets, outside("hook", Action::Redact(Style::Tag), On::Output)]);
    for dialect in CHAT {
        let key = world.issue(&world.new_key("red"));
        let prompt = "say mask-me now and on [[sim: tokens=1000]]";
        let call = ask(dialect, Manner::Streamed, "on-anthropic", prompt).bearer(key.secret.expose());
        let answer = call.send(world.address);
        let heard = hear(dialect, Manner::Streamed, &answer);
        assert!(
            heard.text.starts_with("echo: say [gone] now and on") && heard.error.is_none(),
            "{dialect:?}: {heard:?}"
        );
        assert!(heard.ended || dialect == Dialect::OpenaiResponses, "{dialect:?}: {heard:?}");
        assert_eq!(world.row(&answer).fault.as_deref(), Some("output_cut"), "{dialect:?}");
    }
}

#[test]
fn a_stream_that_has_begun_to_leave_and_is_stopped_does_not_begin_anew() {
    let watching = Rule { mode: Mode::Observe, ..outside("hook", Action::Block, On::Output) };
    let setup = Setup {
        guards: vec![house(vec![of_answers(no_secrets()), watching])],
        services: HOOK.to_owned(),
        ..Setup::default()
    };
    let world = World::with(setup);
    let prompt = format!("{} {SECRET} [[sim: tokens=150]]", "all is well so far ".repeat(20));
    let call = ask(Dialect::AnthropicMessages, Manner::Streamed, "on-anthropic", &prompt);
    let answer = world.send(&call);
    let begun = answer.text().matches("\"message_start\"").count();
    assert_eq!(begun, 1, "{}", answer.text());
    let heard = hear(Dialect::AnthropicMessages, Manner::Streamed, &answer);
    assert!(heard.text.contains("all is well") && !answer.text().contains(SECRET), "{}", answer.text());
    assert!(answer.text().contains("\"stop_reason\":\"refusal\""), "{}", answer.text());
}

#[test]
fn a_stream_of_which_nothing_has_left_ends_with_the_rules_message_as_a_whole_answer_does() {
    let told: std::sync::Arc<str> = "Ask somebody else.".into();
    let rules = |message: &std::sync::Arc<str>| {
        vec![
            Rule { message: Some(message.clone()), ..outside("hook", Action::Block, On::Output) },
            Rule { message: Some(message.clone()), ..of_answers(no_secrets()) },
        ]
    };
    let world = World::with(Setup { guards: vec![house(rules(&told))], services: HOOK.to_owned(), ..Setup::default() });
    for dialect in CHAT.into_iter().filter(|dialect| *dialect != Dialect::BedrockInvoke) {
        for prompt in ["something forbidden".to_owned(), format!("it is {SECRET}")] {
            let said = MANNERS.map(|manner| {
                let answer = world.send(&ask(dialect, manner, "on-openai", &prompt));
                let heard = hear(dialect, manner, &answer);
                assert!(heard.error.is_none(), "{dialect:?} {manner:?}: {heard:?}");
                heard.text
            });
            assert_eq!(said, [&*told; 2], "{dialect:?}");
        }
    }
}

#[test]
fn what_comes_of_asking_a_service_is_counted_by_the_reason() {
    let services = format!("{HOOK}- {{ name: gone, kind: moderation, provider: dead }}\n");
    let rules = vec![outside("hook", Action::Block, On::Input), outside("gone", Action::Block, On::Input)];
    let world = World::with(Setup { guards: vec![house(rules)], services, ..Setup::default() });
    for _ in 0..2 {
        world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hello"));
    }
    let figures = world.gateway().living.snapshot.load().outside.figures();
    let shown: Vec<(&str, u64, u64)> =
        figures.iter().map(|of| (&*of.guard, of.questions, of.failures.iter().map(|(_, count)| count).sum())).collect();
    assert_eq!(shown, [("gone", 2, 2), ("hook", 2, 0)]);
    assert!(figures[0].failures.iter().any(|(kind, count)| kind.as_str() == "unreachable" && *count == 2));
    assert!(figures[1].micros > 0);
}
