//! The embedded data: whole, sorted, and exact.

use crate::fixture::now;
use std::collections::BTreeSet;
use tg_catalog::{Ability, Catalogue, ModelKind};

#[test]
fn rows_are_sorted_unique_and_priced() {
    let catalogue = Catalogue::embedded().unwrap();
    assert!(catalogue.rows().len() > 1000, "{}", catalogue.rows().len());
    for pair in catalogue.rows().windows(2) {
        let key = |row: &tg_catalog::Row| (row.provider().to_owned(), row.id().to_owned(), row.valid_from());
        assert!(key(&pair[0]) < key(&pair[1]), "{:?}", key(&pair[1]));
    }
    for row in catalogue.rows() {
        for set in row.rate_sets() {
            let rates = set.rates;
            assert!(rates.input > 0 || rates.output > 0, "{}", row.id());
            assert!(rates.cache_write_5m > 0 || rates.input == 0, "{}", row.id());
        }
        assert_eq!((row.derived(), row.version()), (None, catalogue.version()));
    }
}

#[test]
fn every_row_is_found_by_its_own_name() {
    let catalogue = Catalogue::embedded().unwrap();
    for row in catalogue.rows() {
        let found = catalogue.find(row.provider(), row.id(), now());
        assert_eq!(found.as_ref().map(|found| found.id()), Some(row.id()), "{}", row.provider());
    }
}

#[test]
fn sources_and_their_licence_are_stated() {
    let catalogue = Catalogue::embedded().unwrap();
    let [source] = catalogue.sources() else { panic!("one source") };
    assert_eq!((source.name.as_str(), source.licence.as_str(), source.sha256.len()), ("litellm", "MIT", 64));
}

#[test]
fn the_providers_in_use_are_there() {
    let catalogue = Catalogue::embedded().unwrap();
    let providers: BTreeSet<&str> = catalogue.rows().iter().map(|row| row.provider()).collect();
    for provider in
        ["anthropic", "azure", "bedrock", "deepseek", "fireworks", "groq", "mistral", "openai", "together", "xai"]
    {
        assert!(providers.contains(provider), "{provider}");
    }
    for (provider, model, ability) in [
        ("anthropic", "claude-opus-5-5", Ability::NoSampling),
        ("bedrock", "us.anthropic.claude-opus-5-5", Ability::Documents),
        ("bedrock", "amazon.nova-pro-v1:0", Ability::Vision),
        ("openai", "gpt-5.5", Ability::ParallelTools),
    ] {
        let row = catalogue.find(provider, model, now()).unwrap();
        assert!(row.can(Ability::Tools) && row.can(ability) && row.kind() == ModelKind::Chat, "{model}");
    }
    let titan = catalogue.find("bedrock", "amazon.titan-embed-text-v2:0", now()).unwrap();
    assert_eq!(titan.kind(), ModelKind::Embedding);
}

/// What a geography derives is exact: no base row of the data needs rounding.
#[test]
fn derived_rates_are_exact() {
    let catalogue = Catalogue::embedded().unwrap();
    let mut derived = 0;
    for base in catalogue.rows().iter().filter(|row| row.provider() == "bedrock") {
        for (geo, tenths) in
            [("us", 11_u64), ("eu", 11), ("apac", 11), ("au", 11), ("jp", 11), ("in", 11), ("us-gov", 12)]
        {
            let Some(row) = catalogue.find("bedrock", &format!("{geo}.{}", base.id()), now()) else { continue };
            if row.derived() != Some(geo) || row.id() != base.id() {
                continue;
            }
            derived += 1;
            for (before, after) in base.rate_sets().iter().zip(row.rate_sets()) {
                let pairs = [
                    (before.rates.input, after.rates.input),
                    (before.rates.output, after.rates.output),
                    (before.rates.cache_read, after.rates.cache_read),
                    (before.rates.cache_write_5m, after.rates.cache_write_5m),
                    (before.rates.cache_write_1h, after.rates.cache_write_1h),
                ];
                for (before, after) in pairs {
                    assert_eq!(u64::from(before) * tenths, u64::from(after) * 10, "{geo}.{}", base.id());
                }
            }
        }
    }
    assert!(derived > 100, "{derived}");
}
