//! Sums beside the rows, written in the transaction of whoever adds rows. Many gateways add to the same sums.
//!
//! Everything is written in the order of its key, so that two who add at once wait for each other and do not deadlock.

use super::row::{hex, storable};
use crate::rollup::{Addend, Batch, DAY_MICROS, Digest, Grain, Line, SERIES_COLUMNS, SUM_COLUMNS, Series, Sums, add};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

/// Held by all who use series, shared, and by who deletes some, alone. Any number does (`tgrs`).
pub(super) const SERIES_LOCK: i64 = 0x7467_7273;

/// Where a count stops, so that no sum leaves the engine's 64 bits, whatever a provider reports.
const SUM_MAX: i64 = 1 << 62;

/// A sum's place in the store, but for the series.
type Place = (Grain, i64);

/// How full an hour or a day is.
#[derive(Clone, Copy, Default)]
struct Span {
    cells: i64,
    is_folded: bool,
}

/// What becomes of a batch: series to be there, and the sums to add to.
#[derive(Default)]
struct Allotted {
    /// The rows of series that may be new, by digest.
    series: BTreeMap<Digest, Value>,
    /// By place and series.
    sums: BTreeMap<(Place, Digest), Sums>,
    /// Hours and days in which calls were folded.
    folded: BTreeSet<Place>,
    /// The latest day that each series has a sum for.
    days: BTreeMap<Digest, i64>,
}

/// Adds to all sums that these calls belong to.
pub(super) async fn write(client: &Client, addends: &[Addend<'_>]) -> Result<(), Error> {
    let mut batch = Batch::default();
    addends.iter().for_each(|addend| batch.add(addend));
    let (lines, cells) = batch.finish();
    if cells.is_empty() {
        return Ok(());
    }
    client.batch_execute(&format!("SELECT pg_advisory_xact_lock_shared({SERIES_LOCK})")).await?;
    let spans = spans(client, &cells).await?;
    let there = if is_tight(&spans, &cells) { existing(client, &lines, &cells).await? } else { HashSet::new() };
    let allotted = allot(&lines, cells, spans, &there);
    let ids = series(client, &allotted).await?;
    put(client, &allotted, &ids).await
}

/// Whether some span may become full with this batch.
fn is_tight(spans: &HashMap<Place, Span>, cells: &[((Grain, i64, usize), Sums)]) -> bool {
    let mut wanted: HashMap<Place, i64> = HashMap::new();
    for ((grain, start, _), _) in cells {
        *wanted.entry((*grain, *start)).or_default() += 1;
    }
    let full = |place: &Place| spans.get(place).map_or(0, |span| span.cells);
    wanted.iter().any(|(place, count)| full(place) + count > place.0.cells_max())
}

async fn spans(client: &Client, cells: &[((Grain, i64, usize), Sums)]) -> Result<HashMap<Place, Span>, Error> {
    let wanted: BTreeSet<(i64, i64)> = cells.iter().map(|((grain, start, _), _)| (grain.number(), *start)).collect();
    let (grains, starts): (Vec<i64>, Vec<i64>) = wanted.into_iter().unzip();
    let sql = "SELECT grain, start, cells, is_folded FROM rollup_spans \
               JOIN unnest($1, $2) AS wanted (grain, start) USING (grain, start)";
    let rows = client.query_typed(sql, &[(&grains, Type::INT8_ARRAY), (&starts, Type::INT8_ARRAY)]).await?;
    let mut spans = HashMap::new();
    for row in rows {
        if let Some(grain) = Grain::from_number(row.try_get(0)?) {
            spans.insert((grain, row.try_get(1)?), Span { cells: row.try_get(2)?, is_folded: row.try_get(3)? });
        }
    }
    Ok(spans)
}

/// Which of the sums are there.
async fn existing(
    client: &Client,
    lines: &[Line<'_>],
    cells: &[((Grain, i64, usize), Sums)],
) -> Result<HashSet<(Place, Digest)>, Error> {
    let (mut grains, mut starts, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    for ((grain, start, line), _) in cells {
        if let Some(line) = lines.get(*line) {
            grains.push(grain.number());
            starts.push(*start);
            digests.push(line.digest.bytes().to_vec());
        }
    }
    let sql = "SELECT wanted.at FROM unnest($1, $2, $3) WITH ORDINALITY AS wanted (grain, start, digest, at) \
               JOIN rollup_series USING (digest) JOIN rollups ON rollups.series = rollup_series.id \
               AND rollups.grain = wanted.grain AND rollups.start = wanted.start";
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&grains, Type::INT8_ARRAY), (&starts, Type::INT8_ARRAY), (&digests, Type::BYTEA_ARRAY)];
    let mut there = HashSet::new();
    for row in client.query_typed(sql, &values).await? {
        let at = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0).saturating_sub(1);
        if let Some(((grain, start, line), _)) = cells.get(at)
            && let Some(line) = lines.get(*line)
        {
            there.insert(((*grain, *start), line.digest));
        }
    }
    Ok(there)
}

/// Decides for each sum whether there is room for it, or its calls are folded.
fn allot(
    lines: &[Line<'_>],
    cells: Vec<((Grain, i64, usize), Sums)>,
    mut spans: HashMap<Place, Span>,
    there: &HashSet<(Place, Digest)>,
) -> Allotted {
    let mut allotted = Allotted::default();
    for ((grain, start, line), sums) in cells {
        let (place, Some(line)) = ((grain, start), lines.get(line)) else { continue };
        let span = spans.entry(place).or_default();
        let is_there = there.contains(&(place, line.digest));
        let (digest, series) = if is_there || span.cells < grain.cells_max() {
            span.cells += i64::from(!is_there);
            allotted.note_day(line.digest, place);
            (line.digest, line.series())
        } else {
            if !span.is_folded {
                allotted.folded.insert(place);
            }
            let (series, mut key) = (Series::folded(line.record), Vec::new());
            series.write_key(&mut key);
            let digest = Digest::of(&key);
            // It is never deleted: the number of such series is small.
            allotted.days.insert(digest, i64::MAX);
            (digest, series)
        };
        allotted.series.entry(digest).or_insert_with(|| row(digest, &series));
        add(allotted.sums.entry((place, digest)).or_insert([0; SUM_COLUMNS.len()]), &sums);
    }
    allotted
}

impl Allotted {
    fn note_day(&mut self, digest: Digest, (grain, start): Place) {
        let day = start.saturating_mul(grain.micros()).div_euclid(DAY_MICROS);
        self.days.entry(digest).and_modify(|last| *last = day.max(*last)).or_insert(day);
    }
}

/// A series as a row.
fn row(digest: Digest, series: &Series<'_>) -> Value {
    let mut row = Map::new();
    row.insert("digest".to_owned(), hex(digest.bytes()).into());
    row.insert("is_attributed".to_owned(), series.is_attributed.into());
    row.insert("team".to_owned(), storable(series.team).into());
    row.insert("ending".to_owned(), series.ending.into());
    row.insert("rates_id".to_owned(), series.rates_id.into());
    for (column, value) in SERIES_COLUMNS.iter().zip(&series.values) {
        let value = value.as_deref().map(|text| if *column == "tags" { tags(text) } else { storable(text) });
        row.insert((*column).to_owned(), value.into());
    }
    Value::Object(row)
}

/// A list of tags in JSON, as a row has it.
fn tags(list: &str) -> String {
    let tags: Vec<String> = serde_json::from_str(list).unwrap_or_default();
    Value::from(tags.iter().map(|tag| storable(tag)).collect::<Vec<_>>()).to_string()
}

/// Makes the series that are missing, and answers the ids of all.
async fn series(client: &Client, allotted: &Allotted) -> Result<HashMap<Vec<u8>, i64>, Error> {
    let digests: Vec<Vec<u8>> = allotted.series.keys().map(|digest| digest.bytes().to_vec()).collect();
    let sql = "SELECT digest, id, last_day FROM rollup_series WHERE digest = ANY($1)";
    let known = client.query_typed(sql, &[(&digests, Type::BYTEA_ARRAY)]).await?;
    let (mut ids, mut days) = (HashMap::new(), HashMap::new());
    for row in &known {
        ids.insert(row.try_get::<_, Vec<u8>>(0)?, row.try_get::<_, i64>(1)?);
        days.insert(row.try_get::<_, Vec<u8>>(0)?, row.try_get::<_, i64>(2)?);
    }
    let day = |digest: &Digest| allotted.days.get(digest).copied().unwrap_or(0);
    let later = allotted.series.keys().filter(|d| days.get(d.bytes()).is_some_and(|last| *last < day(d)));
    let (later, to): (Vec<Vec<u8>>, Vec<i64>) = later.map(|d| (d.bytes().to_vec(), day(d))).unzip();
    if !later.is_empty() {
        let sql = "UPDATE rollup_series SET last_day = greatest(last_day, day) FROM ( \
                   SELECT id, day FROM rollup_series JOIN unnest($1, $2) AS seen (digest, day) USING (digest) \
                   ORDER BY id FOR UPDATE OF rollup_series) AS seen WHERE seen.id = rollup_series.id";
        client.execute_typed(sql, &[(&later, Type::BYTEA_ARRAY), (&to, Type::INT8_ARRAY)]).await?;
    }
    let new = allotted.series.iter().filter(|(digest, _)| !ids.contains_key(digest.bytes()));
    let new: Vec<Value> = new
        .map(|(digest, row)| {
            let mut row = row.clone();
            if let Some(row) = row.as_object_mut() {
                row.insert("last_day".to_owned(), day(digest).into());
            }
            row
        })
        .collect();
    if !new.is_empty() {
        let columns = format!("digest, is_attributed, last_day, team, ending, rates_id, {}", SERIES_COLUMNS.join(", "));
        let sql = format!(
            "INSERT INTO rollup_series ({columns}) SELECT {columns} \
             FROM json_populate_recordset(NULL::rollup_series, $1::json) ORDER BY digest ON CONFLICT DO NOTHING"
        );
        client.execute_typed(&sql, &[(&Value::from(new).to_string(), Type::TEXT)]).await?;
        // Those of others who made the same at the same time are there now, too.
        let sql = "SELECT digest, id FROM rollup_series WHERE digest = ANY($1)";
        for row in client.query_typed(sql, &[(&digests, Type::BYTEA_ARRAY)]).await? {
            ids.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    Ok(ids)
}

/// Adds to the sums, and counts those that are new.
async fn put(client: &Client, allotted: &Allotted, ids: &HashMap<Vec<u8>, i64>) -> Result<(), Error> {
    let rows = allotted.sums.iter().filter_map(|(((grain, start), digest), sums)| {
        let mut row = Map::new();
        row.insert("grain".to_owned(), grain.number().into());
        row.insert("start".to_owned(), (*start).into());
        row.insert("series".to_owned(), (*ids.get(digest.bytes())?).into());
        row.extend(SUM_COLUMNS.iter().zip(sums).map(|(column, sum)| ((*column).to_owned(), (*sum).into())));
        Some(Value::Object(row))
    });
    let rows = Value::from(rows.collect::<Vec<_>>()).to_string();
    let columns = SUM_COLUMNS.join(", ");
    let sets = SUM_COLUMNS.map(|column| format!("{column} = least(there.{column}, {SUM_MAX}) + excluded.{column}"));
    let sql = format!(
        "WITH put AS (INSERT INTO rollups AS there (grain, start, series, {columns}) \
         SELECT grain, start, series, {columns} FROM json_populate_recordset(NULL::rollups, $1::json) \
         ORDER BY grain, start, series ON CONFLICT (grain, start, series) DO UPDATE SET {} \
         RETURNING grain, start, xmax = 0 AS is_new) \
         SELECT grain, start, count(*) FROM put WHERE is_new GROUP BY grain, start",
        sets.join(", ")
    );
    let mut spans: BTreeMap<(i64, i64), (i64, bool)> =
        allotted.folded.iter().map(|(grain, start)| ((grain.number(), *start), (0, true))).collect();
    for row in client.query_typed(&sql, &[(&rows, Type::TEXT)]).await? {
        spans.entry((row.try_get(0)?, row.try_get(1)?)).or_default().0 = row.try_get(2)?;
    }
    if spans.is_empty() {
        return Ok(());
    }
    let rows = spans.into_iter().map(|((grain, start), (cells, is_folded))| {
        serde_json::json!({"grain": grain, "start": start, "cells": cells, "is_folded": is_folded})
    });
    let sql = "INSERT INTO rollup_spans AS there SELECT * FROM json_populate_recordset(NULL::rollup_spans, $1::json) \
               ORDER BY grain, start ON CONFLICT (grain, start) DO UPDATE SET \
               cells = there.cells + excluded.cells, is_folded = there.is_folded OR excluded.is_folded";
    client.execute_typed(sql, &[(&Value::from(rows.collect::<Vec<_>>()).to_string(), Type::TEXT)]).await?;
    Ok(())
}
