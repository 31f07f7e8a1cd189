//! Sums by group in memory: over the sums of the store, read in their order and once.

use super::report::Source;
use crate::backends::sql::expression;
use crate::ledger::{Dimension, ReportRow};
use crate::rollup::{self, BOOKED, DAY_MICROS, HOUR_MICROS, SUM_COLUMNS, Sums, TOTAL_COUNT, Total, figures, total};
use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql, params};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Most groups in memory: about 100 MB. Beyond it the engine sums.
const GROUPS_MAX: usize = 250_000;

/// A group's values.
type Labels = Vec<Option<String>>;

/// Groups and their sums.
#[derive(Default)]
pub(super) struct Tally {
    groups: HashMap<Labels, Total>,
}

/// What the series of one kind have in common: all that the groups ask for but the time, tags not yet told apart.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    labels: Labels,
    tags: Option<String>,
    is_attributed: bool,
}

/// The kinds of the series that were met.
#[derive(Default)]
struct Kinds {
    /// By the series' id; `None` where the filters leave it out.
    of: HashMap<i64, Option<usize>>,
    numbers: HashMap<Kind, usize>,
}

impl Kinds {
    /// The number of the kind of a series.
    fn number(
        &mut self,
        statement: &mut CachedStatement<'_>,
        source: &Source<'_>,
        id: i64,
    ) -> rusqlite::Result<Option<usize>> {
        if let Some(known) = self.of.get(&id) {
            return Ok(*known);
        }
        let values: Vec<&dyn ToSql> = source.conditions.values().chain([&id as &dyn ToSql]).collect();
        let read = |row: &rusqlite::Row<'_>| {
            let labels = (2..2 + source.by.len()).map(|column| row.get(column));
            Ok(Kind { is_attributed: row.get(0)?, tags: row.get(1)?, labels: labels.collect::<rusqlite::Result<_>>()? })
        };
        let kind = statement.query_row(values.as_slice(), read).optional()?;
        let next = self.numbers.len();
        let number = kind.map(|kind| *self.numbers.entry(kind).or_insert(next));
        self.of.insert(id, number);
        Ok(number)
    }
}

/// Which part of a series' row the groups need. Tags and times are told apart afterwards.
fn kind_sql(source: &Source<'_>) -> String {
    let tags = if source.by.contains(&Dimension::Tag) { "tags" } else { "NULL" };
    let mut columns = format!("is_attributed, {tags}");
    for dimension in source.by {
        let column = match dimension {
            Dimension::Tag | Dimension::Day | Dimension::Hour => "NULL",
            other => expression(*other),
        };
        columns.push_str(&format!(", {column}"));
    }
    let conditions = source.conditions.sql();
    let joined = if conditions.is_empty() { " WHERE" } else { " AND" };
    let number = source.conditions.values().count() + 1;
    format!("SELECT {columns} FROM rollup_series{conditions}{joined} id = ?{number}")
}

impl Tally {
    /// Adds the sums of the source's plan. False when there are too many groups; then nothing of it counts.
    pub(super) fn add_cells(&mut self, connection: &Connection, source: &Source<'_>) -> rusqlite::Result<bool> {
        let (mut kinds, mut sums) = (Kinds::default(), HashMap::<(usize, i64), Sums>::new());
        let mut series = connection.prepare_cached(&kind_sql(source))?;
        let columns = if source.is_corrected { SUM_COLUMNS.len() } else { BOOKED };
        let sql = format!(
            "SELECT series, start, {} FROM rollups WHERE grain = ? AND start >= ? AND start < ?",
            SUM_COLUMNS[..columns].join(", ")
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let is_hourly = source.by.contains(&Dimension::Hour);
        let is_timed = is_hourly || source.by.contains(&Dimension::Day);
        for (grain, from, to) in &source.plan.cells {
            let span = if is_hourly { HOUR_MICROS } else { DAY_MICROS };
            let mut rows = statement.query(params![grain.number(), from, to])?;
            while let Some(row) = rows.next()? {
                let Some(kind) = kinds.number(&mut series, source, row.get(0)?)? else { continue };
                let micros = if is_timed { row.get::<_, i64>(1)?.saturating_mul(grain.micros()) } else { 0 };
                let sum = sums.entry((kind, micros.div_euclid(span))).or_insert([0; SUM_COLUMNS.len()]);
                for (column, sum) in sum.iter_mut().enumerate().take(columns) {
                    *sum = sum.saturating_add(row.get_ref(column + 2)?.as_i64()?);
                }
                if sums.len() > GROUPS_MAX {
                    return Ok(false);
                }
            }
        }
        Ok(self.add_kinds(kinds, sums, source.by))
    }

    fn add_kinds(&mut self, kinds: Kinds, sums: HashMap<(usize, i64), Sums>, by: &[Dimension]) -> bool {
        let mut of: Vec<(usize, Kind)> = kinds.numbers.into_iter().map(|(kind, number)| (number, kind)).collect();
        of.sort_unstable_by_key(|(number, _)| *number);
        sums.into_iter().all(|((kind, time), sums)| {
            let Some((_, kind)) = of.get(kind) else { return true };
            let mut labels = kind.labels.clone();
            for (label, dimension) in labels.iter_mut().zip(by) {
                match dimension {
                    Dimension::Day if !by.contains(&Dimension::Hour) => *label = Some(rollup::label(*dimension, time)),
                    Dimension::Day => *label = Some(rollup::label(*dimension, time.div_euclid(24))),
                    Dimension::Hour => *label = Some(rollup::label(*dimension, time)),
                    _ => {}
                }
            }
            let total = total(&sums, kind.is_attributed);
            let Some(place) = by.iter().position(|by| *by == Dimension::Tag) else { return self.add(labels, &total) };
            tags(kind.tags.as_deref()).into_iter().all(|tag| {
                let mut labels = labels.clone();
                labels.get_mut(place).into_iter().for_each(|label| label.clone_from(&tag));
                self.add(labels, &total)
            })
        })
    }

    /// Adds to a group. False when there are too many.
    pub(super) fn add(&mut self, labels: Labels, total: &Total) -> bool {
        let sums = self.groups.entry(labels).or_insert([0; TOTAL_COUNT]);
        sums.iter_mut().zip(total).for_each(|(sum, part)| *sum = sum.saturating_add(*part));
        self.groups.len() <= GROUPS_MAX
    }

    /// The groups, at most so many: by time where that comes first, else the dearest first.
    pub(super) fn finish(self, by: &[Dimension], limit: usize) -> Vec<ReportRow> {
        let rows = self.groups.into_iter().map(|(group, total)| ReportRow { group, figures: figures(&total) });
        let mut rows: Vec<ReportRow> = rows.collect();
        let by_time = matches!(by.first(), Some(Dimension::Day | Dimension::Hour));
        let dearest = |a: &ReportRow, b: &ReportRow| {
            if by_time { Ordering::Equal } else { b.figures.cost.cmp(&a.figures.cost) }
        };
        rows.sort_unstable_by(|a, b| dearest(a, b).then_with(|| a.group.cmp(&b.group)));
        rows.truncate(limit);
        rows
    }
}

/// The tags of a JSON list; none is one absent tag.
fn tags(list: Option<&str>) -> Vec<Option<String>> {
    let tags: Vec<String> = list.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default();
    if tags.is_empty() { vec![None] } else { tags.into_iter().map(Some).collect() }
}
