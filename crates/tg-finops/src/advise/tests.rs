//! Advice to the nano-dollar, over rows of fixed prices.

use super::*;
use std::sync::Arc;
use tg_catalog::{Catalogue, Discount, Paid, Terms, parse_overrides};
use tg_kernel::decided::{Decided, Purpose, Routed, Task, Verdict};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};

fn catalogue() -> Arc<Catalogue> {
    let all = r#""context": 200000, "output_max": 64000, "abilities": ["tools", "vision", "prompt_caching"]"#;
    let row = |id: &str, rates: &str, rest: &str| {
        format!(r#"{{"provider": "acme", "id": "{id}", "rates": [{rates}], {rest}}}"#)
    };
    let rows = [
        row(
            "roc-grand-4",
            r#"{"in": 5000000, "out": 25000000, "cache_read": 500000, "cache_write_5m": 6250000}, {"above": 100000, "in": 10000000, "out": 50000000}"#,
            &format!(r#"{all}, "cache_min": 1024"#),
        ),
        row("roc-middle-4", r#"{"in": 3000000, "out": 15000000}"#, all),
        row(
            "roc-small-4",
            r#"{"in": 1000000, "out": 5000000}, {"above": 100000, "in": 2000000, "out": 10000000}"#,
            all,
        ),
        row(
            "roc-tiny-4",
            r#"{"in": 100000, "out": 500000}"#,
            r#""context": 200000, "output_max": 64000, "abilities": ["tools"]"#,
        ),
        row(
            "roc-picky-4",
            r#"{"in": 10000, "out": 10000}"#,
            r#""context": 200000, "output_max": 64000, "abilities": ["tools", "vision", "no_sampling"]"#,
        ),
        row(
            "roc-short-4",
            r#"{"in": 10000, "out": 10000}"#,
            r#""context": 8, "output_max": 64000, "abilities": ["tools", "vision"]"#,
        ),
        row("wren-leaving-4", r#"{"in": 10000, "out": 10000}"#, &format!(r#"{all}, "retires": "2026-12-31""#)),
        row("wren-leaving-5", r#"{"in": 20000, "out": 20000}"#, &format!(r#"{all}, "retires": "2026-12-31""#)),
        row(
            "wren-leaving-6",
            r#"{"in": 5000, "out": 10000}"#,
            r#""context": 200000, "output_max": 64000, "abilities": ["tools"]"#,
        ),
        row("roc-preview-4", r#"{"in": 1, "out": 1}"#, all),
    ];
    let rows = serde_json::from_str(&format!(r#"{{"rows": [{}]}}"#, rows.join(","))).unwrap();
    Catalogue::embedded().unwrap().with_overrides("t", parse_overrides(&rows).unwrap()).unwrap().catalogue
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(super) fn call(team: &str, model: &str, input: u64, output: u64) -> Record {
    Record {
        id: CallId::fresh(),
        started_at: at("2026-11-14T00:00:00Z"),
        attribution: Attribution { team: team.into(), project: Some("p".into()), ..Attribution::default() },
        asked: Asked { dialect: Dialect::OpenaiChat, operation: Operation::Chat, model: "best".into(), stream: false },
        served: Some(Served {
            provider: "shop".into(),
            model: model.into(),
            profile: None,
            dialect: Dialect::OpenaiChat,
            request_id: None,
            session: None,
            tier: ServiceTier::Default,
            attempts: 1,
            stop: Some("end".to_owned()),
        }),
        earlier: Vec::new(),
        ending: Ending::Ok,
        status: 200,
        fault: None,
        usage: Usage { input_tokens: input, output_tokens: output, ..Usage::default() },
        usage_source: UsageSource::Reported,
        cost: Cost { pricing: Pricing::Priced, ..Cost::default() },
        losses: Vec::new(),
        guarded: None,
        decided: None,
        timing: Timing::default(),
    }
}

/// What is said at the 24th of what was asked again and again.
pub(super) fn with_repeats(repeats: &Repeats, say: impl FnOnce(&Facts<'_>) -> Vec<Advice>) -> Vec<Advice> {
    let (catalogue, terms) = (catalogue(), Terms::new(Vec::new()));
    let shop = Shop { catalogue: &catalogue, terms: &terms, sellers: &[], now: at("2026-11-24T00:00:00Z") };
    let (uses, samples, targets) = (Uses::default(), Samples::default(), BTreeSet::new());
    let since = at("2026-10-25T00:00:00Z");
    say(&Facts { uses: &uses, samples: &samples, repeats, shop, keys: &[], targets: &targets, since })
}

/// Advice at the 24th, over calls from the 14th on.
fn advised(terms: Vec<Discount>, keys: &[KeySeen], fill: impl FnOnce(&mut Uses)) -> Vec<Advice> {
    advised_by(terms, keys, &Samples::default(), fill)
}

/// The same, where answers were compared.
fn advised_by(terms: Vec<Discount>, keys: &[KeySeen], samples: &Samples, fill: impl FnOnce(&mut Uses)) -> Vec<Advice> {
    let (catalogue, terms) = (catalogue(), Terms::new(terms));
    let mut uses = Uses::new(&catalogue);
    fill(&mut uses);
    let sellers = [Seller { name: "shop".to_owned(), vendor: "acme".to_owned(), region: None }];
    let shop = Shop { catalogue: &catalogue, terms: &terms, sellers: &sellers, now: at("2026-11-24T00:00:00Z") };
    let since = at("2026-10-25T00:00:00Z");
    let repeats = &Repeats::default();
    advise(&Facts { uses: &uses, samples, repeats, shop, keys, targets: &BTreeSet::new(), since })
}

fn saved(advice: &Advice) -> (i64, i64) {
    let saving = advice.saving.unwrap();
    (saving.period.nanos(), saving.month.nanos())
}

#[test]
fn short_answers_of_the_dearest_model_go_to_the_cheapest_that_can_do_the_same() {
    let all = advised(Vec::new(), &[], |uses| {
        (0..3).for_each(|_| uses.take(&call("triage", "roc-grand-4", 1_000, 3)));
    });
    let [only] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!((only.kind, only.risk, only.teams[0].as_str()), (Kind::CheaperModel, Risk::Low, "triage"));
    // 3 × (1000 × 5 + 3 × 25) µ$ less 3 × (1000 × 1 + 3 × 5) µ$; ten days were seen.
    assert_eq!(saved(only), (15_225_000 - 3_045_000, 3 * 12_180_000));
    let change = only.change.as_ref().unwrap();
    assert_eq!((change.asked.as_str(), change.to.model.as_str()), ("best", "roc-small-4"));
    assert_eq!(change.only, Some(("triage".to_owned(), Some("p".to_owned()))));
    assert_eq!(total(&all), Money::from_nanos(36_540_000));
}

#[test]
fn long_answers_go_one_step_down_and_tools_are_a_high_risk() {
    let all = advised(Vec::new(), &[], |uses| {
        // Short for the most part is not short.
        [3, 3, 900].into_iter().for_each(|output| uses.take(&call("talk", "roc-grand-4", 1_000, output)));
        let mut tools = call("agents", "roc-grand-4", 1_000, 3);
        tools.served.as_mut().unwrap().stop = Some("tool_use".to_owned());
        uses.take(&tools);
    });
    let seen: Vec<_> = all
        .iter()
        .map(|one| (one.teams[0].as_str(), one.risk, one.change.as_ref().unwrap().to.model.as_str()))
        .collect();
    assert_eq!(seen, [("talk", Risk::Medium, "roc-middle-4"), ("agents", Risk::High, "roc-middle-4")]);
}

/// A call that was taken for such a task.
fn taken_for(class: &'static str, output: u64) -> Record {
    let task = Task { class: class.into(), difficulty: 20 };
    let decided = Decided { task: Some(task), ..Decided::default() };
    Record { decided: Some(Box::new(decided)), ..call("mixed", "roc-grand-4", 1_000, output) }
}

#[test]
fn where_some_kinds_of_tasks_are_simple_those_are_moved_by_themselves() {
    let fill = |unseen: usize| {
        move |uses: &mut Uses| {
            for (class, output) in [("classification", 3), ("long_writing", 900)] {
                (0..30).for_each(|_| uses.take(&taken_for(class, output)));
                (0..unseen).for_each(|_| uses.take(&call("mixed", "roc-grand-4", 1_000, output)));
            }
            // Too few to say anything, and of a kind whose short answers are hard to find.
            (0..3).for_each(|_| uses.take(&taken_for("extraction", 3)));
        }
    };
    let all = advised(Vec::new(), &[], fill(0));
    let [narrow, rest] = all.as_slice() else { panic!("{all:#?}") };
    let to = |one: &Advice| one.change.as_ref().map(|change| (change.tasks.clone(), change.to.model.clone())).unwrap();
    assert_eq!((narrow.risk, to(narrow)), (Risk::Low, (vec!["classification".to_owned()], "roc-small-4".to_owned())));
    assert_eq!((rest.risk, to(rest)), (Risk::Medium, (Vec::new(), "roc-middle-4".to_owned())));
    // 30 × (1000 × 5 + 3 × 25) µ$ less 30 × (1000 × 1 + 3 × 5) µ$; all 63 calls were looked at.
    assert_eq!(saved(narrow).0, 121_800_000);
    // Of all 63 calls: 33 × 5075 + 30 × 27500 µ$ less 33 × 3045 + 30 × 16500 µ$; without the 30 that are moved already.
    assert_eq!(saved(rest).0, 396_990_000 - 60_900_000);
    assert!(narrow.evidence.contains("30 of 63 calls looked at are classification (48 %)"), "{}", narrow.evidence);
    let sampled = advised(Vec::new(), &[], fill(30));
    assert_eq!(saved(&sampled[0]).0, 121_800_000 * 123 / 63, "the share of those looked at stands for all");
}

/// A ledger's rows of so many comparisons, the latest first: of so many the cheaper answer was as good.
fn compared(team: &str, to: &str, class: &'static str, (kept, of): (usize, usize)) -> Vec<Record> {
    let rows = (0..of).flat_map(|number| {
        let mut one = call(team, "roc-grand-4", 1_000, 3);
        let routed = Routed {
            rule: "best#1".into(),
            mode: "observe".into(),
            to: Some(format!("shop/{to}").into()),
            from: "shop/roc-grand-4".into(),
            stays: None,
            saving: None,
            from_cost: None,
        };
        one.decided = Some(Box::new(Decided { routed: Some(routed), ..Decided::default() }));
        let verdict = Verdict { rule: "best#1".into(), task: class.into(), kept: Some(number < kept) };
        let decided =
            Decided { purpose: Some(Purpose::Sample), of: Some(one.id), verdict: Some(verdict), ..Decided::default() };
        [Record { decided: Some(Box::new(decided)), ..call("judges", to, 1_000, 3) }, one]
    });
    rows.collect()
}

#[test]
fn the_risk_follows_from_comparisons_where_there_are_enough_of_the_teams_own_calls() {
    type Fill<'a> = &'a dyn Fn(&mut Uses);
    let classified = |uses: &mut Uses| (0..30).for_each(|_| uses.take(&taken_for("classification", 3)));
    let talked = |uses: &mut Uses| (0..30).for_each(|_| uses.take(&taken_for("chat", 900)));
    let mixed = |uses: &mut Uses| {
        (0..30).for_each(|_| uses.take(&taken_for("chat", 900)));
        (0..30).for_each(|_| uses.take(&taken_for("code", 900)));
    };
    let (small, middle) = ("roc-small-4", "roc-middle-4");
    for (fill, rows, risk, seen) in [
        (&classified as Fill<'_>, compared("mixed", small, "classification", (100, 100)), Risk::Low, Some((100, 100))),
        (&classified, compared("mixed", small, "classification", (88, 100)), Risk::Medium, Some((88, 100))),
        (&classified, compared("mixed", small, "classification", (60, 100)), Risk::High, Some((60, 100))),
        // Too few to say, those of others, and of another model.
        (&classified, compared("mixed", small, "classification", (0, 49)), Risk::Low, Some((0, 49))),
        (&classified, compared("other", small, "classification", (0, 100)), Risk::Low, None),
        (&classified, compared("mixed", middle, "classification", (0, 100)), Risk::Low, None),
        (&classified, compared("mixed", small, "chat", (0, 100)), Risk::Low, None),
        (&talked, compared("mixed", middle, "chat", (99, 100)), Risk::Low, Some((99, 100))),
        // What was compared is a part of what is asked.
        (&mixed, compared("mixed", middle, "chat", (99, 100)), Risk::Medium, Some((99, 100))),
    ] {
        let mut samples = Samples::default();
        rows.iter().for_each(|row| samples.take(row));
        let all = advised_by(Vec::new(), &[], &samples, fill);
        let [only] = all.as_slice() else { panic!("{all:#?}") };
        let quality = only.quality.as_ref().map(|quality| (quality.kept.kept, quality.kept.of));
        assert_eq!((only.risk, quality), (risk, seen), "{only:#?}");
    }
}

#[test]
fn who_uses_which_model_for_what_is_told() {
    let mut uses = Uses::new(&catalogue());
    (0..3).for_each(|_| uses.take(&taken_for("classification", 3)));
    uses.take(&taken_for("code", 900));
    uses.take(&call("mixed", "roc-grand-4", 1_000, 10));
    let (catalogue, terms) = (catalogue(), Terms::new(Vec::new()));
    let sellers = [Seller { name: "shop".to_owned(), vendor: "acme".to_owned(), region: None }];
    let shop = Shop { catalogue: &catalogue, terms: &terms, sellers: &sellers, now: at("2026-11-24T00:00:00Z") };
    let (targets, since) = (BTreeSet::new(), at("2026-10-25T00:00:00Z"));
    let samples = Samples::default();
    let all = habits(&Facts {
        uses: &uses,
        samples: &samples,
        repeats: &Repeats::default(),
        shop,
        keys: &[],
        targets: &targets,
        since,
    });
    let [only] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!((only.team.as_str(), only.calls, only.looked_at), ("mixed", 5, 4));
    assert_eq!(only.cost, Some(Money::from_nanos(5 * 5_000_000 + (9 + 900 + 10) * 25_000)));
    let shares: Vec<_> = only.tasks.iter().map(|share| (share.task.as_str(), share.calls, share.percent)).collect();
    assert_eq!(shares, [("classification", 3, 75), ("code", 1, 25)]);
    assert_eq!(only.tasks[0].difficulty_percent, 20);
}

#[test]
fn long_input_is_priced_call_by_call_and_discounts_count() {
    let half = Discount {
        name: "half".into(),
        provider: "shop".to_owned(),
        model: "roc-grand-4".to_owned(),
        paid: Paid::Part(1, 2),
        committed: false,
        from: Timestamp::from_micros(i64::MIN),
        until: Timestamp::from_micros(i64::MAX),
    };
    let all = advised(vec![half], &[], |uses| {
        uses.take(&call("triage", "roc-grand-4", 100_001, 10));
        uses.take(&call("triage", "roc-grand-4", 10, 10));
    });
    let cheaper = all.iter().find(|one| one.kind == Kind::CheaperModel).unwrap();
    // (100001 × 10 + 10 × 50 + 10 × 5 + 10 × 25) / 2 µ$; there 100001 × 2 + 10 × 10 + 10 × 1 + 10 × 5 µ$.
    assert_eq!(
        saved(cheaper).0,
        (1_000_010_000 + 500_000 + 50_000 + 250_000) / 2 - (200_002_000 + 100_000 + 10_000 + 50_000)
    );
}

#[test]
fn nothing_is_advised_that_saves_little_or_of_which_nothing_is_known() {
    let all = advised(Vec::new(), &[], |uses| {
        uses.take(&call("small", "roc-small-4", 1_000, 3));
        uses.take(&call("", "roc-grand-4", 1_000, 3));
        uses.take(&call("strange", "unheard-of", 1_000, 3));
        uses.take(&call("nothing", "roc-grand-4", 0, 0));
    });
    assert_eq!(all, []);
}

#[test]
fn sums_alone_never_make_a_low_risk() {
    let usage = Usage { input_tokens: 3_000, output_tokens: 9, ..Usage::default() };
    let whose = Whose {
        team: "triage".to_owned(),
        project: None,
        asked: "best".to_owned(),
        provider: "shop".to_owned(),
        model: "roc-grand-4".to_owned(),
    };
    let all = advised(Vec::new(), &[], |uses| uses.take_sums(whose, 3, &usage, 0));
    let [only] = all.as_slice() else { panic!("{all:#?}") };
    // Seen since the 25th of October, as nobody knows when the first call came.
    assert_eq!((only.risk, saved(only)), (Risk::Medium, (12_180_000, 12_180_000)));
}

#[test]
fn what_is_switched_off_has_a_newer_one_of_its_line_that_stays() {
    let all = advised(Vec::new(), &[], |uses| {
        uses.take(&call("a", "wren-leaving-4", 1_000, 100));
        uses.take(&call("b", "wren-leaving-4", 1_000, 100));
    });
    let [only] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!((only.kind, &only.teams[..]), (Kind::RetiringModel, &["a".to_owned(), "b".to_owned()][..]));
    assert_eq!((only.risk, only.why.as_str()), (Risk::High, "the newer model reads no images"));
    assert_eq!(only.change.as_ref().unwrap().to.model, "wren-leaving-6");
    // 2 × 1100 × 0.01 µ$ less 2 × (1000 × 0.005 + 100 × 0.01) µ$.
    assert_eq!(saved(only).0, 22_000 - 12_000);
    assert!(only.evidence.contains("2026-12-31"), "{}", only.evidence);
    assert_eq!(total(&all), Money::ZERO);
}

#[test]
fn a_prompt_cache_is_advised_with_its_arithmetic_and_counts_in_no_total() {
    let all = advised(Vec::new(), &[], |uses| {
        (0..2).for_each(|_| uses.take(&call("talk", "roc-grand-4", 10_000, 900)));
    });
    let cache = all.iter().find(|one| one.kind == Kind::PromptCache).unwrap();
    // 10000 tokens at 5 µ$; a tenth at 6.25 and the rest at 0.5.
    assert_eq!(saved(cache).0, 50_000_000 - 6_250_000 - 4_500_000);
    assert!(cache.saving.unwrap().is_assumed && cache.evidence.contains("read once again"), "{cache:?}");
    let others = advised(Vec::new(), &[], |uses| {
        let mut cached = call("talk", "roc-grand-4", 9_000, 900);
        cached.usage.cache_read_tokens = 1_000;
        (0..2).for_each(|_| uses.take(&cached));
    });
    assert!(others.iter().all(|one| one.kind != Kind::PromptCache), "{others:#?}");
}

#[test]
fn keys_that_nobody_uses_and_calls_without_a_price_are_named() {
    let key = |id: &str, created: &str, recent_calls, all_calls| KeySeen {
        id: id.to_owned(),
        team: "ops".to_owned(),
        project: None,
        label: "nightly".to_owned(),
        created_at: at(created),
        recent_calls,
        all_calls: Some(all_calls),
    };
    let keys = [
        key("never", "2026-09-01T00:00:00Z", 0, 0),
        key("once", "2026-09-01T00:00:00Z", 0, 7),
        key("busy", "2026-09-01T00:00:00Z", 1, 9),
        key("young", "2026-11-20T00:00:00Z", 0, 0),
    ];
    let all = advised(Vec::new(), &keys, |uses| {
        let mut free = call("ops", "home-made", 10, 10);
        free.cost.pricing = Pricing::Unpriced;
        uses.take(&free);
    });
    let seen: Vec<_> = all.iter().map(|one| (one.kind, one.risk, one.subject.as_str())).collect();
    assert_eq!(
        seen,
        [
            (Kind::UnpricedModel, Risk::Low, "home-made"),
            (Kind::IdleKey, Risk::Low, "never"),
            (Kind::IdleKey, Risk::Medium, "once")
        ]
    );
    assert!(all[0].advice.contains("acme / home-made"), "{}", all[0].advice);
    assert_eq!(all[1].command.as_deref(), Some("tallygate keys revoke never"));
}

#[test]
fn percentiles_are_exact_for_short_answers_and_never_above_the_largest() {
    let mut uses = Uses::default();
    (1..=100).for_each(|output| uses.take(&call("t", "m", 5, output)));
    let (_, used) = uses.iter().next().unwrap();
    let detail = used.detail.as_ref().unwrap();
    assert_eq!([50, 95, 100].map(|percent| detail.output.percentile(percent)), [50, 95, 100]);
    let mut uses = Uses::default();
    [1_000, 1_001, 1_000_003].into_iter().for_each(|output| uses.take(&call("t", "m", 5, output)));
    let (_, used) = uses.iter().next().unwrap();
    let output = &used.detail.as_ref().unwrap().output;
    assert!((1_000..=1_063).contains(&output.percentile(34)), "{output:?}");
    assert_eq!(output.percentile(95), 1_000_003);
}

#[test]
fn combinations_are_bounded() {
    let mut uses = Uses::default();
    (0..=USES_MAX).for_each(|number| uses.take(&call(&format!("t{number}"), "m", 5, 5)));
    assert_eq!((uses.iter().count(), uses.left_out), (USES_MAX, 1));
}
