//! Answers of which something is no text: pictures, sound with its transcript, and what is written where nobody looks at it.

use crate::guarded::{EMAIL, house, no_mail, rule};
use crate::guarded_told::{answering, answering_with, events, response, whole};
use crate::recorder::Recorder;
use crate::speak::{Manner, ask, error};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Verdict, Way};
use tg_kernel::passage::Channel;
use tg_kernel::record::{Ending, Record};
use tg_policy::admit::Mode;
use tg_policy::guard::{Action, Channels, Check, On, Rule, Set, Style, WhenAway};

/// What is no text: a stretch of sound, or a picture.
fn bytes() -> String {
    STANDARD.encode([200_u8; 600])
}

fn on_answers() -> Rule {
    Rule { on: Some(On::Output), ..no_mail(Action::Redact(Style::Tag)) }
}

/// The house's set with this rule, and whether it withholds what it cannot read of answers.
fn of(rule: Rule, withholds: bool) -> Set {
    Set { blocks_unread_answers: withholds, ..house(vec![rule]) }
}

/// A spoken answer, whole and streamed: its words come in two pieces, its sound in between and behind.
fn spoken(transcript: &str) -> (Value, Vec<(&'static str, Value)>) {
    let audio = json!({"id": "audio_1", "data": bytes(), "expires_at": 1_700_000_000, "transcript": transcript});
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
    let message = json!({"role": "assistant", "content": null, "refusal": null, "audio": audio});
    let whole = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "there", "usage": usage,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
    let chunk = |choices: Value| {
        (
            "",
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "there", "choices": choices}),
        )
    };
    let delta =
        |delta: Value, reason: Option<&str>| chunk(json!([{"index": 0, "delta": delta, "finish_reason": reason}]));
    let (begin, end) = transcript.split_at(transcript.len() / 2);
    let (front, back) = (bytes(), bytes());
    let mut last = chunk(json!([]));
    last.1["usage"] = usage;
    let events = vec![
        delta(json!({"role": "assistant", "content": null, "audio": {"id": "audio_1", "transcript": begin}}), None),
        delta(json!({"audio": {"data": front}}), None),
        delta(json!({"audio": {"transcript": end}}), None),
        delta(json!({"audio": {"data": back}}), None),
        delta(json!({"audio": {"expires_at": 1_700_000_000}}), None),
        delta(json!({}), Some("stop")),
        last,
    ];
    (whole, events)
}

/// What a provider sends that speaks, with the end of its stream.
fn speaking(transcript: &str) -> [(&'static str, Dialect, Recorder); 2] {
    sending(spoken(transcript))
}

/// The same where it calls a tool beside, with these words.
fn speaking_and_calling(transcript: &str, word: &str) -> [(&'static str, Dialect, Recorder); 2] {
    let (mut body, mut all) = spoken(transcript);
    let arguments = json!({ "to": word }).to_string();
    let call =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}});
    let mut delta = all[4].1.clone();
    delta["choices"][0]["delta"] = json!({ "tool_calls": [call] });
    all.insert(1, ("", delta));
    body["choices"][0]["message"]["tool_calls"] = json!([call]);
    sending((body, all))
}

fn sending((body, mut all): (Value, Vec<(&'static str, Value)>)) -> [(&'static str, Dialect, Recorder); 2] {
    all.push(("", json!("DONE")));
    let streamed: Vec<Vec<u8>> = all.iter().map(|(_, data)| frame(data)).collect();
    [
        ("plain", Dialect::OpenaiChat, whole(&body)),
        ("streamed", Dialect::OpenaiChat, Recorder::chunked("text/event-stream", &streamed)),
    ]
}

fn frame(data: &Value) -> Vec<u8> {
    let data = if data == "DONE" { "[DONE]".to_owned() } else { data.to_string() };
    format!("data: {data}\n\n").into_bytes()
}

/// Asks both of them.
fn listen(world: &World) -> Vec<(Manner, Answer, Record)> {
    let asked = |(manner, model): (Manner, &str)| {
        let answer = world.send(&ask(Dialect::OpenaiChat, manner, model, "say it"));
        let row = world.row(&answer);
        (manner, answer, row)
    };
    [(Manner::Plain, "plain"), (Manner::Streamed, "streamed")].into_iter().map(asked).collect()
}

/// What stopped an answer: rule, check, and what was found.
fn stopped(row: &Record) -> Vec<(String, String, String)> {
    let evidence = row.guarded.as_ref().unwrap();
    let blocked = evidence.hits.iter().filter(|hit| (hit.way, hit.action) == (Way::Output, Done::Blocked));
    blocked.map(|hit| (hit.rule.to_string(), hit.check.to_string(), hit.found.to_string())).collect()
}

#[test]
fn sound_goes_on_as_it_came_where_the_policy_says_so_and_its_words_are_let_go() {
    let transcript = "The shop is open from seven to four, and all are welcome.";
    let world = answering(&speaking(transcript), of(on_answers(), false));
    let (body, _) = spoken(transcript);
    for (manner, answer, row) in listen(&world) {
        assert_eq!((answer.status, answer.clean), (200, true), "{manner:?}: {}", answer.text());
        assert_eq!((row.ending, row.guarded.unwrap().verdict), (Ending::Ok, Verdict::Passed), "{manner:?}");
        match manner {
            Manner::Plain => assert_eq!(answer.json(), body),
            Manner::Streamed => {
                let text = answer.text();
                assert_eq!(text.matches(&bytes()).count(), 2, "{text}");
                assert!(text.contains("welcome.") && text.contains("[DONE]"), "{text}");
            }
        }
    }
}

#[test]
fn what_a_rule_takes_out_of_words_is_not_heard_either() {
    let transcript = format!("Write to {EMAIL} if there is more to ask, and somebody will answer.");
    let mail = ("mail".to_owned(), "pii".to_owned(), "email".to_owned());
    for action in [Action::Redact(Style::Tag), Action::Block] {
        let world = answering(&speaking(&transcript), of(Rule { action: action.clone(), ..on_answers() }, false));
        for (manner, answer, row) in listen(&world) {
            let (place, text) = (format!("{action:?} {manner:?}"), answer.text());
            assert_eq!((answer.status, answer.clean), (200, true), "{place}: {text}");
            assert!(!text.contains(&bytes()) && !text.contains("lovelace"), "{place}: {text}");
            assert!(text.contains("content_filter"), "{place}: {text}");
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("content_blocked")), "{place}");
            assert!(stopped(&row).contains(&mail), "{place}: {:?}", row.guarded);
            if manner == Manner::Plain {
                let is_said = text.contains("sound is not changed");
                assert_eq!(is_said, action != Action::Block, "{place}: {text}");
            }
        }
    }
    // Rules that only watch, or look at requests, keep nothing back.
    for rule in [Rule { mode: Mode::Observe, ..on_answers() }, Rule { on: Some(On::Input), ..on_answers() }] {
        let world = answering(&speaking(&transcript), of(rule, true));
        for (manner, answer, _) in listen(&world) {
            assert!(answer.text().contains(&bytes()), "{manner:?}: {}", answer.text());
        }
    }
}

#[test]
fn what_a_service_takes_out_silences_what_is_spoken_and_nothing_else() {
    const HOOK: &str =
        "- { name: hook, kind: webhook, url: 'HOOK_URL/check', secret: 'env:HOOK_SECRET', remember: 'off' }\n";
    let asks = |name: &str, channel: Channel, pieces| {
        let check = Check::External { service: "hook".into(), when_away: WhenAway::Block, beside: false };
        let channels = Some(Channels::of(&[channel]));
        Rule { on: Some(On::Output), channels, pieces, ..rule(name, check, Action::Redact(Style::Tag)) }
    };
    for pieces in [None, Some(200)] {
        let rules = vec![asks("calls", Channel::ToolArguments, pieces), asks("words", Channel::Assistant, pieces)];
        let transcript = "The shop is open from seven to four, and all are welcome.";
        let world = answering_with(&speaking_and_calling(transcript, "mask-me"), house(rules.clone()), HOOK);
        for (manner, answer, row) in listen(&world) {
            let (place, text) = (format!("{pieces:?} {manner:?}"), answer.text());
            assert_eq!((row.ending, row.guarded.unwrap().verdict), (Ending::Ok, Verdict::Changed), "{place}: {text}");
            assert!(text.contains(&bytes()) && text.contains("[gone]") && !text.contains("mask-me"), "{place}: {text}");
        }
        let transcript = "The shop is open to mask-me from seven to four, and all are welcome.";
        let world = answering_with(&speaking_and_calling(transcript, "mask-me"), house(rules), HOOK);
        for (manner, answer, row) in listen(&world) {
            let (place, text) = (format!("{pieces:?} {manner:?}"), answer.text());
            assert!(!text.contains(&bytes()) && !text.contains("mask-me"), "{place}: {text}");
            assert!(text.contains("content_filter"), "{place}: {text}");
            assert_eq!(row.fault.as_deref(), Some("content_blocked"), "{place}");
            assert!(stopped(&row).iter().all(|(rule, ..)| rule == "words"), "{place}: {:?}", row.guarded);
            if manner == Manner::Plain {
                assert!(text.contains("`house/words`") && text.contains("sound is not changed"), "{place}: {text}");
            }
        }
    }
}

#[test]
fn sound_is_withheld_where_the_policy_says_so() {
    let world = answering(&speaking("The shop is open."), of(on_answers(), true));
    for (manner, answer, row) in listen(&world) {
        let text = answer.text();
        assert_eq!((answer.status, answer.clean), (200, true), "{manner:?}: {text}");
        assert!(!text.contains(&bytes()) && text.contains("content_filter"), "{manner:?}: {text}");
        assert_eq!(row.fault.as_deref(), Some("content_blocked"), "{manner:?}");
        assert_eq!(
            stopped(&row),
            [("unreadable".to_owned(), "unreadable".to_owned(), "audio".to_owned())],
            "{manner:?}"
        );
        if manner == Manner::Plain {
            assert_eq!(answer.header("x-tallygate-guardrail"), "house/unreadable");
            assert!(text.contains("does not let through what it cannot read (audio)"), "{text}");
        }
    }
}

/// Answers with a picture, by the dialect in which they come and whether they are streamed.
fn pictures() -> Vec<(&'static str, Dialect, Recorder)> {
    let item = |status: &str, result: Option<String>| {
        json!({"type": "image_generation_call", "id": "ig_1", "status": status, "result": result, "size": "1024x1024",
               "revised_prompt": "a red bicycle", "output_format": "png", "quality": "high", "background": "opaque"})
    };
    let done = item("completed", Some(bytes()));
    let named = |name: &'static str, mut data: Value| {
        data["type"] = name.into();
        (name, data)
    };
    let streamed = [
        named("response.created", json!({"response": response("in_progress", &json!([]))})),
        named("response.output_item.added", json!({"output_index": 0, "item": item("in_progress", None)})),
        named("response.image_generation_call.generating", json!({"output_index": 0, "item_id": "ig_1"})),
        named(
            "response.image_generation_call.partial_image",
            json!({"output_index": 0, "item_id": "ig_1", "partial_image_index": 0, "partial_image_b64": bytes()}),
        ),
        named("response.output_item.done", json!({"output_index": 0, "item": done})),
        named("response.completed", json!({"response": response("completed", &json!([done]))})),
    ];
    vec![
        ("plain", Dialect::OpenaiResponses, whole(&response("completed", &json!([done])))),
        ("streamed", Dialect::OpenaiResponses, events(&streamed)),
        ("canvas", Dialect::BedrockInvoke, whole(&json!({"images": [bytes()], "error": null}))),
    ]
}

#[test]
fn pictures_are_withheld_or_go_on_as_the_policy_says() {
    for withholds in [true, false] {
        let world = answering(&pictures(), of(on_answers(), withholds));
        let drawing = json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a red bicycle"}}).to_string();
        let canvas = Call::post("/model/canvas/invoke", drawing).header("content-type", "application/json");
        for (name, call) in [
            ("plain", ask(Dialect::OpenaiResponses, Manner::Plain, "plain", "draw it")),
            ("streamed", ask(Dialect::OpenaiResponses, Manner::Streamed, "streamed", "draw it")),
            ("canvas", canvas),
        ] {
            let answer = world.send(&call);
            let (row, text) = (world.row(&answer), answer.text());
            assert_eq!(text.contains(&bytes()), !withholds, "{name}: {text}");
            assert_eq!(row.fault.is_none(), !withholds, "{name}: {:?}", row.fault);
            if !withholds {
                assert_eq!((answer.status, row.ending), (200, Ending::Ok), "{name}: {text}");
                continue;
            }
            assert_eq!(
                stopped(&row),
                [("unreadable".to_owned(), "unreadable".to_owned(), "image".to_owned())],
                "{name}"
            );
            if name == "canvas" {
                assert_eq!(answer.status, 400, "{text}");
                assert_eq!(error(Dialect::BedrockInvoke, &answer).0, "ValidationException");
            } else {
                assert!(answer.status == 200 && text.contains("content_filter"), "{name}: {text}");
            }
        }
    }
}

#[test]
fn what_is_written_where_nobody_looks_is_not_begun_under_rules_that_look_at_answers() {
    let words = || rule("words", Check::Words { list: vec!["plumbus".into()], fuzzy: 0 }, Action::Block);
    for (rule, is_refused) in [
        (on_answers(), true),
        (words(), true),
        (Rule { on: Some(On::Input), ..words() }, false),
        (Rule { mode: Mode::Observe, ..words() }, false),
        (no_mail(Action::Restore(Style::Tag)), false),
    ] {
        let place = format!("{rule:?}");
        let world = World::with(Setup {
            guards: vec![house(vec![rule])],
            bedrock: ", async_output: ['s3://out/{team}/']".to_owned(),
            models: "- { name: 'amazon.*', targets: [{ provider: bedrock }] }\n".to_owned(),
            ..Setup::default()
        });
        let body = json!({
            "modelId": "amazon.nova-reel-v1:1",
            "modelInput": {"taskType": "TEXT_VIDEO", "textToVideoParams": {"text": "a red bicycle"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://out/red/"}},
        });
        let answer =
            world.send(&Call::post("/async-invoke", body.to_string()).header("content-type", "application/json"));
        assert_eq!(world.sim.invocations.all().len(), usize::from(!is_refused), "{place}: {}", answer.text());
        let row = world.row(&answer);
        if !is_refused {
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            continue;
        }
        assert_eq!((answer.status, row.ending), (400, Ending::Refused), "{place}: {}", answer.text());
        let (kind, message) = error(Dialect::BedrockInvoke, &answer);
        assert_eq!(kind, "ValidationException", "{place}");
        assert!(message.contains("is written where no guardrail sees it"), "{place}: {message}");
        assert_eq!(answer.header("x-tallygate-error-code"), "content_blocked", "{place}");
        let evidence = row.guarded.unwrap();
        assert_eq!((evidence.verdict, &*evidence.hits[0].found), (Verdict::Blocked, "unseen_output"), "{place}");
    }
}
