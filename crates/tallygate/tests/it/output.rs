//! Output that is bounded by what is left of limits: clamped before it is sent, or cut as it streams.

use crate::recorder::Recorder;
use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, frames, hear, sse, streamed};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, until};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Record};
use tg_kernel::usage::UsageSource;

/// Models whose streams show all that they make.
const SHOWN: [&str; 4] = ["gpt-4.1", "on-anthropic", "on-bedrock", "on-local"];

fn world(limits: &str) -> World {
    World::with(Setup { limits: limits.to_owned(), ..Setup::default() })
}

/// An answer to somebody who has asked for nothing yet, and its row.
fn fresh(world: &World, call: &Call) -> (Answer, Record) {
    let key = world.issue(&world.new_key("red"));
    let answer = call.clone().bearer(key.secret.expose()).send(world.address);
    let row = world.row(&answer);
    (answer, row)
}

/// The events of a stream: name and JSON.
fn events(dialect: Dialect, body: &[u8]) -> Vec<Value> {
    let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
    match dialect {
        Dialect::BedrockConverse => frames(body).into_iter().map(|(_, name, data)| json!({ name: data })).collect(),
        Dialect::BedrockInvoke => frames(body)
            .into_iter()
            .map(|(_, _, data)| serde_json::from_slice(&STANDARD.decode(data["bytes"].as_str().unwrap()).unwrap()))
            .map(Result::unwrap)
            .collect(),
        _ => sse(body).iter().map(|(_, data)| json(data)).collect(),
    }
}

/// Why a streamed answer ended, in its dialect's own words.
fn reason(dialect: Dialect, body: &[u8]) -> String {
    let place = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiEmbeddings => "/choices/0/finish_reason",
        Dialect::OpenaiResponses => "/response/incomplete_details/reason",
        Dialect::AnthropicMessages | Dialect::BedrockInvoke => "/delta/stop_reason",
        Dialect::BedrockConverse => "/messageStop/stopReason",
    };
    let all = events(dialect, body);
    let found = all.iter().filter_map(|event| event.pointer(place)?.as_str()).next_back();
    found.unwrap_or_default().to_owned()
}

fn length(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiEmbeddings => "length",
        Dialect::OpenaiResponses => "max_output_tokens",
        _ => "max_tokens",
    }
}

#[test]
fn a_call_that_allows_more_than_is_left_is_sent_with_what_is_left_and_says_so() {
    let limits = "- { name: words, each: [key], output_tokens: 400/31d, output: clamp, reserve: most }\n";
    let world = world(limits);
    each_dialect(|dialect| {
        for (model, manner) in ["on-openai", "on-anthropic", "on-bedrock", "on-nova", "on-local"]
            .into_iter()
            .flat_map(|model| MANNERS.map(|manner| (model, manner)))
        {
            if dialect == Dialect::BedrockInvoke && model == "on-nova" {
                continue;
            }
            let case = format!("{dialect:?} {manner:?} {model}");
            let (answer, row) = fresh(&world, &ask(dialect, manner, model, "[[sim: tokens=3000]] much"));
            assert_eq!(answer.status, 200, "{case}: {}", answer.text());
            assert_eq!(answer.header("x-tallygate-clamped"), "output_tokens=400", "{case}");
            assert_eq!(row.usage.output_tokens, 400, "{case}");
            assert_eq!(row.served.unwrap().stop.as_deref(), Some("max_tokens"), "{case}");
            assert_eq!((row.ending, row.usage_source), (Ending::Ok, UsageSource::Reported), "{case}");
        }
    });
}

#[test]
fn a_call_that_allows_less_than_is_left_is_sent_as_it_came() {
    let world = world("- { name: words, each: [key], output_tokens: 200k/31d, output: clamp }\n");
    for dialect in CHAT {
        let (answer, row) = fresh(&world, &ask(dialect, Manner::Streamed, "on-anthropic", "hi"));
        assert_eq!((answer.status, answer.header("x-tallygate-clamped")), (200, ""), "{dialect:?}");
        assert_eq!(row.ending, Ending::Ok);
    }
}

#[test]
fn vectors_by_invoke_model_are_not_held_up_by_a_limit_that_clamps() {
    let world = world("- { name: words, each: [key], output_tokens: 400/31d, output: clamp }\n");
    let call = Call::post("/model/us.amazon.titan-embed-text-v2:0/invoke", json!({"inputText": "hi"}).to_string());
    let (answer, _) = fresh(&world, &call.header("content-type", "application/json"));
    assert_eq!((answer.status, answer.header("x-tallygate-clamped")), (200, ""), "{}", answer.text());
}

#[test]
fn a_reasoning_budget_that_does_not_fit_is_refused_and_not_sent_broken() {
    let world = world("- { name: words, each: [key], output_tokens: 2k/31d, output: clamp }\n");
    let thinking = json!({"type": "enabled", "budget_tokens": 1500});
    let message = json!([{"role": "user", "content": "hi"}]);
    let body =
        |max: u64| json!({"model": "on-anthropic", "max_tokens": max, "thinking": thinking, "messages": message});
    let call = |max| Call::post("/v1/messages", body(max).to_string()).header("anthropic-version", "2023-06-01");
    let key = world.issue(&world.new_key("red"));
    let send = |max| call(max).bearer(key.secret.expose()).send(world.address);
    assert_eq!(send(9_000).header("x-tallygate-clamped"), "output_tokens=2000", "there is room for more than it");
    let spend = ask(Dialect::AnthropicMessages, Manner::Plain, "on-anthropic", "[[sim: tokens=700]] much");
    let spent = spend.bearer(key.secret.expose()).send(world.address);
    assert_eq!(spent.status, 200, "{}", spent.text());
    world.row(&spent);
    let refused = send(9_000);
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.text().contains("This call needs about 1501"), "{}", refused.text());
    let entries = world.sim.books.entries();
    assert!(entries.iter().all(|entry| entry.status == 200), "{entries:?}");
}

#[test]
fn each_of_several_answers_counts() {
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
    .to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let recorder = Recorder::answering(vec![head.into_bytes(), body.into_bytes()]);
    let limits = "- { name: words, output_tokens: 900/31d, output: clamp, reserve: most, output_min: 225 }\n";
    let world = at(&recorder, limits);
    for (answers, clamped) in [(1, "output_tokens=900"), (3, "output_tokens=299"), (4, "")] {
        let prompt = [json!({"role": "user", "content": "much"})];
        let body = json!({"model": "at", "n": answers, "max_tokens": 1000, "messages": prompt}).to_string();
        let answer = world.send(&Call::post("/v1/chat/completions", body).header("content-type", "application/json"));
        assert_eq!(answer.header("x-tallygate-clamped"), clamped, "{}", answer.text());
        world.row(&answer);
        if clamped.is_empty() {
            assert_eq!(answer.status, 429, "{}", answer.text());
            assert!(answer.text().contains("about 900, 898 are left"), "{}", answer.text());
        }
    }
    let sent: Vec<Value> = recorder.seen().iter().map(|seen| serde_json::from_str(&seen.text()).unwrap()).collect();
    assert_eq!(sent.iter().map(|body| &body["max_tokens"]).collect::<Vec<_>>(), [900, 299]);
}

/// A gateway whose model `at` is served by a recording provider.
fn at(recorder: &Recorder, limits: &str) -> World {
    let (at, kind) = (recorder.address, "openai_compatible");
    World::with(Setup {
        providers: format!("- {{ name: at, kind: {kind}, base_url: 'http://{at}/v1', api_key: 'env:SIM_KEY' }}\n"),
        models: "- { name: at, targets: [{ provider: at }] }\n".to_owned(),
        limits: limits.to_owned(),
        ..Setup::default()
    })
}

#[test]
fn a_stream_for_which_nothing_is_left_ends_as_one_that_has_reached_its_length() {
    let world = world("- { name: words, each: [key], output_tokens: 600/31d, output: cut }\n");
    each_dialect(|dialect| {
        for model in SHOWN {
            let case = format!("{dialect:?} {model}");
            let prompt = "[[sim: tokens=3000 delay=1ms]] much";
            let (answer, row) = fresh(&world, &ask(dialect, Manner::Streamed, model, prompt));
            assert_eq!(answer.status, 200, "{case}: {}", answer.text());
            let heard = streamed(dialect, &answer.body);
            assert_eq!(reason(dialect, &answer.body), length(dialect), "{case}: {}", answer.text());
            assert_eq!(heard.error, None, "{case}");
            assert!(heard.ended || dialect == Dialect::OpenaiResponses, "{case}: {}", answer.text());
            assert!((400..=600).contains(&heard.text.len()), "{case}: {} bytes", heard.text.len());
            assert_eq!((row.ending, row.fault.as_deref()), (Ending::Truncated, Some("output_cut")), "{case}");
            assert_eq!(row.usage_source, UsageSource::Estimated, "{case}");
            assert!((100..=600).contains(&row.usage.output_tokens), "{case}: {:?}", row.usage);
            assert_eq!(row.served.unwrap().stop.as_deref(), Some("max_tokens"), "{case}");
            if dialect != Dialect::OpenaiResponses {
                let told = heard.usage.map(|(_, output)| output);
                assert_eq!(told, Some(row.usage.output_tokens), "{case}: what the caller is told is what is booked");
            }
        }
    });
    let left = || world.sim.books.entries().iter().all(|entry| entry.output_emitted < 3_000).then_some(());
    until("every provider was left before its end", left);
}

#[test]
fn a_stream_that_was_cut_or_left_leaves_no_phantom_refusal() {
    let world = world("- { name: words, each: [key], output_tokens: 600/31d, output: cut }\n");
    for leaves in [false, true] {
        let key = world.issue(&world.new_key("red"));
        let prompt = "[[sim: tokens=3000 delay=5ms]] much";
        let call =
            ask(Dialect::AnthropicMessages, Manner::Streamed, "on-anthropic", prompt).bearer(key.secret.expose());
        let before = world.rows().len();
        let mut running = call.open(world.address);
        assert_eq!(running.status, 200);
        running.piece();
        if leaves {
            drop(running);
        } else {
            running.whole();
        }
        let rows = until("its row", || Some(world.rows()).filter(|rows| rows.len() > before));
        let row = rows.iter().max_by_key(|row| row.started_at).unwrap();
        assert_eq!(row.ending, if leaves { Ending::ClientGone } else { Ending::Truncated });
        let body = json!({"model": "on-anthropic", "max_tokens": 20,
            "messages": [{"role": "user", "content": "[[sim: status=400]]"}]});
        let probe = Call::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01");
        let answer = probe.bearer(key.secret.expose()).send(world.address);
        let left: u64 = answer.header("anthropic-ratelimit-output-tokens-remaining").parse().unwrap();
        assert_eq!(left + 20 + row.usage.output_tokens, 600, "what was not used is back");
    }
}

#[test]
fn an_answer_that_fits_passes_a_limit_that_cuts_untouched() {
    let (free, bounded) = (world(""), world("- { name: words, each: [key], output_tokens: 100k/31d, output: cut }\n"));
    for dialect in CHAT {
        for model in SHOWN {
            let prompt = "[[sim: tokens=700]] much";
            let call = ask(dialect, Manner::Streamed, model, prompt);
            let (one, of_one) = fresh(&free, &call);
            let (other, of_other) = fresh(&bounded, &call);
            let case = format!("{dialect:?} {model}");
            assert_eq!(hear(dialect, Manner::Streamed, &one), hear(dialect, Manner::Streamed, &other), "{case}");
            assert_eq!((of_other.ending, of_other.usage_source), (Ending::Ok, UsageSource::Reported), "{case}");
            assert_eq!(of_one.usage, of_other.usage, "{case}");
        }
    }
}

#[test]
fn what_reasons_out_of_sight_or_does_not_stream_is_clamped_and_not_cut() {
    let world = world("- { name: words, each: [key], output_tokens: 400/31d, output: cut }\n");
    for (dialect, manner, model) in [
        (Dialect::OpenaiChat, Manner::Streamed, "on-openai"),
        (Dialect::OpenaiResponses, Manner::Streamed, "on-openai"),
        (Dialect::AnthropicMessages, Manner::Plain, "on-anthropic"),
        (Dialect::OpenaiChat, Manner::Plain, "on-local"),
    ] {
        let (answer, row) = fresh(&world, &ask(dialect, manner, model, "[[sim: tokens=3000]] much"));
        assert_eq!(answer.header("x-tallygate-clamped"), "output_tokens=400", "{dialect:?} {manner:?} {model}");
        assert_eq!((row.ending, row.usage.output_tokens), (Ending::Ok, 400), "{dialect:?} {manner:?} {model}");
    }
}

#[test]
fn however_many_stream_at_once_they_are_not_booked_more_than_the_limit_has() {
    let world = world("- { name: words, output_tokens: 3k/31d, output: cut, output_min: 16 }\n");
    let prompt = "[[sim: tokens=2000 delay=1ms]] much";
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..24)
            .map(|number| {
                let (dialect, model) = (CHAT[number % CHAT.len()], SHOWN[number % SHOWN.len()]);
                let call = world.keyed(&ask(dialect, Manner::Streamed, model, prompt));
                let address = world.address;
                scope.spawn(move || call.send(address).status)
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
    let rows = until("a row for each", || Some(world.rows()).filter(|rows| rows.len() == 24));
    let booked: u64 = rows.iter().map(|row| row.usage.output_tokens).sum();
    assert!((500..=3_000).contains(&booked), "{booked}");
}

#[test]
fn a_stream_is_cut_at_the_same_place_however_its_bytes_come() {
    let delta = |text: &str| {
        let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
        format!(
            "data: {}\n\n",
            json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})
        )
    };
    let whole: String = (0..100).map(|number| delta(&format!("word {number:02} "))).collect();
    let mut answers = Vec::new();
    for size in [1, 7, 100, 1_000, 100_000] {
        let pieces: Vec<Vec<u8>> = whole.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let recorder = Recorder::chunked("text/event-stream", &pieces);
        let world = at(&recorder, "- { name: words, output_tokens: 304/31d, output: cut }\n");
        let answer = world.send(&ask(Dialect::OpenaiChat, Manner::Streamed, "at", "hi"));
        let row = world.row(&answer);
        answers.push((answer.text(), row.usage.output_tokens));
    }
    let (text, booked) = &answers[0];
    assert!(text.contains("word 37") && !text.contains("word 38"), "eight bytes each, and 304 of them: {text}");
    assert_eq!(*booked, 78, "304 bytes, and the one frame too many");
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
}
