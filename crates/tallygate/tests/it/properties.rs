//! What holds for any stream and any mix of calls.

use crate::matrix::{priced, usage_of};
use crate::speak::{CHAT, MANNERS, Manner, ask, echo, hear};
use crate::world::{Setup, World};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Pricing};
use tg_kernel::usage::Usage;

const MODELS: [&str; 4] = ["on-bedrock", "on-anthropic", "on-openai", "on-local"];

#[test]
fn however_a_stream_is_torn_its_text_is_the_same() {
    let world = World::start();
    let given = (0..CHAT.len(), 0..MODELS.len(), 1_usize..80, 1_usize..6, "[ -Z\\^-~\u{e4}\u{20ac}\u{1f600}]{1,40}");
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((dialect, model, tokens, chunk, prompt) in given)| {
        let prompt = prompt.trim();
        prop_assume!(!prompt.is_empty() && !prompt.contains("[[") && !prompt.contains("]]"));
        let (dialect, model) = (CHAT[dialect], MODELS[model]);
        let said = |more: &str| {
            let script = format!("[[sim: tokens={tokens} chunk={chunk}{more}]] {prompt}");
            let answer = world.send(&ask(dialect, Manner::Streamed, model, &script));
            (hear(dialect, Manner::Streamed, &answer), world.row(&answer).usage)
        };
        // As long as the other, for the simulators count the script too.
        let (whole, usage) = said("     ");
        let (torn, torn_usage) = said(" tear");
        prop_assert!(whole.ended && !whole.text.is_empty());
        prop_assert_eq!((whole, usage), (torn, torn_usage));
    });
}

/// A linear congruential generator: the mix must be mixed and the same in every run.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % sides
    }
}

#[test]
fn the_ledger_says_what_the_providers_say_for_any_mix_of_calls() {
    const CALLERS: usize = 8;
    const CALLS: usize = 25;
    let folder = tempfile::TempDir::new().unwrap();
    let world = World::with(Setup { pricing: priced(folder.path()), ..Setup::default() });
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (world, failed) = (&world, &failed);
            scope.spawn(move || {
                let mut dice = Dice(u32::try_from(caller).unwrap().wrapping_mul(2_654_435_761));
                for number in 0..CALLS {
                    let (dialect, model) = (CHAT[dice.roll(5)], MODELS[dice.roll(4)]);
                    let manner = MANNERS[dice.roll(2)];
                    let script = match dice.roll(8) {
                        0 => "status=429".to_owned(),
                        1 if model == "on-anthropic" => format!("cache_read={} cache_write=7", dice.roll(900)),
                        2 if model == "on-bedrock" => format!("cache_read=5 cache_write={}", dice.roll(900)),
                        _ => format!("tokens={}", dice.roll(200) + 1),
                    };
                    let prompt = format!("[[sim: {script}]] caller {caller} call {number}");
                    let answer = world.send(&ask(dialect, manner, model, &prompt));
                    if script.starts_with("status") {
                        failed.fetch_add(1, Ordering::Relaxed);
                        assert_eq!(answer.status, 429, "{}", answer.text());
                    } else {
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        assert!(hear(dialect, manner, &answer).ended);
                    }
                }
            });
        }
    });
    let entries = world.sim.books.entries();
    let rows = world.finish();
    assert_eq!((rows.len(), entries.len()), (CALLERS * CALLS, CALLERS * CALLS));
    let by_id: HashMap<String, _> = rows.iter().map(|row| (row.id.to_string(), row)).collect();
    assert_eq!(by_id.len(), rows.len());
    let mut sums = [Usage::default(); 2];
    for entry in &entries {
        let row = by_id[entry.gateway_request_id.as_ref().unwrap()];
        let counted = usage_of(&entry.counts);
        assert_eq!(row.usage, counted, "{row:?}");
        add(&mut sums[0], &row.usage);
        add(&mut sums[1], &counted);
        let refused = row.ending == Ending::ProviderError;
        let pricing = if refused { Pricing::Nothing } else { Pricing::Priced };
        assert_eq!((row.cost.pricing, row.cost.amount.nanos() > 0), (pricing, !refused), "{row:?}");
    }
    assert_eq!(sums[0], sums[1]);
    let refusals = rows.iter().filter(|row| row.ending == Ending::ProviderError).count();
    assert_eq!(refusals, failed.into_inner());
}

fn add(sum: &mut Usage, one: &Usage) {
    sum.input_tokens += one.input_tokens;
    sum.cache_read_tokens += one.cache_read_tokens;
    sum.cache_write_5m_tokens += one.cache_write_5m_tokens;
    sum.output_tokens += one.output_tokens;
}

#[test]
fn a_long_stream_arrives_whole_and_in_order() {
    let world = World::start();
    for dialect in [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::BedrockConverse] {
        let prompt = "[[sim: tokens=20000]] a long tale";
        let answer = world.send(&ask(dialect, Manner::Streamed, "on-bedrock", prompt));
        let heard = hear(dialect, Manner::Streamed, &answer);
        assert!(heard.ended && heard.text == echo("a long tale", 20_000), "{dialect:?}");
    }
}
