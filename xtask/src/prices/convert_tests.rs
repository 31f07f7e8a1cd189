//! What becomes of entries of the source's form.

use super::{Converted, convert};
use serde_json::{Value, json};

fn rows(converted: &Converted) -> Value {
    serde_json::to_value(&converted.rows).unwrap()
}

#[test]
fn every_rate_finds_its_place() {
    let source = r#"{
      "bedrock/eu-west-1/acme.m": {"litellm_provider": "bedrock", "mode": "chat",
        "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05},
      "acme.m": {"litellm_provider": "bedrock_converse", "mode": "chat",
        "input_cost_per_token": 1.3125e-07, "output_cost_per_token": 0.000002,
        "cache_read_input_token_cost": 1e-08, "cache_creation_input_token_cost": 0.0,
        "cache_creation_input_token_cost_above_1hr": 4e-7,
        "input_cost_per_token_flex": 5e-08, "input_cost_per_token_above_200k_tokens_priority": 9e-7,
        "output_cost_per_reasoning_token": 4e-6, "input_cost_per_token_ultrafast": 1e-3,
        "provider_specific_entry": {"us": 1.1, "fast": 2.0}, "regional_processing_uplift_multiplier_eu": 1.05,
        "max_input_tokens": 200000.0, "max_output_tokens": "8192", "prompt_cache_min_tokens": 512,
        "supports_vision": true, "supports_function_calling": true, "supports_sampling_params": false,
        "supports_pdf_input": false, "deprecation_date": "2027-01-31"},
      "ranges": {"litellm_provider": "openai", "mode": "responses", "tiered_pricing": [
        {"range": [0, 256000.0], "input_cost_per_token": 1e-7, "output_cost_per_token": 2e-7},
        {"range": [256000.0, 1000000.0], "input_cost_per_token": 3e-7, "output_cost_per_token": 4e-7}]},
      "embed": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-08}
    }"#;
    let converted = convert(source).unwrap();
    assert_eq!(
        rows(&converted),
        json!([
            {"provider": "bedrock", "id": "acme.m", "rates": [
                {"in": 131_250, "out": 2_000_000, "cache_read": 10_000, "cache_write_1h": 400_000, "reasoning": 4_000_000},
                {"tier": "flex", "in": 50_000},
                {"tier": "priority", "above": 200_000, "in": 900_000}],
             "scopes": {"eu": [21, 20], "fast": [2, 1], "us": [11, 10]},
             "context": 200_000, "output_max": 8192, "cache_min": 512,
             "abilities": ["tools", "vision", "no_sampling"], "retires": "2027-01-31"},
            {"provider": "bedrock", "id": "eu-west-1/acme.m", "rates": [{"in": 3_000_000, "out": 15_000_000}]},
            {"provider": "openai", "id": "embed", "kind": "embedding", "rates": [{"in": 20_000, "out": 0}]},
            {"provider": "openai", "id": "ranges", "rates": [
                {"in": 100_000, "out": 200_000}, {"above": 256_000, "in": 300_000, "out": 400_000}]},
        ])
    );
    assert_eq!(converted.left_out["the rate `input_cost_per_token_ultrafast`"], ["acme.m"]);
}

#[test]
fn what_cannot_be_priced_exactly_is_left_out_and_said() {
    for (entry, reason) in [
        (r#""input_cost_per_token": 1.00000000000001e-06, "output_cost_per_token": 0"#, "no whole number"),
        (r#""input_cost_per_token": -1e-06, "output_cost_per_token": 0"#, "no whole number"),
        (r#""input_cost_per_token": 0.0, "output_cost_per_token": 0"#, "a price of zero"),
        (r#""input_cost_per_token": 1e-06"#, "no price per token"),
        (r#""input_cost_per_token": 1e-06, "output_cost_per_token": 0.00971"#, "cannot be believed"),
        (
            r#""input_cost_per_token": 1e-06, "output_cost_per_token": 0, "input_cost_per_request": 0.005"#,
            "another unit",
        ),
        (r#""input_cost_per_token": 1e-06, "output_cost_per_token": 0, "max_input_tokens": -1"#, "no count"),
    ] {
        let source = format!(r#"{{"m": {{"litellm_provider": "openai", "mode": "chat", {entry}}}}}"#);
        let converted = convert(&source).unwrap();
        assert_eq!(rows(&converted), json!([]), "{entry}");
        let said: Vec<&String> = converted.left_out.keys().collect();
        assert!(matches!(said.as_slice(), [one] if one.contains(reason)), "{entry}: {said:?}");
    }
}

#[test]
fn a_snapshot_that_says_the_same_is_dropped() {
    let entry = |input: &str| {
        format!(
            r#"{{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": {input}, "output_cost_per_token": 1e-6}}"#
        )
    };
    let (base, other) = (entry("1e-6"), entry("2e-6"));
    let source = format!(r#"{{"m": {base}, "m-2026-01-02": {base}, "m-2026-03-04": {other}, "n-2026-01-02": {base}}}"#);
    let converted = convert(&source).unwrap();
    let ids: Vec<&str> = converted.rows.iter().map(|row| row.id.as_ref()).collect();
    assert_eq!(ids, ["m", "m-2026-03-04", "n-2026-01-02"]);
}
