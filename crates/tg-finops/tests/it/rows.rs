//! Rows of a ledger, made by the tests: any usage at any prices, with tries before the last and corrections after.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::rates::{RateSheet, UnitKind, UnitPrice};
use tg_kernel::record::{Asked, Attempt, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tg_store::correction::{Correction, CorrectionReason};

pub(crate) const PRICE: &str = "2026-11-23/bedrock/anthropic.claude-sonnet-4-6~us>200000%enterprise";

pub(crate) fn record() -> Record {
    Record {
        id: CallId::fresh(),
        started_at: Timestamp::parse("2026-11-24T03:10:00Z").unwrap(),
        attribution: Attribution {
            team: "red".into(),
            project: Some("alpha".into()),
            environment: Some("prod".into()),
            tags: vec!["batchable".into(), "feature=search".into()],
            ..Attribution::default()
        },
        asked: Asked {
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            model: "sonnet".into(),
            stream: false,
        },
        served: Some(served()),
        earlier: Vec::new(),
        ending: Ending::Ok,
        status: 200,
        fault: None,
        usage: Usage::default(),
        usage_source: UsageSource::Reported,
        cost: Cost::default(),
        losses: Vec::new(),
        guarded: None,
        decided: None,
        timing: Timing::default(),
    }
}

fn served() -> Served {
    Served {
        provider: "bedrock".into(),
        model: "us.anthropic.claude-sonnet-4-6".into(),
        profile: None,
        dialect: Dialect::BedrockConverse,
        request_id: None,
        session: None,
        tier: ServiceTier::Default,
        attempts: 1,
        stop: None,
    }
}

/// The unit prices of a list, of which nine tenths are paid.
pub(crate) fn sheet(list: u64) -> RateSheet {
    RateSheet::of(|kind| {
        let list = list + 1_000 * kind as u64;
        (kind != UnitKind::Image).then_some(UnitPrice { list, contracted: (list * 9).div_ceil(10) })
    })
}

/// What the gateway would book for these counts.
pub(crate) fn cost(sheet: &RateSheet, usage: &Usage) -> Cost {
    let rates = Some(sheet.to_text().into());
    if !sheet.covers(usage) {
        return Cost { pricing: Pricing::Unpriced, price: PRICE.into(), rates, ..Cost::default() };
    }
    let (amount, list) = (sheet.contracted(usage), sheet.list(usage));
    Cost { amount, list, pricing: Pricing::Priced, price: PRICE.into(), rates }
}

fn usages() -> impl Strategy<Value = Usage> {
    vec(prop_oneof![Just(0_u64), 1..5_000_000_u64], 9).prop_map(|counts| Usage {
        input_tokens: counts[0],
        cache_read_tokens: counts[1],
        cache_write_5m_tokens: counts[2],
        cache_write_1h_tokens: counts[3],
        output_tokens: counts[4],
        reasoning_tokens: counts[5].min(counts[4]),
        audio_input_tokens: counts[6],
        audio_output_tokens: counts[7],
        images: counts[8] % 3,
    })
}

/// A cost by a sheet, by one that was not kept, or of another sum than the sheet gives (beyond the range).
fn costs() -> impl Strategy<Value = (Usage, Cost)> {
    (usages(), 0..40_000_000_u64, 0..4_u8).prop_map(|(usage, list, how)| {
        let mut cost = cost(&sheet(list), &usage);
        match how {
            0 => cost.rates = None,
            1 => cost.amount = Money::from_nanos(cost.amount.nanos() + 777),
            _ => {}
        }
        (usage, cost)
    })
}

fn records() -> impl Strategy<Value = (Record, Vec<Correction>)> {
    let place = (0..200_000_i64, prop_oneof![Just(""), Just("red"), Just("blue")], option::of(Just("alpha")));
    let corrections = vec(-1_000_000_000..1_000_000_000_i64, 0..3);
    (place, costs(), vec(costs(), 0..2), corrections, any::<bool>()).prop_map(
        |((second, team, project), (usage, cost), earlier, corrections, estimated)| {
            let mut record = record();
            record.started_at = Timestamp::from_seconds(1_795_000_000 + second);
            record.attribution.team = team.into();
            record.attribution.project = project.map(Into::into);
            (record.usage, record.cost) = (usage, cost);
            record.usage_source = if estimated { UsageSource::Estimated } else { UsageSource::Reported };
            let attempt = |(usage, cost)| Attempt { served: served(), fault: "provider_timeout".into(), usage, cost };
            record.earlier = earlier.into_iter().map(attempt).collect();
            let corrections = (1..).zip(corrections).map(|(number, delta)| correction(&record, number, delta));
            let corrections = corrections.collect();
            (record, corrections)
        },
    )
}

pub(crate) fn correction(record: &Record, number: u32, delta: i64) -> Correction {
    Correction {
        call: record.id,
        number,
        made_at: record.started_at,
        reason: CorrectionReason::PriceChanged,
        old_price: PRICE.into(),
        new_price: "2026-12-01/bedrock/anthropic.claude-sonnet-4-6".into(),
        pricing: Pricing::Priced,
        delta: Money::from_nanos(delta),
        earlier_delta: Money::ZERO,
        list_delta: Money::from_nanos(delta * 2),
        unpriced_delta: 0,
        ceiling_delta: 0,
        rates: None,
    }
}

/// A ledger, the latest call first.
pub(crate) fn ledgers() -> impl Strategy<Value = Vec<(Record, Vec<Correction>)>> {
    vec(records(), 0..40).prop_map(|mut rows| {
        rows.sort_by_key(|(record, _)| std::cmp::Reverse(record.started_at));
        rows
    })
}

/// What a ledger's calls cost in all, in nano-dollars.
pub(crate) fn total(rows: &[(Record, Vec<Correction>)]) -> i128 {
    let of = |(record, corrections): &(Record, Vec<Correction>)| {
        let deltas: i128 = corrections.iter().map(|correction| i128::from(correction.delta.nanos())).sum();
        i128::from(record.total_cost().amount.nanos()) + deltas
    };
    rows.iter().map(of).sum()
}
