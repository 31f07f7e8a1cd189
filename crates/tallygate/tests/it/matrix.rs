//! Every dialect of callers before every provider, plain and streamed: what the caller hears, and what is booked.

use crate::speak::{CHAT, MANNERS, Manner, ask, echo, hear};
use crate::world::{HAIKU, Setup, World};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::record::{Ending, Pricing};
use tg_kernel::usage::{Usage, UsageSource};
use tg_sim::{Counts, Entry};

/// Name for callers, provider, model there.
const SERVED: [(&str, &str, &str); 5] = [
    ("on-bedrock", "bedrock", HAIKU),
    ("on-nova", "bedrock", "amazon.nova-lite-v1:0"),
    ("on-anthropic", "anthropic", "claude-haiku-4-5"),
    ("on-openai", "openai", "gpt-5-mini"),
    ("on-local", "local", "local-chat"),
];

pub(crate) fn usage_of(counts: &Counts) -> Usage {
    Usage {
        input_tokens: counts.input,
        cache_read_tokens: counts.cache_read,
        cache_write_5m_tokens: counts.cache_write_5m,
        cache_write_1h_tokens: counts.cache_write_1h,
        output_tokens: counts.output,
        reasoning_tokens: counts.reasoning,
        ..Usage::default()
    }
}

/// A file that gives the local model a price.
pub(crate) fn priced(folder: &std::path::Path) -> String {
    let file = folder.join("prices.json");
    let rows = r#"[{"provider":"openai_compatible","id":"local-chat","rates":[{"in":100000,"out":200000}]}]"#;
    std::fs::write(&file, rows).unwrap();
    format!("{{ overrides: '{}' }}", file.display())
}

#[test]
fn every_dialect_reaches_every_provider() {
    let folder = tempfile::TempDir::new().unwrap();
    let world = World::with(Setup { pricing: priced(folder.path()), ..Setup::default() });
    let mut calls = 0;
    for dialect in CHAT {
        for (name, provider, model) in SERVED {
            // InvokeModel carries the body of a model's own family.
            if dialect == Dialect::BedrockInvoke && name == "on-nova" {
                continue;
            }
            for manner in MANNERS {
                check(&world, dialect, manner, (name, provider, model));
                calls += 1;
            }
        }
    }
    assert_eq!(world.finish().len(), calls);
}

/// One call and what must come of it; answers what its provider has booked.
pub(crate) fn check(
    world: &World,
    dialect: Dialect,
    manner: Manner,
    (name, provider, model): (&str, &str, &str),
) -> Entry {
    let place = format!("{dialect:?} {manner:?} {name}");
    let prompt = format!("say it for {name}");
    let call = ask(dialect, manner, name, &prompt).header("te", "trailers");
    let answer = world.send(&call);
    assert_eq!(answer.status, 200, "{place}: {}", answer.text());
    assert!(answer.clean, "{place}");
    let heard = hear(dialect, manner, &answer);
    assert_eq!((heard.text.as_str(), heard.ended, &heard.error), (echo(&prompt, 30).as_str(), true, &None), "{place}");

    let row = world.row(&answer);
    let entry = world.entry(&row);
    assert_eq!(entry.ending, tg_sim::Ending::Complete, "{place}");
    assert_eq!((entry.model.as_str(), entry.streamed), (model, manner == Manner::Streamed), "{place}");
    assert_eq!(row.usage, usage_of(&entry.counts), "{place}");
    assert_eq!(heard.usage, Some((entry.counts.input_total(), entry.counts.output)), "{place}");
    assert_eq!(row.usage_source, UsageSource::Reported, "{place}");
    assert_eq!((row.ending, row.status, row.fault.as_deref()), (Ending::Ok, 200, None), "{place}");
    assert_eq!((row.cost.pricing, row.cost.amount.nanos() > 0), (Pricing::Priced, true), "{place}");
    assert_eq!((row.asked.dialect, row.asked.operation), (dialect, Operation::Chat), "{place}");
    assert_eq!((&*row.asked.model, row.asked.stream), (name, manner == Manner::Streamed), "{place}");
    let served = row.served.as_ref().unwrap();
    assert_eq!((&*served.provider, &*served.model, served.attempts), (provider, model, 1), "{place}");
    assert_eq!(served.stop.as_deref(), Some("end_turn"), "{place}");
    assert!(provider == "local" || served.request_id.is_some(), "{place}");
    let booked = &row.attribution;
    assert_eq!(
        (&*booked.team, booked.project.as_deref(), booked.environment.as_deref(), &*booked.key_id),
        ("red", Some("alpha"), Some("prod"), &*world.key.as_ref().unwrap().record.id),
        "{place}"
    );
    assert!(row.timing.total_us >= row.timing.overhead_us && row.timing.overhead_us > 0, "{place}");
    assert!(row.timing.first_token_us.is_some_and(|at| at <= row.timing.total_us), "{place}");

    assert_eq!(answer.header("x-tallygate-provider"), provider, "{place}");
    assert_eq!(answer.header("x-tallygate-model"), model, "{place}");
    assert_eq!(answer.header("x-tallygate-attempts"), "1", "{place}");
    assert!(answer.header("x-tallygate-overhead-us").parse::<u64>().is_ok(), "{place}");
    assert_eq!(answer.header("x-tallygate-losses"), row.losses.join(","), "{place}");
    let cost = if manner == Manner::Plain { &answer.headers } else { &answer.trailers };
    let cost = cost.get("x-tallygate-cost-usd").unwrap_or_else(|| panic!("{place}: no cost"));
    assert_eq!(cost.to_str().unwrap(), row.cost.amount.to_string(), "{place}");
    entry
}

#[test]
fn an_arn_reaches_bedrock_in_every_spelling() {
    let world = World::start();
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{HAIKU}");
    for id in [arn.clone(), arn.replace(':', "%3A").replace('/', "%2F"), HAIKU.to_owned(), HAIKU.replace(':', "%3A")] {
        for prefix in ["", "/bedrock"] {
            let mut call = ask(Dialect::BedrockConverse, Manner::Plain, &id, "hello").without("content-type");
            call.path = format!("{prefix}{}", call.path);
            let answer = world.send(&call);
            assert_eq!(answer.status, 200, "{id}: {}", answer.text());
            let wanted = if id.starts_with("arn") { arn.as_str() } else { HAIKU };
            assert_eq!(answer.header("x-tallygate-model"), wanted, "{id}");
            assert!(world.row(&answer).cost.amount.nanos() > 0, "{id}");
        }
    }
}
