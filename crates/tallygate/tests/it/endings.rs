//! Providers that fail, before the head and after it: what the caller is told, and what is booked.

use crate::recorder::Recorder;
use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, error, hear};
use crate::wire::Answer;
use crate::world::{Setup, World};
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::{Ending, Record};
use tg_kernel::usage::UsageSource;

/// For scripts that fall silent: longer than any other answer takes on a busy machine.
const SHORT: &str = "{ first_byte: 700ms, idle: 700ms, connect: 5s }";

/// One provider for each wire format; some cells relay, some transcode.
const MODELS: [&str; 3] = ["on-bedrock", "on-anthropic", "on-openai"];

fn world() -> World {
    World::with(Setup { timeouts: SHORT.to_owned(), ..Setup::default() })
}

/// Every cell.
fn each(test: impl Fn(Dialect, Manner, &str) + Sync) {
    each_dialect(|dialect| {
        for model in MODELS {
            MANNERS.into_iter().for_each(|manner| test(dialect, manner, model));
        }
    });
}

/// What a dialect calls a class of failure: OpenAI, Anthropic, Bedrock.
fn expected(family: Family, statuses: [u16; 3]) -> u16 {
    match family {
        Family::Openai => statuses[0],
        Family::Anthropic => statuses[1],
        Family::Bedrock => statuses[2],
    }
}

#[track_caller]
fn booked(row: &Record, answer: &Answer, ending: Ending) {
    assert_eq!((row.ending, row.status), (ending, answer.status), "{row:?}");
    assert!(row.fault.is_some(), "{row:?}");
    assert!(row.served.is_some(), "{row:?}");
    assert_eq!(&*row.attribution.team, "red");
}

#[test]
fn a_providers_refusal_is_told_in_the_callers_dialect() {
    let world = world();
    // Where the provider's own dialect is the caller's, its own answer goes on, with its own status.
    for (status, others) in [
        (400, [400, 400, 400]),
        (404, [404, 404, 404]),
        (413, [413, 413, 413]),
        (429, [429, 429, 429]),
        (500, [502, 502, 424]),
        (503, [503, 529, 503]),
        (529, [503, 529, 503]),
    ] {
        each(|dialect, manner, model| {
            // A status that Bedrock does not have.
            if (status, model) == (529, "on-bedrock") {
                return;
            }
            let place = format!("{status} {dialect:?} {manner:?} {model}");
            let prompt = format!("[[sim: status={status} retry_after=7]] {place}");
            let answer = world.send(&ask(dialect, manner, model, &prompt));
            let family = dialect.family();
            let own = matches!(
                (family, model),
                (Family::Bedrock, "on-bedrock") | (Family::Anthropic, "on-anthropic") | (Family::Openai, "on-openai")
            );
            let wanted = if own { status } else { expected(family, others) };
            assert_eq!(answer.status, wanted, "{place}: {}", answer.text());
            let (_, message) = error(dialect, &answer);
            assert!(!message.is_empty(), "{place}");
            if status == 429 {
                assert_eq!(answer.header("retry-after"), "7", "{place}");
            }
            let row = world.row(&answer);
            booked(&row, &answer, Ending::ProviderError);
            assert_eq!((row.usage_source, row.cost.amount.nanos()), (UsageSource::None, 0), "{place}");
            assert_eq!(world.entry(&row).status, status, "{place}");
        });
    }
}

#[test]
fn a_refusal_of_the_gateways_own_credential_is_not_shown_as_the_callers() {
    let world = world();
    for dialect in CHAT {
        for model in ["on-locked-anthropic", "on-locked-openai", "on-openai", "on-anthropic", "on-bedrock"] {
            for (manner, status) in MANNERS.into_iter().flat_map(|m| [(m, 401), (m, 403)]) {
                let place = format!("{status} {dialect:?} {manner:?} {model}");
                let answer = world.send(&ask(dialect, manner, model, &format!("[[sim: status={status}]] {place}")));
                let wanted = expected(dialect.family(), [502, 502, 424]);
                assert_eq!(answer.status, wanted, "{place}: {}", answer.text());
                let (_, message) = error(dialect, &answer);
                assert!(message.contains("gateway"), "{place}: {message}");
                assert!(!answer.text().contains("a-key-that-no-provider-knows"), "{place}");
                booked(&world.row(&answer), &answer, Ending::ProviderError);
            }
        }
    }
}

#[test]
fn what_is_no_answer_is_told_as_a_failure_of_the_provider() {
    let world = world();
    for (script, others, fault, billed) in [
        ("html", [502, 502, 424], "upstream_error", UsageSource::None),
        ("garbage", [502, 502, 424], "upstream_garbage", UsageSource::Estimated),
        ("reset", [502, 502, 424], "upstream_reset", UsageSource::Estimated),
        ("hang_before_head", [504, 504, 408], "first_byte_timeout", UsageSource::Estimated),
    ] {
        each(|dialect, manner, model| {
            let place = format!("{script} {dialect:?} {manner:?} {model}");
            let answer = world.send(&ask(dialect, manner, model, &format!("[[sim: {script}]] {place}")));
            assert_eq!(answer.status, expected(dialect.family(), others), "{place}: {}", answer.text());
            error(dialect, &answer);
            let row = world.row(&answer);
            booked(&row, &answer, Ending::ProviderError);
            assert_eq!(row.fault.as_deref(), Some(fault), "{place}");
            assert_eq!(row.usage_source, billed, "{place}");
            assert_eq!(row.usage.input_tokens > 0, billed == UsageSource::Estimated, "{place}");
        });
    }
    for dialect in CHAT {
        let answer = world.send(&ask(dialect, Manner::Streamed, "on-dead", "hi"));
        assert_eq!(answer.status, expected(dialect.family(), [502, 502, 424]), "{dialect:?}: {}", answer.text());
        let row = world.row(&answer);
        booked(&row, &answer, Ending::ProviderError);
        assert_eq!((row.fault.as_deref(), row.usage_source), (Some("upstream_unreachable"), UsageSource::None));
    }
}

#[test]
fn odd_bodies_with_status_200_are_never_passed_on_as_answers() {
    for (content_type, body) in [
        ("application/json", ""),
        ("application/json", "null"),
        ("application/json", "[]"),
        ("application/json", "{}"),
        ("application/json", "\"text\""),
        ("application/json", "{\"choices\":[{\"message\":{\"content\":\"cut o"),
        ("text/html", "<html>welcome to the hotel wifi</html>"),
        ("application/octet-stream", "\u{1}\u{2}\u{3}"),
    ] {
        let recorder = Recorder::whole(content_type, "", body.as_bytes());
        let at = recorder.address;
        let providers = format!(
            "- {{ name: odd-o, kind: openai, base_url: 'http://{at}/v1', api_key: 'env:SIM_KEY' }}\n\
             - {{ name: odd-a, kind: anthropic, base_url: 'http://{at}', api_key: 'env:SIM_KEY' }}\n\
             - {{ name: odd-b, kind: bedrock, region: us-east-1, base_url: 'http://{at}', api_key: 'env:SIM_KEY' }}\n"
        );
        let models =
            "- { name: odd-o, targets: [{ provider: odd-o }] }\n- { name: odd-a, targets: [{ provider: odd-a }] }\n\
                      - { name: odd-b, targets: [{ provider: odd-b, model: anthropic.claude-x }] }\n"
                .to_owned();
        let world = World::with(Setup { providers, models, ..Setup::default() });
        each_dialect(|dialect| {
            for model in ["odd-o", "odd-a", "odd-b"] {
                for manner in MANNERS {
                    let place = format!("{content_type} {body:?} {dialect:?} {manner:?} {model}");
                    // InvokeModel's models may answer any object.
                    if (dialect, model, manner, body) == (Dialect::BedrockInvoke, "odd-b", Manner::Plain, "{}") {
                        continue;
                    }
                    let answer = world.send(&ask(dialect, manner, model, "hi"));
                    assert_eq!(
                        answer.status,
                        expected(dialect.family(), [502, 502, 424]),
                        "{place}: {}",
                        answer.text()
                    );
                    error(dialect, &answer);
                    let row = world.row(&answer);
                    booked(&row, &answer, Ending::ProviderError);
                    assert_eq!(row.usage_source, UsageSource::Estimated, "{place}");
                }
            }
        });
    }
}

#[test]
fn a_stream_that_dies_never_ends_cleanly() {
    let world = world();
    for script in ["die_after", "fail_after", "truncate_after", "garbage_after", "hang_after"] {
        for after in [0, 1, 3] {
            each(|dialect, manner, model| {
                if manner == Manner::Streamed {
                    dies(&world, dialect, model, script, after);
                }
            });
        }
    }
}

fn dies(world: &World, dialect: Dialect, model: &str, script: &str, after: usize) {
    let place = format!("{script}={after} {dialect:?} {model}");
    let prompt = format!("[[sim: tokens=20 {script}={after}]] {place}");
    let answer = world.send(&ask(dialect, Manner::Streamed, model, &prompt));
    assert_eq!(answer.status, 200, "{place}: {}", answer.text());
    let heard = hear(dialect, Manner::Streamed, &answer);
    assert!(!heard.ended, "{place}: a clean end: {}", answer.text());
    assert!(heard.error.is_some(), "{place}: no error event: {}", answer.text());
    let said = crate::speak::echo(&place, 20);
    assert!(said.starts_with(&heard.text), "{place}: {}", heard.text);
    assert_eq!(heard.text.len(), 4 * after, "{place}: what came before the death arrives");
    let row = world.row(&answer);
    booked(&row, &answer, Ending::Truncated);
    assert_eq!(row.usage_source, UsageSource::Estimated, "{place}");
    assert!(row.usage.total_input_tokens() > 0, "{place}: {row:?}");
    assert!(row.usage.output_tokens >= after as u64, "{place}: {row:?}");
    assert!(row.cost.amount.nanos() > 0, "{place}");
}

#[test]
fn a_whole_answer_that_breaks_off_is_an_error() {
    let world = world();
    for script in ["die_after=1", "truncate_after=1", "hang_after=1"] {
        each(|dialect, manner, model| {
            if manner == Manner::Plain {
                let place = format!("{script} {dialect:?} {model}");
                let answer = world.send(&ask(dialect, manner, model, &format!("[[sim: {script}]] {place}")));
                assert!((408..=504).contains(&answer.status), "{place}: {} {}", answer.status, answer.text());
                error(dialect, &answer);
                let row = world.row(&answer);
                booked(&row, &answer, Ending::ProviderError);
                assert_eq!(row.usage_source, UsageSource::Estimated, "{place}");
            }
        });
    }
}

#[test]
fn a_stream_without_counts_is_estimated() {
    let world = world();
    each(|dialect, manner, model| {
        let place = format!("{dialect:?} {manner:?} {model}");
        let answer = world.send(&ask(dialect, manner, model, &format!("[[sim: unmetered tokens=50]] {place}")));
        assert_eq!(answer.status, 200, "{place}: {}", answer.text());
        assert!(hear(dialect, manner, &answer).ended, "{place}");
        let row = world.row(&answer);
        assert_eq!(row.ending, Ending::Ok, "{place}");
        assert_eq!(row.usage_source, UsageSource::Estimated, "{place}");
        assert!(row.usage.input_tokens > 0 && row.usage.output_tokens >= 40, "{place}: {row:?}");
        assert!(row.cost.amount.nanos() > 0, "{place}");
    });
}
