//! What advice is made of: calls or their sums, keys, and what the configuration says of providers and models.

use super::super::access::{Access, AccessArgs, MissingStore};
use super::super::terminal::warn;
use anyhow::Result;
use std::collections::{BTreeSet, HashMap};
use tg_admin::api::{KeyState, Report, ReportRequest};
use tg_catalog::Catalogue;
use tg_config::document::{Document, Model};
use tg_finops::advise::{KeySeen, Repeats, Samples, Seller, Uses, Whose};
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Record;
use tg_kernel::usage::Usage;
use tg_proxy::snapshot::Snapshot;
use tg_store::ledger::{CALLS_MAX, CallFilter, Dimension, Ledger};

/// Within what time a key's calls count as recent.
const RECENT: &str = "30d";

/// All of it.
pub(super) struct Seen {
    pub(super) uses: Uses,
    /// What comparisons of answers came to; nothing where calls are not at hand.
    pub(super) samples: Samples,
    /// How often the same was asked; nothing where calls are not at hand.
    pub(super) repeats: Repeats,
    pub(super) keys: Vec<KeySeen>,
    /// From when on calls are known.
    pub(super) since: Timestamp,
}

/// Reads the ledger, call by call where it is at hand.
pub(super) fn all(
    access: &AccessArgs,
    document: &Document,
    catalogue: &Catalogue,
    since: Timestamp,
    now: Timestamp,
) -> Result<Seen> {
    let place = access.open(MissingStore::Refuse)?;
    let keys = keys(&place)?;
    let (mut uses, mut samples, mut repeats) = (Uses::new(catalogue), Samples::default(), Repeats::default());
    if access.is_remote() {
        sums(&place, document, since, &mut uses)?;
        return Ok(Seen { uses, samples, repeats, keys, since });
    }
    drop(place);
    let ledger = access.ledger(MissingStore::Refuse)?;
    let since = match ledger.rows_since()?.filter(|kept| since < *kept) {
        Some(kept) => {
            warn(format_args!(
                "retention has deleted the calls from before {kept}: what follows is made of later ones"
            ));
            kept
        }
        None => since,
    };
    calls(&ledger, (since, now), &mut |record| {
        samples.take(record);
        repeats.take(record);
        uses.take(record);
    })?;
    Ok(Seen { uses, samples, repeats, keys, since })
}

fn calls(ledger: &Ledger, (since, now): (Timestamp, Timestamp), take: &mut dyn FnMut(&Record)) -> Result<()> {
    let mut filter = CallFilter { since: Some(since), until: Some(now), ..CallFilter::default() };
    loop {
        let page = ledger.calls(&filter, CALLS_MAX)?;
        page.iter().for_each(&mut *take);
        match page.last() {
            Some(record) if page.len() == CALLS_MAX => filter.before = Some(record.id),
            _ => return Ok(()),
        }
    }
}

fn sums(place: &Access, document: &Document, since: Timestamp, uses: &mut Uses) -> Result<()> {
    let by = vec![Dimension::Team, Dimension::Project, Dimension::Provider, Dimension::Model];
    let report = place.report(&ReportRequest { by, since: Some(since.to_string()), ..ReportRequest::default() })?;
    if report.cut {
        warn(format_args!("there are more groups than a report returns: the cheapest are missing"));
    }
    let models = models(document);
    for row in &report.rows {
        let value = |name: &str| row.group.get(name).cloned().flatten();
        let (Some(provider), Some(model)) = (value("provider"), value("model")) else { continue };
        let whose = Whose {
            team: value("team").unwrap_or_default(),
            project: value("project"),
            asked: asked(document, &models, &provider, &model),
            provider,
            model,
        };
        let figures = &row.figures;
        uses.take_sums(whose, figures.calls, &usage(figures.usage), figures.unpriced_calls + figures.ceiling_calls);
    }
    Ok(())
}

fn usage(sums: tg_admin::api::Usage) -> Usage {
    Usage {
        input_tokens: sums.input_tokens,
        cache_read_tokens: sums.cache_read_tokens,
        cache_write_5m_tokens: sums.cache_write_5m_tokens,
        cache_write_1h_tokens: sums.cache_write_1h_tokens,
        output_tokens: sums.output_tokens,
        reasoning_tokens: sums.reasoning_tokens,
        audio_input_tokens: sums.audio_input_tokens,
        audio_output_tokens: sums.audio_output_tokens,
        images: sums.images,
    }
}

/// The name that callers write to reach a model, which sums do not tell; empty where there are several.
fn asked(document: &Document, models: &[Model], provider: &str, model: &str) -> String {
    let leads = |entry: &&Model| {
        let is_exact = entry.name.is_exact();
        document.leaves(entry, None).iter().any(|leaf| {
            leaf.provider.as_str() == provider
                && match leaf.model {
                    Some(named) => is_exact && named == model,
                    None => entry.name.matches(model),
                }
        })
    };
    let names: BTreeSet<&str> = models
        .iter()
        .filter(leads)
        .map(|entry| if entry.name.is_exact() { entry.name.as_str() } else { model })
        .collect();
    match names.into_iter().collect::<Vec<_>>().as_slice() {
        [only] => (*only).to_owned(),
        _ => String::new(),
    }
}

/// The models that the configuration offers: its own, or the usual ones where it states none.
pub(super) fn models(document: &Document) -> Vec<Model> {
    if document.models.is_empty() {
        tg_config::routes::usual_models(&document.providers)
    } else {
        document.models.clone()
    }
}

/// Keys that are let in, and how much they were used.
fn keys(place: &Access) -> Result<Vec<KeySeen>> {
    let keys = place.keys(None)?.keys;
    let by_key = |since: Option<&str>| {
        let since = since.map(str::to_owned);
        place.report(&ReportRequest { by: vec![Dimension::Key], since, ..ReportRequest::default() })
    };
    let (recent, all) = (by_key(Some(RECENT))?, by_key(None)?);
    // Folded sums do not name keys: who is missing there may have called all the same.
    let is_whole = |report: &Report| !report.cut && report.coarse_until.is_none();
    if !is_whole(&recent) {
        warn(format_args!(
            "nothing is said of idle keys: too much of the last 30 days is in sums that do not name keys"
        ));
        return Ok(Vec::new());
    }
    let knows_all = is_whole(&all) && all.gone_until.is_none();
    let (recent, all) = (counts(&recent), counts(&all));
    let active = keys.into_iter().filter(|key| key.state == KeyState::Active);
    Ok(active
        .map(|key| KeySeen {
            recent_calls: recent.get(&key.id).copied().unwrap_or_default(),
            all_calls: knows_all.then(|| all.get(&key.id).copied().unwrap_or_default()),
            id: key.id,
            team: key.team,
            project: key.project,
            label: key.label,
            created_at: key.created_at.0,
        })
        .collect())
}

fn counts(report: &Report) -> HashMap<String, u64> {
    let count = |row: &tg_admin::api::Row| Some((row.group.get("key").cloned().flatten()?, row.figures.calls));
    report.rows.iter().filter_map(count).collect()
}

/// Who sells, as prices name it.
pub(super) fn sellers(snapshot: &Snapshot) -> Vec<Seller> {
    let seller = |upstream: &tg_upstream::provider::Upstream| Seller {
        name: upstream.name.to_string(),
        vendor: upstream.price.vendor.to_string(),
        region: upstream.price.region.as_deref().map(str::to_owned),
    };
    snapshot.upstreams.values().map(|upstream| seller(upstream)).collect()
}

/// Targets whose model is named.
pub(super) fn targets(document: &Document) -> BTreeSet<(String, String)> {
    let all = document.models.iter().flat_map(|model| &model.targets);
    all.filter_map(|target| Some((target.provider.as_ref()?.to_string(), target.model.clone()?))).collect()
}
