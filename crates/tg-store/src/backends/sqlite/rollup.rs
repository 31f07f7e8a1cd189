//! Sums beside the rows, written in the transaction of whoever adds rows.

use crate::rollup::{
    Addend, BOOKED, Batch, DAY_MICROS, Digest, Grain, Line, SERIES_COLUMNS, SUM_COLUMNS, Series, Sums, add,
};
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use std::collections::{BTreeMap, HashMap, HashSet, hash_map};
use tg_kernel::record::Record;

/// Most series whose ids are remembered. Beyond it they are looked up again: about 4 MB.
const REMEMBERED_MAX: usize = 65_536;

/// Most sums that are remembered to be there: about 4 MB.
const CELLS_MAX: usize = 131_072;

/// Where a count stops, so that no sum leaves the engine's 64 bits, whatever a provider reports.
const SUM_MAX: i64 = 1 << 62;

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

/// A sum's place in the store, but for the series.
type Place = (Grain, i64);

/// Writes sums, and remembers which series and sums are there. What it remembers is void when a transaction fails.
#[derive(Debug)]
pub(super) struct Roller {
    ids: HashMap<Digest, i64>,
    cells: HashSet<(Place, i64)>,
    generation: i64,
    insert: String,
    /// Adds all sums, and those that were booked alone: there are seldom others.
    update: [String; 2],
    series: String,
}

impl Roller {
    pub(super) fn new() -> Self {
        let marks = |count: usize| vec!["?"; count].join(", ");
        let sets = SUM_COLUMNS.map(|column| format!("{column} = min({column}, {SUM_MAX}) + ?"));
        let update = |sets: &[String]| {
            format!("UPDATE rollups SET {} WHERE grain = ? AND start = ? AND series = ?", sets.join(", "))
        };
        Self {
            ids: HashMap::new(),
            cells: HashSet::new(),
            generation: 0,
            insert: format!(
                "INSERT OR IGNORE INTO rollups ({}, grain, start, series) VALUES ({})",
                SUM_COLUMNS.join(", "),
                marks(SUM_COLUMNS.len() + 3),
            ),
            update: [update(&sets), update(&sets[..BOOKED])],
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
        self.cells.clear();
    }

    /// Adds to all sums that these calls belong to.
    pub(super) fn write(&mut self, within: &Connection, state: &State, addends: &[Addend<'_>]) -> rusqlite::Result<()> {
        if self.generation != state.generation || self.ids.len() > REMEMBERED_MAX || self.cells.len() > CELLS_MAX {
            self.forget();
            self.generation = state.generation;
        }
        let mut batch = Batch::default();
        addends.iter().for_each(|addend| batch.add(addend));
        let (lines, cells) = batch.finish();
        let mut spans = Spans::default();
        let mut folded: BTreeMap<(Place, i64), Sums> = BTreeMap::new();
        for ((grain, start, line), sums) in cells {
            let Some(line) = lines.get(line) else { continue };
            if !self.cell(within, &mut spans, (grain, start), line, &sums)? {
                let id = self.folded(within, line.record)?;
                add(folded.entry(((grain, start), id)).or_insert([0; SUM_COLUMNS.len()]), &sums);
            }
        }
        for ((place, id), sums) in folded {
            self.put(within, place, id, &sums)?;
        }
        spans.write(within)
    }

    /// Adds to one sum. False when it is not there and there are too many others.
    fn cell(
        &mut self,
        within: &Connection,
        spans: &mut Spans,
        place: Place,
        line: &Line<'_>,
        sums: &Sums,
    ) -> rusqlite::Result<bool> {
        let found = self.find(within, line.digest)?;
        if let Some(id) = found.filter(|id| self.cells.contains(&(place, *id)))
            && self.add(within, place, id, sums)? > 0
        {
            return Ok(true);
        }
        let span = spans.at(within, place)?;
        if span.cells >= place.0.cells_max() {
            if let Some(id) = found
                && self.add(within, place, id, sums)? > 0
            {
                self.cells.insert((place, id));
                return Ok(true);
            }
            (span.is_folded, span.is_changed) = (true, true);
            return Ok(false);
        }
        let id = match found {
            Some(id) => id,
            None => self.create(within, line.digest, &line.series(), day(line.record))?,
        };
        if self.put(within, place, id, sums)? {
            span.cells += 1;
            span.is_changed = true;
            if place.0.micros() == DAY_MICROS {
                let seen = "UPDATE rollup_series SET last_day = ?1 WHERE id = ?2 AND last_day < ?1";
                within.prepare_cached(seen)?.execute([place.1, id])?;
            }
        }
        Ok(true)
    }

    /// Adds to the sum in this place, if it is there: answers how many are.
    fn add(&self, within: &Connection, place: Place, id: i64, sums: &Sums) -> rusqlite::Result<usize> {
        let (booked, corrections) = sums.split_at(BOOKED);
        let [all, of_booked] = &self.update;
        match corrections.iter().all(|sum| *sum == 0) {
            true => execute(within, of_booked, booked, place, id),
            false => execute(within, all, sums, place, id),
        }
    }

    /// Adds to the sum in this place. True when it was not there.
    fn put(&mut self, within: &Connection, place: Place, id: i64, sums: &Sums) -> rusqlite::Result<bool> {
        let is_new = execute(within, &self.insert, sums, place, id)? > 0;
        if !is_new {
            self.add(within, place, id, sums)?;
        }
        self.cells.insert((place, id));
        Ok(is_new)
    }

    /// The series of the calls of this team that ended so, whatever else they were. It is never deleted: the number of
    /// them is small.
    fn folded(&mut self, within: &Connection, record: &Record) -> rusqlite::Result<i64> {
        let (series, mut key) = (Series::folded(record), Vec::new());
        series.write_key(&mut key);
        let digest = Digest::of(&key);
        match self.find(within, digest)? {
            Some(id) => Ok(id),
            None => self.create(within, digest, &series, i64::MAX),
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

    fn create(&mut self, within: &Connection, digest: Digest, series: &Series<'_>, day: i64) -> rusqlite::Result<i64> {
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

/// Runs one of the statements that take sums and the cell's place.
fn execute(within: &Connection, sql: &str, sums: &[i64], place: Place, id: i64) -> rusqlite::Result<usize> {
    let mut statement = within.prepare_cached(sql)?;
    for (index, value) in sums.iter().chain(&[place.0.number(), place.1, id]).enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    statement.raw_execute()
}

/// Days since 1970.
fn day(record: &Record) -> i64 {
    record.started_at.micros().div_euclid(DAY_MICROS)
}

/// How full an hour or a day is.
struct Span {
    cells: i64,
    is_folded: bool,
    is_changed: bool,
}

/// The hours and days that a batch touches.
#[derive(Default)]
struct Spans(HashMap<Place, Span>);

impl Spans {
    fn at(&mut self, within: &Connection, place: Place) -> rusqlite::Result<&mut Span> {
        match self.0.entry(place) {
            hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
            hash_map::Entry::Vacant(new) => {
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
