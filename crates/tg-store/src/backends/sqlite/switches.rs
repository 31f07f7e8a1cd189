//! Rows of rules that were switched off and on: one connection of their own.

use super::{Database, Place};
use crate::error::StoreError;
use crate::switches::Switch;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tg_kernel::clock::Timestamp;

/// The connection.
#[derive(Debug)]
pub(crate) struct SwitchTable {
    connection: Connection,
    place: Place,
}

impl SwitchTable {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        Ok(Self { connection: database.writer()?, place: database.place.clone() })
    }

    pub(crate) fn get(&self, rule: &str) -> Result<Option<Switch>, StoreError> {
        let sql = "SELECT rule, is_off, at, task, kept, compared, floor_millionths FROM rule_switches WHERE rule = ?";
        let read = || self.connection.prepare_cached(sql)?.query_row([rule], switch).optional();
        read().map_err(|e| self.place.error(e))
    }

    /// Sets the row, unless it is off already or on since later; forgets those beyond so many, first the oldest that are on.
    pub(crate) fn switch_off(&self, off: &Switch, most: usize) -> Result<(), StoreError> {
        let sql = "INSERT INTO rule_switches (rule, is_off, at, task, kept, compared, floor_millionths) \
                   VALUES (?, 1, ?, ?, ?, ?, ?) ON CONFLICT (rule) DO UPDATE SET is_off = 1, at = excluded.at, \
                   task = excluded.task, kept = excluded.kept, compared = excluded.compared, \
                   floor_millionths = excluded.floor_millionths \
                   WHERE NOT rule_switches.is_off AND rule_switches.at < excluded.at";
        let forget = format!(
            "DELETE FROM rule_switches WHERE rule IN \
             (SELECT rule FROM rule_switches ORDER BY is_off DESC, at DESC LIMIT -1 OFFSET {most})"
        );
        let values = params![off.rule, off.at.micros(), off.task, off.kept, off.compared, off.floor_millionths];
        let set = || {
            self.connection.prepare_cached(sql)?.execute(values)?;
            self.connection.prepare_cached(&forget)?.execute([])
        };
        set().map(drop).map_err(|e| self.place.error(e))
    }

    /// Switches a rule on that is off, at a moment after it was switched off; whether it was.
    pub(crate) fn switch_on(&self, rule: &str, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE rule_switches SET is_off = 0, at = max(?, at + 1) WHERE rule = ? AND is_off";
        let set = || self.connection.prepare_cached(sql)?.execute((now.micros(), rule));
        set().map(|switched| switched > 0).map_err(|e| self.place.error(e))
    }
}

fn switch(row: &Row<'_>) -> rusqlite::Result<Switch> {
    Ok(Switch {
        rule: row.get(0)?,
        is_off: row.get(1)?,
        at: Timestamp::from_micros(row.get(2)?),
        task: row.get(3)?,
        kept: row.get(4)?,
        compared: row.get(5)?,
        floor_millionths: row.get(6)?,
    })
}
