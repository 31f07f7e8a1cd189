//! Appending and listing calls.

use crate::fixture::{at, attempt, record, text};
use crate::on_every_store;
use std::sync::Arc;
use tg_kernel::decided::{self, Decided, Purpose, Rerouted, Routed, Task};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::{Action, Guarded, Hit, OfService, OfSet, Said, Verdict, Way};
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Pricing, Record, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{Usage, UsageSource};
use tg_store::ledger::COUNT_MAX;
use tg_store::{CallFilter, Dimension, Filter};

/// A call that was refused before anyone was identified.
fn refused() -> Record {
    Record {
        attribution: Attribution::default(),
        asked: Asked { model: "".into(), stream: false, ..record().asked },
        served: None,
        ending: Ending::Refused,
        status: 401,
        fault: Some("invalid_api_key".to_owned()),
        usage: Usage::default(),
        usage_source: UsageSource::None,
        cost: Cost::default(),
        timing: Timing { total_us: 50, first_token_us: None, overhead_us: 50 },
        ..record()
    }
}

/// The checks took an address out of a document.
fn guarded() -> Guarded {
    let (set, rule, check, found) = ("house".into(), "mail".into(), "pii".into(), "email".into());
    let (channel, way, action) = (Channel::Document, Way::Input, Action::Redacted);
    let hits = vec![Hit { set, rule, check, found, channel, way, action, count: 2 }];
    Guarded {
        sets: vec!["house".into()],
        version: "1f".into(),
        verdict: Verdict::Changed,
        micros: 40,
        hits,
        by_set: vec![OfSet { set: "house".into(), version: "house".into(), verdict: Verdict::Changed, micros: 40 }],
        services: vec![OfService {
            guard: "house".into(),
            way: Way::Input,
            verdict: Said::Clear,
            micros: 40,
            questions: 2,
            remembered: 1,
        }],
    }
}

#[test]
fn a_call_is_read_back_as_it_was_appended() {
    on_every_store(|bed| {
        let full = Record {
            attribution: Attribution {
                tags: vec!["ticket=7".to_owned(), "ünïcode \"quoted\"".to_owned()],
                ..record().attribution
            },
            losses: vec!["tools[0].strict".to_owned()],
            guarded: Some(Box::new(guarded())),
            decided: Some(Box::new(decided())),
            earlier: vec![attempt(0, Pricing::Nothing), attempt(7, Pricing::Priced)],
            usage: Usage {
                input_tokens: 1,
                cache_read_tokens: 2,
                cache_write_5m_tokens: 3,
                cache_write_1h_tokens: 4,
                output_tokens: 5,
                reasoning_tokens: 6,
                audio_input_tokens: 7,
                audio_output_tokens: 8,
                images: 9,
            },
            ..record()
        };
        let all = [full, refused(), record()];
        let store = bed.open();
        assert_eq!(store.ledger_writer().unwrap().append(&all).unwrap(), 3);
        let ledger = store.ledger().unwrap();
        for record in &all {
            assert_eq!(ledger.get(record.id).unwrap().as_ref(), Some(record));
        }
        assert_eq!(ledger.get(CallId::fresh()).unwrap(), None);
    });
}

#[test]
fn a_row_is_appended_once_and_never_edited() {
    on_every_store(|bed| {
        let store = bed.open();
        let mut writer = store.ledger_writer().unwrap();
        let first = record();
        let other = Record { status: 500, ..first.clone() };
        assert_eq!(writer.append(&[]).unwrap(), 0);
        assert_eq!(writer.append(&[first.clone(), other.clone(), record()]).unwrap(), 2);
        assert_eq!(writer.append(&[other, record()]).unwrap(), 1);
        assert_eq!(store.ledger().unwrap().get(first.id).unwrap(), Some(first));
    });
}

#[test]
fn an_absurd_count_is_capped_and_does_not_break_sums() {
    on_every_store(|bed| {
        let store = bed.open();
        let absurd = |_| Record { usage: Usage { input_tokens: u64::MAX, ..Usage::default() }, ..record() };
        let all: Vec<Record> = (0..100).map(absurd).collect();
        store.ledger_writer().unwrap().append(&all).unwrap();
        let report = store.ledger().unwrap().report(&Default::default()).unwrap();
        assert_eq!(report.totals.usage.input_tokens, 100 * COUNT_MAX);
    });
}

#[test]
fn calls_are_listed_latest_first_and_page_by_page() {
    on_every_store(|bed| {
        let store = bed.open();
        let all: Vec<Record> = (0..10).map(|i| Record { started_at: at(i), ..record() }).collect();
        store.ledger_writer().unwrap().append(&all).unwrap();
        let ledger = store.ledger().unwrap();
        let mut filter = CallFilter::default();
        let mut seen = Vec::new();
        loop {
            let page = ledger.calls(&filter, 3).unwrap();
            let Some(last) = page.last() else { break };
            filter.before = Some(last.id);
            seen.extend(page);
        }
        seen.reverse();
        assert_eq!(seen, all);
        let window = CallFilter { since: Some(at(3)), until: Some(at(5)), ..CallFilter::default() };
        let times: Vec<_> = ledger.calls(&window, 100).unwrap().iter().map(|r| r.started_at).collect();
        assert_eq!(times, [at(4), at(3)]);
    });
}

#[test]
fn calls_are_filtered_by_every_dimension() {
    on_every_store(|bed| {
        let store = bed.open();
        let mut wanted = record();
        wanted.attribution = Attribution {
            key_id: "k".into(),
            team: "t".into(),
            project: text("p"),
            environment: text("e"),
            tags: vec!["a".to_owned(), "b=c".to_owned()],
        };
        wanted.asked.dialect = Dialect::AnthropicMessages;
        wanted.ending = Ending::Truncated;
        wanted.started_at = at(86_400 * 3);
        if let Some(served) = &mut wanted.served {
            served.provider = "acme".into();
            served.session = Some("tg-t.p".into());
            served.model = "m".into();
        }
        let none = refused();
        store.ledger_writer().unwrap().append(&[record(), wanted.clone(), none.clone()]).unwrap();
        let ledger = store.ledger().unwrap();
        let list = |dimension, value: Option<&str>| {
            let filters = vec![Filter { dimension, value: value.map(str::to_owned) }];
            ledger.calls(&CallFilter { filters, ..CallFilter::default() }, 10).unwrap()
        };
        let started = wanted.started_at.to_string();
        for (dimension, value) in [
            (Dimension::Team, "t"),
            (Dimension::Project, "p"),
            (Dimension::Environment, "e"),
            (Dimension::Model, "m"),
            (Dimension::Key, "k"),
            (Dimension::Provider, "acme"),
            (Dimension::AwsSession, "tg-t.p"),
            (Dimension::Dialect, "anthropic_messages"),
            (Dimension::Ending, "truncated"),
            (Dimension::Tag, "b=c"),
            (Dimension::Day, &started[..10]),
            (Dimension::Hour, &started[..13]),
        ] {
            assert_eq!(list(dimension, Some(value)), [wanted.clone()], "{dimension:?}");
            assert_eq!(list(dimension, Some("' OR 1=1 --")), [], "{dimension:?}");
        }
        for dimension in
            [Dimension::Team, Dimension::Project, Dimension::Key, Dimension::Provider, Dimension::AwsSession]
        {
            assert_eq!(list(dimension, None).as_slice(), std::slice::from_ref(&none), "{dimension:?}");
        }
        assert_eq!(list(Dimension::Tag, None).len(), 2);
    });
}

#[test]
fn readers_see_what_the_writer_has_committed_while_it_goes_on() {
    on_every_store(|bed| {
        let store = bed.open();
        let (mut writer, ledger) = (store.ledger_writer().unwrap(), store.ledger().unwrap());
        for n in 1..=20 {
            writer.append(&[record()]).unwrap();
            assert_eq!(ledger.report(&Default::default()).unwrap().totals.calls, n);
        }
    });
}

/// All that can be decided about a call.
fn decided() -> Decided {
    let rule: Arc<str> = "smart#0123456789ab".into();
    Decided {
        task: Some(Task { class: "classification".into(), difficulty: 12 }),
        purpose: Some(Purpose::Sample),
        of: Some(CallId::fresh()),
        routed: Some(Routed {
            rule: rule.clone(),
            mode: "enforce".into(),
            to: Some("openai/small".into()),
            from: "openai/large".into(),
            stays: Some("switched_off".into()),
            saving: Some(Money::from_nanos(1_234)),
            from_cost: Some(Money::from_nanos(4_321)),
        }),
        verdict: Some(decided::Verdict { rule, task: "classification".into(), kept: Some(false) }),
        cache: None,
        repeat: Some(decided::Repeat {
            one_in: 8,
            determined: true,
            times: 2,
            within_hour_s: None,
            within_day_s: Some(7_200),
        }),
        alike: Some(decided::Alike {
            rule: "faq".into(),
            likeness: Some(973_100),
            agreed: Some(true),
            saves: Money::from_nanos(9),
        }),
        waited_us: Some(1_500),
        hedge: Some(decided::Hedge { after_us: 800_000, won: true }),
        prompt_cache: Some(decided::CachePoints { points: 3, saved: Money::from_nanos(-5_678) }),
        rerouted: Some(Rerouted { by: "house/stay".into(), from: "big".into(), to: "kept".into() }),
    }
}

#[test]
fn calls_are_found_by_what_was_decided_about_them() {
    on_every_store(|bed| {
        let store = bed.open();
        let told = Record { decided: Some(Box::new(decided())), ..record() };
        store.ledger_writer().unwrap().append(&[record(), told.clone()]).unwrap();
        let ledger = store.ledger().unwrap();
        let found = |parts: &[&str]| {
            let decided = parts.iter().map(|part| (*part).to_owned()).collect();
            let rows = ledger.calls(&CallFilter { decided, ..CallFilter::default() }, 10).unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        };
        let rule = r#""routed":{"rule":"smart#0123456789ab""#;
        assert_eq!(found(&[r#""verdict":{"#]), [told.id]);
        assert_eq!(found(&[rule, r#""stays":"switched_off""#]), [told.id]);
        assert_eq!(found(&[r#""routed":{"rule":"smart#0123456789a_""#]), [], "as it is written, without wildcards");
        assert_eq!(found(&[]).len(), 2);
        let any = |parts: &[&str]| {
            let decided_any = parts.iter().map(|part| (*part).to_owned()).collect();
            let rows = ledger.calls(&CallFilter { decided_any, ..CallFilter::default() }, 10).unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!(any(&["neither", r#""verdict":{"#]), [told.id]);
        assert_eq!((any(&["neither"]), any(&[]).len()), (vec![], 2));
    });
}
