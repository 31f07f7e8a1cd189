//! Input that is long enough for a prompt cache, and hardly in one. Whether its beginning repeats cannot be seen in a
//! ledger, so the arithmetic is shown and the saving is marked as assumed.

use super::name::Name;
use super::{Addition, Advice, Facts, Kind, Risk, Use, Whose, counted};
use tg_catalog::{Ability, Row};
use tg_kernel::units::Money;

/// More than this part of the input in a cache, in hundredths: it is used already.
const CACHED_PERCENT_MAX: u128 = 5;
/// The part of the input that is assumed to be the same each time: one half.
const SAME_PART: u128 = 2;
/// How many calls are assumed to share what was written once.
const CALLS_PER_WRITE: u128 = 10;

/// Who has models for which the gateway puts points, as prices name them,
const SELLERS: [&str; 2] = ["anthropic", "bedrock"];

/// and of which families.
const CLAUDE: &str = "claude";
const NOVA: &str = "nova";

/// The fewest tokens that Nova caches.
const NOVA_LEAST: u64 = 1_024;

pub(super) fn advice(facts: &Facts<'_>, whose: &Whose, used: &Use) -> Option<Advice> {
    let row = facts.shop.find(&whose.provider, &whose.model)?;
    let least = least(&row, &whose.model)?;
    let (usage, mean) = (&used.usage, used.mean_input());
    let writes = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    let cached = usage.cache_read_tokens.saturating_add(writes);
    let all = u128::from(usage.total_input_tokens());
    if mean <= 2 * least || u128::from(cached) * 100 >= all * CACHED_PERCENT_MAX || used.calls < 2 {
        return None;
    }
    let [plain, read, write] = facts.shop.input_rates(&whose.provider, &whose.model, &row, mean);
    if read >= plain {
        return None;
    }
    // Writing costs so much more than plain input, and each reading saves so much: the first whole number that pays.
    let reuses = write.saturating_sub(plain) / (plain - read) + 1;
    let same = u128::from(usage.input_tokens) / SAME_PART;
    let written = same / CALLS_PER_WRITE;
    let before = same * u128::from(plain);
    let after = written * u128::from(write) + (same - written) * u128::from(read);
    let saved = i128::try_from(before.saturating_sub(after)).unwrap_or(i128::MAX / 2);
    Some(Advice {
        kind: Kind::PromptCache,
        teams: Some(whose.team.clone()).filter(|team| !team.is_empty()).into_iter().collect(),
        project: whose.project.clone(),
        subject: whose.model.clone(),
        advice: "mark the beginning that stays the same for the prompt cache (`cache_control`, `cachePoint`), or have the \
                 gateway do so (`prompt_cache`)"
            .to_owned(),
        evidence: format!(
            "{}; input mean {mean} tokens, {cached} of {all} from or to a cache; it takes {least} and more; a million \
             tokens cost {} USD plain, {} written, {} read: what is read {} is cheaper",
            counted(used.calls, "call"),
            per_million(plain),
            per_million(write),
            per_million(read),
            if reuses == 1 { "once again".to_owned() } else { format!("{reuses} times again") }
        ),
        saving: Some(facts.saving(Money::from_picos(saved), true)),
        risk: Risk::Low,
        why: "answers do not change; the saving assumes that half of the input is the same, and that ten calls share what \
              was written once within its life"
            .to_owned(),
        quality: None,
        kinds: Vec::new(),
        change: None,
        addition: addition(facts, whose),
        command: None,
    })
}

/// The fewest tokens that the model's cache takes. Where nothing is known of it, the provider caches by itself; but Nova's is
/// stated nowhere in the catalogue.
fn least(row: &Row, model: &str) -> Option<u64> {
    let nova = || Name::read(model).filter(|name| name.family == NOVA).map(|_| NOVA_LEAST);
    row.limits().cache_min.map(u64::from).or_else(nova).filter(|_| row.can(Ability::PromptCaching))
}

/// What has the gateway put points: it does so for Claude and Nova, of Anthropic and of Bedrock.
fn addition(facts: &Facts<'_>, whose: &Whose) -> Option<Addition> {
    let seller = facts.shop.sellers.iter().find(|seller| seller.name == whose.provider)?;
    let family = Name::read(&whose.model)?.family;
    let puts = SELLERS.contains(&seller.vendor.as_str()) && (family == CLAUDE || family == NOVA);
    let is_named = puts && !whose.team.is_empty() && !whose.asked.is_empty();
    is_named.then(|| Addition::PromptCache {
        team: whose.team.clone(),
        project: whose.project.clone(),
        model: whose.asked.clone(),
    })
}

/// Pico-dollars for one are millionths of dollars for a million.
fn per_million(picos: u64) -> Money {
    Money::from_picos(i128::from(picos) * 1_000_000)
}
