//! Rules that ask services outside: what is asked, what follows, and what follows where nobody answers.

use crate::guarded::{EMAIL, house, no_mail, rule, told};
use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, hear};
use crate::wire::Exchange;
use crate::world::{Setup, World, load, until};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tg_kernel::decided::Purpose;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Said, Verdict, Way};
use tg_kernel::passage::Channel;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::usage::UsageSource;
use tg_policy::admit::Mode;
use tg_policy::guard::{self, Action, Channels, Check, On, Rule, Style, WhenAway};
use tg_sim::Operation;

/// Every kind of service, and one that is never there.
const SERVICES: &str = "\
- { name: applied, kind: bedrock_guardrail, provider: bedrock, guardrail: { id: gr1, version: '3' } }\n\
- { name: checks, kind: bedrock_checks, provider: bedrock, thresholds: { VIOLENCE: 0.5, JAILBREAK: 0.5, EMAIL: 0.5 } }\n\
- { name: moderation, kind: moderation, provider: openai, thresholds: { violence: 0.3 } }\n\
- { name: llama, kind: judge, provider: local, model: llama-guard-3 }\n\
- { name: judge, kind: judge, provider: bedrock, model: 'amazon.judge-lite-v1:0', question: 'What is rude.' }\n\
- { name: hook, kind: webhook, url: 'HOOK_URL/check', secret: 'env:HOOK_SECRET', remember: 'off' }\n\
- { name: memory, kind: webhook, url: 'HOOK_URL/check', secret: 'env:HOOK_SECRET' }\n\
- { name: wrong, kind: webhook, url: 'HOOK_URL/check', secret: 'env:SIM_KEY' }\n\
- { name: gone, kind: moderation, provider: dead }\n";

fn world(rules: Vec<Rule>) -> World {
    World::with(Setup { guards: vec![house(rules)], services: SERVICES.to_owned(), ..Setup::default() })
}

/// A rule that asks a service about what users say, and about what models answer.
pub(crate) fn outside(service: &str, action: Action, on: On) -> Rule {
    let check = Check::External { service: service.into(), when_away: WhenAway::Block, beside: false };
    let channels = Some(Channels::of(&[Channel::User, Channel::Assistant]));
    Rule { on: Some(on), channels, ..rule(service, check, action) }
}

fn lenient(service: &str) -> Rule {
    let check = Check::External { service: service.into(), when_away: WhenAway::Allow, beside: false };
    Rule { on: Some(On::Input), ..rule(service, check, Action::Block) }
}

fn done(row: &Record) -> Vec<(String, String, Done)> {
    let hits = row.guarded.as_ref().map(|guarded| guarded.hits.clone()).unwrap_or_default();
    hits.into_iter().map(|hit| (hit.rule.to_string(), hit.found.to_string(), hit.action)).collect()
}

#[test]
fn each_kind_of_service_stops_what_it_flags_and_nothing_else() {
    for (service, found) in [
        ("applied", "House rules"),
        ("checks", "EMAIL"),
        ("moderation", "violence"),
        ("llama", "S1"),
        ("judge", "rude"),
        ("hook", "house-rules"),
    ] {
        let world = world(vec![outside(service, Action::Block, On::Input)]);
        let call = |prompt| ask(Dialect::OpenaiChat, Manner::Plain, "on-anthropic", prompt);
        let fine = world.send(&call("hello"));
        assert_eq!(fine.status, 200, "{service}: {}", fine.text());
        let guarded = world.row(&fine).guarded.unwrap();
        assert_eq!(guarded.verdict, Verdict::Passed, "{service}");
        let [asked] = guarded.services.as_slice() else { panic!("{service}: {guarded:?}") };
        assert_eq!((&*asked.guard, asked.way, asked.verdict), (service, Way::Input, Said::Clear));
        assert!(asked.questions == 1 && asked.remembered == 0 && asked.micros > 0, "{asked:?}");
        let stopped = world.send(&call("something forbidden"));
        assert_eq!(stopped.header("x-tallygate-error-code"), "content_blocked", "{service}: {}", stopped.text());
        let row = world.row(&stopped);
        assert!(done(&row).contains(&(service.to_owned(), found.to_owned(), Done::Blocked)), "{service}: {row:?}");
        assert!(row.served.is_none(), "{service}: nothing is sent");
        assert_eq!(row.guarded.unwrap().services[0].verdict, Said::Flagged, "{service}");
    }
}

#[test]
fn a_threshold_is_the_operators_and_a_confused_judge_gives_no_leave() {
    let world =
        world(vec![outside("moderation", Action::Block, On::Input), outside("llama", Action::Block, On::Input)]);
    for (prompt, found) in [("something doubtful", "violence"), ("undecided", "no_verdict")] {
        let stopped = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-anthropic", prompt));
        let row = world.row(&stopped);
        assert!(
            done(&row).iter().any(|(_, category, action)| category == found && *action == Done::Blocked),
            "{row:?}"
        );
    }
}

#[test]
fn what_a_service_takes_out_reaches_no_provider_on_any_dialect() {
    for (service, instead) in [("hook", "say [gone] now"), ("applied", "say {EMAIL} now")] {
        let world = world(vec![outside(service, Action::Redact(Style::Tag), On::Input)]);
        each_dialect(|dialect| {
            for manner in MANNERS {
                let answer = world.send(&ask(dialect, manner, "on-bedrock", "say mask-me now"));
                let row = world.row(&answer);
                let sent = told(&world, &row);
                assert!(
                    sent.contains(instead) && !sent.contains("mask-me"),
                    "{service} {dialect:?} {manner:?}: {sent}"
                );
                assert_eq!(row.guarded.unwrap().verdict, Verdict::Changed);
            }
            // What it does not take out is stopped.
            let stopped = world.send(&ask(dialect, Manner::Plain, "on-bedrock", "forbidden mask-me"));
            assert_eq!(stopped.header("x-tallygate-error-code"), "content_blocked", "{service} {dialect:?}");
        });
    }
}

#[test]
fn a_service_does_not_see_what_the_gateway_takes_out_itself() {
    let world = world(vec![no_mail(Action::Redact(Style::Tag)), outside("hook", Action::Block, On::Input)]);
    let answer = world.send(&ask(Dialect::AnthropicMessages, Manner::Plain, "on-openai", &format!("mail {EMAIL}")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = world.sim.hook.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((&*asked[0].guard, &*asked[0].way), ("hook", "input"));
    assert!(asked[0].text.starts_with("mail [EMAIL") && !asked[0].text.contains(EMAIL), "{}", asked[0].text);
}

#[test]
fn an_answer_is_judged_whole_and_nothing_of_what_is_stopped_leaves() {
    let world = world(vec![outside("hook", Action::Block, On::Output)]);
    each_dialect(|dialect| {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let fine = world.send(&ask(dialect, manner, "on-anthropic", "hello"));
            let heard = hear(dialect, manner, &fine);
            assert!(
                heard.text.starts_with("echo: hello") && heard.ended && heard.error.is_none(),
                "{place}: {heard:?}"
            );
            let stopped = world.send(&ask(dialect, manner, "on-anthropic", "something forbidden"));
            let body = String::from_utf8_lossy(&stopped.body).into_owned();
            assert!(!body.contains("forbidden") && !body.contains("Zm9yYmlkZGVu"), "{place}: {body}");
            let row = world.row(&stopped);
            assert_eq!(row.fault.as_deref(), Some("content_blocked"), "{place}");
            assert_eq!(row.usage_source, UsageSource::Reported, "{place}: the model has worked");
        }
    });
    assert!(world.sim.hook.asked().iter().all(|asked| asked.way == "output" && asked.text.starts_with("echo: ")));
}

#[test]
fn a_stream_that_a_service_redacts_says_what_the_whole_answer_says() {
    let world = world(vec![outside("hook", Action::Redact(Style::Tag), On::Output)]);
    for dialect in CHAT {
        let said = MANNERS.map(|manner| {
            let answer = world.send(&ask(dialect, manner, "on-anthropic", "say mask-me now"));
            let heard = hear(dialect, manner, &answer);
            assert!(heard.ended, "{dialect:?} {manner:?}");
            heard.text
        });
        assert_eq!(said[0], said[1], "{dialect:?}");
        assert!(said[0].contains("say [gone] now") && !said[0].contains("mask-me"), "{dialect:?}: {}", said[0]);
    }
}

#[test]
fn a_rule_that_only_watches_changes_nothing_and_tells() {
    let watching = Rule { mode: Mode::Observe, ..outside("hook", Action::Block, On::Both) };
    let world = world(vec![watching]);
    each_dialect(|dialect| {
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, "on-anthropic", "something forbidden"));
            let heard = hear(dialect, manner, &answer);
            assert!(heard.ended && heard.text.contains("something forbidden"), "{dialect:?} {manner:?}: {heard:?}");
            let guarded = world.row(&answer).guarded.unwrap();
            let observed = |way| guarded.hits.iter().any(|hit| hit.way == way && hit.action == Done::Observed);
            assert!(observed(Way::Input) && observed(Way::Output), "{dialect:?} {manner:?}: {guarded:?}");
        }
    });
}

#[test]
fn a_service_that_is_away_stops_calls_or_is_told_of() {
    for service in ["gone", "wrong"] {
        let strict = world(vec![outside(service, Action::Block, On::Input)]);
        let call = ask(Dialect::BedrockConverse, Manner::Plain, "on-openai", "hello");
        let stopped = strict.send(&call);
        assert_eq!(stopped.header("x-tallygate-error-code"), "content_blocked", "{service}");
        assert!(done(&strict.row(&stopped)).iter().any(|(_, found, _)| found == "unanswered"), "{service}");
        let open = world(vec![lenient(service)]);
        let answer = open.send(&call);
        assert_eq!(answer.status, 200, "{service}: {}", answer.text());
        let row = open.row(&answer);
        let (name, found) = (service.to_owned(), "unanswered".to_owned());
        assert!(done(&row).contains(&(name, found, Done::Unanswered)), "{service}: {row:?}");
    }
}

#[test]
fn what_a_judge_costs_is_booked_to_whom_it_worked_for() {
    let world = world(vec![outside("judge", Action::Block, On::Input)]);
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-anthropic", "hello"));
    let row = world.row(&answer);
    let judged = until("the judge's row", || {
        world.rows().into_iter().find(|other| other.attribution.tags.contains(&"guard=judge".to_owned()))
    });
    let (mine, its) = (&row.attribution, &judged.attribution);
    assert_eq!((&mine.team, &mine.project, &mine.key_id), (&its.team, &its.project, &its.key_id));
    assert_eq!(judged.served.as_ref().map(|served| &*served.model), Some("amazon.judge-lite-v1:0"));
    assert!(judged.usage.input_tokens > 0 && judged.usage.output_tokens > 0, "{:?}", judged.usage);
    assert_eq!(judged.cost.pricing, Pricing::Unpriced, "the simulated model has no price");
    assert!(!row.attribution.tags.iter().any(|tag| tag.starts_with("guard=")));
    let purpose = |row: &Record| row.decided.as_deref().and_then(|decided| decided.purpose);
    assert_eq!((purpose(&judged), purpose(&row)), (Some(Purpose::Guard), None), "callers write tags, too");
}

#[test]
fn what_a_service_has_said_of_a_text_is_not_asked_again() {
    let world = world(vec![outside("memory", Action::Block, On::Input)]);
    let call = |prompt| world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", prompt)).status;
    assert_eq!([call("hello"), call("hello"), call("goodbye")], [200; 3]);
    assert_eq!(world.sim.hook.asked().len(), 2);
    let again = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hello"));
    let asked = world.row(&again).guarded.unwrap().services;
    assert_eq!((asked[0].verdict, asked[0].questions, asked[0].remembered), (Said::Clear, 0, 1));
    assert_eq!([call("forbidden one"), call("forbidden one")], [400; 2]);
    assert_eq!(world.sim.hook.asked().len(), 3);
}

#[test]
fn what_a_program_wrote_is_asked_about_at_once() {
    let world = world(vec![lenient("hook")]);
    let tool = |name: &str, what: &str| {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string", "description": what}}});
        json!({"type": "function", "function": {"name": name, "description": what, "parameters": parameters}})
    };
    let with = |last: &str| {
        let mut call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hello");
        let mut body: Value = serde_json::from_slice(&call.body).unwrap();
        body["tools"] = json!([tool("one", "first"), tool("two", "second"), tool("three", last)]);
        call.body = body.to_string().into();
        world.send(&call)
    };
    assert_eq!(with("third").status, 200);
    let asked = world.sim.hook.asked();
    assert_eq!(asked.len(), 2, "what the user says, and all definitions: {asked:?}");
    assert!(asked.iter().any(|asked| ["first", "second", "third"].iter().all(|part| asked.text.contains(part))));
    assert_eq!(with("something forbidden").header("x-tallygate-error-code"), "content_blocked");
}

#[test]
fn a_configuration_says_who_is_asked_and_about_what() {
    let config = "providers: [{ name: openai, kind: openai, api_key: 'env:SIM_KEY' }]\n\
                  guards: [{ name: scores, kind: moderation, provider: openai }]\n\
                  guardrails: [{ name: house, unreadable: block, rules: [\
                  { name: asked, external: scores, when_away: block, action: block, channels: [user] }] }]\n";
    let loaded = load(config).unwrap();
    let guard = loaded.snapshot.guards.joined(|_| true);
    let asked = guard.externals(guard::Way::Input);
    assert_eq!(asked.len(), 1);
    assert_eq!((&*asked[0].set, &*asked[0].name, &*asked[0].service), ("house", "asked", "scores"));
    assert!(asked[0].is_enforced && asked[0].channels == Channels::of(&[Channel::User]));
}

#[test]
fn services_are_asked_as_their_providers_demand() {
    let world = world(vec![
        outside("applied", Action::Block, On::Input),
        outside("checks", Action::Block, On::Input),
        outside("moderation", Action::Block, On::Input),
    ]);
    world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "on-local", "hello"));
    let entries = world.sim.books.entries();
    let of = |operation| entries.iter().filter(|entry| entry.operation == operation).collect::<Vec<_>>();
    assert_eq!((of(Operation::Guardrail).len(), of(Operation::Moderation).len()), (2, 1));
    assert!(entries.iter().all(|entry| entry.status == 200), "signatures and shapes are right: {entries:?}");
    let applied: Arc<str> = Arc::from("/guardrail/gr1/version/3/apply");
    assert!(of(Operation::Guardrail).iter().any(|entry| entry.detail.as_ref().unwrap().path == *applied));
}

#[test]
fn what_a_turn_says_in_parts_is_asked_about_at_once_and_replaced_where_it_stands() {
    let world = world(vec![outside("hook", Action::Redact(Style::Tag), On::Input)]);
    let mut call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    let part = |text: &str| json!({"type": "text", "text": text});
    body["messages"][0]["content"] = json!([part("first\nline"), part("say mask-me now"), part("and more")]);
    call.body = body.to_string().into();
    let answer = world.send(&call);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked: Vec<String> = world.sim.hook.asked().into_iter().map(|asked| asked.text).collect();
    assert_eq!(asked, ["first\nline\nsay mask-me now\nand more"]);
    let sent = told(&world, &world.row(&answer));
    assert!(!sent.contains("mask-me") && sent.contains("say [gone] now"), "{sent}");
    assert!(sent.contains(r"first\nline") && sent.contains("and more"), "{sent}");
}

/// A webhook that answers when it is told to, and lets everything go.
fn slow(asked: Sender<()>, go: Receiver<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = BufReader::new(socket.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while socket.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            socket.read_exact(&mut vec![0; length]).unwrap();
            asked.send(()).unwrap();
            if go.recv().is_err() {
                return;
            }
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 19\r\n\r\n{\"verdict\":\"allow\"}";
            socket.get_mut().write_all(head.as_bytes()).unwrap();
        }
    });
    address
}

fn waiting_for(hook: SocketAddr) -> World {
    let services = format!(
        "- {{ name: slow, kind: webhook, url: 'http://{hook}/check', secret: 'env:HOOK_SECRET', remember: 'off' }}\n"
    );
    let guards = vec![house(vec![outside("slow", Action::Block, On::Output)])];
    World::with(Setup { guards, services, streams: "{ keepalive: 20ms }".to_owned(), ..Setup::default() })
}

/// The answer up to signs of life that come while the service is asked.
fn until_signs(world: &World, asked: &Receiver<()>) -> (Exchange, Vec<u8>) {
    let call = world.keyed(&ask(Dialect::AnthropicMessages, Manner::Streamed, "on-openai", "hello"));
    let mut exchange = call.open(world.address);
    asked.recv().unwrap();
    let mut came = Vec::new();
    // More than can have come before: one every 20 ms.
    for _ in 0..10 {
        came.extend(exchange.piece().unwrap());
    }
    assert!(!String::from_utf8_lossy(&came).contains("hello"), "{}", String::from_utf8_lossy(&came));
    (exchange, came)
}

#[test]
fn a_stream_is_kept_alive_while_a_service_thinks() {
    let ((ask, asked), (tell, go)) = (channel(), channel());
    let world = waiting_for(slow(ask, go));
    let (exchange, came) = until_signs(&world, &asked);
    tell.send(()).unwrap();
    let mut answer = exchange.whole();
    answer.body.splice(0..0, came);
    let heard = hear(Dialect::AnthropicMessages, Manner::Streamed, &answer);
    assert!(answer.clean && heard.ended && heard.text.starts_with("echo: hello"), "{heard:?}");
}

#[test]
fn a_gateway_that_is_stopped_does_not_wait_for_a_service_and_lets_nothing_unjudged_go() {
    let ((ask, asked), (tell, go)) = (channel(), channel());
    let mut world = waiting_for(slow(ask, go));
    let (exchange, _) = until_signs(&world, &asked);
    world.drain(Duration::from_millis(50));
    let answer = exchange.whole();
    assert!(answer.text().contains("gateway_draining") || answer.text().contains("overloaded"), "{}", answer.text());
    assert!(!answer.text().contains("hello"), "{}", answer.text());
    drop(tell);
}
