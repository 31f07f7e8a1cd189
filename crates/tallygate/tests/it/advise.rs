//! What `tallygate advise` says of a real ledger, and that what it prints does it.

use crate::cli::{Serving, bad, call, good, json};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;
use tg_kernel::clock::{Clock as _, SystemClock, Timestamp};
use tg_kernel::decided::{Decided, Purpose, Routed, Task, Verdict};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Record, Served};
use tg_kernel::usage::{ServiceTier, Usage};
use tg_store::Store;
use tg_store::key::NewKey;

const DAY: i64 = 86_400;

const PRICES: &str = r#"{"rows": [
    {"provider": "openai_compatible", "id": "roc-grand-4", "rates": [{"in": 5000000, "out": 25000000}],
     "context": 200000, "output_max": 64000, "abilities": ["tools", "vision"]},
    {"provider": "openai_compatible", "id": "roc-small-4", "rates": [{"in": 1000000, "out": 5000000}],
     "context": 200000, "output_max": 64000, "abilities": ["tools", "vision"]}]}"#;

const ROUTES: &str = "models:\n  - { name: 'roc-*', targets: [{ provider: local }] }\n";

fn served(team: &str, now: Timestamp, output: u64) -> Record {
    let mut call = call(team, Some("tickets"), 0);
    call.started_at = Timestamp::from_seconds(now.seconds() - 10 * DAY);
    call.asked.model = "roc-grand-4".into();
    call.usage = Usage { input_tokens: 1_000, output_tokens: output, ..Usage::default() };
    call.served = Some(Served {
        provider: "local".into(),
        model: "roc-grand-4".into(),
        profile: None,
        dialect: Dialect::OpenaiChat,
        request_id: None,
        session: None,
        tier: ServiceTier::Default,
        attempts: 1,
        stop: Some("end".to_owned()),
    });
    call
}

fn configure(folder: &Path, models: &str) {
    let file = format!(
        "listen: {{address: '127.0.0.1:0', workers: 1}}\n\
         admin: {{address: '127.0.0.1:0'}}\n\
         providers: [{{name: local, kind: openai_compatible, base_url: 'http://127.0.0.1:9/v1'}}]\n\
         pricing: {{overrides: prices.json}}\n\
         teams: [{{name: triage, projects: [tickets]}}, {{name: legal, projects: [tickets]}}]\n{models}\n"
    );
    std::fs::write(folder.join("tallygate.yaml"), file).unwrap();
}

/// A ledger of two teams that use the dearest model: one for short answers, one for long ones.
fn ledger(models: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    std::fs::write(at.join("prices.json"), PRICES).unwrap();
    configure(at, models);
    let now = SystemClock::new().now();
    let calls: Vec<Record> = (0..3).flat_map(|_| [served("triage", now, 3), served("legal", now, 900)]).collect();
    Store::open(at.join("tallygate.db")).unwrap().ledger_writer().unwrap().append(&calls).unwrap();
    folder
}

fn advice<'a>(page: &'a Value, team: &str) -> &'a Value {
    let of = |one: &&Value| one["teams"][0] == team && one["kind"] == "cheaper_model";
    page["advice"].as_array().unwrap().iter().find(of).unwrap()
}

/// Where a call of a team goes first.
fn first_target(folder: &Path, team: &str) -> String {
    std::fs::write(
        folder.join("ask.json"),
        r#"{"model":"roc-grand-4","messages":[{"role":"user","content":"Spam?"}]}"#,
    )
    .unwrap();
    let explain = ["explain", "ask.json", "--team", team, "--project", "tickets", "--format", "json"];
    json(&good(folder, &explain))["targets"][0]["model"].as_str().unwrap().to_owned()
}

#[test]
fn the_cheaper_model_is_named_with_its_saving_and_the_yaml_does_it_for_that_team_alone() {
    let folder = ledger(ROUTES);
    let at = folder.path();
    let page = json(&good(at, &["advise", "--format", "json"]));
    let triage = advice(&page, "triage");
    // 3 × (1000 × 5 + 3 × 25) µ$ less 3 × (1000 × 1 + 3 × 5) µ$.
    assert_eq!(triage["saving"]["period_nanos"], 15_225_000 - 3_045_000);
    assert_eq!((&triage["risk"], &triage["change"]["to"]["model"]), (&"low".into(), &"roc-small-4".into()));
    assert_eq!(advice(&page, "legal")["risk"], "medium");
    let month = triage["saving"]["month_nanos"].as_i64().unwrap();
    assert!((36_539_000..=36_540_000).contains(&month), "{page:#}");
    let table = good(at, &["advise"]);
    for part in ["cheaper model", "triage", "roc-small-4", "classification", "USD a month"] {
        assert!(table.contains(part), "{part}: {table}");
    }

    let yaml = good(at, &["advise", "--format", "yaml"]);
    assert!(!yaml.contains("legal") && yaml.contains("team triage, project tickets"), "{yaml}");
    configure(at, &yaml.replace("models:\n", ROUTES));
    assert!(good(at, &["check"]).contains("fine"), "{yaml}");
    assert_eq!([first_target(at, "triage"), first_target(at, "legal")], ["roc-small-4", "roc-grand-4"]);
    let again = good(at, &["advise", "--format", "yaml"]);
    assert!(again.contains("# In force already: roc-grand-4") && !again.contains("- name"), "{again}");
    // What is not advised on at low risk is asked for.
    let risky = good(at, &["advise", "--format", "yaml", "--risk", "high"]);
    assert!(risky.contains("legal"), "{risky}");
    configure(at, &risky);
    good(at, &["check"]);
    assert_eq!(first_target(at, "legal"), "roc-small-4");
}

const LABEL: &str = "Classify the sentiment of this review as positive or negative. Answer with one word.\n\n\
                     Review: The food was cold and the staff were rude.";
const CODE: &str = "Write a Python function that merges two sorted lists, and explain its complexity.";

#[test]
fn the_simple_tasks_of_a_team_are_moved_and_its_others_stay() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    std::fs::write(at.join("prices.json"), PRICES).unwrap();
    configure(at, ROUTES);
    let now = SystemClock::new().now();
    let calls = |class: &'static str, output: u64| {
        let task = Some(Task { class: class.into(), difficulty: 10 });
        let decided = Some(Box::new(Decided { task, ..Decided::default() }));
        (0..20).map(move |_| Record { decided: decided.clone(), ..served("triage", now, output) })
    };
    let calls: Vec<Record> = calls("classification", 3).chain(calls("code", 900)).collect();
    Store::open(at.join("tallygate.db")).unwrap().ledger_writer().unwrap().append(&calls).unwrap();

    let page = json(&good(at, &["advise", "--format", "json"]));
    assert_eq!(page["habits"][0]["tasks"][0]["percent"], 50);
    let triage = advice(&page, "triage");
    assert_eq!((&triage["risk"], &triage["change"]["tasks"][0]), (&"low".into(), &"classification".into()));
    // 20 × (1000 × 5 + 3 × 25) µ$ less 20 × (1000 × 1 + 3 × 5) µ$.
    assert_eq!(triage["saving"]["period_nanos"], 81_200_000);
    let table = good(at, &["advise"]);
    assert!(table.contains("classification 50 %, code 50 % of 40"), "{table}");

    let yaml = good(at, &["advise", "--format", "yaml"]);
    configure(at, &yaml.replace("models:\n", ROUTES));
    assert!(good(at, &["check"]).contains("fine"), "{yaml}");
    let first = |text: &str| {
        let body = serde_json::json!({"model": "roc-grand-4", "messages": [{"role": "user", "content": text}]});
        std::fs::write(at.join("ask.json"), body.to_string()).unwrap();
        let explain = ["explain", "ask.json", "--team", "triage", "--project", "tickets", "--format", "json"];
        json(&good(at, &explain))["targets"][0]["model"].as_str().unwrap().to_owned()
    };
    assert_eq!([first(LABEL), first(CODE)], ["roc-small-4", "roc-grand-4"], "{yaml}");
    let again = good(at, &["advise", "--format", "yaml"]);
    assert!(again.contains("# In force already: roc-grand-4"), "{again}");
    // What is more risky comes after it, and leaves it where it is.
    let risky = good(at, &["advise", "--format", "yaml", "--risk", "high"]);
    assert!(risky.contains("task in [\"classification\"]") && risky.contains("the saving is without"), "{risky}");
    configure(at, &risky);
    good(at, &["check"]);
    assert_eq!([first(LABEL), first(CODE)], ["roc-small-4", "roc-small-4"], "{risky}");
}

#[test]
fn an_entry_keeps_what_it_had_and_its_conditions_hold_for_the_new_target_too() {
    let own = "models:\n  - name: roc-grand-4\n    on_loss: reject\n    targets:\n      \
               - { provider: local, model: roc-grand-4, when: \"environment != 'dev'\" }\n      \
               - { provider: local, model: roc-small-4, when: \"environment == 'dev'\" }\n";
    let folder = ledger(own);
    let at = folder.path();
    let yaml = good(at, &["advise", "--format", "yaml"]);
    for part in [
        "- name: 'roc-grand-4' # changed",
        "on_loss: reject",
        r#"(team == "triage" && project == "tickets") && (environment != ''dev'')"#,
    ] {
        assert!(yaml.contains(part), "{part}: {yaml}");
    }
    configure(at, &yaml);
    good(at, &["check"]);
    assert_eq!([first_target(at, "triage"), first_target(at, "legal")], ["roc-small-4", "roc-grand-4"]);
}

#[test]
fn a_configuration_without_models_gets_the_usual_ones_beside_the_new_one() {
    let folder = ledger("");
    let at = folder.path();
    let yaml = good(at, &["advise", "--format", "yaml"]);
    assert!(yaml.contains("- name: '*'") && yaml.contains("# new"), "{yaml}");
    configure(at, &yaml);
    good(at, &["check"]);
    assert_eq!([first_target(at, "triage"), first_target(at, "legal")], ["roc-small-4", "roc-grand-4"]);
}

#[test]
fn routes_that_are_not_ordered_are_left_to_their_owner() {
    let mixed = "models:\n  - { name: roc-grand-4, strategy: weighted, targets: \
                 [{ provider: local, model: roc-grand-4 }, { provider: local, model: other }] }\n";
    let folder = ledger(mixed);
    let at = folder.path();
    let yaml = good(at, &["advise", "--format", "yaml"]);
    assert!(yaml.contains("Left out, to be changed by hand: roc-grand-4"), "{yaml}");
}

#[test]
fn a_running_gateway_tells_sums_which_make_no_low_risk() {
    let folder = ledger(ROUTES);
    let at = folder.path();
    let serving = Serving::begin(at);
    let page = json(&good(at, &["advise", "--format", "json", "--admin", &serving.admin]));
    let triage = advice(&page, "triage");
    assert_eq!(triage["saving"]["period_nanos"], 12_180_000);
    assert_eq!((&triage["risk"], &page["from_calls"]), (&"medium".into(), &false.into()));
    assert_eq!(triage["change"]["asked"], "roc-grand-4");
}

#[test]
fn keys_that_idle_are_named_with_what_revokes_them() {
    let folder = ledger(ROUTES);
    let at = folder.path();
    good(at, &["teams", "create", "old"]);
    let directory = Store::open(at.join("tallygate.db")).unwrap().directory().unwrap();
    let issue = |days: i64| {
        let made = Timestamp::from_seconds(SystemClock::new().now().seconds() - days * DAY);
        directory.issue(&NewKey { team: "old".to_owned(), ..NewKey::default() }, made).unwrap().record.id
    };
    let (old, young) = (issue(40), issue(3));
    let table = good(at, &["advise"]);
    assert!(table.contains(&format!("tallygate keys revoke {old}")) && table.contains("never used"), "{table}");
    assert!(!table.contains(&*young), "{table}");
}

#[test]
fn what_cannot_be_advised_on_says_why() {
    let folder = ledger(ROUTES);
    let at = folder.path();
    for (arguments, status, words) in [
        (&["advise", "--since", "yesterday"][..], 2, "`7d`"),
        (&["advise", "--store", "nope.db"], 1, "there is no store at nope.db"),
        (&["advise", "--risk", "none"], 2, "medium"),
    ] {
        let told = bad(at, arguments, status);
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
    let late = good(at, &["advise", "--since", "1h"]);
    assert!(late.starts_with("nothing to advise on"), "{late}");
    assert!(good(at, &["advise", "--since", "1h", "--format", "yaml"]).contains("# Nothing to change."));
}

/// A call of triage that a rule by tasks looked at, and the copy that was compared with it.
fn sampled(now: Timestamp, kept: bool) -> [Record; 2] {
    let mut call = served("triage", now, 3);
    let routed = Routed {
        rule: "roc-grand-4#1".into(),
        mode: "observe".into(),
        to: Some("local/roc-small-4".into()),
        from: "local/roc-grand-4".into(),
        stays: None,
        saving: None,
        from_cost: None,
    };
    let task = Task { class: "classification".into(), difficulty: 10 };
    let decided = Decided { task: Some(task), routed: Some(routed), ..Decided::default() };
    call.decided = Some(Box::new(decided));
    let mut copy = served("triage", now, 3);
    let verdict = Verdict { rule: "roc-grand-4#1".into(), task: "classification".into(), kept: Some(kept) };
    let decided =
        Decided { purpose: Some(Purpose::Sample), of: Some(call.id), verdict: Some(verdict), ..Decided::default() };
    copy.decided = Some(Box::new(decided));
    [call, copy]
}

#[test]
fn the_quality_that_was_kept_stands_beside_the_saving_or_what_would_find_it_out() {
    let folder = ledger(ROUTES);
    let at = folder.path();
    let now = SystemClock::new().now();
    let put = |calls: &[Record]| {
        let store = Store::open(at.join("tallygate.db")).unwrap();
        store.ledger_writer().unwrap().append(calls).unwrap();
    };
    let unseen = good(at, &["advise", "--format", "samples"]);
    assert!(unseen.contains("# roc-grand-4: no task of its calls is known yet"), "{unseen}");
    let task = |class: &'static str| Task { class: class.into(), difficulty: 10 };
    let looked_at = |class: &'static str| {
        let decided = Decided { task: Some(task(class)), ..Decided::default() };
        Record { decided: Some(Box::new(decided)), ..served("triage", now, 3) }
    };
    put(&[looked_at("classification")]);
    let table = good(at, &["advise"]);
    assert!(table.contains("quality: no answers of the two models were compared"), "{table}");
    assert!(table.contains("tallygate advise --format samples"), "{table}");
    let samples = good(at, &["advise", "--format", "samples"]);
    assert!(samples.contains("judge: agreement") && samples.contains("tasks: [classification]"), "{samples}");
    configure(at, &samples.replace("models:\n", ROUTES));
    assert!(good(at, &["check"]).contains("fine"), "{samples}");
    assert!(good(at, &["routing"]).contains("local/roc-small-4"), "{samples}");
    put(&(0..60).flat_map(|number| sampled(now, number != 0)).collect::<Vec<_>>());
    let page = json(&good(at, &["advise", "--format", "json"]));
    let triage = advice(&page, "triage");
    assert_eq!((&triage["quality"]["kept"], &triage["quality"]["samples"]), (&59.into(), &60.into()), "{triage:#}");
    let low = triage["quality"]["low"].as_f64().unwrap();
    assert!((0.91..0.92).contains(&low), "{triage:#}");
    let yaml = good(at, &["advise", "--format", "yaml"]);
    assert!(yaml.contains("59 of 60 answers compared were as good (98.3 %, between 91.1 % and 99.7 %)"), "{yaml}");
    assert!(yaml.contains("task_routing: {"), "what the entry had stays: {yaml}");
    configure(at, &yaml.replace("models:\n", ROUTES));
    assert!(good(at, &["check"]).contains("fine"), "{yaml}");
    let none = good(at, &["advise", "--format", "samples"]);
    assert!(!none.contains("- name"), "{none}");
}
