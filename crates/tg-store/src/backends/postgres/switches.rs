//! Rows of rules that were switched off and on: one connection of their own.

use super::Server;
use super::session::{STATEMENT_MAX, Session};
use crate::error::StoreError;
use crate::switches::Switch;
use tg_kernel::clock::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row};

/// The connection.
#[derive(Debug)]
pub(crate) struct SwitchTable {
    session: Session,
}

impl SwitchTable {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        Ok(Self { session: Session::new(server, STATEMENT_MAX, "")? })
    }

    pub(crate) fn get(&mut self, rule: &str) -> Result<Option<Switch>, StoreError> {
        let sql = "SELECT rule, is_off, at, task, kept, compared, floor_millionths FROM rule_switches WHERE rule = $1";
        self.session.run(async |client| {
            let row = client.query_typed_opt(sql, &[(&rule, Type::TEXT)]).await?;
            Ok(row.as_ref().map(switch).transpose()?)
        })
    }

    /// Sets the row, unless it is off already or on since later; forgets those beyond so many, first the oldest that are on.
    pub(crate) fn switch_off(&mut self, off: &Switch, most: usize) -> Result<(), StoreError> {
        let sql = "INSERT INTO rule_switches (rule, is_off, at, task, kept, compared, floor_millionths) \
                   VALUES ($1, true, $2, $3, $4, $5, $6) ON CONFLICT (rule) DO UPDATE SET is_off = true, \
                   at = excluded.at, task = excluded.task, kept = excluded.kept, compared = excluded.compared, \
                   floor_millionths = excluded.floor_millionths \
                   WHERE NOT rule_switches.is_off AND rule_switches.at < excluded.at";
        let forget = format!(
            "DELETE FROM rule_switches WHERE rule IN \
             (SELECT rule FROM rule_switches ORDER BY is_off DESC, at DESC OFFSET {most})"
        );
        let at = off.at.micros();
        let counts = [off.kept, off.compared, off.floor_millionths].map(i64::from);
        self.session.run(async |client| {
            let [kept, compared, floor] = &counts;
            let values = [
                (&off.rule as _, Type::TEXT),
                (&at as _, Type::INT8),
                (&off.task as _, Type::TEXT),
                (kept as _, Type::INT8),
                (compared as _, Type::INT8),
                (floor as _, Type::INT8),
            ];
            client.query_typed(sql, &values).await?;
            client.query_typed(&forget, &[]).await?;
            Ok(())
        })
    }

    /// Switches a rule on that is off, at a moment after it was switched off; whether it was.
    pub(crate) fn switch_on(&mut self, rule: &str, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE rule_switches SET is_off = false, at = GREATEST($1, at + 1) WHERE rule = $2 AND is_off \
                   RETURNING 1";
        let now = now.micros();
        let switched = self
            .session
            .run(async |client| Ok(client.query_typed_opt(sql, &[(&now, Type::INT8), (&rule, Type::TEXT)]).await?))?;
        Ok(switched.is_some())
    }
}

fn switch(row: &Row) -> Result<Switch, Error> {
    let count = |place: usize| row.try_get::<_, i64>(place).map(|count| u32::try_from(count).unwrap_or(0));
    Ok(Switch {
        rule: row.try_get(0)?,
        is_off: row.try_get(1)?,
        at: Timestamp::from_micros(row.try_get(2)?),
        task: row.try_get(3)?,
        kept: count(4)?,
        compared: count(5)?,
        floor_millionths: count(6)?,
    })
}
