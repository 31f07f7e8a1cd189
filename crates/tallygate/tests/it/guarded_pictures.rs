//! Pictures that go with a call: services that can see are asked about them, and what nobody can be asked about goes nowhere.

use crate::guarded::{house, no_mail, rule, told};
use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect};
use crate::wire::{Answer, Call};
use crate::world::{HAIKU, Setup, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action as Done, Verdict, Way};
use tg_kernel::passage::Channel;
use tg_kernel::record::Record;
use tg_policy::admit::Mode;
use tg_policy::guard::{Action, Channels, Check, Medium, On, Rule, Set, Style, WhenAway};
use tg_sim::{Entry, Operation};

/// Services that see, one of them texts alone, and one that is never there.
const SERVICES: &str = "\
- { name: applied, kind: bedrock_guardrail, provider: bedrock, guardrail: { id: gr1, version: '3' }, timeout: 20s }\n\
- { name: moderation, kind: moderation, provider: openai, timeout: 20s }\n\
- { name: texts, kind: bedrock_guardrail, provider: bedrock, guardrail: { id: textonly1, version: '1' }, timeout: 20s }\n\
- { name: old, kind: moderation, provider: openai, model: text-moderation-latest, timeout: 20s }\n\
- { name: gone, kind: moderation, provider: dead }\n";

/// A PNG of so many pixels, with these chunks before its own.
fn png(side: u32, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut all = b"\x89PNG\r\n\x1a\n".to_vec();
    let ends: [(&[u8; 4], &[u8]); 2] = [(b"IDAT", &[7; 120]), (b"IEND", b"")];
    for (name, data) in [(b"IHDR", header.as_slice())].iter().chain(chunks).chain(&ends) {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        all.extend([&length[..], &name[..], data, &[0; 4]].concat());
    }
    all
}

/// A picture with something that an editor wrote into it: services flag what is `forbidden`.
fn saying(comment: &str) -> Vec<u8> {
    png(9, &[(b"tEXt", comment.as_bytes())])
}

fn webp(comment: &str) -> Vec<u8> {
    [b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x04\x80\x01\x00", comment.as_bytes(), &[7; 150]].concat()
}

/// A rule that asks a service about what users say and what tools answer.
fn sees(service: &str, action: Action) -> Rule {
    let check = Check::External { service: service.into(), when_away: WhenAway::Block, beside: false };
    let channels = Some(Channels::of(&[Channel::User, Channel::ToolResult]));
    Rule { on: Some(On::Input), channels, ..rule(service, check, action) }
}

fn asking(rules: Vec<Rule>) -> Set {
    Set { asks_about_images: true, ..house(rules) }
}

fn world(guards: Vec<Set>) -> World {
    let bedrock = ", async_output: ['s3://out/{team}/']".to_owned();
    let models = "- { name: 'amazon.*', targets: [{ provider: bedrock }] }\n".to_owned();
    World::with(Setup { guards, services: SERVICES.to_owned(), bedrock, models, ..Setup::default() })
}

/// Where a picture stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    User,
    ToolResult,
}

impl Place {
    const fn channel(self) -> Channel {
        match self {
            Self::User => Channel::User,
            Self::ToolResult => Channel::ToolResult,
        }
    }
}

/// A picture in the words of a dialect.
fn part(dialect: Dialect, kind: &str, picture: &[u8]) -> Value {
    let data = STANDARD.encode(picture);
    let url = format!("data:image/{kind};base64,{data}");
    match dialect {
        Dialect::OpenaiChat => json!({"type": "image_url", "image_url": {"url": url}}),
        Dialect::OpenaiResponses => json!({"type": "input_image", "detail": "auto", "image_url": url}),
        Dialect::BedrockConverse => json!({"image": {"format": kind, "source": {"bytes": data}}}),
        _ => {
            let source = json!({"type": "base64", "media_type": format!("image/{kind}"), "data": data});
            json!({"type": "image", "source": source})
        }
    }
}

/// A call with parts in a place; `None` where its dialect has no such place.
fn with_parts(dialect: Dialect, manner: Manner, place: Place, parts: &[Value]) -> Option<Call> {
    let model = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => "on-openai",
        Dialect::AnthropicMessages => "on-anthropic",
        _ => "on-bedrock",
    };
    let mut call = ask(dialect, manner, model, "what is this?");
    let mut body: Value = serde_json::from_slice(&call.body).unwrap();
    let said = match dialect {
        Dialect::OpenaiResponses => json!({"type": "input_text", "text": "what is this?"}),
        Dialect::BedrockConverse => json!({"text": "what is this?"}),
        _ => json!({"type": "text", "text": "what is this?"}),
    };
    let all: Vec<Value> = std::iter::once(said).chain(parts.iter().cloned()).collect();
    let schema = json!({"type": "object", "properties": {}});
    match (place, dialect) {
        (Place::User, Dialect::OpenaiResponses) => body["input"] = json!([{"role": "user", "content": all}]),
        (Place::User, _) => body["messages"][0]["content"] = json!(all),
        (Place::ToolResult, Dialect::OpenaiChat) => return None,
        (Place::ToolResult, Dialect::OpenaiResponses) => {
            body["input"] = json!([{"role": "user", "content": "hello"},
                {"type": "function_call", "call_id": "call_1", "name": "fetch", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_1", "output": parts}]);
        }
        (Place::ToolResult, Dialect::BedrockConverse) => {
            let used = json!({"toolUse": {"toolUseId": "call_1", "name": "fetch", "input": {}}});
            let result = json!({"toolResult": {"toolUseId": "call_1", "content": parts}});
            let tool = json!({"toolSpec": {"name": "fetch", "inputSchema": {"json": schema}}});
            body["toolConfig"] = json!({"tools": [tool]});
            body["messages"] = json!([{"role": "user", "content": [{"text": "hello"}]},
                {"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}]);
        }
        (Place::ToolResult, _) => {
            let used = json!({"type": "tool_use", "id": "toolu_1", "name": "fetch", "input": {}});
            let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": parts});
            body["tools"] = json!([{"name": "fetch", "input_schema": schema}]);
            body["messages"] = json!([{"role": "user", "content": "hello"}, {"role": "assistant", "content": [used]},
                {"role": "user", "content": [result]}]);
        }
    }
    call.body = body.to_string().into_bytes();
    Some(call)
}

/// A call with a picture, as most send one.
fn showing(kind: &str, picture: &[u8]) -> Call {
    let dialect = Dialect::AnthropicMessages;
    with_parts(dialect, Manner::Plain, Place::User, &[part(dialect, kind, picture)]).unwrap()
}

fn hits(row: &Record) -> Vec<(String, String, Done)> {
    let hits = row.guarded.as_ref().map(|guarded| guarded.hits.clone()).unwrap_or_default();
    hits.into_iter().map(|hit| (hit.rule.to_string(), hit.found.to_string(), hit.action)).collect()
}

/// What the providers had that are no services.
fn sent(world: &World) -> Vec<Entry> {
    let mut entries = world.sim.books.entries();
    entries.retain(|entry| !matches!(entry.operation, Operation::Guardrail | Operation::Moderation));
    entries
}

/// How often services were asked about a picture.
fn looks(world: &World) -> usize {
    let is_look = |entry: &&Entry| {
        let about = entry.detail.as_ref().map(|detail| detail.body.to_string()).unwrap_or_default();
        matches!(entry.operation, Operation::Guardrail | Operation::Moderation) && about.contains("image")
    };
    world.sim.books.entries().iter().filter(is_look).count()
}

/// The one hit of a call that was refused since nobody can be asked about a picture of it, and what its caller is told.
fn unseen(world: &World, answer: &Answer) -> (String, String) {
    assert_eq!(answer.header("x-tallygate-guardrail"), "house/unreadable", "{}", answer.text());
    let row = world.row(answer);
    let hits = hits(&row);
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_eq!((&*hits[0].0, hits[0].2), ("unreadable", Done::Blocked));
    (hits[0].1.clone(), answer.text())
}

#[test]
fn a_picture_is_put_to_services_wherever_it_is_handed_in() {
    for (service, found) in [("applied", "VIOLENCE"), ("moderation", "violence")] {
        let world = world(vec![asking(vec![sees(service, Action::Block)])]);
        each_dialect(|dialect| {
            for (manner, place) in MANNERS.into_iter().flat_map(|m| [(m, Place::User), (m, Place::ToolResult)]) {
                let at = format!("{service} {dialect:?} {manner:?} {place:?}");
                let fine = part(dialect, "png", &saying("a tree"));
                let Some(call) = with_parts(dialect, manner, place, std::slice::from_ref(&fine)) else { continue };
                let answer = world.send(&call);
                assert_eq!(answer.status, 200, "{at}: {}", answer.text());
                let row = world.row(&answer);
                assert_eq!(row.guarded.as_ref().unwrap().verdict, Verdict::Passed, "{at}");
                assert!(told(&world, &row).contains(&STANDARD.encode(saying("a tree"))), "{at}: it goes on as it was");
                // The bad one behind the fine one.
                let bad = part(dialect, "png", &saying("forbidden"));
                let stopped = world.send(&with_parts(dialect, manner, place, &[fine, bad]).unwrap());
                assert_eq!(stopped.header("x-tallygate-error-code"), "content_blocked", "{at}: {}", stopped.text());
                let row = world.row(&stopped);
                let hit = row.guarded.as_ref().unwrap().hits[0].clone();
                assert_eq!((&*hit.rule, &*hit.check, &*hit.found), (service, "external", found), "{at}");
                assert_eq!((hit.channel, hit.way, hit.action), (place.channel(), Way::Input, Done::Blocked), "{at}");
                assert!(row.served.is_none(), "{at}");
            }
        });
        let forbidden = STANDARD.encode(saying("forbidden"));
        assert!(sent(&world).iter().all(|entry| !entry.detail.as_ref().unwrap().body.to_string().contains(&forbidden)));
        assert!(looks(&world) >= 2);
    }
}

#[test]
fn what_is_no_chat_is_looked_at_as_well() {
    let world = world(vec![asking(vec![sees("applied", Action::Block)])]);
    let post = |path: &str, body: &Value| {
        let call = Call::post(path, body.to_string()).header("content-type", "application/json");
        if path.starts_with("/v1/messages") { call.header("anthropic-version", "2023-06-01") } else { call }
    };
    let data = STANDARD.encode(saying("forbidden"));
    let (messages, converse) = (
        json!([{"role": "user", "content": [part(Dialect::AnthropicMessages, "png", &saying("forbidden"))]}]),
        json!([{"role": "user", "content": [{"text": "x"}, part(Dialect::BedrockConverse, "png", &saying("forbidden"))]}]),
    );
    let invoke = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": messages});
    let invoke = STANDARD.encode(invoke.to_string());
    let video = json!({"taskType": "TEXT_VIDEO", "textToVideoParams": {"text": "x",
        "images": [{"format": "png", "source": {"bytes": data}}]}});
    let output = json!({"s3OutputDataConfig": {"s3Uri": "s3://out/red/"}});
    for call in [
        post("/v1/messages/count_tokens", &json!({"model": "on-anthropic", "messages": messages})),
        post(&format!("/model/{HAIKU}/count-tokens"), &json!({"input": {"converse": {"messages": converse}}})),
        post(&format!("/model/{HAIKU}/count-tokens"), &json!({"input": {"invokeModel": {"body": invoke}}})),
        post("/model/amazon.nova-lite-v1:0/invoke", &json!({"messages": converse})),
        post("/model/amazon.titan-embed-image-v1/invoke", &json!({"inputImage": data})),
        post(
            "/async-invoke",
            &json!({"modelId": "amazon.nova-reel-v1:1", "modelInput": video, "outputDataConfig": output}),
        ),
        post(
            "/guardrail/gr1/version/1/apply",
            &json!({"source": "INPUT", "content": [{"image": {"format": "png", "source": {"bytes": data}}}]}),
        ),
    ] {
        let answer = world.send(&call);
        assert_eq!(answer.header("x-tallygate-guardrail"), "house/applied", "{}: {}", call.path, answer.text());
    }
    assert!(sent(&world).is_empty());
}

#[test]
fn what_a_service_does_not_take_is_refused_with_the_reason() {
    let strict = world(vec![asking(vec![sees("applied", Action::Block)])]);
    let moving = png(9, &[(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])]);
    let large = png(9, &[(b"tEXt", &vec![b'x'; 4_000_000])]);
    let gif = [b"GIF89a\x09\0\x09\0", &[7; 150][..]].concat();
    for (kind, picture, name, telling) in [
        ("gif", gif.as_slice(), "image_format", "its format is not looked at"),
        ("webp", &webp("a tree"), "image_format", "its format is not looked at"),
        // It is what its bytes say.
        ("png", &webp("a tree"), "image_format", "its format is not looked at"),
        ("png", &moving, "image_moving", "pictures that move"),
        ("png", &large, "image_too_large", "too many bytes"),
        ("png", &png(8_001, &[]), "image_too_many_pixels", "too many pixels"),
        ("png", &saying("a tree")[..40], "image_damaged", "it cannot be read"),
    ] {
        let (found, told) = unseen(&strict, &strict.send(&showing(kind, picture)));
        assert_eq!(found, name, "{kind}");
        assert!(told.contains(telling) && told.contains("(image: "), "{told}");
    }
    // One that is fine beside it does not help, nor does a turn of another channel.
    for dialect in CHAT {
        let parts = [part(dialect, "png", &saying("a tree")), part(dialect, "webp", &webp("a tree"))];
        let call = with_parts(dialect, Manner::Streamed, Place::User, &parts).unwrap();
        assert_eq!(unseen(&strict, &strict.send(&call)).0, "image_format", "{dialect:?}");
    }
    assert_eq!((looks(&strict), sent(&strict).len()), (0, 0), "nobody is asked about a part of it");
    // What moderation takes, too.
    let moderated = world(vec![asking(vec![sees("moderation", Action::Block)])]);
    assert_eq!(moderated.send(&showing("webp", &webp("a tree"))).status, 200);
    let stopped = moderated.send(&showing("webp", &webp("forbidden")));
    assert_eq!(stopped.header("x-tallygate-guardrail"), "house/moderation");
    // All rules in force must see it.
    let both = world(vec![asking(vec![sees("moderation", Action::Block), sees("applied", Action::Block)])]);
    assert_eq!(unseen(&both, &both.send(&showing("webp", &webp("a tree")))).0, "image_format");
}

#[test]
fn where_no_rule_looks_no_picture_goes() {
    let tools = Rule { channels: Some(Channels::of(&[Channel::ToolResult])), ..sees("applied", Action::Block) };
    let watching = Rule { mode: Mode::Observe, ..sees("applied", Action::Block) };
    let blind = sees("old", Action::Block);
    for rules in [vec![tools.clone()], vec![watching], vec![blind], vec![no_mail(Action::Block)]] {
        let world = world(vec![asking(rules)]);
        let (found, told) = unseen(&world, &world.send(&showing("png", &saying("a tree"))));
        assert_eq!(found, "image_not_asked");
        assert!(told.contains("no rule asks about pictures there"), "{told}");
        assert!(sent(&world).is_empty());
    }
    let world = world(vec![asking(vec![tools])]);
    let dialect = Dialect::BedrockConverse;
    let fine = [part(dialect, "png", &saying("a tree"))];
    let call = with_parts(dialect, Manner::Plain, Place::ToolResult, &fine).unwrap();
    assert_eq!(world.send(&call).status, 200);
}

#[test]
fn there_are_not_more_of_them_than_are_looked_at() {
    let world = world(vec![asking(vec![sees("moderation", Action::Block)])]);
    let dialect = Dialect::OpenaiChat;
    let with = |numbers: std::ops::Range<u32>| {
        let parts: Vec<Value> =
            numbers.map(|number| part(dialect, "png", &saying(&format!("tree {number}")))).collect();
        world.send(&with_parts(dialect, Manner::Plain, Place::User, &parts).unwrap())
    };
    let many = with(0..101);
    assert_eq!(unseen(&world, &many).0, "image_too_many");
    assert_eq!(looks(&world), 0);
    let fine = with(0..40);
    assert_eq!(fine.status, 200, "{}", fine.text());
    assert_eq!(looks(&world), 40, "each by itself");
    // What is known of them is not asked again, also where they stand twice.
    assert_eq!(with(0..40).status, 200);
    assert_eq!(looks(&world), 40);
    let twice: Vec<Value> = [7, 7].map(|_| part(dialect, "png", &saying("a hedge"))).into();
    assert_eq!(world.send(&with_parts(dialect, Manner::Plain, Place::User, &twice).unwrap()).status, 200);
    assert_eq!(looks(&world), 41);
}

#[test]
fn a_service_that_is_away_or_has_not_looked_stops_calls_or_is_told_of() {
    for service in ["gone", "texts"] {
        // What it is asked about texts is another matter.
        let channels = Some(Channels::of(&[Channel::ToolResult]));
        let rule = Rule { channels, ..sees(service, Action::Block) };
        let dialect = Dialect::AnthropicMessages;
        let parts = [part(dialect, "png", &saying("forbidden"))];
        let call = with_parts(dialect, Manner::Plain, Place::ToolResult, &parts).unwrap();
        let strict = world(vec![asking(vec![rule.clone()])]);
        let stopped = strict.send(&call);
        assert_eq!(stopped.header("x-tallygate-guardrail"), format!("house/{service}"), "{}", stopped.text());
        let (name, found) = (service.to_owned(), "unanswered".to_owned());
        assert_eq!(hits(&strict.row(&stopped)), [(name.clone(), found.clone(), Done::Blocked)]);
        let check = Check::External { service: service.into(), when_away: WhenAway::Allow, beside: false };
        let open = world(vec![asking(vec![Rule { check, ..rule }])]);
        let answer = open.send(&call);
        assert_eq!(answer.status, 200, "{service}: {}", answer.text());
        assert_eq!(hits(&open.row(&answer)), [(name, found, Done::Unanswered)]);
    }
}

#[test]
fn a_rule_does_with_a_picture_what_it_does_with_a_text_but_change_it() {
    let bad = showing("png", &saying("forbidden"));
    let redacting = world(vec![asking(vec![sees("applied", Action::Redact(Style::Tag))])]);
    let stopped = redacting.send(&bad);
    assert!(stopped.text().contains("a picture is not changed"), "{}", stopped.text());
    for (watching, done) in [
        (Rule { mode: Mode::Observe, ..sees("moderation", Action::Block) }, Done::Observed),
        (sees("moderation", Action::Annotate), Done::Annotated),
    ] {
        // The rule in force looks at it, and has nothing against it: its guardrail is for pictures of its own.
        let check = Check::External { service: "texts".into(), when_away: WhenAway::Allow, beside: false };
        let world = world(vec![asking(vec![Rule { check, ..sees("texts", Action::Block) }, watching])]);
        let answer = world.send(&bad);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let wanted = ("moderation".to_owned(), "violence".to_owned(), done);
        assert!(hits(&world.row(&answer)).contains(&wanted), "{:?}", hits(&world.row(&answer)));
    }
    let away = world(vec![asking(vec![sees("applied", Action::RouteTo("on-local".into()))])]);
    for (comment, provider) in [("forbidden", "local"), ("a tree", "anthropic")] {
        let answer = away.send(&showing("png", &saying(comment)));
        assert_eq!(answer.header("x-tallygate-provider"), provider, "{}", answer.text());
    }
}

#[test]
fn a_rule_that_only_watches_is_told_of_what_its_service_cannot_see() {
    let watching = Rule { mode: Mode::Observe, ..sees("applied", Action::Block) };
    let world = world(vec![asking(vec![sees("moderation", Action::Block), watching])]);
    let answer = world.send(&showing("webp", &webp("a tree")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = ("applied".to_owned(), "unanswered".to_owned(), Done::Unanswered);
    assert_eq!(hits(&world.row(&answer)), [told]);
}

#[test]
fn sets_only_add_up() {
    let named = |name: &str, set: Set| Set { name: name.into(), ..set };
    let asks = || named("asks", asking(vec![sees("applied", Action::Block)]));
    let lets = named("lets", house(vec![no_mail(Action::Block)]));
    let with = world(vec![lets.clone(), asks()]);
    assert_eq!(with.send(&showing("png", &saying("a tree"))).status, 200);
    let stopped = with.send(&showing("png", &saying("forbidden")));
    assert_eq!(stopped.header("x-tallygate-guardrail"), "asks/applied");
    let alone = world(vec![named("lets", house(vec![sees("applied", Action::Block)]))]);
    assert_eq!(alone.send(&showing("png", &saying("forbidden"))).status, 200, "nobody has it asked");
    assert_eq!(looks(&alone), 0);
    let strict = Set { blocked_media: vec![Medium::Image], ..lets };
    let stopped = world(vec![strict, asks()]).send(&showing("png", &saying("a tree")));
    assert_eq!(stopped.header("x-tallygate-guardrail"), "lets/unreadable");
}

#[test]
fn a_picture_that_stands_elsewhere_keeps_its_own_word() {
    let url = json!({"type": "image", "source": {"type": "url", "url": "https://example.com/forbidden.png"}});
    let call = with_parts(Dialect::AnthropicMessages, Manner::Plain, Place::User, &[url]).unwrap();
    let lets = world(vec![asking(vec![sees("applied", Action::Block)])]);
    assert_eq!(looks(&lets), 0);
    let row = lets.row(&lets.send(&call));
    assert!(hits(&row).iter().all(|(_, found, _)| found != "VIOLENCE"), "nobody fetches it");
    let strict = Set { blocked_media: vec![Medium::Reference], ..asking(vec![sees("applied", Action::Block)]) };
    let stopped = world(vec![strict]).send(&call);
    assert!(stopped.text().contains("(reference)"), "{}", stopped.text());
}
