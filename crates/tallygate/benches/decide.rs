//! What it costs to decide where a call goes, with everything on: `cargo bench --package tallygate --bench decide`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use divan::{Bencher, black_box};
use http::{HeaderMap, Method};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tallygate::source::Loaded;
use tg_config::secrets::resolve_secrets;
use tg_dialect::dialects::peek;
use tg_dialect::scan::Members;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::principal::{Attribution, Principal};
use tg_kernel::target::Target;
use tg_policy::admit::Lessons;
use tg_policy::admit::budget::Purses;
use tg_policy::health::{Blame, Health, Paces, Settings};
use tg_policy::route::Sessions;
use tg_policy::route::quality::Qualities;
use tg_proxy::choose::{Asked, Booked, Choosing, Experience};
use tg_proxy::recognise::{Recognised, recognise};
use tg_store::team::TeamPolicy;

fn main() {
    tg_text::task::warm();
    divan::main();
}

/// Four targets with conditions on task, difficulty, team, tags and time, by price, by time, and one after the other.
const CONFIG: &str = r#"
providers:
- { name: anthropic, kind: anthropic, api_key: 'env:KEY' }
- { name: openai, kind: openai, api_key: 'env:KEY' }
models:
- { name: plain, targets: [{ provider: openai, model: gpt-5-mini }] }
"#;

const TARGETS: &str = r#"
  targets:
  - { provider: anthropic, model: claude-haiku-4-5, when: "task in ['classification', 'extraction'] && difficulty < 0.5 && !tools" }
  - { provider: anthropic, model: claude-sonnet-4-5, when: "team == 'search' && hour >= 0 && weekday <= 7" }
  - { provider: openai, model: gpt-5-mini, when: "!('residency' in tags) || tags.residency == 'us'" }
  - { provider: openai, model: gpt-5, when: "input_tokens < 100000 && turns < 100" }
"#;

/// A policy by tasks with samples of its quality and a mirror, before the same targets; two routes in one; a pool.
const MORE: &str = r#"
  mirror: { provider: openai, model: gpt-4o-mini, share: 1% }
  task_routing:
    mode: enforce
    steps:
    - { provider: openai, model: gpt-5-nano, tasks: [classification, extraction, short_question, chat], difficulty_max: 0.9 }
    - { provider: anthropic, model: claude-haiku-4-5, tasks: [classification, extraction, short_question, chat, summarisation] }
    floor: gpt-5-nano
    quality: { sample: 2%, judge: { provider: openai, model: gpt-4o }, floor: 95%, samples_min: 50 }
- name: nested
  strategy: weighted
  targets: [{ route: cheapest, weight: 95 }, { route: ordered, weight: 5 }]
pools: [{ name: openai, for: [{ provider: openai }], concurrent: 100 }]
"#;

const PROSE: &str = "I've been reading about the history of jazz for a while. My budget is small and I work full time, so could you \
suggest a plan for the first week, list the most important 20 records of 1959, and explain the basics in plain English? Thanks!\n";

fn loaded() -> Loaded {
    let route = |strategy: &str| format!("- name: {strategy}\n  strategy: {strategy}{}", TARGETS.trim_end());
    let by_tasks = format!("- name: by_tasks\n  strategy: cheapest{}{}", TARGETS.trim_end(), MORE.trim_end());
    let text = format!("{CONFIG}{}\n{}\n{}\n{by_tasks}\n", route("ordered"), route("cheapest"), route("fastest"));
    let document = tg_config::load::from_text("bench", &text).unwrap();
    let secrets = resolve_secrets(&document, &|_: &str| Some("secret".to_owned())).unwrap();
    Loaded::compile(document, secrets).unwrap()
}

/// From the checked body to the target that is tried first, whose health counts: 1 KB of prompt.
#[divan::bench(args = ["plain", "ordered", "cheapest", "fastest", "by_tasks", "nested"])]
fn everything_on(bencher: Bencher<'_, '_>, model: &str) {
    let loaded = loaded();
    let prompt: String = PROSE.chars().cycle().take(1024).collect();
    let body = json!({"model": model, "messages": [
        {"role": "system", "content": "Be brief and kind."}, {"role": "user", "content": prompt}]})
    .to_string();
    let members = Members::scan(body.as_bytes()).unwrap();
    let headers = HeaderMap::new();
    let Ok(Recognised::Call(head)) = recognise(&Method::POST, "/v1/chat/completions", &headers) else { return };
    let peek = peek(head.dialect, &head.facts, &members).unwrap();
    let principal = Principal {
        key_id: "key".into(),
        team: "search".into(),
        project: None,
        environment: None,
        models: Arc::new([]),
    };
    let attribution = Attribution { key_id: "key".into(), team: "search".into(), ..Attribution::default() };
    let (lessons, paces, sessions, health) = (Lessons::default(), Paces::default(), Sessions::default(), troubled());
    let (policy, now) = (TeamPolicy::default(), Duration::from_secs(1));
    let (qualities, purses) = (Qualities::default(), Purses::default());
    let experience = Experience {
        lessons: &lessons,
        paces: &paces,
        sessions: &sessions,
        purses: &purses,
        qualities: &qualities,
        now,
    };
    let id = CallId::fresh();
    bencher.bench_local(|| {
        let at = Timestamp::from_seconds(1_800_000_000);
        let asked = Asked { id, at, head: &head, session: Some(7), opts_out: false, peek: &peek, members: &members };
        let booked = Booked { principal: &principal, policy: &policy, attribution: &attribution };
        // A session that has a place is not looked at again: each call here is the first of its own.
        let sessions = Sessions::default();
        let experience = Experience { sessions: &sessions, ..experience };
        let choosing = Choosing::new(&loaded.snapshot, experience, booked, asked);
        let plan = choosing.plan(black_box(&peek.model)).unwrap();
        let mut left: Vec<&Target> = plan.targets.iter().collect();
        black_box(health.next(&mut left, now).cloned())
    });
}

/// Somebody is passed over, so that everybody is looked at.
fn troubled() -> Health {
    let health = Health::default();
    let settings = Settings {
        failures: 1,
        share_millionths: 1_000_000,
        calls_min: 1,
        open: Duration::from_secs(60),
        open_max: Duration::from_secs(60),
    };
    let target = Target { provider: "anthropic".into(), model: "claude-sonnet-4-5".into() };
    let now = Duration::from_millis(900);
    health.failed(&target, Blame::Model, &settings, (now, now));
    health
}
