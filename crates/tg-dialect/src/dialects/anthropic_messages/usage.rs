//! Token counts as Anthropic reports them.

use serde_json::{Map, Value, json};
use tg_kernel::usage::{PartialUsage, ServiceTier, Usage};

use crate::walk::whole;

/// Reads reports of one answer. A later report replaces an earlier one; some say less about cache writes than others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UsageReader {
    known: Usage,
}

impl UsageReader {
    /// What a `usage` object says.
    pub(crate) fn read(&mut self, usage: &Value) -> PartialUsage {
        let count = |name: &str| usage.get(name).and_then(whole);
        let detail = |name: &str| usage.get("cache_creation").and_then(|split| split.get(name)).and_then(whole);
        let mut report = PartialUsage {
            input_tokens: count("input_tokens"),
            cache_read_tokens: count("cache_read_input_tokens"),
            cache_write_5m_tokens: detail("ephemeral_5m_input_tokens"),
            cache_write_1h_tokens: detail("ephemeral_1h_input_tokens"),
            output_tokens: count("output_tokens"),
            reasoning_tokens: usage
                .get("output_tokens_details")
                .and_then(|details| details.get("thinking_tokens").or_else(|| details.get("reasoning_tokens")))
                .and_then(whole),
            ..PartialUsage::default()
        };
        let split_known = report.cache_write_5m_tokens.is_some() || report.cache_write_1h_tokens.is_some();
        if let (Some(total), false) = (count("cache_creation_input_tokens"), split_known) {
            // Only the sum: the share of the longer lifetime is as reported before.
            let hour = self.known.cache_write_1h_tokens.min(total);
            report.cache_write_1h_tokens = Some(hour);
            report.cache_write_5m_tokens = Some(total - hour);
        }
        self.known.replace(&report);
        report
    }
}

/// The tier that a `usage` object names.
pub(crate) fn tier(usage: &Value) -> Option<ServiceTier> {
    usage.get("service_tier").and_then(Value::as_str).and_then(ServiceTier::parse)
}

/// A `usage` object.
pub(crate) fn write(usage: &Usage, tier: Option<ServiceTier>) -> Value {
    let mut object = Map::new();
    let write = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    object.insert("input_tokens".into(), usage.input_tokens.saturating_add(usage.audio_input_tokens).into());
    object.insert("cache_creation_input_tokens".into(), write.into());
    object.insert("cache_read_input_tokens".into(), usage.cache_read_tokens.into());
    object.insert(
        "cache_creation".into(),
        json!({
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }),
    );
    object.insert("output_tokens".into(), usage.output_tokens.saturating_add(usage.audio_output_tokens).into());
    if let Some(tier) = tier {
        let word = match tier {
            ServiceTier::Priority | ServiceTier::Reserved => "priority",
            ServiceTier::Batch => "batch",
            ServiceTier::Default | ServiceTier::Flex => "standard",
        };
        object.insert("service_tier".into(), word.into());
    }
    Value::Object(object)
}
