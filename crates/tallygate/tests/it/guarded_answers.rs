//! Answers that a guardrail stops or changes: whole ones and streams, by what their callers read of them.

use crate::guarded::{EMAIL, SECRET, guarded, house, no_mail, no_secrets, told};
use crate::recorder::Recorder;
use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, frames, sse};
use crate::wire::Answer;
use crate::world::{Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Hit, Verdict, Way};
use tg_kernel::passage::Channel;
use tg_kernel::record::Ending;
use tg_kernel::usage::UsageSource;
use tg_policy::guard::{Action, On, Rule, Style};

fn of_answers(rule: Rule) -> Rule {
    Rule { on: Some(On::Output), ..rule }
}

/// Why an answer ended, in the words of its dialect.
pub(crate) fn reason(dialect: Dialect, manner: Manner, answer: &Answer) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all: Vec<Value> = match manner {
        Manner::Plain => vec![answer.json()],
        Manner::Streamed => match dialect {
            Dialect::BedrockConverse => frames(&answer.body).into_iter().map(|(_, _, payload)| payload).collect(),
            Dialect::BedrockInvoke => {
                let inner = |(_, _, payload): (String, String, Value)| {
                    serde_json::from_slice(&STANDARD.decode(word(&payload["bytes"])).unwrap()).unwrap()
                };
                frames(&answer.body).into_iter().map(inner).collect()
            }
            _ => sse(&answer.body).iter().filter_map(|(_, data)| serde_json::from_str(data).ok()).collect(),
        },
    };
    let places: &[&str] = match dialect {
        Dialect::OpenaiChat => &["/choices/0/finish_reason"],
        Dialect::OpenaiResponses => &["/incomplete_details/reason", "/response/incomplete_details/reason"],
        Dialect::BedrockConverse => &["/stopReason"],
        _ => &["/stop_reason", "/delta/stop_reason"],
    };
    let found = all.iter().flat_map(|one| places.iter().filter_map(|place| one.pointer(place)?.as_str()));
    found.last().unwrap_or_default().to_owned()
}

#[test]
fn a_blocked_answer_ends_as_its_dialect_ends_a_filtered_one_and_is_paid_as_used() {
    let world = guarded(vec![of_answers(no_secrets())]);
    each_dialect(|dialect| {
        for manner in MANNERS {
            for model in ["on-bedrock", "on-openai"] {
                let place = format!("{dialect:?} {manner:?} {model}");
                let prompt = format!("All is well so far, and here it comes: {SECRET} [[sim: chunk=1]]");
                let answer = world.send(&ask(dialect, manner, model, &prompt));
                assert_eq!((answer.status, answer.clean), (200, true), "{place}: {}", answer.text());
                let wanted = match dialect {
                    Dialect::OpenaiChat | Dialect::OpenaiResponses => "content_filter",
                    Dialect::BedrockConverse => "guardrail_intervened",
                    _ => "refusal",
                };
                assert_eq!(reason(dialect, manner, &answer), wanted, "{place}: {}", answer.text());
                let text = answer.text();
                assert!(!text.contains(SECRET) && !text.contains("AKIA"), "{place}: {text}");
                if manner == Manner::Plain {
                    assert_eq!(answer.header("x-tallygate-guardrail"), "house/secrets", "{place}");
                    assert!(text.contains("Blocked by the guardrail"), "{place}: {text}");
                }
                let row = world.row(&answer);
                assert!(told(&world, &row).contains(SECRET), "{place}");
                assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("content_blocked")), "{place}");
                assert!(row.cost.amount.nanos() > 0 && row.usage.input_tokens > 0, "{place}: {:?}", row.usage);
                assert_ne!(row.usage_source, UsageSource::None, "{place}");
                let evidence = row.guarded.unwrap();
                assert_eq!(evidence.verdict, Verdict::Blocked, "{place}");
                let hit = &evidence.hits[0];
                assert_eq!(
                    (hit.way, hit.channel, hit.action),
                    (Way::Output, Channel::Assistant, Done::Blocked),
                    "{place}"
                );
            }
        }
    });
}

#[test]
fn a_credential_whose_letters_stand_apart_is_one_in_requests_and_answers_however_wide_the_gaps() {
    let (asked, answered) = (guarded(vec![no_secrets()]), guarded(vec![of_answers(no_secrets())]));
    for gap in [" ", "  -  "] {
        let apart = SECRET.chars().map(String::from).collect::<Vec<_>>().join(gap);
        let prompt = format!("All is well so far: {apart} for it [[sim: tokens=60 chunk=1]]");
        for manner in MANNERS {
            let answer = asked.send(&ask(Dialect::OpenaiChat, manner, "on-openai", &prompt));
            assert_eq!(answer.header("x-tallygate-error-code"), "content_blocked", "{prompt}: {}", answer.text());
            let answer = answered.send(&ask(Dialect::OpenaiChat, manner, "on-openai", &prompt));
            assert_eq!(reason(Dialect::OpenaiChat, manner, &answer), "content_filter", "{prompt}: {}", answer.text());
            let told = texts(Dialect::OpenaiChat, manner, &answer);
            assert!(!told.contains(&format!("A{gap}K")), "{told}");
        }
    }
    assert!(asked.sim.books.entries().is_empty());
}

/// The texts of an answer by the place in which a caller finds them, told apart from how they came.
fn texts(dialect: Dialect, manner: Manner, answer: &Answer) -> String {
    crate::speak::hear(dialect, manner, answer).text
}

#[test]
fn a_stream_says_what_the_whole_answer_says_however_it_is_cut() {
    let world = guarded(vec![of_answers(no_mail(Action::Redact(Style::Tag)))]);
    for dialect in CHAT {
        let asked = |manner, chunk| {
            let prompt = format!("from {EMAIL} to grace@hopper-navy.org, and back [[sim: tokens=60 chunk={chunk}]]");
            let answer = world.send(&ask(dialect, manner, "on-bedrock", &prompt));
            assert!(answer.clean && answer.status == 200, "{}", answer.text());
            assert!(!answer.text().contains("lovelace") && !answer.text().contains("hopper"), "{}", answer.text());
            texts(dialect, manner, &answer)
        };
        let whole = asked(Manner::Plain, 1);
        assert!(whole.contains("[EMAIL_1]") && whole.contains("[EMAIL_2]"), "{whole}");
        for chunk in [1, 2, 7, 60] {
            assert_eq!(asked(Manner::Streamed, chunk), whole, "{dialect:?} {chunk}");
        }
    }
}

/// A call with a tool whose arguments the simulated model fills with this.
fn calling(dialect: Dialect, manner: Manner, model: &str, value: &str) -> crate::wire::Call {
    let mut call = ask(dialect, manner, model, "[[sim: tools=1]]");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    let schema = json!({"type": "object", "properties": {"to": {"const": value}}});
    let (name, about) = ("send", "Sends.");
    match dialect {
        Dialect::OpenaiChat => {
            let function = json!({"name": name, "description": about, "parameters": schema});
            body["tools"] = json!([{"type": "function", "function": function}]);
        }
        Dialect::OpenaiResponses => {
            body["tools"] = json!([{"type": "function", "name": name, "description": about, "parameters": schema, "strict": false}]);
        }
        Dialect::BedrockConverse => {
            let spec = json!({"name": name, "description": about, "inputSchema": {"json": schema}});
            body["toolConfig"] = json!({"tools": [{"toolSpec": spec}]});
        }
        _ => body["tools"] = json!([{"name": name, "description": about, "input_schema": schema}]),
    }
    call.body = body.to_string().into_bytes();
    call
}

#[test]
fn arguments_of_tools_are_no_way_out() {
    let world = guarded(vec![of_answers(no_mail(Action::Redact(Style::Tag))), of_answers(no_secrets())]);
    each_dialect(|dialect| {
        for manner in MANNERS {
            for model in ["on-bedrock", "on-openai"] {
                let place = format!("{dialect:?} {manner:?} {model}");
                let answer = world.send(&calling(dialect, manner, model, EMAIL));
                let row = world.row(&answer);
                assert_eq!((answer.status, row.ending), (200, Ending::Ok), "{place}: {}", answer.text());
                let hits = &row.guarded.unwrap().hits;
                let in_arguments = |hit: &Hit| (hit.channel, hit.action) == (Channel::ToolArguments, Done::Redacted);
                assert!(hits.iter().any(in_arguments), "{place}: {hits:?}");
                let text = shown(dialect, manner, &answer);
                assert!(!text.contains("lovelace") && text.contains("EMAIL_1"), "{place}: {text}");

                let answer = world.send(&calling(dialect, manner, model, SECRET));
                let row = world.row(&answer);
                assert_eq!(row.fault.as_deref(), Some("content_blocked"), "{place}: {}", answer.text());
                assert!(!shown(dialect, manner, &answer).contains("AKIA"), "{place}: {}", answer.text());
            }
        }
    });
}

/// All that a caller is shown, with pieces of arguments put together.
fn shown(dialect: Dialect, manner: Manner, answer: &Answer) -> String {
    if manner == Manner::Plain {
        return answer.text();
    }
    let mut all = String::new();
    let events: Vec<Value> = match dialect {
        Dialect::BedrockConverse => frames(&answer.body).into_iter().map(|(_, _, payload)| payload).collect(),
        Dialect::BedrockInvoke => frames(&answer.body)
            .into_iter()
            .map(|(_, _, payload)| {
                let inner = STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
                serde_json::from_slice(&inner).unwrap()
            })
            .collect(),
        _ => sse(&answer.body).iter().filter_map(|(_, data)| serde_json::from_str(data).ok()).collect(),
    };
    for event in events {
        for place in [
            "/choices/0/delta/tool_calls/0/function/arguments",
            "/delta/partial_json",
            "/delta/toolUse/input",
            "/choices/0/delta/reasoning_content",
            "/delta/thinking",
            "/delta/reasoningContent/text",
            "/delta",
        ] {
            all += event.pointer(place).and_then(Value::as_str).unwrap_or_default();
        }
    }
    all + &answer.text()
}

#[test]
fn reasoning_is_no_way_out() {
    let world = guarded(vec![of_answers(no_mail(Action::Redact(Style::Tag)))]);
    for (dialect, model) in [
        (Dialect::OpenaiChat, "on-local"),
        (Dialect::AnthropicMessages, "on-anthropic"),
        (Dialect::BedrockConverse, "on-bedrock"),
    ] {
        for manner in MANNERS {
            let place = format!("{dialect:?} {manner:?}");
            let prompt = format!("think of {EMAIL} [[sim: think=40 chunk=1]]");
            let answer = world.send(&ask(dialect, manner, model, &prompt));
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            let hits = world.row(&answer).guarded.unwrap().hits;
            let channels: Vec<Channel> = hits.iter().map(|hit| hit.channel).collect();
            assert!(channels.contains(&Channel::Reasoning), "{place}: {hits:?} {}", answer.text());
            assert!(!shown(dialect, manner, &answer).contains(EMAIL), "{place}: {}", answer.text());
        }
    }
}

#[test]
fn what_cannot_be_read_is_not_let_through_unchecked() {
    let secret = format!("data: not json but {SECRET}\n\n");
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello. "}, "finish_reason": null}]});
    let pieces = [format!("data: {chunk}\n\n").into_bytes(), secret.into_bytes(), b"data: [DONE]\n\n".to_vec()];
    let recorder = Recorder::chunked("text/event-stream", &pieces);
    let providers = format!(
        "- {{ name: odd, kind: openai_compatible, base_url: 'http://{}/v1', api_key: 'env:SIM_KEY' }}\n",
        recorder.address
    );
    let models = "- { name: odd, targets: [{ provider: odd, model: m }] }\n".to_owned();
    let world = World::with(Setup { providers, models, guards: vec![house(vec![no_secrets()])], ..Setup::default() });
    let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Streamed, "odd", "hello"));
    let text = answer.text();
    assert!(!text.contains("AKIA") && text.contains("Hello. ") && text.contains("upstream_garbage"), "{text}");
    let row = world.row(&answer);
    assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("upstream_garbage")));
}

#[test]
fn a_stream_that_fails_says_no_more_than_was_checked() {
    let world = guarded(vec![of_answers(no_mail(Action::Redact(Style::Tag)))]);
    for dialect in CHAT {
        for script in ["fail_after=8", "die_after=8", "truncate_after=8", "garbage_after=8"] {
            for model in ["on-bedrock", "on-openai", "on-anthropic"] {
                let place = format!("{dialect:?} {script} {model}");
                let prompt = format!("write to {EMAIL} now [[sim: chunk=1 {script}]]");
                let answer = world.send(&ask(dialect, Manner::Streamed, model, &prompt));
                let heard = crate::speak::hear(dialect, Manner::Streamed, &answer);
                assert!(!answer.text().contains("lovelace"), "{place}: {}", answer.text());
                assert!(heard.error.is_some() && !heard.ended, "{place}: {}", answer.text());
                assert_eq!(world.row(&answer).ending, Ending::Truncated, "{place}");
            }
        }
    }
}
