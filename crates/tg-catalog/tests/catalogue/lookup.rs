//! Which row a name finds, and which names find none.

use crate::fixture::{self, now};
use tg_catalog::{Ability, ModelKind};
use tg_kernel::clock::Timestamp;

#[test]
fn names_find_their_row() {
    let catalogue = fixture::catalogue();
    for (provider, model, expected) in [
        ("bedrock", "acme.model-v1:0", "bedrock/acme.model-v1:0"),
        ("bedrock", "acme.model-v1:0:200k", "bedrock/acme.model-v1:0"),
        ("aws_bedrock", "acme.model-v1:0", "bedrock/acme.model-v1:0"),
        ("bedrock", "global.acme.other-v1:0", "bedrock/global.acme.other"),
        // no base row: the global profile's, times the geography
        ("bedrock", "eu.acme.other", "bedrock/global.acme.other~eu"),
        ("bedrock", "acme.mantle-only", "bedrock_mantle/acme.mantle-only"),
        ("bedrock_mantle", "acme.model-v1:0", "bedrock/acme.model-v1:0"),
        ("bedrock", "arn:aws:bedrock:us-east-1::foundation-model/acme.model-v1:0", "bedrock/acme.model-v1:0"),
        ("bedrock", "arn:aws:bedrock:eu-west-1::foundation-model/acme.model-v1:0", "bedrock/eu-west-1/acme.model-v1:0"),
        (
            "bedrock",
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/acme.model-v1:0",
            "bedrock/acme.model-v1:0~us-gov",
        ),
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-5",
            "bedrock/us.anthropic.claude-opus-5-5",
        ),
        // an application profile, mapped by an override
        (
            "bedrock",
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
            "bedrock/arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
        ),
        ("openai", "gpt-5.5-2099-01-02", "openai/gpt-5.5"),
        ("anthropic", "claude-opus-5-5-latest", "anthropic/claude-opus-5-5"),
    ] {
        let row = catalogue.find(provider, model, now()).unwrap_or_else(|| panic!("{model}"));
        let scope = row.derived().map(|scope| format!("~{scope}")).unwrap_or_default();
        assert_eq!(format!("{}/{}{scope}", row.provider(), row.id()), expected, "{provider} {model}");
    }
}

#[test]
fn there_is_no_guessing() {
    let catalogue = fixture::catalogue();
    for (provider, model) in [
        ("openai", "gpt-5.55"),
        ("openai", "gpt-5.5-mini-turbo"),
        ("openai", "GPT-5.5"),
        ("openai", ""),
        ("anthropic", "claude"),
        ("bedrock", "acme.model-v2:0"),
        ("bedrock", "acme"),
        ("bedrock", "mars.acme.model-v1:0"),
        ("bedrock", "us.us.acme.model-v1:0"),
        ("bedrock", "us.us.anthropic.claude-opus-5-5"),
        ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/unmapped"),
        ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/x"),
        ("bedrock", "arn:"),
        ("groq", "gpt-5.5"),
        ("nobody", "gpt-5.5"),
    ] {
        assert_eq!(catalogue.find(provider, model, now()), None, "{provider} {model}");
    }
}

#[test]
fn a_row_holds_from_its_date() {
    let catalogue = fixture::catalogue();
    for (at, input) in [
        ("2025-12-31T23:59:59Z", None),
        ("2026-01-01T00:00:00Z", Some(1_000_000)),
        ("2026-07-01T11:59:59Z", Some(1_000_000)),
        ("2026-07-01T12:00:00Z", Some(2_000_000)),
    ] {
        let row = catalogue.find("openai", "dated", Timestamp::parse(at).unwrap());
        assert_eq!(row.map(|row| row.rate_sets()[0].rates.input), input, "{at}");
    }
}

#[test]
fn rows_say_what_a_model_can_do() {
    let catalogue = fixture::catalogue();
    let row = catalogue.find("bedrock", "us.acme.model-v1:0", now()).unwrap();
    assert!(row.can(Ability::Tools) && row.can(Ability::Vision) && !row.can(Ability::Documents));
    assert_eq!(row.abilities().iter().collect::<Vec<_>>(), [Ability::Tools, Ability::Vision]);
    assert_eq!(row.limits().context, Some(1000));
    let embedding = catalogue.find("openai", "text-embedding-3-small", now()).unwrap();
    assert_eq!((row.kind(), embedding.kind()), (ModelKind::Chat, ModelKind::Embedding));
    // what the override left out comes from the embedded row
    let opus = catalogue.find("anthropic", "claude-opus-5-5", now()).unwrap();
    assert!(opus.can(Ability::Tools) && opus.can(Ability::NoSampling));
    assert_eq!((opus.limits().context, opus.limits().cache_min), (Some(1_000_000), Some(512)));
}
