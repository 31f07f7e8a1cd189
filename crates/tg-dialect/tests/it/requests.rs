//! A request that is written in a dialect and read back is the same, but for what `losses` names.

use crate::speakers::SPEAKERS;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;
use tg_dialect::loss::Loss;
use tg_kernel::chat::{
    CacheTtl, CallerNotes, ChatRequest, Content, Delivery, Format, Media, Output, Part, Reasoning, Role, Sampling,
    Source, Thought, Tool, ToolChoice, ToolResult, ToolUse, Tooling, Turn,
};

fn words() -> impl Strategy<Value = String> {
    // Not blank, with the odd quote, line feed and letter beyond ASCII.
    "[a-zA-Zé日\"\\\\][a-z é\n\"{}]{0,12}[a-z.]"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,20}"
}

fn cache() -> impl Strategy<Value = Option<CacheTtl>> {
    prop_oneof![8 => Just(None), 1 => Just(Some(CacheTtl::FiveMinutes)), 1 => Just(Some(CacheTtl::OneHour))]
}

fn text() -> impl Strategy<Value = Part> {
    (words(), cache()).prop_map(|(text, cache)| Part { content: Content::Text(text), cache })
}

fn image() -> impl Strategy<Value = Part> {
    prop::collection::vec(any::<u8>(), 0..9).prop_map(|more| {
        let bytes = Bytes::from([b"\x89PNG\r\n\x1a\n".as_slice(), &more].concat());
        Part::new(Content::Image(Media { mime: "image/png".into(), source: Source::Bytes(bytes), detail: None }))
    })
}

fn arguments() -> impl Strategy<Value = String> {
    prop::collection::btree_map(name(), words(), 0..3).prop_map(|map| json!(map).to_string())
}

/// One exchange: the caller speaks, the model thinks, speaks and calls, the caller hands in the outcomes.
fn exchange() -> impl Strategy<Value = Vec<Turn>> {
    let said = prop::collection::vec(prop_oneof![3 => text(), 1 => image()], 1..3);
    let thought = prop::option::of((words(), "[A-Za-z0-9]{8}"));
    let calls = prop::collection::vec((name(), arguments(), words()), 0..3);
    (said, thought, prop::collection::vec(text(), 1..3), calls, text()).prop_map(
        |(said, thought, texts, calls, more)| {
            let signed = thought.map(|(text, signature)| Thought { text, signature: Some(signature), redacted: None });
            let mut parts: Vec<Part> =
                signed.into_iter().map(|thought| Part::new(Content::Reasoning(thought))).collect();
            parts.extend(texts);
            let mut outcomes = Vec::new();
            for (index, (name, arguments, outcome)) in calls.into_iter().enumerate() {
                let id = format!("call_{index}");
                parts.push(Part::new(Content::ToolUse(ToolUse { id: id.clone(), name, arguments })));
                let result = ToolResult { id, parts: vec![Part::text(outcome)], is_error: false };
                outcomes.push(Part::new(Content::ToolResult(result)));
            }
            let mut turns = vec![Turn { role: Role::User, parts: said }, Turn { role: Role::Assistant, parts }];
            outcomes.push(more);
            turns.push(Turn { role: Role::User, parts: outcomes });
            turns
        },
    )
}

fn tooling() -> impl Strategy<Value = Tooling> {
    let tool =
        (name(), prop::option::of(words()), any::<bool>(), cache()).prop_map(|(name, description, strict, cache)| {
            let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
            Tool { name, description, schema, strict: Some(strict), cache }
        });
    // That no tool may be called is said in too many ways to compare: the corpus has it.
    let choice = prop_oneof![Just(None), Just(Some(ToolChoice::Auto)), Just(Some(ToolChoice::Any))];
    (prop::collection::vec(tool, 1..3), choice, prop::option::of(any::<bool>()))
        .prop_map(|(tools, choice, parallel)| Tooling { tools, choice, parallel })
}

fn output() -> impl Strategy<Value = Output> {
    let format = prop_oneof![
        2 => Just(Format::Text),
        1 => Just(Format::JsonObject),
        1 => Just(Format::JsonSchema {
            name: Some("answer".into()),
            description: None,
            schema: json!({ "type": "object" }),
            strict: Some(true),
        }),
    ];
    (1_u64..5000, prop::collection::vec(words(), 0..3), format).prop_map(|(tokens, stop, format)| Output {
        tokens_max: Some(tokens),
        stop,
        format,
        ..Output::default()
    })
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let share = |top: u32| prop::option::of((0..=top).prop_map(|n| f64::from(n) / 10.0));
    (share(20), share(10), prop::option::of(1_u64..100), prop::option::of(any::<i32>()), share(20)).prop_map(
        |(temperature, top_p, top_k, seed, frequency_penalty)| Sampling {
            temperature,
            top_p,
            top_k,
            seed: seed.map(i64::from),
            frequency_penalty,
            ..Sampling::default()
        },
    )
}

fn request() -> impl Strategy<Value = ChatRequest> {
    let effort = prop_oneof![Just("low"), Just("medium"), Just("high")];
    let reasoning =
        prop::option::of(effort.prop_map(|effort| Reasoning { effort: Some(effort.into()), ..Reasoning::default() }));
    let exchanges = prop::collection::vec(exchange(), 1..3);
    (
        prop::option::of(text()),
        exchanges,
        tooling(),
        output(),
        sampling(),
        reasoning,
        any::<bool>(),
        prop::option::of(name()),
    )
        .prop_map(|(system, exchanges, tools, output, sampling, reasoning, stream, user)| {
            let mut turns: Vec<Turn> =
                system.into_iter().map(|part| Turn { role: Role::System, parts: vec![part] }).collect();
            for turn in exchanges.into_iter().flatten() {
                match turns.last_mut() {
                    Some(last) if last.role == turn.role => last.parts.extend(turn.parts),
                    _ => turns.push(turn),
                }
            }
            ChatRequest {
                model: String::new(),
                turns,
                tools,
                output,
                sampling,
                reasoning,
                delivery: Delivery { stream, ..Delivery::default() },
                caller: CallerNotes { user, metadata: Vec::new() },
                extra: Vec::new(),
            }
        })
}

/// One thing that a request says, and the losses that excuse its change.
type Aspect = (&'static str, fn(&ChatRequest, &[Loss]) -> String, &'static [&'static str]);

const ASPECTS: [Aspect; 12] = [
    ("turns", |r, losses| format!("{:?}", turns(r, losses)), &[]),
    ("tools", |r, losses| format!("{:?}", tools(r, losses)), &[]),
    // Deciding for itself is what a model does when nothing is said.
    ("tool_choice", |r, _| format!("{:?}", r.tools.choice.clone().unwrap_or(ToolChoice::Auto)), &["tool_choice"]),
    ("parallel", |r, _| format!("{:?}", r.tools.parallel.unwrap_or(true)), &["parallel_tool_calls"]),
    ("tokens_max", |r, _| format!("{:?}", r.output.tokens_max), &["max_tokens"]),
    ("stop", |r, _| format!("{:?}", r.output.stop), &["stop"]),
    ("format", |r, _| format!("{:?}", format_of(r)), &["response_format"]),
    ("temperature", |r, _| format!("{:?}", r.sampling.temperature), &["temperature"]),
    ("top_p", |r, _| format!("{:?}", r.sampling.top_p), &["top_p"]),
    ("top_k", |r, _| format!("{:?}", r.sampling.top_k), &["top_k"]),
    ("seed", |r, _| format!("{:?}", r.sampling.seed), &["seed"]),
    ("effort", |r, _| format!("{:?}", r.reasoning.as_ref().map(|r| &r.effort)), &["reasoning_effort"]),
];

fn lost(losses: &[Loss], field: &str) -> bool {
    losses.iter().any(|loss| loss.field == field)
}

/// The turns as far as no loss excuses a piece. Texts that stand side by side say the same as one.
fn turns(request: &ChatRequest, losses: &[Loss]) -> Vec<(Role, Vec<String>)> {
    let piece = |part: &Part| {
        let cache = if lost(losses, "cache_control") { None } else { part.cache };
        match &part.content {
            Content::Reasoning(_) if lost(losses, "content.reasoning") => None,
            Content::Image(_) if lost(losses, "content.image") => None,
            other => Some(format!("{other:?} {cache:?}")),
        }
    };
    request.turns.iter().map(|turn| (turn.role, turn.parts.iter().filter_map(piece).collect())).collect()
}

fn tools(request: &ChatRequest, losses: &[Loss]) -> Vec<Tool> {
    let mut tools = request.tools.tools.clone();
    for tool in &mut tools {
        if lost(losses, "cache_control") {
            tool.cache = None;
        }
        // Not strict is what silence means.
        tool.strict = tool.strict.filter(|strict| *strict && !losses.iter().any(|loss| loss.field.ends_with("strict")));
    }
    tools
}

/// Names of schemas are for OpenAI's dialects; the others have no place for them.
fn format_of(request: &ChatRequest) -> Option<serde_json::Value> {
    match &request.output.format {
        Format::Text => None,
        Format::JsonObject => Some(json!("any")),
        Format::JsonSchema { schema, .. } => Some(schema.clone()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn only_what_losses_name_is_lost(request in request()) {
        for speaker in &SPEAKERS {
            let encoded = speaker.upstream.encode_request(&request, speaker.model).unwrap();
            let read = speaker.inbound.decode_request(&speaker.request_facts(), &encoded.body);
            let read = read.unwrap_or_else(|fault| panic!("{}: {fault}\n{:?}", speaker.name(), encoded.body));
            for (aspect, look, excuses) in ASPECTS {
                if !excuses.iter().any(|field| lost(&encoded.losses, field)) {
                    let (before, after) = (look(&request, &encoded.losses), look(&read, &encoded.losses));
                    prop_assert_eq!(after, before, "{} of {} ({:?})", aspect, speaker.name(), encoded.losses);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    /// A prompt cache holds what it has seen byte by byte.
    #[test]
    fn the_same_request_is_written_as_the_same_bytes_each_time(request in request()) {
        for speaker in &SPEAKERS {
            let body = speaker.upstream.encode_request(&request, speaker.model).unwrap().body;
            let read = || speaker.inbound.decode_request(&speaker.request_facts(), &body).unwrap();
            let (one, other) = (read(), read());
            for target in &SPEAKERS {
                let write = |request| target.upstream.encode_request(request, target.model).map(|encoded| encoded.body);
                prop_assert_eq!(write(&one).ok(), write(&other).ok(), "{} to {}", speaker.name(), target.name());
            }
        }
    }
}

#[test]
fn what_no_target_can_say_is_lost_by_one_name() {
    let picture = Media { mime: String::new(), source: Source::Url("ftp://there/a.png".into()), detail: None };
    let thought = Thought { text: "Hm.".into(), ..Thought::default() };
    for (role, content, name) in [
        (Role::Assistant, Content::Reasoning(thought), "content.reasoning"),
        (Role::User, Content::Image(picture.clone()), "content.image"),
        (Role::Assistant, Content::Image(picture), "content.image"),
    ] {
        let said = |role| Turn { role, parts: vec![Part::text("a")] };
        let turns = vec![
            said(Role::User),
            said(Role::Assistant),
            Turn { role, parts: vec![Part::new(content)] },
            said(Role::User),
        ];
        let request = ChatRequest { turns, ..ChatRequest::default() };
        for speaker in &SPEAKERS {
            let encoded = speaker.upstream.encode_request(&request, speaker.model).unwrap();
            assert_eq!(encoded.losses, [Loss::dropped(name)], "{:?}", speaker.dialect);
        }
    }
}
