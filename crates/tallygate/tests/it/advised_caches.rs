//! What `tallygate advise` says of caches that would pay, and that the YAML it prints puts them in force.

use crate::cli::{call, good, json};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;
use tg_kernel::clock::{Clock as _, SystemClock, Timestamp};
use tg_kernel::decided::{Decided, Repeat};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Record, Served};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};
use tg_store::Store;

const DAY: i64 = 86_400;
const MODEL: &str = "claude-sonnet-4-5";

fn served(team: &str, now: Timestamp, input: u64) -> Record {
    let mut call = call(team, Some("tickets"), 0);
    call.started_at = Timestamp::from_seconds(now.seconds() - 10 * DAY);
    call.asked.model = MODEL.into();
    call.usage = Usage { input_tokens: input, output_tokens: 900, ..Usage::default() };
    call.cost.amount = Money::from_nanos(2_000_000);
    call.served = Some(Served {
        provider: "claude".into(),
        model: MODEL.into(),
        profile: None,
        dialect: Dialect::AnthropicMessages,
        request_id: None,
        session: None,
        tier: ServiceTier::Default,
        attempts: 1,
        stop: Some("end_turn".to_owned()),
    });
    call
}

fn configure(folder: &Path, more: &str) {
    let file = format!(
        "listen: {{address: '127.0.0.1:0', workers: 1}}\n\
         admin: {{address: '127.0.0.1:0'}}\n\
         providers: [{{name: claude, kind: anthropic, base_url: 'http://127.0.0.1:9', api_key: 'file:{}'}}]\n\
         models: [{{ name: 'claude-*', targets: [{{ provider: claude }}] }}]\n\
         teams: [{{name: faq, projects: [tickets]}}, {{name: long, projects: [tickets]}}]\n{more}\n",
        folder.join("key").display()
    );
    std::fs::write(folder.join("key"), "any").unwrap();
    std::fs::write(folder.join("tallygate.yaml"), file).unwrap();
}

/// A ledger of two teams: one that asks the same again and again, and one whose prompts are long.
fn ledger() -> TempDir {
    let folder = TempDir::new().unwrap();
    let now = SystemClock::new().now();
    let asked = (0..60).map(|number: u32| {
        let within = (number % 2 == 1).then_some(30);
        let repeat =
            Repeat { one_in: 8, determined: true, times: number % 2, within_hour_s: within, within_day_s: within };
        let decided = Decided { repeat: Some(repeat), ..Decided::default() };
        Record { decided: Some(Box::new(decided)), ..served("faq", now, 100) }
    });
    let calls: Vec<Record> = asked.chain((0..3).map(|_| served("long", now, 20_000))).collect();
    Store::open(folder.path().join("tallygate.db")).unwrap().ledger_writer().unwrap().append(&calls).unwrap();
    folder
}

fn advice<'a>(page: &'a Value, kind: &str) -> &'a Value {
    page["advice"].as_array().unwrap().iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("{page:#}"))
}

/// The sections after the models, if there are any.
fn sections(yaml: &str) -> &str {
    yaml.find("\ncache:\n").or_else(|| yaml.find("\nprompt_cache:\n")).map_or("", |at| &yaml[at + 1..])
}

#[test]
fn answers_that_would_be_given_again_are_counted_and_the_rule_that_keeps_them_is_printed() {
    let folder = ledger();
    let at = folder.path();
    configure(at, "");
    let page = json(&good(at, &["advise", "--format", "json"]));
    let kept = advice(&page, "response_cache");
    // Thirty calls at two thousandths of a dollar, of which each stands for eight.
    assert_eq!(kept["saving"]["period_nanos"], 480_000_000);
    let month = kept["saving"]["month_nanos"].as_i64().unwrap();
    assert!((1_439_000_000..=1_440_000_000).contains(&month), "{kept:#}");
    assert_eq!((&kept["risk"], &kept["teams"][0], &kept["subject"]), (&"low".into(), &"faq".into(), &MODEL.into()));
    let table = good(at, &["advise"]);
    assert!(table.contains("response cache") && table.contains("with 95 % certainty"), "{table}");
    assert!(table.contains("`tallygate advise --format yaml` prints what would do it"), "{table}");

    let yaml = good(at, &["advise", "--format", "yaml"]);
    let rule = "- { name: advised-faq-claude-sonnet-4-5, for: { team: 'faq', model: 'claude-sonnet-4-5' }, ttl: 1h }";
    assert!(yaml.contains(rule) && yaml.contains("30 of 60 calls looked at"), "{yaml}");
    configure(at, sections(&yaml));
    assert!(good(at, &["check"]).contains("fine"), "{yaml}");
    let again = good(at, &["advise", "--format", "yaml"]);
    assert!(again.contains("# In force already: cache: team faq, claude-sonnet-4-5"), "{again}");
    assert!(again.contains("# In force already: prompt_cache: team long, claude-sonnet-4-5"), "{again}");
    assert_eq!(sections(&again), "");
}

#[test]
fn what_stands_in_the_sections_already_stays_and_names_are_not_taken_twice() {
    let folder = ledger();
    let at = folder.path();
    let own = "cache:\n  bytes_max: 64 MiB\n  rules:\n    - { name: advised-faq-claude-sonnet-4-5, for: { team: long }, ttl: 90s }\n\
               prompt_cache:\n  - { for: { team: faq }, points: off }\n";
    configure(at, own);
    let yaml = good(at, &["advise", "--format", "yaml"]);
    assert!(yaml.contains("# In the place of `cache`: what was there, and new rules after it."), "{yaml}");
    assert!(yaml.contains("# In the place of `prompt_cache`: what was there, and new entries after it."), "{yaml}");
    configure(at, sections(&yaml));
    assert!(good(at, &["check"]).contains("fine"), "{yaml}");
    let document = tg_config::load::from_text("test", &std::fs::read_to_string(at.join("tallygate.yaml")).unwrap());
    let document = document.unwrap();
    let names: Vec<&str> = document.cache.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["advised-faq-claude-sonnet-4-5", "advised-faq-claude-sonnet-4-5-1"], "{yaml}");
    assert_eq!((document.cache.bytes_max.bytes(), document.prompt_cache.len()), (64 << 20, 2), "{yaml}");
    let [first, second] = document.cache.rules.as_slice() else { panic!("{yaml}") };
    assert_eq!((first.ttl.get().as_secs(), second.ttl.get().as_secs()), (90, 3_600));
}

#[test]
fn points_for_a_prompt_cache_are_printed_with_their_arithmetic_unless_an_entry_says_off() {
    let folder = ledger();
    let at = folder.path();
    configure(at, "");
    let page = json(&good(at, &["advise", "--format", "json"]));
    let points = advice(&page, "prompt_cache");
    assert_eq!((&points["teams"][0], &points["saving"]["is_assumed"]), (&"long".into(), &true.into()));
    let yaml = good(at, &["advise", "--format", "yaml"]);
    let entry = "- { for: { team: 'long', project: 'tickets', model: 'claude-sonnet-4-5' }, points: auto }";
    for part in
        [entry, "a million tokens cost 3.00 USD plain, 3.75 written, 0.30 read", "half of the input is the same"]
    {
        assert!(yaml.contains(part), "{part}: {yaml}");
    }
    configure(at, "prompt_cache: [{ for: { project: tickets }, points: off }]\n");
    let off = good(at, &["advise", "--format", "yaml"]);
    assert!(
        off.contains("# Left out: prompt_cache: team long, claude-sonnet-4-5: an entry says `points: off`."),
        "{off}"
    );
    assert!(!sections(&off).contains("prompt_cache:"), "{off}");
}
