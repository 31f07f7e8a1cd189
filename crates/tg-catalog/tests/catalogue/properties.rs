//! Properties of pricing over the embedded rows: monotonic, additive, bounded by the estimate, never overflowing.

use proptest::prelude::*;
use tg_catalog::{Ability, Catalogue, ceiling_estimate, cost_lines, output_within, price};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};

fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..10, 0_u64..400_000, Just(100_000), Just(200_000), Just(272_000), any::<u64>(), Just(u64::MAX)]
}

fn usages() -> impl Strategy<Value = Usage> {
    let text = (counts(), counts(), counts(), counts(), counts());
    (text, 0_u64..1000, 0_u64..1000, 0_u64..1000).prop_map(|(text, reasoning, audio_in, audio_out)| Usage {
        input_tokens: text.0,
        cache_read_tokens: text.1,
        cache_write_5m_tokens: text.2,
        cache_write_1h_tokens: text.3,
        output_tokens: text.4,
        reasoning_tokens: reasoning,
        audio_input_tokens: audio_in,
        audio_output_tokens: audio_out,
        images: 0,
    })
}

fn tiers() -> impl Strategy<Value = ServiceTier> {
    prop_oneof![
        Just(ServiceTier::Default),
        Just(ServiceTier::Flex),
        Just(ServiceTier::Priority),
        Just(ServiceTier::Batch),
        Just(ServiceTier::Reserved),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn lines_add_up_to_the_amount(at in any::<prop::sample::Index>(), usage in usages(), tier in tiers()) {
        let catalogue = Catalogue::embedded().unwrap();
        let row = at.get(catalogue.rows());
        let lines = cost_lines(row, &usage, tier);
        let cost = price(row, &usage, tier);
        prop_assert_eq!(Money::from_picos(lines.picos()), cost.amount);
        let sum: i128 = lines.lines.iter().map(|line| i128::from(line.units) * i128::from(line.rate.unwrap_or(0))).sum();
        prop_assert_eq!(sum, lines.picos());
        prop_assert!(cost.amount >= Money::ZERO);
    }

    #[test]
    fn more_never_costs_less(
        at in any::<prop::sample::Index>(), usage in usages(), more in counts(), which in 0_usize..7, tier in tiers(),
    ) {
        let catalogue = Catalogue::embedded().unwrap();
        let row = at.get(catalogue.rows());
        let mut larger = usage;
        let field = match which {
            0 => &mut larger.input_tokens,
            1 => &mut larger.cache_read_tokens,
            2 => &mut larger.cache_write_5m_tokens,
            3 => &mut larger.cache_write_1h_tokens,
            4 => &mut larger.output_tokens,
            5 => &mut larger.audio_input_tokens,
            _ => &mut larger.audio_output_tokens,
        };
        *field = field.saturating_add(more);
        prop_assert!(price(row, &usage, tier).amount <= price(row, &larger, tier).amount, "{}", row.id());
    }

    #[test]
    fn the_output_that_an_amount_pays_is_the_most_that_it_pays(
        at in any::<prop::sample::Index>(), input in 0_u64..2_000_000, nanos in 0_i64..50_000_000_000, tier in tiers(),
    ) {
        let catalogue = Catalogue::embedded().unwrap();
        let row = at.get(catalogue.rows());
        let amount = Money::from_nanos(nanos);
        let output = output_within(row, tier, input, amount);
        let costs = |output| ceiling_estimate(row, tier, input, output);
        prop_assert!(output == 0 || costs(output) <= amount, "{}", row.id());
        prop_assert!(output == 1 << 32 || costs(output + 1) > amount, "{}", row.id());
    }

    #[test]
    fn an_estimate_is_never_exceeded(at in any::<prop::sample::Index>(), usage in usages(), tier in tiers()) {
        let catalogue = Catalogue::embedded().unwrap();
        let row = at.get(catalogue.rows());
        let mut usage = usage;
        // The estimate is asked for with a total, and a total saturates where its parts together are more.
        for count in [
            &mut usage.input_tokens,
            &mut usage.cache_read_tokens,
            &mut usage.cache_write_5m_tokens,
            &mut usage.cache_write_1h_tokens,
            &mut usage.output_tokens,
        ] {
            *count %= 1 << 60;
        }
        if !row.can(Ability::AudioInput) {
            usage.audio_input_tokens = 0;
        }
        if !row.can(Ability::AudioOutput) {
            usage.audio_output_tokens = 0;
        }
        let output = usage.output_tokens.saturating_add(usage.audio_output_tokens);
        let most = ceiling_estimate(row, tier, usage.total_input_tokens(), output);
        prop_assert!(price(row, &usage, tier).amount <= most, "{}", row.id());
    }
}
