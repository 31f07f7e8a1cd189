//! Costs worked out by hand: every kind of unit, tier, threshold, cache lifetime, geography and rounding.

use crate::fixture::{self, now};
use tg_catalog::{UnitKind, cost_lines, price};
use tg_kernel::record::Pricing;
use tg_kernel::usage::{ServiceTier, Usage};

/// Reads `in=3 out=1 w5=2`.
fn usage(text: &str) -> Usage {
    let mut usage = Usage::default();
    for word in text.split_whitespace() {
        let (name, count) = word.split_once('=').unwrap();
        let field = match name {
            "in" => &mut usage.input_tokens,
            "read" => &mut usage.cache_read_tokens,
            "w5" => &mut usage.cache_write_5m_tokens,
            "w1" => &mut usage.cache_write_1h_tokens,
            "out" => &mut usage.output_tokens,
            "reason" => &mut usage.reasoning_tokens,
            "ain" => &mut usage.audio_input_tokens,
            "aout" => &mut usage.audio_output_tokens,
            "img" => &mut usage.images,
            _ => panic!("{name}"),
        };
        *field = count.parse().unwrap();
    }
    usage
}

/// What is asked (`provider model [+scope…]`), the tier, the counts, nano-dollars, and the price's name after the label.
type Case = (&'static str, &'static str, &'static str, i64, &'static str);

const OPUS: &str = "anthropic claude-opus-5-5";
const HAIKU: &str = "anthropic claude-haiku-5-5";
const NOVA: &str = "bedrock amazon.nova-pro-v1:0";
const GPT: &str = "openai gpt-5.5";

const CASES: &[Case] = &[
    (OPUS, "default", "in=1", 4_000, "anthropic/claude-opus-5-5"),
    (OPUS, "default", "out=1", 20_000, "anthropic/claude-opus-5-5"),
    (OPUS, "default", "in=1000 out=500", 14_000_000, "anthropic/claude-opus-5-5"),
    (OPUS, "default", "read=1", 200, "anthropic/claude-opus-5-5"),
    (OPUS, "default", "w5=1", 5_000, "anthropic/claude-opus-5-5"),
    (OPUS, "default", "w1=1", 8_000, "anthropic/claude-opus-5-5"),
    (OPUS, "default", "in=10 read=1000 w5=100 w1=50 out=20", 1_540_000, "anthropic/claude-opus-5-5"),
    ("anthropic claude-opus-5-5 us", "default", "in=1000 out=500", 15_400_000, "anthropic/claude-opus-5-5~us"),
    ("anthropic claude-opus-5-5 fast", "default", "in=1000 out=500", 28_000_000, "anthropic/claude-opus-5-5~fast"),
    (
        "anthropic claude-opus-5-5 us fast",
        "default",
        "in=1000 out=500",
        30_800_000,
        "anthropic/claude-opus-5-5~us+fast",
    ),
    ("anthropic claude-opus-5-5 eu", "default", "in=1000 out=500", 14_000_000, "anthropic/claude-opus-5-5"),
    (OPUS, "batch", "in=1000 out=500", 7_000_000, "anthropic/claude-opus-5-5@batch"),
    // A batch rate that is not stated is the default one.
    (OPUS, "batch", "w1=1", 8_000, "anthropic/claude-opus-5-5@batch"),
    // A tier without rates of its own is the default one: nothing is halved that the source does not halve.
    (OPUS, "flex", "in=1000 out=500", 14_000_000, "anthropic/claude-opus-5-5"),
    // Audio without a rate of its own is input.
    (OPUS, "default", "ain=10", 40_000, "anthropic/claude-opus-5-5"),
    (HAIKU, "default", "in=1", 100, "anthropic/claude-haiku-5-5"),
    (HAIKU, "default", "read=1", 10, "anthropic/claude-haiku-5-5"),
    (HAIKU, "default", "in=100000 out=10", 10_005_000, "anthropic/claude-haiku-5-5"),
    (HAIKU, "default", "in=100001 out=10", 50_025_500, "anthropic/claude-haiku-5-5>100000"),
    (HAIKU, "default", "in=99999 read=1", 9_999_910, "anthropic/claude-haiku-5-5"),
    (HAIKU, "default", "in=99999 read=2", 49_999_600, "anthropic/claude-haiku-5-5>100000"),
    (HAIKU, "default", "read=100001", 5_000_050, "anthropic/claude-haiku-5-5>100000"),
    (HAIKU, "default", "w5=100000 w1=1", 62_501_000, "anthropic/claude-haiku-5-5>100000"),
    ("anthropic claude-haiku-5-5-20991231", "default", "in=1", 100, "anthropic/claude-haiku-5-5"),
    (
        "bedrock us.anthropic.claude-opus-5-5",
        "default",
        "in=1000 out=500",
        15_400_000,
        "bedrock/us.anthropic.claude-opus-5-5",
    ),
    (
        "bedrock us.anthropic.claude-opus-5-5",
        "default",
        "w5=1000 w1=1000",
        14_300_000,
        "bedrock/us.anthropic.claude-opus-5-5",
    ),
    ("bedrock acme.model-v1:0", "default", "in=1000", 1_000_000, "bedrock/acme.model-v1:0"),
    ("bedrock eu.acme.model-v1:0", "default", "in=1000", 1_100_000, "bedrock/acme.model-v1:0~eu"),
    ("bedrock global.acme.model-v1:0", "default", "in=1000", 1_000_000, "bedrock/acme.model-v1:0~global"),
    ("bedrock us-gov.acme.model-v1:0", "default", "in=1000", 1_200_000, "bedrock/acme.model-v1:0~us-gov"),
    // 333 333 × 11/10 is no whole pico-dollar: rounded up.
    ("bedrock us.acme.model-v1:0", "default", "out=1000", 366_667, "bedrock/acme.model-v1:0~us"),
    ("bedrock acme.model-v1:0 eu-west-1", "default", "in=1000", 1_500_000, "bedrock/eu-west-1/acme.model-v1:0"),
    (NOVA, "default", "in=1000 out=100", 1_120_000, "bedrock/amazon.nova-pro-v1:0"),
    (NOVA, "flex", "in=1000 out=100", 560_000, "bedrock/amazon.nova-pro-v1:0@flex"),
    (NOVA, "priority", "in=1000 out=100", 1_960_000, "bedrock/amazon.nova-pro-v1:0@priority"),
    (NOVA, "batch", "in=1000 out=100", 560_000, "bedrock/amazon.nova-pro-v1:0@batch"),
    (NOVA, "reserved", "in=1000 out=100", 1_120_000, "bedrock/amazon.nova-pro-v1:0"),
    (NOVA, "flex", "read=1000", 100_000, "bedrock/amazon.nova-pro-v1:0@flex"),
    (NOVA, "batch", "read=1000", 200_000, "bedrock/amazon.nova-pro-v1:0@batch"),
    // A write without a rate is input, at the tier's rate.
    (NOVA, "default", "w5=1000 w1=1000", 1_600_000, "bedrock/amazon.nova-pro-v1:0"),
    (NOVA, "flex", "w5=1000", 400_000, "bedrock/amazon.nova-pro-v1:0@flex"),
    (GPT, "default", "in=272000 out=1", 1_360_030_000, "openai/gpt-5.5"),
    (GPT, "default", "in=272001 out=1", 2_720_055_000, "openai/gpt-5.5>272000"),
    (GPT, "flex", "in=272001 out=1", 1_360_027_500, "openai/gpt-5.5@flex>272000"),
    // No priority rate is stated above the threshold: the larger of priority below it and default above it.
    (GPT, "priority", "in=272001 out=1", 3_400_087_500, "openai/gpt-5.5@priority>272000"),
    (GPT, "default", "out=100 reason=60", 3_000_000, "openai/gpt-5.5"),
    ("openai gpt-5.5-2099-12-31", "default", "in=1", 5_000, "openai/gpt-5.5"),
    ("openai text-embedding-3-small", "default", "in=1", 20, "openai/text-embedding-3-small"),
    ("openai text-embedding-3-small", "default", "in=1000000", 20_000_000, "openai/text-embedding-3-small"),
    ("openai text-embedding-3-small", "batch", "in=1000", 10_000, "openai/text-embedding-3-small@batch"),
    ("openai audio-model", "default", "in=10 ain=100 out=5 aout=50", 6_475_000, "openai/audio-model"),
    ("openai image-model", "default", "img=2 in=1", 80_001_000, "openai/image-model"),
    ("openai tiny", "default", "in=1", 0, "openai/tiny"),
    ("openai tiny", "default", "out=1", 1, "openai/tiny"),
    ("openai tiny", "default", "in=1 out=2", 1, "openai/tiny"),
    ("openai tiny", "default", "in=2 out=1", 1, "openai/tiny"),
    ("openai tiny", "default", "out=3", 2, "openai/tiny"),
    ("xai thinker", "default", "out=100 reason=40", 184_000, "xai/thinker"),
    // More reasoning than output is a fault of the report; no token is paid twice.
    ("xai thinker", "default", "out=10 reason=50", 40_000, "xai/thinker"),
];

#[test]
fn costs_are_those_worked_out_by_hand() {
    let catalogue = fixture::catalogue();
    for (asked, tier, counts, nanos, name) in CASES {
        let mut words = asked.split(' ');
        let (provider, model) = (words.next().unwrap(), words.next().unwrap());
        let scopes: Vec<&str> = words.collect();
        let row = catalogue.find_in(provider, model, &scopes, now()).unwrap();
        let cost = price(&row, &usage(counts), ServiceTier::parse(tier).unwrap());
        assert_eq!(cost.amount.nanos(), *nanos, "{asked} {tier} {counts}");
        assert_eq!(*cost.price, *format!("t/{name}"), "{asked} {tier} {counts}");
        assert_eq!(cost.pricing, Pricing::Priced);
    }
}

#[test]
fn nothing_used_costs_nothing() {
    let row = fixture::catalogue().find("openai", "gpt-5.5", now()).unwrap();
    let cost = price(&row, &Usage::default(), ServiceTier::Default);
    assert_eq!((cost.amount.nanos(), cost.pricing, &*cost.price), (0, Pricing::Nothing, ""));
}

#[test]
fn an_image_without_a_rate_is_unpriced_and_never_silently_free() {
    let row = fixture::catalogue().find("openai", "gpt-5.5", now()).unwrap();
    let cost = price(&row, &usage("in=1 img=1"), ServiceTier::Default);
    assert_eq!((cost.amount.nanos(), cost.pricing), (0, Pricing::Unpriced));
    let lines = cost_lines(&row, &usage("in=1 img=1"), ServiceTier::Default);
    let unknown: Vec<_> = lines.lines.iter().filter(|line| line.rate.is_none()).map(|line| line.kind).collect();
    assert_eq!(unknown, [UnitKind::Image]);
}

#[test]
fn a_ceiling_charges_every_token() {
    let all = usage("in=1 read=2 w5=3 w1=4 ain=5 out=10 aout=20");
    let cost = tg_catalog::ceiling_cost(&all, 15_000_000, 75_000_000);
    assert_eq!((cost.amount.nanos(), cost.pricing, &*cost.price), (2_475_000, Pricing::Ceiling, "ceiling"));
    assert_eq!(tg_catalog::ceiling_cost(&Usage::default(), 1, 1).pricing, Pricing::Nothing);
    let huge = Usage { input_tokens: u64::MAX, output_tokens: u64::MAX, ..Usage::default() };
    assert_eq!(tg_catalog::ceiling_cost(&huge, u64::MAX, u64::MAX).amount.nanos(), i64::MAX);
}

#[test]
fn an_estimate_takes_the_dearest_rates() {
    let catalogue = fixture::catalogue();
    for (provider, model, tier, tokens, nanos) in [
        // 1 000 × the one-hour write, 100 × output
        ("anthropic", "claude-opus-5-5", ServiceTier::Default, (1000, 100), 10_000_000),
        // asked as batch, it may yet be served at the default tier
        ("anthropic", "claude-opus-5-5", ServiceTier::Batch, (1000, 100), 10_000_000),
        ("bedrock", "amazon.nova-pro-v1:0", ServiceTier::Priority, (1000, 100), 1_960_000),
        ("openai", "audio-model", ServiceTier::Default, (10, 10), 960_000),
        ("xai", "thinker", ServiceTier::Default, (0, 10), 40_000),
        ("openai", "gpt-5.5", ServiceTier::Default, (272_001, 0), 2_720_010_000),
    ] {
        let row = catalogue.find(provider, model, now()).unwrap();
        let estimate = tg_catalog::ceiling_estimate(&row, tier, tokens.0, tokens.1);
        assert_eq!(estimate.nanos(), nanos, "{model} {tier:?}");
    }
}
