//! Points for a provider's prompt cache, put into a request where reading what was written pays for writing it.
//!
//! Writing costs more than plain input, and pays only if the same is read again while the cache holds it. So a prompt that
//! comes once is never marked: its beginnings must have been sent of late, by the same team to the same model.

use super::Prepared;
use crate::aim::Aim;
use crate::living::Living;
use crate::send::Outgoing;
use crate::snapshot::Snapshot;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use tg_catalog::{Ability, Row, UnitKind};
use tg_dialect::cache_points::{Prefix, prefixes, with_points};
use tg_dialect::dialects::bedrock_converse::ModelFamily;
use tg_kernel::decided::CachePoints;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::peek::BYTES_PER_TOKEN;
use tg_kernel::usage::ServiceTier;
use tg_upstream::provider::PriceScope;

/// The fewest tokens that Nova caches; the catalogue knows Claude's.
const NOVA_LEAST: u64 = 1024;

/// What was put into a request, and what it shows once it has left.
#[derive(Debug, Default)]
pub(crate) struct Put {
    /// The points; `None` where there are none.
    pub(crate) points: Option<CachePoints>,
    /// The beginnings that are sent with it, for those that were [seen](Living::prefixes): none where this call has sent them
    /// to that target before.
    pub(crate) sent: Vec<u64>,
}

/// Puts points into a request that is about to leave, where the configuration wants them for such calls, the caller put none,
/// and they pay. `is_again`: this very call has left for that target before. `None` where no points come into question.
pub(crate) fn put(
    (snapshot, living): (&Snapshot, &Living),
    outgoing: &Outgoing<'_>,
    (aim, price): (&Aim, &PriceScope),
    prepared: &mut Prepared,
    is_again: bool,
) -> Option<Put> {
    let (booked, model) = (outgoing.attribution, &*aim.target.model);
    let is_chat = outgoing.call.operation == Operation::Chat;
    if !is_chat || !snapshot.prompt_cache.wants(booked, &outgoing.peek.model) {
        return None;
    }
    let (dialect, family) = (prepared.road.dialect, ModelFamily::of(model));
    if dialect == Dialect::BedrockInvoke && family != ModelFamily::Claude {
        return None;
    }
    let row = price.find(&snapshot.catalogue, model, outgoing.arrived)?;
    let pays = Pays::of(&row, family, prepared.body.len() as u64)?;
    let mut found = prefixes(dialect, &prepared.body)?;
    if family == ModelFamily::Nova {
        // It has none for tools.
        found.tools = None;
    }
    let (seen, now) = (&living.prefixes, living.clock.monotonic());
    let keyed = |digest: u64| {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        hasher.hash_one((digest, &*booked.team, &*aim.target.provider, model))
    };
    let times = |digest: u64| seen.times(keyed(digest), now);
    // What an earlier try of this very call has sent there shows nothing.
    let others = |digest: u64| times(digest).saturating_sub(u32::from(is_again));
    let may = |prefix: &&Prefix| prefix.takes_a_point() && prefix.bytes / BYTES_PER_TOKEN >= pays.least;
    let fixed = [&found.tools, &found.system].into_iter().flatten();
    let fixed = fixed.filter(may).filter(|prefix| others(prefix.digest) >= pays.times);
    // A conversation has come again if one of its turns was the last of an earlier call: no try of this one ended there.
    let goes_on = || found.turns.iter().any(|turn| times(*turn) > 0);
    let stable = found.stable.iter().filter(may).filter(|_| goes_on());
    let points: Vec<&Prefix> = fixed.chain(stable).collect();
    let put = CachePoints { points: u8::try_from(points.len()).unwrap_or(u8::MAX), ..CachePoints::default() };
    if put.points > 0 {
        prepared.body = with_points(&prepared.body, points);
    }
    let fixed = [&found.tools, &found.system].into_iter().flatten().map(|prefix| prefix.digest);
    let sent = fixed.chain([found.whole]).filter(|_| !is_again).map(keyed).collect();
    Some(Put { points: (put.points > 0).then_some(put), sent })
}

/// When points pay.
struct Pays {
    /// The fewest tokens that the model caches.
    least: u64,
    /// So often must what is written be read again: as often as it must have been sent before.
    times: u32,
}

impl Pays {
    /// `None` where the model has no cache for which points are put, or reading it is no cheaper.
    fn of(row: &Row, family: ModelFamily, bytes: u64) -> Option<Self> {
        let nova = (family == ModelFamily::Nova).then_some(NOVA_LEAST);
        let least = row.limits().cache_min.map(u64::from).or(nova).filter(|_| row.can(Ability::PromptCaching))?;
        let rates = row.rates(ServiceTier::Default, bytes / BYTES_PER_TOKEN).rates;
        let [plain, read, write] = [UnitKind::Input, UnitKind::CacheRead, UnitKind::CacheWrite5m]
            .map(|kind| rates.of(kind).unwrap_or_default());
        let saved = plain.checked_sub(read).filter(|saved| *saved > 0)?;
        let times = u32::try_from(write.saturating_sub(plain) / saved + 1).unwrap_or(u32::MAX);
        Some(Self { least, times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tg_catalog::Catalogue;
    use tg_kernel::clock::Timestamp;

    fn pays(provider: &str, model: &str) -> Option<(u64, u32)> {
        let row = Catalogue::embedded().unwrap().find(provider, model, Timestamp::from_micros(i64::MAX)).unwrap();
        Pays::of(&row, ModelFamily::of(model), 40_000).map(|pays| (pays.least, pays.times))
    }

    #[test]
    fn the_arithmetic_is_that_of_the_catalogue() {
        // A write costs a quarter more, a reading saves nine tenths: one pays for it.
        assert_eq!(pays("anthropic", "claude-haiku-4-5"), Some((4096, 1)));
        assert_eq!(pays("bedrock", "amazon.nova-lite-v1:0"), Some((NOVA_LEAST, 1)));
        assert_eq!(pays("openai", "gpt-4o"), None, "who caches by itself needs no points");
    }
}
