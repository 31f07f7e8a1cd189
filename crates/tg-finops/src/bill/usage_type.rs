//! What a usage type of Amazon Bedrock says: the model, and which kind of token.
//!
//! Two grammars are in use. Models that AWS sells itself: `USE1-Claude4.6Sonnet-input-tokens-cross-region-global`,
//! `USW2-anthropic.claude-opus-4-8-mantle-output-tokens-standard`. Models of the Marketplace:
//! `USE1-MP:USE1_CacheReadInputTokenCount_Global-Units`, where the product's name says which model.

use super::BillLine;
use crate::decimal::Decimal;
use serde::Serialize;

/// Which tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Input, outside any cache.
    Input,
    /// Input read from a prompt cache.
    CacheRead,
    /// Input written to a prompt cache.
    CacheWrite,
    /// Output.
    Output,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Input, Self::CacheRead, Self::CacheWrite, Self::Output];

    /// The name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::Output => "output",
        }
    }
}

/// What a line counts in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    /// The model as the bill names it.
    pub model: String,
    /// Which tokens.
    pub kind: TokenKind,
    /// How many; `None` where the unit is not one of tokens.
    pub tokens: Option<Decimal>,
}

/// Where a usage type ends the model's name and begins to say what is counted.
const MARKS: [(&str, TokenKind); 7] = [
    ("-cache-read-", TokenKind::CacheRead),
    ("-cache-write-", TokenKind::CacheWrite),
    ("-mantle-input-token", TokenKind::Input),
    ("-mantle-output-token", TokenKind::Output),
    ("-text-input-token", TokenKind::Input),
    ("-input-token", TokenKind::Input),
    ("-output-token", TokenKind::Output),
];

/// What a line counts; `None` where it is not tokens of a model (a guardrail, a knowledge base, provisioned capacity).
#[must_use]
pub fn metered(line: &BillLine) -> Option<Metered> {
    let (model, kind) = match line.usage_type.split_once("MP:") {
        Some((_, rest)) => (marketplace_model(&line.product_name)?, marketplace_kind(rest)?),
        None => own(&line.usage_type)?,
    };
    Some(Metered { model, kind, tokens: unit(&line.unit).map(|tokens| line.amount.times(tokens)) })
}

fn own(usage_type: &str) -> Option<(String, TokenKind)> {
    let rest = without_region(usage_type);
    let lower = rest.to_ascii_lowercase();
    let found = MARKS.iter().filter_map(|(mark, kind)| Some((lower.find(mark)?, *kind)));
    let (end, kind) = found.min_by_key(|(at, _)| *at)?;
    let model = rest[..end].trim_end_matches("-mantle").trim_end_matches("-text");
    (!model.is_empty()).then(|| (model.to_owned(), kind))
}

/// A usage type without its Region: `USE1-`, `EU-`; the oldest Region may have none.
fn without_region(usage_type: &str) -> &str {
    match usage_type.split_once('-') {
        Some((first, rest))
            if first == "EU"
                || (3..=5).contains(&first.len())
                    && first.ends_with(|c: char| c.is_ascii_digit())
                    && first.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) =>
        {
            rest
        }
        _ => usage_type,
    }
}

fn marketplace_kind(rest: &str) -> Option<TokenKind> {
    let plain: String = rest.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if !plain.contains("token") {
        return None;
    }
    [
        ("cachewrite", TokenKind::CacheWrite),
        ("cacheread", TokenKind::CacheRead),
        ("input", TokenKind::Input),
        ("output", TokenKind::Output),
        ("response", TokenKind::Output),
    ]
    .into_iter()
    .find_map(|(word, kind)| plain.contains(word).then_some(kind))
}

fn marketplace_model(product: &str) -> Option<String> {
    let name = product.split('(').next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// How many tokens one unit is. The Marketplace prices a million of them and calls that a unit.
fn unit(text: &str) -> Option<u64> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "1k tokens" | "1k token" | "1000 tokens" => 1_000,
        "1m tokens" | "1m token" | "million tokens" | "units" | "unit" => 1_000_000,
        "tokens" | "token" => 1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{BillLine, TokenKind, metered};
    use crate::decimal::Decimal;

    fn line(usage_type: &str, product_name: &str, unit: &str) -> BillLine {
        let amount = Decimal::parse("1.5").unwrap();
        BillLine {
            usage_type: usage_type.into(),
            product_name: product_name.into(),
            unit: unit.into(),
            amount,
            ..BillLine::default()
        }
    }

    #[test]
    fn usage_types_say_model_and_kind() {
        for (usage_type, model, kind) in [
            ("USE1-Claude4.6Sonnet-input-tokens", "Claude4.6Sonnet", TokenKind::Input),
            ("USE1-Claude4.6Opus-output-tokens-cross-region-global", "Claude4.6Opus", TokenKind::Output),
            ("EUW1-Claude4.5Sonnet-cache-write-input-token-count", "Claude4.5Sonnet", TokenKind::CacheWrite),
            (
                "USE1-Claude4Sonnet-cache-read-input-token-count-cross-region-global",
                "Claude4Sonnet",
                TokenKind::CacheRead,
            ),
            (
                "USW2-anthropic.claude-opus-4-8-mantle-input-tokens-global-standard",
                "anthropic.claude-opus-4-8",
                TokenKind::Input,
            ),
            ("EU-gpt-oss-120b-output-tokens-batch", "gpt-oss-120b", TokenKind::Output),
            ("GPT-OSS-Safeguard-20B-input-tokens-flex", "GPT-OSS-Safeguard-20B", TokenKind::Input),
            ("USE1-Nova2.0Pro-text-input-tokens-priority-cross-region-global", "Nova2.0Pro", TokenKind::Input),
            ("USE1-Llama3-2-1B-output-tokens", "Llama3-2-1B", TokenKind::Output),
        ] {
            let read = metered(&line(usage_type, "", "1K tokens")).unwrap();
            assert_eq!((read.model.as_str(), read.kind), (model, kind), "{usage_type}");
            assert_eq!(read.tokens, Some(Decimal::whole(1500)));
        }
    }

    #[test]
    fn lines_of_the_marketplace_take_the_model_from_the_product() {
        let product = "Claude Opus 5.5 (Amazon Bedrock Edition)";
        for (usage_type, kind) in [
            ("USE1-MP:USE1_InputTokenCount-Units", TokenKind::Input),
            ("USW2-MP:USW2_output_tokens_global_standard-Units", TokenKind::Output),
            ("USE1-MP:USE1_CacheWrite1hInputTokenCount_Global-Units", TokenKind::CacheWrite),
            ("USE1-MP:USE1_cache_read_tokens_standard-Units", TokenKind::CacheRead),
            ("USE1-MP:USE1_MillionBatchInputTokens-Units", TokenKind::Input),
        ] {
            let read = metered(&line(usage_type, product, "Units")).unwrap();
            assert_eq!((read.model.as_str(), read.kind), ("Claude Opus 5.5", kind), "{usage_type}");
            assert_eq!(read.tokens, Some(Decimal::whole(1_500_000)));
        }
        assert_eq!(metered(&line("USE1-MP:USE1_InputTokenCount-Units", "", "Units")), None);
    }

    #[test]
    fn what_is_not_tokens_of_a_model_is_not_metered() {
        for (usage_type, unit) in [
            ("USE1-Guardrail-ContentPolicyUnitsConsumed", "TextUnits"),
            ("USE1-NovaCanvas-T2I-1024-Standard", "Images"),
            ("USE1-Claude4.6Sonnet-ProvisionedThroughput-NoCommit-ModelUnits", "ModelUnits"),
            ("-input-tokens", "1K tokens"),
        ] {
            assert_eq!(metered(&line(usage_type, "", unit)), None, "{usage_type}");
        }
        let other_unit = metered(&line("USE1-Claude4.6Sonnet-input-tokens", "", "Furlongs")).unwrap();
        assert_eq!(other_unit.tokens, None);
    }
}
