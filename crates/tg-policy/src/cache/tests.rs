//! Which calls share an answer, and which answers are worth sharing.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::chat::StopReason;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::guarded::{Action, Guarded, Hit, Verdict, Way};
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::record::{Asked, Attempt, Cost, Ending, Record, Served, Timing};
use tg_kernel::target::Target;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};

fn booked(team: &str, project: &str, key: &str) -> Attribution {
    Attribution { team: team.into(), project: Some(project.into()), key_id: key.into(), ..Attribution::default() }
}

fn target(provider: &str, model: &str) -> Target {
    Target { provider: provider.into(), model: model.into() }
}

/// The key of a chat, as `change` has it.
fn keyed<'a>(body: &'a Value, change: impl FnOnce(&mut Request<'a>)) -> Key {
    let booked = Box::leak(Box::new(booked("red", "alpha", "k1")));
    let targets = Box::leak(Box::new([target("bedrock", "claude"), target("anthropic", "claude")]));
    let mut request = Request {
        booked,
        share: Share::Team,
        dialect: Dialect::OpenaiChat,
        operation: Operation::Chat,
        stream: false,
        model: "fast",
        headers: &[("anthropic-beta", b"a"), ("openai-beta", b"b")],
        body,
        targets,
        guard: Some("v1"),
        revision: &[7; 32],
    };
    change(&mut request);
    key(&request)
}

fn same(one: &Value, other: &Value) -> bool {
    keyed(one, |_| {}) == keyed(other, |_| {})
}

#[test]
fn neither_the_order_of_members_nor_what_changes_no_answer_makes_another_key() {
    let first = json!({"model": "fast", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0});
    for other in [
        json!({"temperature": 0, "messages": [{"content": "Hi", "role": "user"}], "model": "fast"}),
        json!({"model": "fast", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "stream": true,
               "user": "u-1", "metadata": {"a": "b"}, "safety_identifier": "s", "prompt_cache_key": "k"}),
    ] {
        assert!(same(&first, &other), "{other}");
    }
    for other in [
        json!({"model": "fast", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}),
        json!({"model": "fast", "messages": [{"role": "user", "content": "Hi", "user": "u"}], "temperature": 0}),
        json!({"model": "fast", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "unknown": 1}),
        json!({"model": "fast", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "unknown": null}),
        json!({"model": "fast", "messages": [{"role": "user", "content": "Hi"}], "temperature": "0"}),
        json!({"model": "fast", "messages": [{"role": "user", "content": ["Hi"]}], "temperature": 0}),
        json!({"model": "fast", "messages": [], "temperature": 0}),
    ] {
        assert!(!same(&first, &other), "{other}");
    }
}

#[test]
fn the_order_counts_in_which_a_schema_names_what_a_model_shall_write() {
    let tool = |properties: Value| json!({"tools": [{"parameters": {"type": "object", "properties": properties}}]});
    let (one, other) = (json!({"a": {"x": 1, "y": 2}, "b": {}}), json!({"b": {}, "a": {"x": 1, "y": 2}}));
    assert!(!same(&tool(one.clone()), &tool(other)));
    assert!(same(&tool(one), &tool(json!({"a": {"y": 2, "x": 1}, "b": {}}))));
}

#[test]
fn a_stated_difference_of_policy_route_or_form_makes_another_key() {
    let body = json!({"model": "fast"});
    let usual = keyed(&body, |_| {});
    let fewer = [target("bedrock", "claude")];
    let turned = [target("anthropic", "claude"), target("bedrock", "claude")];
    let other_headers: [(&str, &[u8]); 1] = [("anthropic-beta", b"b")];
    let differing = [
        keyed(&body, |request| request.guard = Some("v2")),
        keyed(&body, |request| request.guard = None),
        keyed(&body, |request| request.guard = Some("")),
        keyed(&body, |request| request.revision = &[8; 32]),
        keyed(&body, |request| request.targets = &fewer),
        keyed(&body, |request| request.stream = true),
        keyed(&body, |request| request.dialect = Dialect::AnthropicMessages),
        keyed(&body, |request| request.operation = Operation::Embeddings),
        keyed(&body, |request| request.model = "faster"),
        keyed(&body, |request| request.headers = &other_headers),
    ];
    for (number, key) in differing.iter().enumerate() {
        assert!(*key != usual && !differing[..number].contains(key), "{number}");
    }
    assert_eq!(keyed(&body, |request| request.targets = &turned), usual, "in which order they are tried is no matter");
}

proptest! {
    /// Whatever teams, projects and keys are called, no call of one team has the key of another team's.
    #[test]
    fn no_answer_crosses_from_one_team_to_another(
        teams in ("[a-c]{0,3}", "[a-c]{0,3}"), projects in ("[a-c]{0,3}", "[a-c]{0,3}"), keys in ("[a-c]{0,3}", "[a-c]{0,3}"),
        shares in (0..3usize, 0..3usize), bodies in ("[a-b]{0,2}", "[a-b]{0,2}"),
    ) {
        let of = |team: &str, project: &str, key: &str, share: usize, text: &str| {
            let (booked, share) = (booked(team, project, key), [Share::Team, Share::Project, Share::Key][share]);
            keyed(&json!({"input": text}), |request| (request.booked, request.share) = (&booked, share))
        };
        let one = of(&teams.0, &projects.0, &keys.0, shares.0, &bodies.0);
        let other = of(&teams.1, &projects.1, &keys.1, shares.1, &bodies.1);
        let may_share = teams.0 == teams.1 && shares.0 == shares.1 && match shares.0 {
            0 => true,
            1 => projects.0 == projects.1,
            _ => keys.0 == keys.1,
        };
        prop_assert_eq!(one == other, may_share && bodies.0 == bodies.1);
    }
}

fn finished() -> Record {
    Record {
        id: CallId::fresh(),
        started_at: Timestamp::from_seconds(1_800_000_000),
        attribution: booked("red", "alpha", "k1"),
        asked: Asked { dialect: Dialect::OpenaiChat, operation: Operation::Chat, model: "fast".into(), stream: false },
        served: Some(served("bedrock", StopReason::EndTurn)),
        earlier: Vec::new(),
        ending: Ending::Ok,
        status: 200,
        fault: None,
        usage: Usage { input_tokens: 3, output_tokens: 5, ..Usage::default() },
        usage_source: UsageSource::Reported,
        cost: Cost::default(),
        losses: Vec::new(),
        guarded: None,
        decided: None,
        timing: Timing::default(),
    }
}

fn served(provider: &str, stop: StopReason) -> Served {
    Served {
        provider: provider.into(),
        model: "claude".into(),
        profile: None,
        dialect: Dialect::BedrockConverse,
        request_id: None,
        session: None,
        tier: ServiceTier::Default,
        attempts: 1,
        stop: Some(stop.as_str().to_owned()),
    }
}

fn guarded(verdict: Verdict, way: Way, action: Action) -> Option<Box<Guarded>> {
    let hit = Hit {
        set: "s".into(),
        rule: "r".into(),
        check: "pii".into(),
        found: "email".into(),
        channel: Channel::User,
        way,
        action,
        count: 1,
    };
    Some(Box::new(Guarded {
        sets: vec!["s".into()],
        version: "v".into(),
        verdict,
        micros: 1,
        hits: vec![hit],
        ..Guarded::default()
    }))
}

#[test]
fn no_answer_is_kept_that_was_blocked_changed_truncated_filtered_or_a_stand_ins() {
    let first = target("bedrock", "claude");
    let kept = |change: &dyn Fn(&mut Record)| {
        let mut record = finished();
        change(&mut record);
        may_be_kept(&record, &first)
    };
    assert!(kept(&|_| {}));
    assert!(kept(&|record| record.losses.push("dropped:user".to_owned())));
    assert!(kept(&|record| record.guarded = guarded(Verdict::Passed, Way::Input, Action::Observed)));
    for stop in [StopReason::StopSequence, StopReason::ToolUse] {
        assert!(kept(&|record| record.served = Some(served("bedrock", stop))), "{stop:?}");
    }
    for stop in [
        StopReason::MaxTokens,
        StopReason::ContextWindow,
        StopReason::Guardrail,
        StopReason::ContentFilter,
        StopReason::Refusal,
        StopReason::PauseTurn,
        StopReason::Malformed,
        StopReason::Unknown,
    ] {
        assert!(!kept(&|record| record.served = Some(served("bedrock", stop))), "{stop:?}");
    }
    for ending in Ending::ALL.into_iter().filter(|ending| *ending != Ending::Ok) {
        assert!(!kept(&|record| record.ending = ending), "{ending:?}");
    }
    for (verdict, way, action) in [
        (Verdict::Blocked, Way::Output, Action::Blocked),
        (Verdict::Changed, Way::Input, Action::Redacted),
        (Verdict::Changed, Way::Output, Action::Restored),
        (Verdict::Passed, Way::Output, Action::Observed),
        (Verdict::Passed, Way::Output, Action::Unanswered),
    ] {
        assert!(!kept(&|record| record.guarded = guarded(verdict, way, action)), "{verdict:?} {way:?} {action:?}");
    }
    assert!(
        !kept(&|record| {
            record.guarded = guarded(Verdict::Passed, Way::Input, Action::Observed);
            let hits = &mut record.guarded.as_mut().unwrap().hits;
            *hits = vec![hits[0].clone(); 256];
        }),
        "a list that may be cut off"
    );
    assert!(!kept(&|record| record.served = None));
    assert!(!kept(&|record| record.status = 206));
    assert!(!kept(&|record| record.fault = Some("upstream_error".to_owned())));
    assert!(!kept(&|record| record.usage_source = UsageSource::Estimated));
    assert!(!kept(&|record| record.served = Some(served("anthropic", StopReason::EndTurn))));
    let by_profile = Served { profile: Some("arn:p".into()), ..served("bedrock", StopReason::EndTurn) };
    let record = Record { served: Some(by_profile), ..finished() };
    assert!(may_be_kept(&record, &target("bedrock", "arn:p")) && !may_be_kept(&record, &target("bedrock", "arn:q")));
    let failed = |provider: &str| Attempt {
        served: served(provider, StopReason::EndTurn),
        fault: "upstream_error".to_owned(),
        usage: Usage::default(),
        cost: Cost::default(),
    };
    assert!(kept(&|record| record.earlier.push(failed("bedrock"))), "the same target, once more");
    assert!(!kept(&|record| record.earlier.push(failed("anthropic"))));
}

#[test]
fn vectors_are_kept_without_a_reason_to_stop_and_counts_of_tokens_never() {
    for (operation, kept) in [(Operation::Embeddings, true), (Operation::Chat, false), (Operation::CountTokens, false)]
    {
        let mut record = finished();
        record.asked.operation = operation;
        record.served.as_mut().unwrap().stop = None;
        assert_eq!(may_be_kept(&record, &target("bedrock", "claude")), kept, "{operation:?}");
    }
}

#[test]
fn only_who_asks_for_the_same_each_time_is_given_the_same_where_a_rule_wants_that() {
    for (body, expected) in [
        (json!({"temperature": 0}), true),
        (json!({"temperature": 0.0}), true),
        (json!({"temperature": 0.1}), false),
        (json!({}), false),
        (json!({"seed": 7}), true),
        (json!({"seed": null}), false),
        (json!({"inferenceConfig": {"temperature": 0}}), true),
        (json!({"textGenerationConfig": {"temperature": 0}}), true),
        (json!({"inferenceConfig": {}}), false),
    ] {
        assert_eq!(is_determined(Operation::Chat, &body), expected, "{body}");
    }
    assert!(is_determined(Operation::Embeddings, &json!({})));
}

#[test]
fn what_providers_look_up_run_or_keep_is_not_answered_from_here() {
    for (dialect, body, expected) in [
        (Dialect::OpenaiChat, json!({"tools": [{"type": "function", "function": {}}]}), true),
        (Dialect::OpenaiChat, json!({"web_search_options": {}}), false),
        (Dialect::OpenaiChat, json!({"search_parameters": {"mode": "auto"}}), false),
        (Dialect::OpenaiChat, json!({"plugins": [{"id": "web"}]}), false),
        (Dialect::OpenaiChat, json!({"enable_search": true}), false),
        (Dialect::OpenaiChat, json!({"enable_search": false}), true),
        (Dialect::OpenaiResponses, json!({"tools": [{"type": "web_search"}]}), false),
        (Dialect::OpenaiResponses, json!({"tools": [{"type": "function"}], "background": false}), true),
        (Dialect::OpenaiResponses, json!({"background": true}), false),
        (Dialect::OpenaiResponses, json!({"conversation": "c_1"}), false),
        (Dialect::OpenaiResponses, json!({"conversation": null}), true),
        (Dialect::AnthropicMessages, json!({"tools": [{"name": "f", "input_schema": {}}]}), true),
        (Dialect::AnthropicMessages, json!({"tools": [{"type": "web_search_20250305", "name": "w"}]}), false),
        (Dialect::AnthropicMessages, json!({"mcp_servers": []}), false),
        (Dialect::BedrockConverse, json!({"toolConfig": {"tools": [{"toolSpec": {}}]}}), true),
        (Dialect::BedrockConverse, json!({"toolConfig": {"tools": [{"systemTool": {}}]}}), false),
    ] {
        assert_eq!(rests_on_itself(dialect, "m", &[], &body), expected, "{dialect:?} {body}");
    }
    assert!(!rests_on_itself(Dialect::BedrockConverse, "arn:aws:bedrock:us-east-1:1:prompt/P:DRAFT", &[], &json!({})));
    for (model, expected) in [
        ("gpt-4o", true),
        ("research-model", true),
        ("gpt-4o-search-preview", false),
        ("gpt-5-search-api", false),
        ("o3-deep-research-2025-06-26", false),
        ("perplexity/Sonar-pro", false),
        ("openai/gpt-4o:online", false),
    ] {
        let targets = [target("a", "gpt-4o"), target("b", model)];
        assert_eq!(rests_on_itself(Dialect::OpenaiChat, "docs-search", &targets, &json!({})), expected, "{model}");
    }
}

#[test]
fn of_several_answers_none_is_kept_and_none_that_a_draft_has_seen() {
    for (body, expected) in [
        (json!({"n": 1}), true),
        (json!({"n": null}), true),
        (json!({"n": 2}), false),
        (json!({"num_generations": 3}), false),
        (json!({"numResults": 2}), false),
        (json!({"guardrailConfig": {"guardrailVersion": "3"}}), true),
        (json!({"guardrailConfig": {"guardrailVersion": "DRAFT"}}), false),
    ] {
        assert_eq!(rests_on_itself(Dialect::BedrockConverse, "m", &[], &body), expected, "{body}");
    }
}

#[test]
fn the_first_rule_that_is_for_a_call_decides() {
    let rule = |name: &str, model: Option<&str>| {
        let scope = Scope { model: model.map(str::to_owned), ..Scope::default() };
        let ttl = Duration::from_secs(1);
        Arc::new(Rule { name: name.into(), scope, ttl, share: Share::Team, only_determined: true, alike: None })
    };
    let rules = vec![rule("a", Some("fast*")), rule("b", Some("*t")), rule("c", Some("slow"))];
    let rules = Rules { rules, ..Rules::default() };
    let name = |model: &str| rules.of(&booked("red", "alpha", "k"), model).map(|rule| rule.name.to_string());
    for (model, expected) in [("fast", Some("a")), ("t", Some("b")), ("slow", Some("c")), ("x", None)] {
        assert_eq!(name(model).as_deref(), expected, "{model}");
    }
}
