//! `tallygate prices rerate`: corrections of calls whose price became known, or another one, after they were booked.

use super::effect::each_call;
use super::{Bench, past};
use crate::commands::table::Listing;
use crate::commands::terminal::{say, warn};
use anyhow::Result;
use clap::Args;
use std::collections::{BTreeMap, HashMap};
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_proxy::rerate::{Rerated, rerate};
use tg_store::correction::{Correction, CorrectionReason};

/// Prices the calls of a span of time again, by the prices that are now known to have been valid when each began, and adds
/// a correction to each whose cost is another one. A second run finds nothing to do.
#[derive(Debug, Args)]
pub(super) struct Rerate {
    /// From when on the calls arrived, inclusive: a duration before now (`24h`, `7d`), a date in UTC, or RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = past)]
    since: Timestamp,
    /// Until when they arrived, exclusive; written as --since [default: now]
    #[arg(long, value_name = "WHEN", value_parser = past)]
    until: Option<Timestamp>,
    /// Show the corrections, and make none
    #[arg(long)]
    dry_run: bool,
}

/// What was found.
#[derive(Default)]
struct Found {
    groups: BTreeMap<Group, (u64, Money)>,
    stand: u64,
    without_price: u64,
    made: usize,
}

/// Team, model, reason.
type Group = (String, String, &'static str);

impl Rerate {
    pub(super) fn run(self, bench: &Bench) -> Result<()> {
        if self.until.is_some_and(|until| until <= self.since) {
            anyhow::bail!("--until is not after --since: no call can be in between");
        }
        let store = bench.ledger()?;
        let ledger = store.ledger()?;
        if let Some(kept) = ledger.rows_since()?.filter(|kept| self.since < *kept) {
            warn(format_args!(
                "retention has deleted the rows from before {kept}: calls until then stay as they were booked"
            ));
        }
        let mut writer = if self.dry_run { None } else { Some(store.ledger_writer()?) };
        let mut found = Found::default();
        each_call(&ledger, Some(self.since), self.until, |page| {
            let ids: Vec<CallId> = page.iter().map(|call| call.id).collect();
            let mut made: HashMap<CallId, Vec<Correction>> = HashMap::new();
            for correction in ledger.corrections(&ids)? {
                made.entry(correction.call).or_default().push(correction);
            }
            let none = Vec::new();
            let corrections: Vec<Correction> = page
                .iter()
                .filter_map(|call| {
                    found.take(call, rerate(call, made.get(&call.id).unwrap_or(&none), &bench.snapshot, bench.now))
                })
                .collect();
            if let Some(writer) = &mut writer {
                found.made += writer.correct(&corrections)?;
            }
            Ok(())
        })?;
        say(found.text(self.dry_run))
    }
}

impl Found {
    fn take(&mut self, call: &Record, rerated: Rerated) -> Option<Correction> {
        match rerated {
            Rerated::Stands => self.stand += 1,
            Rerated::NoPrice => self.without_price += 1,
            Rerated::Corrected(correction) => {
                let model = call.served.as_ref().map_or(&call.asked.model, |served| &served.model);
                let why = match correction.reason {
                    CorrectionReason::PriceChanged => "price changed",
                    CorrectionReason::PriceKnown => "price known",
                };
                let group = (call.attribution.team.to_string(), model.to_string(), why);
                let (calls, delta) = self.groups.entry(group).or_default();
                *calls += 1;
                *delta = delta.plus(correction.delta);
                return Some(correction);
            }
        }
        None
    }

    fn text(&self, dry_run: bool) -> String {
        let mut listing = Listing::new(&["team", "model", "reason", "calls", "difference usd"]);
        let (mut calls, mut sum) = (0, Money::ZERO);
        for ((team, model, reason), (count, delta)) in &self.groups {
            let team = if team.is_empty() { "(none)" } else { team };
            let cells = [team, model, reason].map(str::to_owned).into_iter();
            listing.row(cells.chain([count.to_string(), delta.to_string()]));
            calls += count;
            sum = sum.plus(*delta);
        }
        listing.right_from(3);
        let table = if self.groups.is_empty() { String::new() } else { format!("{}\n\n", listing.finish()) };
        let made =
            if dry_run { "to be made (this was a dry run)".to_owned() } else { format!("of which {} made", self.made) };
        let left = match self.without_price {
            0 => String::new(),
            count => format!("; {count} used something that has no price, and are left as they are"),
        };
        format!("{table}{calls} corrections of {sum} USD in all, {made}; {} calls stand{left}", self.stand)
    }
}
