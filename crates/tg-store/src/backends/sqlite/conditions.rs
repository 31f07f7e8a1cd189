//! What a filter is in SQL.

use crate::backends::sql::expression;
use crate::ledger::{Dimension, Filter};
use crate::rollup::span;
use rusqlite::ToSql;
use std::borrow::Cow;
use tg_kernel::clock::Timestamp;

/// The part of a statement after `WHERE`, with its values. They are numbered, so that it may stand there twice.
#[derive(Default)]
pub(super) struct Conditions {
    parts: Vec<Cow<'static, str>>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    pub(super) fn of(since: Option<Timestamp>, until: Option<Timestamp>, filters: &[Filter]) -> Self {
        let mut conditions = Self::default();
        if let Some(since) = since {
            conditions.push("started_at >= ?", since.micros());
        }
        if let Some(until) = until {
            conditions.push("started_at < ?", until.micros());
        }
        for filter in filters {
            conditions.filter(filter);
        }
        conditions
    }

    /// Adds a condition; its question mark stands for the value.
    pub(super) fn push(&mut self, part: &str, value: impl ToSql + 'static) {
        self.values.push(Box::new(value));
        self.parts.push(part.replace('?', &format!("?{}", self.values.len())).into());
    }

    /// Keeps what a listing has after this call.
    pub(super) fn before(&mut self, started_at: i64, id: [u8; 16]) {
        let number = self.values.len();
        self.values.push(Box::new(started_at));
        self.values.push(Box::new(id));
        self.parts.push(format!("(started_at, id) < (?{}, ?{})", number + 1, number + 2).into());
    }

    /// Keeps calls about which something was decided in whose JSON this stands.
    pub(super) fn decided(&mut self, part: &str) {
        self.push("instr(decided, ?) > 0", part.to_owned());
    }

    /// Keeps calls about which something was decided in whose JSON one of these stands; all where there are none.
    pub(super) fn decided_any(&mut self, any: &[String]) {
        if any.is_empty() {
            return;
        }
        let one = any.iter().map(|part| {
            self.values.push(Box::new(part.clone()));
            format!("instr(decided, ?{}) > 0", self.values.len())
        });
        let one = one.collect::<Vec<_>>().join(" OR ");
        self.parts.push(format!("({one})").into());
    }

    pub(super) fn filter(&mut self, filter: &Filter) {
        match (filter.dimension, &filter.value) {
            (Dimension::Tag, None) => self.parts.push("tags IS NULL".into()),
            (Dimension::Tag, Some(tag)) => {
                self.push("EXISTS (SELECT 1 FROM json_each(tags) AS wanted WHERE wanted.value = ?)", tag.clone())
            }
            (Dimension::Day | Dimension::Hour, _) => match span(filter).flatten() {
                Some((from, to)) => {
                    self.push("started_at >= ?", from);
                    self.push("started_at < ?", to);
                }
                // What is no day or hour matches no call.
                None => self.parts.push("0".into()),
            },
            // Written so that an index serves them.
            (Dimension::Team, Some(team)) if !team.is_empty() => self.push("team = ?", team.clone()),
            (Dimension::Team, None) => self.parts.push("team = ''".into()),
            (other, None) => self.parts.push(format!("{} IS NULL", expression(other)).into()),
            (other, Some(value)) => self.push(&format!("{} = ?", expression(other)), value.clone()),
        }
    }

    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!(" WHERE {}", self.parts.join(" AND ")) }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &dyn ToSql> {
        self.values.iter().map(|v| &**v)
    }
}
