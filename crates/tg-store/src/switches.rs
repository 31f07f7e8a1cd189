//! The seam to rules by tasks that have switched themselves off: they stay off, whatever becomes of the ledger's rows.

use crate::backends::SwitchTable;
use crate::error::StoreError;
use tg_kernel::clock::Timestamp;

/// Most rules of which it is kept. What is beyond it is forgotten when another is added: those that are on again, and then
/// those that are off, each with the oldest switch first.
pub const SWITCHES_MAX: usize = 1_000;

/// The latest switch of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The rule: its route's name and a hash of what decides on the quality of answers.
    pub rule: String,
    /// Whether it is off; else somebody has switched it on again.
    pub is_off: bool,
    /// Since when.
    pub at: Timestamp,
    /// For the sake of which task it was switched off.
    pub task: String,
    /// In so many comparisons the cheaper answer was as good.
    pub kept: u32,
    /// Of so many.
    pub compared: u32,
    /// The floor, which that is below, in millionths.
    pub floor_millionths: u32,
}

/// Keeps switches, on a connection of its own.
#[derive(Debug)]
pub struct Switches {
    table: SwitchTable,
}

impl Switches {
    pub(crate) const fn new(table: SwitchTable) -> Self {
        Self { table }
    }

    /// The latest switch of a rule; `None` where it was never off.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get(&mut self, rule: &str) -> Result<Option<Switch>, StoreError> {
        self.table.get(rule)
    }

    /// Notes that a rule has switched itself off, and answers how it stands then: where it is off already, since then and for
    /// that; where somebody has switched it on later than this, it is on.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn switch_off(&mut self, off: &Switch) -> Result<Switch, StoreError> {
        self.table.switch_off(off, SWITCHES_MAX)?;
        Ok(self.table.get(&off.rule)?.unwrap_or_else(|| off.clone()))
    }

    /// Switches a rule on again, and answers how it stands then; `None` where it was not off.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn switch_on(&mut self, rule: &str, now: Timestamp) -> Result<Option<Switch>, StoreError> {
        if self.table.switch_on(rule, now)? { self.table.get(rule) } else { Ok(None) }
    }
}
