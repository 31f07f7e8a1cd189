//! What a filter is in SQL.

use super::row::storable;
use crate::backends::sql::expression;
use crate::ledger::{Dimension, Filter};
use crate::rollup::span;
use tg_kernel::clock::Timestamp;
use tokio_postgres::types::{ToSql, Type};

/// The part of a statement after `WHERE`, with its values. They are numbered, so that it may stand there twice.
#[derive(Default)]
pub(super) struct Conditions {
    parts: Vec<String>,
    values: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

impl Conditions {
    pub(super) fn of(since: Option<Timestamp>, until: Option<Timestamp>, filters: &[Filter]) -> Self {
        let mut conditions = Self::default();
        if let Some(since) = since {
            conditions.time(">=", since.micros());
        }
        if let Some(until) = until {
            conditions.time("<", until.micros());
        }
        for filter in filters {
            conditions.filter(filter);
        }
        conditions
    }

    fn mark(&mut self, value: impl ToSql + Send + Sync + 'static, of: Type) -> String {
        self.values.push((Box::new(value), of));
        format!("${}", self.values.len())
    }

    fn time(&mut self, operator: &str, micros: i64) {
        let mark = self.mark(micros, Type::INT8);
        self.parts.push(format!("started_at {operator} {mark}"));
    }

    /// Keeps what a listing has after this call.
    pub(super) fn before(&mut self, started_at: i64, id: Vec<u8>) {
        let (at, id) = (self.mark(started_at, Type::INT8), self.mark(id, Type::BYTEA));
        self.parts.push(format!("(started_at, id) < ({at}, {id})"));
    }

    /// Keeps calls about which something was decided in whose JSON this stands.
    pub(super) fn decided(&mut self, part: &str) {
        let mark = self.mark(storable(part), Type::TEXT);
        self.parts.push(format!("strpos(decided, {mark}) > 0"));
    }

    /// Keeps calls about which something was decided in whose JSON one of these stands; all where there are none.
    pub(super) fn decided_any(&mut self, any: &[String]) {
        if any.is_empty() {
            return;
        }
        let one = any.iter().map(|part| format!("strpos(decided, {}) > 0", self.mark(storable(part), Type::TEXT)));
        let one = one.collect::<Vec<_>>().join(" OR ");
        self.parts.push(format!("({one})"));
    }

    pub(super) fn filter(&mut self, filter: &Filter) {
        let part = match (filter.dimension, &filter.value) {
            (Dimension::Tag, None) => "tags IS NULL".to_owned(),
            (Dimension::Tag, Some(tag)) => {
                let mark = self.mark(storable(tag), Type::TEXT);
                format!("EXISTS (SELECT 1 FROM json_array_elements_text(tags::json) AS w (value) WHERE value = {mark})")
            }
            (Dimension::Day | Dimension::Hour, _) => match span(filter).flatten() {
                Some((from, to)) => {
                    self.time(">=", from);
                    self.time("<", to);
                    return;
                }
                // What is no day or hour matches no call.
                None => "false".to_owned(),
            },
            // Written so that an index serves them.
            (Dimension::Team, Some(team)) if !team.is_empty() => {
                let mark = self.mark(storable(team), Type::TEXT);
                format!("team = {mark}")
            }
            (Dimension::Team, None) => "team = ''".to_owned(),
            (other, None) => format!("{} IS NULL", expression(other)),
            (other, Some(value)) => {
                let mark = self.mark(storable(value), Type::TEXT);
                format!("{} = {mark}", expression(other))
            }
        };
        self.parts.push(part);
    }

    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!(" WHERE {}", self.parts.join(" AND ")) }
    }

    pub(super) fn values(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values.iter().map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone())).collect()
    }
}
