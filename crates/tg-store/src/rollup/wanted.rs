//! What a report wants: from when to when, and how much must be known of each call.

use super::{DAY_MICROS, HOUR_MICROS, Level};
use crate::ledger::{Dimension, Filter, ReportQuery};
use tg_kernel::clock::Timestamp;

/// What a statement needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Microseconds since 1970, inclusive.
    pub(crate) since: i64,
    /// Microseconds since 1970, exclusive.
    pub(crate) until: i64,
    /// Whether tags or sessions matter.
    pub(crate) level: Level,
    /// Whether hours are told apart.
    pub(crate) is_hourly: bool,
    /// Whether more than team, ending and time matters, so that folded sums do not do.
    pub(crate) is_particular: bool,
}

/// From when to when, in microseconds, as the query and its filters on time say together; `None` where no moment is left.
pub(crate) fn period(query: &ReportQuery) -> Option<(i64, i64)> {
    let mut since = query.since.map_or(i64::MIN, Timestamp::micros);
    let mut until = query.until.map_or(i64::MAX, Timestamp::micros);
    for filter in &query.filters {
        if let Some(span) = span(filter) {
            let (from, to) = span?;
            (since, until) = (since.max(from), until.min(to));
        }
    }
    (since < until).then_some((since, until))
}

/// What one table of a report needs, and the filters that are not on time.
pub(crate) fn wanted<'a>(
    query: &'a ReportQuery,
    by: &[Dimension],
    (since, until): (i64, i64),
) -> (Wanted, Vec<&'a Filter>) {
    let filters: Vec<&Filter> = query.filters.iter().filter(|filter| span(filter).is_none()).collect();
    let dimensions = || by.iter().copied().chain(filters.iter().map(|filter| filter.dimension));
    let is_detailed = dimensions().any(|d| matches!(d, Dimension::Tag | Dimension::AwsSession));
    let is_known = |d| matches!(d, Dimension::Team | Dimension::Ending | Dimension::Day | Dimension::Hour);
    let wanted = Wanted {
        since,
        until,
        level: if is_detailed { Level::Detail } else { Level::Plain },
        is_hourly: by.contains(&Dimension::Hour),
        is_particular: !dimensions().all(is_known),
    };
    (wanted, filters)
}

/// The day or the hour that a filter names, if it is one on time: what is not one is no span.
pub(crate) fn span(filter: &Filter) -> Option<Option<(i64, i64)>> {
    let (rest, micros) = match filter.dimension {
        Dimension::Day => ("T00:00:00Z", DAY_MICROS),
        Dimension::Hour => (":00:00Z", HOUR_MICROS),
        _ => return None,
    };
    let start = filter.value.as_deref().and_then(|value| Timestamp::parse(&format!("{value}{rest}")));
    Some(start.map(|start| (start.micros(), start.micros().saturating_add(micros))))
}
