//! How far a budget is overspent by many streams at once, for each way of keeping it: the overshoot table.

pub(super) mod bill;
mod crowd;
mod mode;
mod town;

use super::Length;
use super::findings::Findings;
use super::kill::dice::Dice;
use crate::running::Premises;
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use anyhow::Result;
use crowd::{Crowd, Outcome};
use mode::{Ground, Mode};
use std::path::Path;
use town::{Servers, Town};

/// Callers who stream at once.
const STREAMS: usize = 128;

/// What the budget has: some forty times what the dearest call can cost.
const CAP_NANOS: i128 = 450_000_000;

/// How much of a budget must be of use, in hundredths of a percent.
const USED_MIN: i128 = 97_00;

/// Where budgets are kept.
const GROUNDS: [Ground; 4] = [Ground::Alone, Ground::Shared(3), Ground::Shared(1), Ground::Shared(5)];

/// How many of them are for the short form.
const SHORT: usize = 2;

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub async fn prove(program: &Path, length: Length) -> Result<Tally> {
    let mut dice = Dice::fresh();
    say(format_args!("chance begins with {:016x}", dice.seed()));
    let mut findings = Findings::new();
    let head =
        ["budget", "replicas", "let through", "refused", "billed, USD", "booked, USD", "of the cap", "overspent"];
    let mut table = Table::new(head);
    let premises = Premises::take()?;
    let servers = Servers::start(&premises)?;
    let grounds = length.pick(&GROUNDS[..SHORT], &GROUNDS[..]);
    let runs = grounds.iter().flat_map(|ground| Mode::ALL.map(|mode| (*ground, mode)));
    for (number, (ground, mode)) in runs.enumerate() {
        let town = Town::build(program, mode, ground, &servers, number)?;
        let ran = Ran::through(town, mode, ground, &mut dice).await?;
        table.row(ran.cells());
        ran.judge(&mut findings);
    }
    say(format_args!("{STREAMS} streams at once, a budget of {} USD:", usd(CAP_NANOS)));
    say(&table);
    Ok(findings.show())
}

/// One run.
struct Ran {
    mode: Mode,
    ground: Ground,
    outcome: Outcome,
    /// What the providers would bill, in nano-dollars.
    billed: i128,
    /// What the ledger has, in nano-dollars.
    booked: i128,
    /// What the budget still holds, in nano-dollars.
    held: i128,
    /// Providers' entries that are not as the ledger has them.
    flaws: Vec<String>,
    entries: usize,
}

impl Ran {
    async fn through(town: Town, mode: Mode, ground: Ground, dice: &mut Dice) -> Result<Self> {
        let outcome = Crowd::run(mode, &town.places(), dice).await?;
        let rest = town.rest().await?;
        let entries = town.sim.books.entries();
        let flaws = rest.flaws(&entries);
        town.end()?;
        let (billed, booked, held) = (bill::of(&entries), rest.booked(), rest.held);
        Ok(Self { mode, ground, outcome, billed, booked, held, flaws, entries: entries.len() })
    }

    /// What was spent, by whom more is said, in nano-dollars.
    fn spent(&self) -> i128 {
        self.billed.max(self.booked)
    }

    fn cells(&self) -> [String; 8] {
        let share = share(self.spent());
        [
            self.mode.name().to_owned(),
            self.ground.to_string(),
            self.outcome.calls.to_string(),
            self.outcome.refused.to_string(),
            usd(self.billed),
            usd(self.booked),
            percent(share),
            percent(share - 10_000),
        ]
    }

    fn judge(&self, findings: &mut Findings) {
        let of = format!("{}, {}", self.mode.name(), self.ground);
        let over = self.spent() - CAP_NANOS;
        let seen = format!("{over} nano-USD in {:.1} s", self.outcome.took.as_secs_f64());
        if self.mode.is_hard() {
            findings.note(format_args!("{of}: nothing is spent beyond the cap"), seen, over <= 0);
            let used = share(self.booked);
            findings.note(format_args!("{of}: the budget is of use"), percent(used), used >= USED_MIN);
            findings.note(format_args!("{of}: nothing is held in the end"), self.held, self.held == 0);
        } else {
            findings.note(format_args!("{of}: overspends"), seen, over > 0);
        }
        findings.none(format_args!("{of}: rows say what the providers counted"), self.entries, &self.flaws);
        let odd = &self.outcome.odd;
        let calls = usize::try_from(self.outcome.calls).unwrap_or_default();
        findings.none(format_args!("{of}: calls are served or refused"), calls, odd);
    }
}

/// Hundredths of a percent of the cap.
const fn share(nanos: i128) -> i128 {
    nanos * 10_000 / CAP_NANOS
}

/// Dollars to a thousandth of a cent.
fn usd(nanos: i128) -> String {
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.abs());
    format!("{sign}{}.{:05}", nanos / 1_000_000_000, nanos % 1_000_000_000 / 10_000)
}

/// Hundredths of a percent, as a percentage.
fn percent(share: i128) -> String {
    let sign = if share < 0 { "-" } else { "" };
    format!("{sign}{}.{:02} %", share.abs() / 100, share.abs() % 100)
}
