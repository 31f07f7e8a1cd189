//! The exposition: every name, the right figures, and a bounded number of series.

use crate::sample::{refused, served};
use std::collections::HashMap;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Cost, Ending, Pricing};
use tg_kernel::reuse::{Hit, Kind, Outcome, Reuse};
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;
use tg_telemetry::metrics::{
    BudgetFigures, CountersReading, Known, Metrics, Naming, PoolFigures, ProbeFigures, Reading, RuleFigures,
    SeriesLimits, ServiceFigures, ShadowFigures,
};
use tg_telemetry::names::{Generation, METRICS};

fn metrics(naming: Naming) -> Metrics {
    let known = Known {
        model: Box::new(|model| model.starts_with("anthropic.")),
        provider_names: HashMap::from([("groq-1".into(), "groq".into())]),
    };
    Metrics::new(naming, SeriesLimits { teams_max: 2, models_max: 3 }, known)
}

/// The value of the one sample whose name and labels are as given, in any order.
fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut found = text.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (series_name, series_labels) = series.split_once('{').unwrap_or((series, ""));
        let all = labels.iter().all(|(key, value)| series_labels.contains(&format!("{key}=\"{value}\"")));
        (series_name == name && all).then(|| value.parse().unwrap())
    });
    let first = found.next();
    assert_eq!(found.next(), None, "more than one series of {name} with {labels:?}");
    first
}

#[test]
fn budgets_stand_in_dollars_by_their_names() {
    let metrics = metrics(Naming::New);
    assert!(!metrics.render().contains("tallygate_budget"));
    let (amount, spent, held) = (Money::from_nanos(500_000_000_000), Money::from_nanos(1_500_000_000), Money::ZERO);
    let overdrawn = Money::from_nanos(7_000_000);
    let figures =
        BudgetFigures { budget: "cap".into(), amount, spent, held, overdrawn, refused: 3, ..BudgetFigures::default() };
    metrics.set_budgets(move || vec![figures.clone()]);
    let text = metrics.render();
    for (name, expected) in [
        ("amount_usd", 500.0),
        ("spent_usd", 1.5),
        ("held_usd", 0.0),
        ("overdrawn_usd", 0.007),
        ("refusals_total", 3.0),
    ] {
        assert_eq!(value(&text, &format!("tallygate_budget_{name}"), &[("budget", "cap")]), Some(expected), "{name}");
    }
}

#[test]
fn refusals_of_limits_are_counted_by_their_names() {
    let metrics = metrics(Naming::Both);
    assert!(!metrics.render().contains("tallygate_limit_refusals"));
    metrics.set_limits(|| vec![("few".into(), 3, 0), ("many".into(), 1, 7)]);
    let text = metrics.render();
    for (limit, refused, crowded) in [("few", 3.0, 0.0), ("many", 1.0, 7.0)] {
        assert_eq!(value(&text, "tallygate_limit_refusals_total", &[("limit", limit)]), Some(refused));
        assert_eq!(value(&text, "tallygate_limit_crowded_total", &[("limit", limit)]), Some(crowded));
    }
}

#[test]
fn a_served_call_is_counted_under_both_names() {
    let metrics = metrics(Naming::Both);
    for _ in 0..3 {
        metrics.record(&served());
    }
    let text = metrics.render();
    let gen_ai = [
        ("gen_ai_operation_name", "chat"),
        ("gen_ai_provider_name", "aws.bedrock"),
        ("gen_ai_request_model", "anthropic.claude"),
    ];
    let with = |key, value| [gen_ai[0], gen_ai[1], gen_ai[2], (key, value)];
    let team = [("team", "search"), ("provider", "aws-eu"), ("model", "anthropic.claude")];
    let kind = |kind| [team[0], team[1], team[2], ("kind", kind)];
    for (name, labels, expected) in [
        ("tallygate_calls_total", &[("ending", "ok"), ("dialect", "openai_chat"), ("error_type", "none")][..], 3.0),
        ("tallygate_overhead_microseconds_sum", &[], 126.0),
        ("tallygate_spend_usd_total", &team, 0.00375),
        ("tallygate_tokens_total", &kind("input"), 300.0),
        ("tallygate_tokens_total", &kind("cache_read"), 60.0),
        ("tallygate_tokens_total", &kind("cache_write_5m"), 9.0),
        ("tallygate_tokens_total", &kind("cache_write_1h"), 12.0),
        ("tallygate_tokens_total", &kind("output"), 150.0),
        ("tallygate_tokens_total", &kind("reasoning"), 30.0),
        ("tallygate_tokens_total", &kind("audio_input"), 15.0),
        ("tallygate_tokens_total", &kind("audio_output"), 18.0),
        ("tallygate_tokens_total", &kind("image"), 3.0),
        (
            "tallygate_translation_losses_total",
            &[("dialect", "openai_chat"), ("provider_dialect", "bedrock_converse")],
            6.0,
        ),
        ("tallygate_guarded_calls_total", &[("verdict", "changed")], 3.0),
        (
            "tallygate_guard_hits_total",
            &[("set", "house"), ("rule", "mail"), ("way", "input"), ("action", "redacted")],
            6.0,
        ),
        ("tallygate_guard_microseconds_sum", &[], 120.0),
        ("gen_ai_server_request_duration_seconds_sum", &gen_ai, 4.5),
        ("gen_ai_server_time_to_first_token_seconds_count", &gen_ai, 3.0),
        ("gen_ai_client_token_usage_sum", &with("gen_ai_token_type", "input"), 396.0),
        ("gen_ai_client_token_usage_sum", &with("gen_ai_token_type", "output"), 168.0),
        ("gen_ai_client_operation_duration_seconds_count", &gen_ai, 3.0),
        ("gen_ai_client_inference_duration_seconds_count", &gen_ai, 3.0),
        ("gen_ai_client_inference_time_to_first_chunk_seconds_count", &gen_ai, 3.0),
        ("gen_ai_client_inference_operation_input_tokens_sum", &gen_ai, 396.0),
        ("gen_ai_client_inference_operation_output_tokens_sum", &gen_ai, 168.0),
        ("gen_ai_client_inference_usage_input_tokens_total", &with("gen_ai_token_modality", "text"), 381.0),
        ("gen_ai_client_inference_usage_input_tokens_total", &with("gen_ai_token_modality", "audio"), 15.0),
        ("gen_ai_client_inference_usage_output_tokens_total", &with("gen_ai_token_modality", "text"), 150.0),
        ("gen_ai_client_inference_usage_output_tokens_total", &with("gen_ai_token_modality", "audio"), 18.0),
        ("gen_ai_client_inference_usage_cache_read_input_tokens_total", &gen_ai, 60.0),
        ("gen_ai_client_inference_usage_cache_write_input_tokens_total", &gen_ai, 21.0),
        ("gen_ai_client_inference_usage_reasoning_output_tokens_total", &gen_ai, 30.0),
    ] {
        assert_eq!(value(&text, name, labels), Some(expected), "{name} {labels:?}\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_refused_call_is_counted_and_costs_nothing() {
    let metrics = metrics(Naming::Both);
    metrics.record(&refused());
    let text = metrics.render();
    let labels = [("ending", "refused"), ("provider", "none"), ("model", "other"), ("error_type", "key_unknown")];
    assert_eq!(value(&text, "tallygate_calls_total", &labels), Some(1.0));
    let failed = [("error_type", "key_unknown")];
    assert_eq!(value(&text, "gen_ai_server_request_duration_seconds_count", &failed), Some(1.0));
    for absent in ["tallygate_spend_usd_total{", "tallygate_tokens_total{", "gen_ai_client_token_usage_sum"] {
        assert!(!text.contains(absent), "{text}");
    }
}

#[test]
fn the_switch_chooses_the_names() {
    for (naming, shown) in [(Naming::Old, Generation::Old), (Naming::New, Generation::New)] {
        let metrics = metrics(naming);
        metrics.record(&served());
        let text = metrics.render();
        for metric in METRICS.iter().filter(|m| m.generation != Generation::Always) {
            let exposed = text.contains(&format!("# TYPE {} ", metric.name));
            assert_eq!(exposed, metric.generation == shown, "{naming:?} {}", metric.name);
        }
    }
}

/// All but those of the counters.
const READINGS: [Reading; 29] = [
    Reading::CallsSent,
    Reading::CallsInFlight,
    Reading::Connections,
    Reading::MeterQueue,
    Reading::MeterDeferred,
    Reading::MeterDropped,
    Reading::JournalOpen,
    Reading::JournalBytes,
    Reading::StoreBytes,
    Reading::LedgerOldest,
    Reading::LedgerDeletedRows,
    Reading::LedgerDeletedRollups,
    Reading::Corrections,
    Reading::JournalLate,
    Reading::JournalUnwritten,
    Reading::JournalFailing,
    Reading::ConfigRevision,
    Reading::ConfigRevisionRefused,
    Reading::ConfigRevisionBlind,
    Reading::SpansExported,
    Reading::SpansDropped,
    Reading::TargetsBenched,
    Reading::Retries,
    Reading::RetriesDenied,
    Reading::ClockSteps,
    Reading::CacheKept,
    Reading::CacheCrowdedOut,
    Reading::CacheAnswers,
    Reading::CacheBytes,
];

/// What the cache of answers does for a call that is given one.
fn given_again() -> Reuse {
    let hit = Hit {
        kind: Kind::Exact,
        likeness: None,
        age_s: 1,
        from: CallId::fresh(),
        provider: "aws-eu".into(),
        model: "anthropic.claude".into(),
        usage: Usage::default(),
        saved: Cost::default(),
    };
    Reuse { rule: "faq".into(), outcome: Outcome::Hit, hit: Some(hit), kept: false }
}

#[test]
fn every_name_of_the_list_can_be_exposed() {
    let metrics = metrics(Naming::Both);
    let mut record = served();
    record.cost.pricing = Pricing::Unpriced;
    record.served.as_mut().unwrap().stop = Some("unknown".into());
    record.decided.as_mut().unwrap().cache = Some(given_again());
    metrics.record(&record);
    for (position, reading) in READINGS.into_iter().chain(CountersReading::ALL.map(Reading::Counters)).enumerate() {
        metrics.set_reading(reading, move || position as u64 + 2);
    }
    metrics.set_limits(|| vec![("few".into(), 1, 1)]);
    metrics.set_budgets(|| vec![BudgetFigures { budget: "cap".into(), ..BudgetFigures::default() }]);
    metrics.set_benches(|| {
        [("credential", 1), ("quota", 2), ("model", 3), ("absent", 0), ("provider", 4), ("slow", 5), ("probe", 6)]
    });
    metrics.set_unguarded(|| [("not_checked", 0), ("no_set", 5), ("no_guardrails", 0)]);
    metrics.set_services(|| {
        let failures = vec![("timed_out", 3), ("unable", 0)];
        vec![ServiceFigures { guard: "hook".into(), questions: 9, remembered: 4, micros: 1_500_000, failures }]
    });
    metrics.set_pools(|| vec![PoolFigures { pool: "p".into(), limit: Some(3), ..PoolFigures::default() }]);
    metrics.set_probes(|| vec![ProbeFigures { provider: "vllm".into(), is_up: false, well: 7, failed: 2 }]);
    metrics.set_hedges(|| [vec![("won", 3)], vec![("share", 2)]]);
    metrics.set_shadows(|| ShadowFigures {
        calls: vec![("mirror", "done", 1)],
        comparisons: vec![("as_good", 1)],
        rules: vec![RuleFigures { route: "r".into(), is_off: false, tasks: vec![("chat".into(), 1, 1)] }],
    });
    let text = metrics.render();
    let of = |name: &str, more: &[(&str, &str)]| value(&text, name, &[&[("guard", "hook")], more].concat());
    assert_eq!(of("tallygate_guard_service_questions_total", &[]), Some(9.0));
    assert_eq!(of("tallygate_guard_service_seconds_total", &[]), Some(1.5));
    assert_eq!(value(&text, "tallygate_unguarded_calls_total", &[("reason", "no_set")]), Some(5.0));
    assert_eq!(of("tallygate_guard_service_failures_total", &[("reason", "timed_out")]), Some(3.0));
    let probes = |outcome| value(&text, "tallygate_probes_total", &[("provider", "vllm"), ("outcome", outcome)]);
    assert_eq!((probes("ok"), probes("failed")), (Some(7.0), Some(2.0)));
    assert_eq!(value(&text, "tallygate_probe_up", &[("provider", "vllm")]), Some(0.0));
    for metric in METRICS {
        assert!(text.contains(&format!("# TYPE {} ", metric.name)), "{}\n{text}", metric.name);
        assert!(text.contains(&format!("# HELP {} {}.", metric.name, metric.help)), "{}", metric.name);
    }
    assert_eq!(value(&text, "tallygate_unpriced_calls_total", &[]), Some(1.0));
    assert_eq!(value(&text, "tallygate_unknown_stop_reasons_total", &[("provider", "aws-eu")]), Some(1.0));
}

#[test]
fn the_capture_rate_counts_calls_of_this_run_that_reached_a_provider() {
    let metrics = metrics(Naming::Old);
    assert!(!metrics.render().contains("tallygate_capture_rate"), "unknown without a count of calls sent");
    metrics.set_reading(Reading::CallsSent, || 4);
    metrics.record(&refused());
    let mut recovered = served();
    recovered.ending = Ending::Interrupted;
    metrics.record(&recovered);
    for _ in 0..3 {
        metrics.record(&served());
    }
    assert_eq!(value(&metrics.render(), "tallygate_capture_rate", &[]), Some(0.75));
}

#[test]
fn series_are_bounded_and_keys_are_never_labels() {
    let metrics = metrics(Naming::Both);
    for number in 0..500 {
        let mut record = served();
        record.attribution.team = format!("team-{number}").into();
        record.attribution.key_id = format!("key-{number}").into();
        record.served.as_mut().unwrap().model =
            if number % 2 == 0 { format!("anthropic.{number}") } else { format!("made-up-{number}") }.into();
        metrics.record(&record);
        let mut asked = refused();
        asked.asked.model = format!("nonsense-{number}").into();
        metrics.record(&asked);
    }
    let text = metrics.render();
    assert!(!text.contains("key-") && !text.contains("made-up") && !text.contains("nonsense"), "{text}");
    let distinct = |prefix: &str| {
        let values = text.lines().filter_map(|l| l.split_once(prefix)?.1.split_once('"').map(|(value, _)| value));
        values.collect::<std::collections::HashSet<_>>().len()
    };
    assert_eq!(distinct("team=\""), 3, "two teams and other");
    assert_eq!(distinct(",model=\""), 4, "three models and other");
    let calls = text.lines().filter(|l| l.starts_with("tallygate_calls_total")).map(|l| l.rsplit_once(' ').unwrap().1);
    assert_eq!(calls.map(|v| v.parse::<u64>().unwrap()).sum::<u64>(), 1000, "nothing is lost in other");
}

#[test]
fn a_provider_is_named_as_configured_and_a_reload_changes_what_is_known() {
    let metrics = metrics(Naming::Old);
    let mut record = served();
    record.served.as_mut().unwrap().provider = "groq-1".into();
    metrics.record(&record);
    record.served.as_mut().unwrap().model = "llama".into();
    metrics.relabel(Known { model: Box::new(|model| model == "llama"), ..Known::default() });
    metrics.record(&record);
    let text = metrics.render();
    let count = "gen_ai_server_request_duration_seconds_count";
    assert_eq!(value(&text, count, &[("gen_ai_provider_name", "groq")]), Some(1.0));
    assert_eq!(value(&text, count, &[("gen_ai_request_model", "llama")]), Some(1.0));
}

#[test]
fn label_values_cannot_break_the_format() {
    let metrics = Metrics::new(Naming::Old, SeriesLimits::default(), Known::default());
    let mut record = served();
    record.attribution.team = "a\"} 1\nfake_metric 2\\".into();
    metrics.record(&record);
    assert!(!metrics.render().lines().any(|line| line.starts_with("fake_metric")));
}
