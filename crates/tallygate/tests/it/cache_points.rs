//! Points for prompt caches that the gateway puts: only where they pay, and what they saved is in the ledger.

use crate::speak::{CHAT, Manner, hear, path};
use crate::wire::{Answer, Call};
use crate::world::{Setup, World};
use serde_json::{Value, json};
use tg_kernel::decided::CachePoints;
use tg_kernel::dialect::Dialect;
use tg_kernel::units::Money;

fn world(rules: &str) -> World {
    World::with(Setup { more: format!("prompt_cache: {rules}\n"), ..Setup::default() })
}

/// Instructions of some 5 000 tokens.
fn instructions(words: &str) -> String {
    format!("{words} ").repeat(20_000 / (words.len() + 1) + 1)
}

fn asked(dialect: Dialect, model: &str, system: &str, turns: &[&str]) -> Call {
    let role = |place: usize| if place.is_multiple_of(2) { "user" } else { "assistant" };
    let turns = turns.iter().enumerate();
    let plain: Vec<Value> = turns.clone().map(|(n, text)| json!({"role": role(n), "content": text})).collect();
    let blocks: Vec<Value> = turns.map(|(n, text)| json!({"role": role(n), "content": [{"text": text}]})).collect();
    let body = match dialect {
        Dialect::OpenaiChat => {
            let system = json!({"role": "system", "content": system});
            json!({"model": model, "messages": std::iter::once(system).chain(plain).collect::<Vec<_>>()})
        }
        Dialect::OpenaiResponses => json!({"model": model, "instructions": system, "input": plain}),
        Dialect::AnthropicMessages => json!({"model": model, "max_tokens": 99, "system": system, "messages": plain}),
        Dialect::BedrockConverse => json!({"system": [{"text": system}], "messages": blocks}),
        _ => json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "system": system, "messages": plain}),
    };
    let call = Call::post(path(dialect, Manner::Plain, model), body.to_string());
    let call = call.header("content-type", "application/json");
    if dialect == Dialect::AnthropicMessages { call.header("anthropic-version", "2023-06-01") } else { call }
}

fn put(world: &World, answer: &Answer) -> Option<CachePoints> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.row(answer).decided.and_then(|decided| decided.prompt_cache)
}

#[test]
fn what_comes_again_is_marked_and_a_prompt_that_comes_once_is_never_written_at_a_premium() {
    let world = world("[{ for: { team: red }, points: auto }]");
    for dialect in CHAT {
        for model in ["on-bedrock", "on-anthropic"] {
            // The Invoke body of a bare model name is that of Claude on Bedrock.
            let said = format!("{dialect:?} {model}");
            let ask = |question: &str| asked(dialect, model, &instructions(&said), &[question]);
            let first = world.send(&ask("one"));
            assert_eq!(put(&world, &first), None, "{said}: nobody knows yet that it comes again");
            assert_eq!(world.row(&first).usage.cache_write_5m_tokens, 0);
            let (second, third) = (world.send(&ask("two")), world.send(&ask("three")));
            let (written, read) = (world.row(&second).usage, world.row(&third).usage);
            assert!(
                written.cache_write_5m_tokens > 4096 && read.cache_read_tokens > 4096,
                "{said}: {written:?} {read:?}"
            );
            // Of a micro-dollar a quarter for each token that was written, nine tenths for each that was read; at Bedrock
            // in one geography a tenth more.
            let tenths = if model == "on-bedrock" { 11 } else { 10 };
            let saved = |nanos: u64| Money::from_nanos(i64::try_from(nanos).unwrap());
            let premium = Money::ZERO.minus(saved(written.cache_write_5m_tokens * 25 * tenths));
            assert_eq!(put(&world, &second), Some(CachePoints { points: 1, saved: premium }), "{said}");
            let gain = saved(read.cache_read_tokens * 90 * tenths);
            assert_eq!(put(&world, &third), Some(CachePoints { points: 1, saved: gain }), "{said}");
            assert!(hear(dialect, Manner::Plain, &third).text.contains("three"), "{said}");
        }
    }
}

#[test]
fn a_conversation_that_goes_on_is_read_from_the_cache() {
    let world = world("[{ points: auto }]");
    for dialect in CHAT {
        let long = instructions(&format!("{dialect:?}"));
        let turns = [long.as_str(), "Yes.", "And then?", "This.", "And after that?", "That.", "And so?"];
        let send = |count: usize| world.send(&asked(dialect, "on-bedrock", "Be brief.", &turns[..count]));
        let (one, two, three) = (send(1), send(3), send(5));
        assert_eq!(put(&world, &one), None);
        assert_eq!(put(&world, &two).map(|put| put.points), Some(1), "{dialect:?}: it goes on");
        let read = world.row(&three).usage.cache_read_tokens;
        assert!(read > 4096, "{dialect:?}: {:?}", world.row(&three).usage);
        assert!(put(&world, &three).is_some_and(|put| put.saved > Money::ZERO), "{dialect:?}");
    }
}

#[test]
fn nobody_gets_points_who_did_not_ask_or_has_his_own() {
    let twice = |world: &World, call: &Call| {
        world.send(call);
        put(world, &world.send(call))
    };
    let plain = asked(Dialect::AnthropicMessages, "on-anthropic", &instructions("plain"), &["hi"]);
    for rules in
        ["[]", "[{ for: { team: blue }, points: auto }]", "[{ for: { team: red }, points: off }, { points: auto }]"]
    {
        assert_eq!(twice(&world(rules), &plain), None, "{rules}");
    }
    let world = world("[{ points: auto }]");
    assert!(twice(&world, &plain).is_some());
    let short = asked(Dialect::AnthropicMessages, "on-anthropic", "Be brief.", &["hi"]);
    assert_eq!(twice(&world, &short), None, "it is below what the model caches");
    let elsewhere = asked(Dialect::OpenaiChat, "on-openai", &instructions("elsewhere"), &["hi"]);
    assert_eq!(twice(&world, &elsewhere), None, "OpenAI caches by itself");
    let marked = json!({"model": "on-anthropic", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
        "system": [{"type": "text", "text": instructions("own"), "cache_control": {"type": "ephemeral"}}]});
    let own = Call::post("/v1/messages", marked.to_string()).header("content-type", "application/json");
    assert_eq!(twice(&world, &own.header("anthropic-version", "2023-06-01")), None, "its caller sees to it");
}

#[test]
fn a_retry_has_the_points_that_its_first_try_had_and_a_stand_in_learns_for_itself() {
    let resilience = "{ retries: 1, retry_share: 100%, backoff: 10ms, backoff_max: 3s, breaker: { enabled: false } }";
    let models = "- { name: openai-first, targets: [{ provider: openai, model: gpt-5-mini }, { provider: anthropic, model: claude-haiku-4-5 }] }\n";
    let world = World::with(Setup {
        more: "prompt_cache: [{ points: auto }]\n".to_owned(),
        resilience: resilience.to_owned(),
        models: models.to_owned(),
        ..Setup::default()
    });
    let dialect = Dialect::AnthropicMessages;
    let long = instructions("a conversation");
    let turns = [long.as_str(), "Yes.", "And then? [[sim: status=503 times=1]]"];
    let send = |count: usize| world.send(&asked(dialect, "on-anthropic", "Be brief.", &turns[..count]));
    assert_eq!(put(&world, &send(1)), None);
    let again = send(3);
    assert_eq!(put(&world, &again).map(|put| put.points), Some(1));
    assert_eq!(world.row(&again).earlier.len(), 1);
    let stand_in = |question: &str| {
        let question = format!("{question} [[sim: status=503 times=1]]");
        let answer = world.send(&asked(dialect, "openai-first", &instructions("a stand-in"), &[&question]));
        assert_eq!(answer.header("x-tallygate-provider"), "anthropic", "{question}");
        put(&world, &answer).map(|put| put.points)
    };
    assert_eq!((stand_in("one"), stand_in("two")), (None, Some(1)));
}
