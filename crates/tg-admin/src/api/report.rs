//! Reports as they travel, and how one is asked for.

use super::time::{self, quoted};
use super::{Amount, Time, Usage};
use crate::query::{Parameters, Query, filter_text, read_filters};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::commitment::Commitment;
use tg_store::ledger::{self, Dimension, Filter, ReportQuery};

/// Most dimensions of one report.
const DIMENSIONS_MAX: usize = 6;

/// What to report. The times are read when the report is made: `7d` means seven days before that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportRequest {
    /// By what to group, in this order; nothing: totals only.
    pub by: Vec<Dimension>,
    /// From when on calls arrived, inclusive; see [`time::past`].
    pub since: Option<String>,
    /// Until when calls arrived, exclusive; see [`time::past`].
    pub until: Option<String>,
    /// Which calls; all must hold.
    pub filters: Vec<Filter>,
    /// Costs as they were booked, without later corrections.
    pub as_booked: bool,
}

impl ReportRequest {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_query(query: &str) -> Result<Self, Vec<String>> {
        let mut parameters = Parameters::read(query, &["by", "since", "until", "filter", "as_booked"]);
        let mut request = Self::default();
        for name in parameters.list("by") {
            match Dimension::parse(&name) {
                Some(dimension) => request.by.push(dimension),
                None => parameters.problem(format!("by: {} is not a dimension; {}", quoted(&name), dimensions())),
            }
        }
        request.filters = read_filters(&mut parameters);
        request.since = parameters.one("since");
        request.until = parameters.one("until");
        let as_booked = parameters.parsed("as_booked", |text| {
            text.parse::<bool>().map_err(|_| format!("{} is neither `true` nor `false`", quoted(text)))
        });
        request.as_booked = as_booked.unwrap_or_default();
        parameters.finish(request)
    }

    /// Writes what [`ReportRequest::from_query`] reads.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut query = Query::default();
        let by: Vec<&str> = self.by.iter().map(|dimension| dimension.as_str()).collect();
        query.add("by", (!by.is_empty()).then(|| by.join(",")).as_deref());
        query.add("since", self.since.as_deref());
        query.add("until", self.until.as_deref());
        for filter in &self.filters {
            query.add("filter", Some(&filter_text(filter)));
        }
        query.add("as_booked", self.as_booked.then_some("true"));
        query.finish()
    }

    /// As the store takes it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn resolve(&self, now: Timestamp) -> Result<ReportQuery, Vec<String>> {
        let mut problems = Vec::new();
        let (since, until) = window(self.since.as_deref(), self.until.as_deref(), now, &mut problems);
        if self.by.len() > DIMENSIONS_MAX {
            problems.push(format!("by: {} dimensions; at most {DIMENSIONS_MAX} at once", self.by.len()));
        }
        for (number, dimension) in self.by.iter().enumerate() {
            if self.by[..number].contains(dimension) {
                problems.push(format!("by: `{}` comes twice; keep one", dimension.as_str()));
            }
        }
        check_filters(&self.filters, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(ReportQuery { by: self.by.clone(), since, until, filters: self.filters.clone(), as_booked: self.as_booked })
    }
}

/// The dimensions, for messages.
pub(crate) fn dimensions() -> String {
    let names: Vec<&str> = Dimension::ALL.iter().map(|dimension| dimension.as_str()).collect();
    format!("write one or more of {}", names.join(", "))
}

/// The two ends of a span of time.
pub(super) fn window(
    since: Option<&str>,
    until: Option<&str>,
    now: Timestamp,
    problems: &mut Vec<String>,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut read = |name: &str, text: Option<&str>| {
        time::past(text?, now).map_err(|problem| problems.push(format!("{name}: {problem}"))).ok()
    };
    let (since, until) = (read("since", since), read("until", until));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        problems.push(format!("since ({since}) is not before until ({until}); no call can be in between"));
    }
    (since, until)
}

/// Days and hours that are none would match no call, without a word.
pub(super) fn check_filters(filters: &[Filter], problems: &mut Vec<String>) {
    for filter in filters {
        let Some(value) = &filter.value else { continue };
        let (rest, example) = match filter.dimension {
            Dimension::Day => ("T00:00:00Z", "2026-11-24"),
            Dimension::Hour => (":00:00Z", "2026-11-24T03"),
            _ => continue,
        };
        if value.len() != example.len() || Timestamp::parse(&format!("{value}{rest}")).is_none() {
            let name = filter.dimension.as_str();
            problems.push(format!("filter: {} is not one {name} in UTC; write as in `{example}`", quoted(value)));
        }
    }
}

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// By what it groups, in this order.
    #[schemars(with = "Vec<String>")]
    pub by: Vec<Dimension>,
    /// From when on calls arrived, inclusive.
    pub since: Option<Time>,
    /// Until when calls arrived, exclusive.
    pub until: Option<Time>,
    /// One row per group: by time where the first dimension is a time, else the dearest first.
    pub rows: Vec<Row>,
    /// Whether there are more groups than a report returns; the cheapest are then missing in `rows`, not in `totals`.
    pub cut: bool,
    /// Over all calls, each counted once.
    pub totals: Figures,
    /// Calls by ending; endings without calls are left out.
    pub endings: BTreeMap<String, u64>,
    /// What commitments cost in the period, whether calls came or not; in none of the sums above. Absent where there is none,
    /// or filters leave out calls of the provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed_charges: Vec<FixedCharge>,
    /// Rows before this moment were deleted by policy, and this report would have needed some: parts of hours are counted
    /// as whole hours, and of hours with very many combinations only team and ending are known. Null: exact.
    #[serde(default)]
    pub coarse_until: Option<Time>,
    /// Nothing before this moment is kept, and the period begins before it. Null: all of it is kept.
    #[serde(default)]
    pub gone_until: Option<Time>,
}

/// What a commitment cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FixedCharge {
    /// Its name.
    pub commitment: String,
    /// The provider that bills it.
    pub provider: String,
    /// Hours that begin in the period.
    pub hours: u64,
    /// What is charged for them.
    pub cost: Amount,
}

impl FixedCharge {
    /// What these commitments cost in the period of a report that is made at `now`, as far as it is over.
    #[must_use]
    pub fn of(query: &ReportQuery, commitments: &[Commitment], now: Timestamp) -> Vec<Self> {
        let is_meant = |commitment: &&Commitment| {
            let own = |filter: &Filter| {
                filter.dimension == Dimension::Provider && filter.value.as_deref() == Some(&*commitment.provider)
            };
            query.filters.iter().all(own)
        };
        let charged = commitments.iter().filter(is_meant).map(|commitment| {
            // What is to be charged yet is no cost.
            let until = query.until.map_or(now, |until| until.min(now));
            let (hours, cost) = commitment.of_span(query.since, until);
            Self {
                commitment: commitment.name.to_string(),
                provider: commitment.provider.to_string(),
                hours,
                cost: cost.into(),
            }
        });
        charged.filter(|charge| charge.hours > 0).collect()
    }
}

/// One group of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// The value of each dimension; null where the calls have none.
    pub group: BTreeMap<String, Option<String>>,
    /// Its sums.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Sums over calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// How many calls.
    pub calls: u64,
    /// What they used.
    pub usage: Usage,
    /// What they cost.
    pub cost: Amount,
    /// What they would have cost at list price, without negotiated discounts.
    pub list_cost: Amount,
    /// Those of which some count was estimated.
    pub estimated: Part,
    /// Those booked to no team or to no project.
    pub unattributed: Part,
    /// Calls that used something for which there was no price: their cost reads zero and is not known.
    pub unpriced_calls: u64,
    /// Calls charged by the stated ceiling because there was no price.
    pub ceiling_calls: u64,
    /// Calls whose cost was corrected after they were booked.
    pub corrected_calls: u64,
    /// What their corrections add to the cost; it is part of `cost`.
    pub corrections: Amount,
}

/// A part of the calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// How many calls.
    pub calls: u64,
    /// What they cost.
    pub cost: Amount,
    /// Their part of the whole cost, 0 to 1; to show, not to compute with.
    pub cost_share: f64,
}

impl From<&ledger::Figures> for Figures {
    fn from(figures: &ledger::Figures) -> Self {
        Self {
            calls: figures.calls,
            usage: figures.usage.into(),
            cost: figures.cost.into(),
            list_cost: figures.list_cost.into(),
            estimated: Part {
                calls: figures.estimated_calls,
                cost: figures.estimated_cost.into(),
                cost_share: figures.estimated_share(),
            },
            unattributed: Part {
                calls: figures.unattributed_calls,
                cost: figures.unattributed_cost.into(),
                cost_share: figures.unattributed_share(),
            },
            unpriced_calls: figures.unpriced_calls,
            ceiling_calls: figures.ceiling_calls,
            corrected_calls: figures.corrected_calls,
            corrections: figures.corrections.into(),
        }
    }
}

impl Report {
    /// The store's answer to this query.
    #[must_use]
    pub fn of(query: &ReportQuery, report: &ledger::Report) -> Self {
        let group = |values: &[Option<String>]| {
            query.by.iter().map(|by| by.as_str().to_owned()).zip(values.iter().cloned()).collect()
        };
        Self {
            by: query.by.clone(),
            since: query.since.map(Time),
            until: query.until.map(Time),
            rows: report
                .rows
                .iter()
                .map(|row| Row { group: group(&row.group), figures: Figures::from(&row.figures) })
                .collect(),
            cut: report.cut,
            totals: Figures::from(&report.totals),
            fixed_charges: Vec::new(),
            coarse_until: report.coarse_until.map(Time),
            gone_until: report.gone_until.map(Time),
            endings: report.endings.iter().map(|(ending, calls)| (ending.as_str().to_owned(), *calls)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FixedCharge, ReportRequest};
    use tg_kernel::clock::Timestamp;
    use tg_kernel::commitment::{Commitment, CommitmentRate};
    use tg_kernel::units::Money;
    use tg_store::ledger::{Dimension, Filter, ReportQuery};

    #[test]
    fn a_commitment_costs_nothing_before_its_hours_begin() {
        let at = |hour: i64| Timestamp::from_seconds(1_795_000_000 / 3_600 * 3_600 + hour * 3_600);
        let commitment = Commitment {
            name: "pt-1".into(),
            provider: "bedrock".into(),
            sku: None,
            rate: CommitmentRate::Hourly(Money::from_nanos(7)),
            quantity: 1,
            from: at(0),
            until: None,
        };
        let of = |query: &ReportQuery, now| {
            let charges = FixedCharge::of(query, std::slice::from_ref(&commitment), now);
            charges.first().map(|charge| (charge.hours, charge.cost.nanos))
        };
        let until_tomorrow = ReportQuery { until: Some(at(24)), ..ReportQuery::default() };
        assert_eq!(of(&until_tomorrow, at(2)), Some((2, 14)));
        assert_eq!(of(&until_tomorrow, at(48)), Some((24, 168)));
        assert_eq!(of(&until_tomorrow, at(0)), None);
        let of_provider = |name: &str| {
            let filters = vec![Filter { dimension: Dimension::Provider, value: Some(name.to_owned()) }];
            of(&ReportQuery { filters, ..ReportQuery::default() }, at(1))
        };
        assert_eq!((of_provider("bedrock"), of_provider("openai")), (Some((1, 7)), None));
    }

    #[test]
    fn a_request_survives_its_query() {
        let filter = |dimension, value: Option<&str>| Filter { dimension, value: value.map(str::to_owned) };
        let request = ReportRequest {
            by: vec![Dimension::Team, Dimension::Day],
            since: Some("7d".to_owned()),
            until: Some("2026-11-01T00:00:00+01:00".to_owned()),
            filters: vec![
                filter(Dimension::Team, Some("a b&c=%")),
                filter(Dimension::Tag, Some("run:1=2")),
                filter(Dimension::Project, None),
            ],
            as_booked: true,
        };
        assert_eq!(ReportRequest::from_query(&request.to_query()), Ok(request));
        assert_eq!(ReportRequest::from_query(""), Ok(ReportRequest::default()));
    }

    #[test]
    fn every_problem_is_told() {
        let wrong = ReportRequest::from_query("by=tame,team&since=1d&since=2d&filter=team&filter=x:1&form=csv");
        let problems = wrong.unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
        let request =
            ReportRequest::from_query("by=team,team&since=x&until=1w&filter=day:2026&filter=hour:2026-11-24T99")
                .unwrap();
        let problems = request.resolve(Timestamp::from_seconds(0)).unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
        let backwards = ReportRequest::from_query("since=1h&until=1d").unwrap();
        assert!(backwards.resolve(Timestamp::from_seconds(0)).is_err());
    }
}
