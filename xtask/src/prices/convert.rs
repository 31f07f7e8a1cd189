//! From the source's entries to rows: which entries, which rates, which abilities.

use super::decimal::{fraction, shifted};
use anyhow::{Context as _, Result};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tg_catalog::{Ability, Factor, ModelKind, RateSource, RowSource};
use tg_kernel::usage::ServiceTier;

/// The source's provider names and ours. Of two entries with the same provider and id, the provider named later wins.
const PROVIDERS: [(&str, &str); 20] = [
    ("anthropic", "anthropic"),
    ("azure", "azure"),
    ("azure_ai", "azure_ai"),
    ("bedrock", "bedrock"),
    ("bedrock_converse", "bedrock"),
    ("bedrock_mantle", "bedrock_mantle"),
    ("cerebras", "cerebras"),
    ("cohere", "cohere"),
    ("cohere_chat", "cohere"),
    ("deepinfra", "deepinfra"),
    ("deepseek", "deepseek"),
    ("fireworks_ai", "fireworks"),
    ("fireworks_ai-embedding-models", "fireworks"),
    ("gemini", "gemini"),
    ("groq", "groq"),
    ("mistral", "mistral"),
    ("moonshot", "moonshot"),
    ("openai", "openai"),
    ("together_ai", "together"),
    ("xai", "xai"),
];

/// The place of one rate.
type Slot = fn(&mut RateSource) -> &mut Option<u64>;

/// The source's names of rates. A longer name stands before its beginning.
const RATES: [(&str, Slot); 10] = [
    ("cache_creation_input_token_cost_above_1hr", |r| &mut r.cache_write_1h),
    ("cache_creation_input_token_cost", |r| &mut r.cache_write_5m),
    ("cache_read_input_token_cost", |r| &mut r.cache_read),
    ("input_cost_per_audio_token", |r| &mut r.audio_in),
    ("output_cost_per_audio_token", |r| &mut r.audio_out),
    ("output_cost_per_reasoning_token", |r| &mut r.reasoning),
    ("input_cost_per_token_cache_hit", |r| &mut r.cache_read),
    ("input_cost_per_token", |r| &mut r.input),
    ("output_cost_per_token", |r| &mut r.output),
    ("output_cost_per_image", |r| &mut r.image),
];

const TIERS: [(&str, ServiceTier); 3] =
    [("_batches", ServiceTier::Batch), ("_flex", ServiceTier::Flex), ("_priority", ServiceTier::Priority)];

/// Charges that a price per token does not cover: an entry with one of these is not fully priced by its tokens.
const OTHER_CHARGES: [&str; 6] = [
    "input_cost_per_request",
    "input_cost_per_query",
    "input_cost_per_second",
    "output_cost_per_second",
    "input_cost_per_character",
    "citation_cost_per_token",
];

const ABILITIES: [(&str, &str, Ability); 21] = [
    ("supports_function_calling", "true", Ability::Tools),
    ("supports_parallel_function_calling", "true", Ability::ParallelTools),
    ("supports_parallel_tool_use_config", "true", Ability::ParallelTools),
    ("supports_tool_choice", "true", Ability::ToolChoice),
    ("supports_forced_tool_use", "false", Ability::NoForcedTools),
    ("supports_vision", "true", Ability::Vision),
    ("supports_pdf_input", "true", Ability::Documents),
    ("supports_audio_input", "true", Ability::AudioInput),
    ("supports_audio_output", "true", Ability::AudioOutput),
    ("supports_video_input", "true", Ability::VideoInput),
    ("supports_response_schema", "true", Ability::JsonSchema),
    ("supports_native_structured_output", "true", Ability::JsonSchema),
    ("supports_bedrock_native_structured_output", "true", Ability::JsonSchema),
    ("supports_reasoning", "true", Ability::Reasoning),
    ("supports_adaptive_thinking", "true", Ability::AdaptiveReasoning),
    ("thinking_always_on", "true", Ability::AlwaysReasoning),
    ("supports_prompt_caching", "true", Ability::PromptCaching),
    ("supports_web_search", "true", Ability::WebSearch),
    ("supports_computer_use", "true", Ability::ComputerUse),
    ("supports_sampling_params", "false", Ability::NoSampling),
    ("supports_assistant_prefill", "false", Ability::NoPrefill),
];

type Fields = BTreeMap<String, Box<RawValue>>;
type SetKey = (u8, u32);

/// Rows, and what became of the rest.
pub struct Converted {
    /// Sorted by provider and id.
    pub rows: Vec<RowSource<'static>>,
    /// Entries and fields that were left out, by reason.
    pub left_out: BTreeMap<String, Vec<String>>,
}

/// Converts the source's price file.
///
/// # Errors
/// When it is not of the expected form as a whole. Single entries that cannot be converted are left out and listed.
pub fn convert(prices: &str) -> Result<Converted> {
    let entries: BTreeMap<String, Fields> =
        serde_json::from_str(prices).context("the price file is not as expected")?;
    let mut rows: BTreeMap<(&str, String), (usize, RowSource<'static>)> = BTreeMap::new();
    let mut left_out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, fields) in &entries {
        let seller = text(fields, "litellm_provider").unwrap_or_default();
        let Some(rank) = PROVIDERS.iter().position(|(name, _)| *name == seller) else { continue };
        let Some(kind) = kind(fields) else { continue };
        let provider = PROVIDERS[rank].1;
        let converted = identify(key, PROVIDERS[rank]).and_then(|id| row(provider, id, kind, fields));
        match converted {
            Ok((row, dropped)) => {
                for field in dropped {
                    left_out.entry(format!("the rate `{field}`")).or_default().push(key.clone());
                }
                let place = (provider, row.id.to_string());
                let known = rows.get(&place);
                if let Some((_, other)) = known.filter(|(_, other)| other.rates != row.rates) {
                    left_out
                        .entry("one of two entries that differ".into())
                        .or_default()
                        .push(format!("{provider}/{}", other.id));
                }
                if known.is_none_or(|(other, _)| *other <= rank) {
                    rows.insert(place, (rank, row));
                }
            }
            Err(reason) => left_out.entry(reason).or_default().push(key.clone()),
        }
    }
    let mut rows: Vec<_> = rows.into_values().map(|(_, row)| row).collect();
    drop_snapshots(&mut rows);
    Ok(Converted { rows, left_out })
}

/// Drops the rows of dated snapshots that say the same as the row without the date: a lookup falls back to that one.
/// Not where rows differ by Region: there a dated row outside the Region would come before an undated one in it.
fn drop_snapshots(rows: &mut Vec<RowSource<'static>>) {
    let all = rows.clone();
    let find = |provider: &str, id: &str| {
        let at = all.binary_search_by(|row| (row.provider.as_ref(), row.id.as_ref()).cmp(&(provider, id)));
        at.ok().map(|at| &all[at])
    };
    rows.retain(|row| {
        let base =
            tg_catalog::undated(&row.id).filter(|_| !matches!(&*row.provider, "azure" | "bedrock" | "bedrock_mantle"));
        let base = base.and_then(|base| find(&row.provider, base));
        base.is_none_or(|base| RowSource { id: row.id.clone(), ..base.clone() } != *row)
    });
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn kind(fields: &Fields) -> Option<ModelKind> {
    match text(fields, "mode")?.as_str() {
        "chat" | "responses" | "completion" => Some(ModelKind::Chat),
        "embedding" => Some(ModelKind::Embedding),
        _ => None,
    }
}

/// The id as the provider knows it: the key without the source's own prefix.
fn identify(key: &str, (seller, provider): (&str, &str)) -> Result<String, String> {
    let own = seller.trim_end_matches("-embedding-models");
    let unprefixed = [own, provider].iter().find_map(|name| key.strip_prefix(name)?.strip_prefix('/'));
    let id = unprefixed.unwrap_or(key);
    if id.starts_with("together-ai-") || id.starts_with("fireworks-ai-") {
        return Err("a price class, not a model".into());
    }
    let place = id.split_once('/').map(|(place, _)| place);
    if provider == "bedrock" {
        if id.contains("-commitment/") {
            return Err("provisioned throughput".into());
        }
        if matches!(place, Some("invoke" | "claude_platform")) {
            return Err("the same model by another way".into());
        }
    }
    Ok(id.to_owned())
}

fn row(
    provider: &str,
    id: String,
    kind: ModelKind,
    fields: &Fields,
) -> Result<(RowSource<'static>, Vec<String>), String> {
    let other = OTHER_CHARGES.iter().find(|name| fields.get(**name).is_some_and(|f| shifted(f.get(), 12) != Some(0)));
    if let Some(name) = other {
        return Err(format!("charged by another unit too (`{name}`)"));
    }
    let (mut sets, dropped) = rate_sets(fields)?;
    let base = sets.entry((ServiceTier::Default as u8, 0)).or_default();
    if kind == ModelKind::Embedding {
        base.output = base.output.or(Some(0));
    }
    match (base.input, base.output) {
        (None, _) | (_, None) => return Err("no price per token".into()),
        (Some(0), Some(0)) => return Err("a price of zero, which may mean unknown".into()),
        (Some(input), Some(output)) if input.max(output) > tg_catalog::HIGHEST_RATE => {
            return Err("a price that cannot be believed".into());
        }
        _ => {}
    }
    let count = |name: &str| -> Result<Option<u32>, String> {
        let Some(field) = fields.get(name).filter(|field| field.get() != "null") else { return Ok(None) };
        let value = shifted(field.get().trim_matches('"'), 0).and_then(|value| u32::try_from(value).ok());
        value.map(Some).ok_or_else(|| format!("`{name}` is no count"))
    };
    let mut abilities: Vec<Ability> = ABILITIES
        .iter()
        .filter(|(name, value, _)| fields.get(*name).is_some_and(|field| field.get() == *value))
        .map(|(_, _, ability)| *ability)
        .collect();
    abilities.sort_unstable();
    abilities.dedup();
    let row = RowSource {
        provider: provider.to_owned().into(),
        id: id.into(),
        kind,
        rates: sets.into_values().collect(),
        scopes: scopes(fields)?,
        context: count("max_input_tokens")?.filter(|tokens| *tokens > 0),
        output_max: count("max_output_tokens")?.filter(|tokens| *tokens > 0 && kind == ModelKind::Chat),
        cache_min: count("prompt_cache_min_tokens")?,
        abilities: Some(abilities).filter(|abilities| !abilities.is_empty()),
        retires: text(fields, "deprecation_date").filter(|date| date.len() == 10).map(Cow::Owned),
        ..RowSource::default()
    };
    Ok((row, dropped))
}

/// The written rates by tier and threshold, and the names of rates that the catalogue has no place for.
fn rate_sets(fields: &Fields) -> Result<(BTreeMap<SetKey, RateSource>, Vec<String>), String> {
    let mut sets = BTreeMap::new();
    let mut dropped = Vec::new();
    for (name, field) in fields.iter().filter(|(_, field)| field.get() != "null") {
        match set_of(name) {
            Some((key, rate)) => state(&mut sets, key, rate, field.get()).ok_or_else(|| inexact(name, field))?,
            None if RATES.iter().any(|(known, _)| name.starts_with(known)) => dropped.push(name.clone()),
            None => {}
        }
    }
    if let Some(ranges) = fields.get("tiered_pricing") {
        tiered(ranges, &mut sets)?;
    }
    for set in sets.values_mut() {
        // Writing to a cache at no *extra* charge: those tokens still cost what input costs.
        set.cache_write_5m = set.cache_write_5m.filter(|rate| *rate > 0);
    }
    Ok((sets, dropped))
}

fn inexact(name: &str, field: &RawValue) -> String {
    format!("`{name}` is no whole number of micro-dollars per million tokens ({})", field.get())
}

/// Which set a field belongs to, and which rate of it.
fn set_of(name: &str) -> Option<((ServiceTier, u32), Slot)> {
    let (known, slot) = RATES.iter().find(|(known, _)| name.starts_with(known))?;
    let mut rest = &name[known.len()..];
    let mut tier = ServiceTier::Default;
    for (suffix, named) in TIERS {
        if let Some(before) = rest.strip_suffix(suffix) {
            (rest, tier) = (before, named);
        }
    }
    let above = match rest {
        "" => 0,
        _ => rest.strip_prefix("_above_")?.strip_suffix("k_tokens")?.parse::<u32>().ok()?.checked_mul(1000)?,
    };
    Some(((tier, above), *slot))
}

fn state(
    sets: &mut BTreeMap<SetKey, RateSource>,
    (tier, above): (ServiceTier, u32),
    slot: Slot,
    decimal: &str,
) -> Option<()> {
    let value = shifted(decimal, 12)?;
    let set = sets.entry((tier as u8, above)).or_insert_with(|| RateSource {
        tier: Some(tier).filter(|tier| *tier != ServiceTier::Default),
        above: Some(above).filter(|above| *above > 0),
        ..RateSource::default()
    });
    *slot(set) = Some(value);
    Some(())
}

/// Prices given as a list of ranges of the input's length.
fn tiered(ranges: &RawValue, sets: &mut BTreeMap<SetKey, RateSource>) -> Result<(), String> {
    let unreadable = |_| "unreadable `tiered_pricing`".to_owned();
    let ranges: Vec<Fields> = serde_json::from_str(ranges.get()).map_err(unreadable)?;
    for range in &ranges {
        let bounds = range.get("range").map_or("[]", |bounds| bounds.get());
        let bounds: Vec<Box<RawValue>> = serde_json::from_str(bounds).map_err(unreadable)?;
        let start = bounds.first().and_then(|start| u32::try_from(shifted(start.get(), 0)?).ok());
        let start = start.ok_or("`tiered_pricing` without a range")?;
        for (name, field) in range {
            if let Some(((tier, 0), slot)) = set_of(name) {
                state(sets, (tier, start), slot, field.get()).ok_or_else(|| inexact(name, field))?;
            }
        }
    }
    Ok(())
}

/// Factors by scope: `us`, `eu`, `fast`.
fn scopes(fields: &Fields) -> Result<BTreeMap<Cow<'static, str>, Factor>, String> {
    let mut scopes = BTreeMap::new();
    let mut add = |scope: &str, decimal: &str| -> Result<(), String> {
        let factor = fraction(decimal).ok_or_else(|| format!("the factor of `{scope}` is {decimal}"))?;
        scopes.insert(Cow::Owned(scope.to_owned()), factor);
        Ok(())
    };
    for scope in ["us", "eu"] {
        if let Some(factor) = fields.get(&format!("regional_processing_uplift_multiplier_{scope}")) {
            add(scope, factor.get())?;
        }
    }
    let specific = fields.get("provider_specific_entry").map(|entry| serde_json::from_str::<Fields>(entry.get()));
    if let Some(Ok(specific)) = specific {
        for scope in ["us", "fast"] {
            if let Some(factor) = specific.get(scope) {
                add(scope, factor.get())?;
            }
        }
    }
    Ok(scopes)
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
