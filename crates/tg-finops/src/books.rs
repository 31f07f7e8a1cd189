//! Both sides of a comparison with a bill, summed by day and model: the ledger's report and the bill's lines.

use crate::bill::{BillLine, TokenKind, metered};
use crate::decimal::Decimal;
use crate::model_name::{plain, signature};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tg_kernel::clock::Timestamp;
use tg_store::ledger::{Dimension, Figures, Report};

/// By what the ledger's report must be grouped.
pub const REPORT_BY: [Dimension; 6] =
    [Dimension::Day, Dimension::Provider, Dimension::Model, Dimension::Team, Dimension::AwsSession, Dimension::Profile];

/// Most kinds of line that are listed by name; more are only counted.
const NAMED_MAX: usize = 1000;

/// Most teams, profiles and sessions of a bill that are told apart; the cost of more is shown as of no team.
const PAYERS_MAX: usize = 200_000;

/// A day in UTC (`2026-11-24`) and a model's signature.
pub type CellKey = (String, String);

/// What one side says of a day and a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Side {
    /// US dollars.
    pub cost: Decimal,
    /// Input tokens outside any cache.
    pub input_tokens: Decimal,
    /// Input tokens read from a cache.
    pub cache_read_tokens: Decimal,
    /// Input tokens written to a cache.
    pub cache_write_tokens: Decimal,
    /// Output tokens.
    pub output_tokens: Decimal,
}

impl Side {
    /// The count of one kind.
    #[must_use]
    pub const fn tokens(&self, kind: TokenKind) -> Decimal {
        match kind {
            TokenKind::Input => self.input_tokens,
            TokenKind::CacheRead => self.cache_read_tokens,
            TokenKind::CacheWrite => self.cache_write_tokens,
            TokenKind::Output => self.output_tokens,
        }
    }

    /// All tokens together.
    #[must_use]
    pub fn all_tokens(&self) -> Decimal {
        TokenKind::ALL.into_iter().map(|kind| self.tokens(kind)).sum()
    }

    fn count(&mut self, kind: TokenKind, tokens: Decimal) {
        match kind {
            TokenKind::Input => self.input_tokens += tokens,
            TokenKind::CacheRead => self.cache_read_tokens += tokens,
            TokenKind::CacheWrite => self.cache_write_tokens += tokens,
            TokenKind::Output => self.output_tokens += tokens,
        }
    }

    /// Adds another side to this one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.cost += other.cost;
        for kind in TokenKind::ALL {
            self.count(kind, other.tokens(kind));
        }
    }
}

impl From<&Figures> for Side {
    fn from(figures: &Figures) -> Self {
        let usage = &figures.usage;
        Self {
            cost: figures.cost.into(),
            input_tokens: Decimal::whole(usage.input_tokens.saturating_add(usage.audio_input_tokens)),
            cache_read_tokens: Decimal::whole(usage.cache_read_tokens),
            cache_write_tokens: Decimal::whole(usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens)),
            output_tokens: Decimal::whole(usage.output_tokens.saturating_add(usage.audio_output_tokens)),
        }
    }
}

/// The ledger's side.
#[derive(Clone, Debug, Default)]
pub struct LedgerSide {
    pub(crate) cells: BTreeMap<CellKey, Side>,
    /// What of each cell's cost rests on estimates.
    pub(crate) estimated: BTreeMap<CellKey, Decimal>,
    /// A model's name, by its signature.
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) teams: BTreeMap<String, Decimal>,
    sessions: BTreeMap<String, BTreeSet<String>>,
    profiles: BTreeMap<String, BTreeSet<String>>,
}

impl LedgerSide {
    /// Reads a report by [`REPORT_BY`], of these providers only.
    #[must_use]
    pub fn of(report: &Report, providers: &BTreeSet<String>) -> Self {
        let mut side = Self::default();
        for row in &report.rows {
            let value = |at: usize| row.group.get(at).and_then(Option::as_deref);
            let (Some(day), Some(provider), Some(model)) = (value(0), value(1), value(2)) else { continue };
            let sums = Side::from(&row.figures);
            // Refused calls and the like cost nothing and are on no bill.
            if !providers.contains(provider) || sums == Side::default() {
                continue;
            }
            let key = (day.to_owned(), signature(model));
            side.names.entry(key.1.clone()).or_insert_with(|| plain(model).to_owned());
            *side.estimated.entry(key.clone()).or_default() += row.figures.estimated_cost.into();
            side.cells.entry(key).or_default().add(&sums);
            let team = value(3).unwrap_or_default();
            *side.teams.entry(team.to_owned()).or_default() += sums.cost;
            for (known, name) in [(&mut side.sessions, value(4)), (&mut side.profiles, value(5))] {
                if let Some(name) = name {
                    known.entry(name.to_owned()).or_default().insert(team.to_owned());
                }
            }
        }
        side
    }

    /// The team of a line: the one that the bill tells, or that alone used the line's profile or session.
    pub(crate) fn team_of<'a>(&'a self, payer: &'a Payer) -> Option<&'a str> {
        match payer {
            Payer::Team(team) => Some(team),
            Payer::Caller { profile, session } => {
                let named = [self.profiles.get(profile), self.sessions.get(session)];
                named.into_iter().flatten().find(|teams| teams.len() == 1)?.first().map(String::as_str)
            }
        }
    }
}

/// Who pays for a line, as far as the bill tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Payer {
    /// By a tag.
    Team(String),
    /// By whom it was called, and as what; empty where the bill does not tell.
    Caller {
        /// The inference profile's ARN.
        profile: String,
        /// The name of the role's session.
        session: String,
    },
}

/// What of a bill is compared.
#[derive(Clone, Debug, Default)]
pub struct BillScope {
    /// From when on, inclusive.
    pub since: Option<Timestamp>,
    /// Until when, exclusive.
    pub until: Option<Timestamp>,
    /// Names of models on the bill, and the ledger's name of each, where the two have too little in common.
    pub same_models: Vec<(String, String)>,
    /// The tag whose value is the team (`team` is also found as `iamPrincipal/team` and `user:team`).
    pub team_tag: String,
}

/// The bill's side.
#[derive(Clone, Debug, Default)]
pub struct BillSide {
    pub(crate) cells: BTreeMap<CellKey, Side>,
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) payers: BTreeMap<Payer, Decimal>,
    /// Usage that is not tokens of a model, by usage type.
    pub(crate) unmetered: BTreeMap<String, Decimal>,
    /// Taxes, credits and fees, by kind of line.
    pub(crate) set_aside: BTreeMap<String, Decimal>,
    days: Option<(String, String)>,
}

/// What is paid for a use.
const USED: [&str; 3] = ["Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"];
/// What is taken off that. These lines repeat the amount that was used.
const DISCOUNTS: [&str; 4] = ["EdpDiscount", "PrivateRateDiscount", "BundledDiscount", "SavingsPlanNegation"];

impl BillSide {
    /// Adds a line, if it is in the scope.
    pub fn take(&mut self, line: &BillLine, scope: &BillScope) {
        if scope.since.is_some_and(|since| line.start < since) || scope.until.is_some_and(|until| line.start >= until) {
            return;
        }
        let used = USED.contains(&line.item_type.as_str());
        if !used && !DISCOUNTS.contains(&line.item_type.as_str()) {
            add(&mut self.set_aside, &line.item_type, line.cost);
            return;
        }
        let day = day_of(line.start);
        self.days = Some(match self.days.take() {
            None => (day.clone(), day.clone()),
            Some((first, last)) => (first.min(day.clone()), last.max(day.clone())),
        });
        let metered = metered(line).filter(|metered| !used || metered.tokens.is_some());
        let Some(metered) = metered else {
            add(&mut self.unmetered, &line.usage_type, line.cost);
            return;
        };
        let signature = scope.signature(&metered.model);
        self.names.entry(signature.clone()).or_insert_with(|| metered.model.clone());
        let cell = self.cells.entry((day, signature)).or_default();
        cell.cost += line.cost;
        if used {
            cell.count(metered.kind, metered.tokens.unwrap_or_default());
        }
        let mut payer = scope.payer(line);
        if self.payers.len() >= PAYERS_MAX && !self.payers.contains_key(&payer) {
            payer = Payer::Caller { profile: String::new(), session: String::new() };
        }
        *self.payers.entry(payer).or_default() += line.cost;
    }

    /// The first and the last day of which a line was taken.
    #[must_use]
    pub fn days(&self) -> Option<(&str, &str)> {
        self.days.as_ref().map(|(first, last)| (first.as_str(), last.as_str()))
    }
}

impl BillScope {
    fn signature(&self, model: &str) -> String {
        let named = self.same_models.iter().find(|(on_bill, _)| on_bill == model);
        signature(named.map_or(model, |(_, in_ledger)| in_ledger))
    }

    fn payer(&self, line: &BillLine) -> Payer {
        if let Some(team) = self.team(line) {
            return Payer::Team(team.to_owned());
        }
        let session = line.principal.contains(":assumed-role/").then(|| line.principal.rsplit('/').next()).flatten();
        Payer::Caller { profile: line.resource.clone(), session: session.unwrap_or_default().to_owned() }
    }

    fn team<'a>(&self, line: &'a BillLine) -> Option<&'a str> {
        let is_team = |key: &str| {
            let key = key.strip_prefix("iamPrincipal/").or_else(|| key.strip_prefix("user:")).unwrap_or(key);
            !self.team_tag.is_empty() && (key == self.team_tag || key.strip_prefix("user_") == Some(&self.team_tag))
        };
        line.tags.iter().find(|(key, value)| is_team(key) && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// Adds to a sum by name. Names beyond the limit share one.
fn add(sums: &mut BTreeMap<String, Decimal>, name: &str, cost: Decimal) {
    let name = if sums.len() < NAMED_MAX || sums.contains_key(name) { name } else { "(others)" };
    *sums.entry(name.to_owned()).or_default() += cost;
}

/// The day in UTC, as reports write it.
#[must_use]
pub fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take("2026-11-24".len()).collect()
}
