//! Sums beside the rows, written in the transaction of whoever adds rows.

use crate::rollup::{Addend, Batch, DAY_MICROS, Digest, Grain, Line, SERIES_COLUMNS, SUM_COLUMNS, Series, Sums};
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use std::collections::HashMap;
use tg_kernel::record::Record;

/// Most series whose ids are remembered. Beyond it they are looked up again: about 4 MB.
const REMEMBERED_MAX: usize = 65_536;

/// Where a count stops, so that no sum leaves the engine's 64 bits, whatever a provider reports.
const CELL_MAX: i64 = 1 << 62;

/// What the store says about its sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Rows from there on are in the sums; microseconds since 1970.
    pub(super) rolled_since: i64,
    /// Rows before were deleted.
    pub(super) rows_since: i64,
    /// Sums before were deleted.
    pub(super) rollups_since: i64,
    generation: i64,
}

impl State {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT rolled_since, rows_since, rollups_since, generation FROM rollup_state";
        connection.prepare_cached(sql)?.query_row([], |row| {
            Ok(Self {
                rolled_since: row.get(0)?,
                rows_since: row.get(1)?,
                rollups_since: row.get(2)?,
                generation: row.get(3)?,
            })
        })
    }
}

/// Writes sums, and remembers which series are there. Whatever it remembers is void when a transaction fails.
#[derive(Debug)]
pub(super) struct Roller {
    ids: HashMap<Digest, i64>,
    generation: i64,
    update: String,
    upsert: String,
    series: String,
}

impl Roller {
    pub(super) fn new() -> Self {
        let marks = |count: usize| vec!["?"; count].join(", ");
        let sets = SUM_COLUMNS.map(|column| format!("{column} = min({column}, {CELL_MAX}) + ?"));
        let adds = SUM_COLUMNS.map(|column| format!("{column} = min(rollups.{column}, {CELL_MAX}) + excluded.{column}"));
        Self {
            ids: HashMap::new(),
            generation: 0,
            update: format!("UPDATE rollups SET {} WHERE grain = ? AND start = ? AND series = ?", sets.join(", ")),
            upsert: format!(
                "INSERT INTO rollups ({}, grain, start, series) VALUES ({}) ON CONFLICT DO UPDATE SET {}",
                SUM_COLUMNS.join(", "),
                marks(SUM_COLUMNS.len() + 3),
                adds.join(", "),
            ),
            series: format!(
                "INSERT INTO rollup_series (digest, is_attributed, last_day, team, ending, rates_id, {}) VALUES ({})",
                SERIES_COLUMNS.join(", "),
                marks(SERIES_COLUMNS.len() + 6),
            ),
        }
    }

    /// Forgets what a failed transaction may have taken back.
    pub(super) fn forget(&mut self) {
        self.ids.clear();
    }

    /// Adds to all sums that these calls belong to.
    pub(super) fn write(&mut self, within: &Connection, state: &State, addends: &[Addend<'_>]) -> rusqlite::Result<()> {
        if self.generation != state.generation || self.ids.len() > REMEMBERED_MAX {
            (self.generation, self.ids) = (state.generation, HashMap::new());
        }
        let mut batch = Batch::default();
        addends.iter().for_each(|addend| batch.add(addend));
        let (lines, cells) = batch.finish();
        let mut spans = Spans::default();
        for ((grain, start, line), sums) in cells {
            let Some(line) = lines.get(line) else { continue };
            self.cell(within, &mut spans, (grain, start), line, &sums)?;
        }
        spans.write(within)
    }

    fn cell(
        &mut self,
        within: &Connection,
        spans: &mut Spans,
        place: (Grain, i64),
        line: &Line<'_>,
        sums: &Sums,
    ) -> rusqlite::Result<()> {
        let found = self.find(within, line.digest)?;
        if let Some(id) = found
            && execute(within, &self.update, sums, place, id)? > 0
        {
            return Ok(());
        }
        let day = line.record.started_at.micros().div_euclid(DAY_MICROS);
        let span = spans.at(within, place)?;
        span.is_changed = true;
        let id = if span.cells < place.0.cells_max() {
            span.cells += 1;
            match found {
                Some(id) => id,
                None => self.create(within, line.digest, &line.series(), day)?,
            }
        } else {
            span.is_folded = true;
            self.folded(within, line.record, day)?
        };
        execute(within, &self.upsert, sums, place, id)?;
        let seen = "UPDATE rollup_series SET last_day = ? WHERE id = ? AND last_day < ?";
        within.prepare_cached(seen)?.execute(params![day, id, day]).map(drop)
    }

    fn folded(&mut self, within: &Connection, record: &Record, day: i64) -> rusqlite::Result<i64> {
        let (series, mut key) = (Series::folded(record), Vec::new());
        series.write_key(&mut key);
        let digest = Digest::of(&key);
        match self.find(within, digest)? {
            Some(id) => Ok(id),
            None => self.create(within, digest, &series, day),
        }
    }

    fn find(&mut self, within: &Connection, digest: Digest) -> rusqlite::Result<Option<i64>> {
        if let Some(id) = self.ids.get(&digest) {
            return Ok(Some(*id));
        }
        let mut statement = within.prepare_cached("SELECT id FROM rollup_series WHERE digest = ?")?;
        let found = statement.query_row([digest.bytes()], |row| row.get(0)).optional()?;
        if let Some(id) = found {
            self.ids.insert(digest, id);
        }
        Ok(found)
    }

    fn create(
        &mut self,
        within: &Connection,
        digest: Digest,
        series: &Series<'_>,
        day: i64,
    ) -> rusqlite::Result<i64> {
        let mut statement = within.prepare_cached(&self.series)?;
        let mut values: Vec<&dyn ToSql> = Vec::with_capacity(SERIES_COLUMNS.len() + 6);
        let (name, ending) = (digest.bytes(), series.ending);
        values.extend([&name as &dyn ToSql, &series.is_attributed, &day, &series.team, &ending, &series.rates_id]);
        values.extend(series.values.iter().map(|value| value as &dyn ToSql));
        let id = statement.insert(values.as_slice())?;
        self.ids.insert(digest, id);
        Ok(id)
    }
}

/// Runs one of the two statements that take sums and the cell's place.
fn execute(within: &Connection, sql: &str, sums: &Sums, place: (Grain, i64), id: i64) -> rusqlite::Result<usize> {
    let mut statement = within.prepare_cached(sql)?;
    for (index, value) in sums.iter().chain(&[place.0.number(), place.1, id]).enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    statement.raw_execute()
}

/// How full an hour or a day is.
struct Span {
    cells: i64,
    is_folded: bool,
    is_changed: bool,
}

/// The hours and days that a batch touches.
#[derive(Default)]
struct Spans(HashMap<(Grain, i64), Span>);

impl Spans {
    fn at(&mut self, within: &Connection, place: (Grain, i64)) -> rusqlite::Result<&mut Span> {
        match self.0.entry(place) {
            std::collections::hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::hash_map::Entry::Vacant(new) => {
                let sql = "SELECT cells, is_folded FROM rollup_spans WHERE grain = ? AND start = ?";
                let mut statement = within.prepare_cached(sql)?;
                let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                let found = statement.query_row([place.0.number(), place.1], read).optional()?;
                let (cells, is_folded) = found.unwrap_or((0, false));
                Ok(new.insert(Span { cells, is_folded, is_changed: false }))
            }
        }
    }

    fn write(self, within: &Connection) -> rusqlite::Result<()> {
        let sql = "INSERT INTO rollup_spans (grain, start, cells, is_folded) VALUES (?, ?, ?, ?) \
            ON CONFLICT DO UPDATE SET cells = excluded.cells, is_folded = excluded.is_folded";
        for ((grain, start), span) in self.0.iter().filter(|(_, span)| span.is_changed) {
            let mut statement = within.prepare_cached(sql)?;
            statement.execute(params![grain.number(), start, span.cells, span.is_folded])?;
        }
        Ok(())
    }
}
