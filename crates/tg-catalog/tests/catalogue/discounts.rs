//! Discounts: exact, never dearer than the list price, at the time when the call began, and told in its price.

use crate::fixture::{catalogue, now};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tg_catalog::{Buyer, Catalogue, Discount, Paid, RateSheet, Row, Terms, UnitKind, price};
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::{ServiceTier, Usage};

fn discount(name: &str, paid: Paid) -> Discount {
    let (from, until) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    Discount { name: name.into(), provider: "*".into(), model: "*".into(), paid, committed: false, from, until }
}

fn buyer(began: Timestamp) -> Buyer<'static> {
    Buyer { provider: "bedrock-eu", model: "eu.anthropic.claude-opus-5-5", began }
}

fn any_row() -> Arc<Row> {
    catalogue().find("openai", "gpt-4o", now()).unwrap()
}

const USED: Usage = Usage {
    input_tokens: 1000,
    cache_read_tokens: 10,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    output_tokens: 200,
    reasoning_tokens: 50,
    audio_input_tokens: 0,
    audio_output_tokens: 0,
    images: 0,
};

#[test]
fn a_part_that_is_no_whole_pico_dollar_is_rounded_up_and_nothing_gets_dearer() {
    let part = |numerator, denominator| discount("d", Paid::Part(numerator, denominator));
    for (off, list, expected) in [
        (part(875_000, 1_000_000), 4_000_000, 3_500_000),
        (part(875_000, 1_000_000), 3, 3),
        (part(1, 3), 10, 4),
        (part(0, 1), u64::MAX, 0),
        (part(999_999, 1_000_000), u64::MAX, 18_446_725_626_965_477_906),
        (part(2, 1), 10, 10),
        (part(1, 0), 10, 10),
    ] {
        assert_eq!(off.contracted(UnitKind::Input, list), expected, "{off:?} of {list}");
    }
    let own = discount("d", Paid::Rates(vec![(UnitKind::Input, 5)]));
    let prices = [(UnitKind::Input, 9), (UnitKind::Input, 4), (UnitKind::Output, 9)];
    assert_eq!(prices.map(|(kind, list)| own.contracted(kind, list)), [5, 4, 9]);
}

#[test]
fn the_first_discount_that_holds_when_the_call_begins_is_taken() {
    let end = now().after(Duration::from_secs(60));
    let half = Discount { from: now(), until: end, ..discount("half", Paid::Part(1, 2)) };
    let other = Discount { provider: "openai".into(), ..discount("other", Paid::Part(0, 1)) };
    let claude = Discount { model: "*.anthropic.*".into(), committed: true, ..discount("pt", Paid::Part(0, 1)) };
    let terms = Terms::new(vec![other, half, claude]);
    let row = any_row();
    let list = price(&row, &USED, ServiceTier::Default);
    let of = |began| terms.price(&row, &USED, ServiceTier::Default, buyer(began));
    let before = Timestamp::from_micros(now().micros() - 1);
    for (began, name, nanos) in [
        (before, "%committed:pt", 0),
        (now(), "%half", list.amount.nanos() / 2),
        (Timestamp::from_micros(end.micros() - 1), "%half", list.amount.nanos() / 2),
        (end, "%committed:pt", 0),
    ] {
        let cost = of(began);
        assert_eq!(*cost.price, *format!("{}{name}", list.price));
        assert_eq!((cost.amount.nanos(), cost.list), (nanos, list.amount), "{began}");
    }
    let none = Terms::default().price(&row, &USED, ServiceTier::Default, buyer(now()));
    assert_eq!(none, list);
}

#[test]
fn calls_of_the_same_price_share_the_text_of_their_rates() {
    let terms = Terms::new(vec![Discount { until: now(), ..discount("d", Paid::Part(1, 2)) }]);
    let row = any_row();
    let text = |began, input_tokens| {
        let usage = Usage { input_tokens, ..USED };
        terms.price(&row, &usage, ServiceTier::Default, buyer(began)).rates.unwrap()
    };
    let before = Timestamp::from_micros(0);
    assert!(Arc::ptr_eq(&text(now(), 1), &text(now(), 2)));
    assert!(Arc::ptr_eq(&text(before, 1), &text(before, 2)));
    assert_ne!(text(before, 1), text(now(), 1));
}

proptest! {
    #[test]
    fn a_row_of_the_ledger_can_be_computed_again_from_its_own_rates(
        at in any::<prop::sample::Index>(), numerator in 0..=1_000_000_u64,
        counts in prop::array::uniform5(0_u64..1 << 43), reasoning in 0_u64..1000,
    ) {
        let catalogue = Catalogue::embedded().unwrap();
        let row = at.get(catalogue.rows());
        let [input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens] = counts;
        let usage = Usage {
            input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
            reasoning_tokens: reasoning, ..Usage::default()
        };
        let terms = Terms::new(vec![discount("d", Paid::Part(numerator, 1_000_000))]);
        let cost = terms.price(row, &usage, ServiceTier::Flex, buyer(now()));
        let list = price(row, &usage, ServiceTier::Flex);
        prop_assert!(cost.amount <= list.amount);
        prop_assert_eq!(cost.list, list.amount);
        if let Some(rates) = &cost.rates {
            let sheet = RateSheet::parse(rates).unwrap();
            prop_assert_eq!((sheet.contracted(&usage), sheet.list(&usage)), (cost.amount, cost.list));
        }
    }
}
