//! A report as aligned columns for people.

use crate::commands::table::{Listing, printable};
use std::fmt::Write as _;
use tg_admin::api::{Figures, Part, Report, Usage};
use tg_kernel::record::Ending;
use tg_kernel::units::Money;
use tg_store::ledger::Dimension;

/// A kind of tokens: its heading and where it is counted.
type Count = (&'static str, fn(&Usage) -> u64);

/// In the order of a bill. `reasoning` is a part of `output`.
const COUNTS: [Count; 9] = [
    ("input", |u| u.input_tokens),
    ("cache read", |u| u.cache_read_tokens),
    ("cache write 5m", |u| u.cache_write_5m_tokens),
    ("cache write 1h", |u| u.cache_write_1h_tokens),
    ("output", |u| u.output_tokens),
    ("reasoning", |u| u.reasoning_tokens),
    ("audio in", |u| u.audio_input_tokens),
    ("audio out", |u| u.audio_output_tokens),
    ("images", |u| u.images),
];

/// Whether a column is shown: if there are any, and always for the usual ones, so that a report of nothing has a form.
fn is_shown((name, count): &Count, totals: &Usage) -> bool {
    matches!(*name, "input" | "output") || count(totals) > 0
}

/// The whole table, with totals and what to know about them.
pub(super) fn write(report: &Report) -> String {
    let counts: Vec<Count> = COUNTS.into_iter().filter(|count| is_shown(count, &report.totals.usage)).collect();
    let money = Columns::of(report);

    let dimensions: Vec<&str> = report.by.iter().map(|dimension| dimension.as_str()).collect();
    let headings = dimensions.iter().copied().chain(["calls"]).chain(counts.iter().map(|(name, _)| *name));
    let headings = headings.chain(money.at_list.map(|_| "list usd")).chain(["cost usd"]);
    let mut listing = Listing::new(&headings.collect::<Vec<_>>());
    for row in &report.rows {
        let value = |name: &&str| row.group.get(*name).cloned().flatten().unwrap_or_else(|| "(none)".to_owned());
        listing.row(dimensions.iter().map(value).chain(cells(&row.figures, &counts, &money)));
    }
    listing.row(total(dimensions.len()).chain(cells(&report.totals, &counts, &money)));
    listing.right_from(dimensions.len());
    let mut text = listing.finish();
    notes(&mut text, report);
    text
}

/// Begins the row of the totals: their name in the first of so many columns, nothing in the others.
pub(super) fn total(columns: usize) -> impl Iterator<Item = String> {
    (0..columns).map(|number| if number == 0 { "TOTAL".to_owned() } else { String::new() })
}

/// How the columns of money are written: with how many decimals, so that points stand under points.
struct Columns {
    cost: usize,
    /// `None`: not shown, as list prices are what was charged.
    at_list: Option<usize>,
}

impl Columns {
    fn of(report: &Report) -> Self {
        let figures = || report.rows.iter().map(|row| &row.figures).chain([&report.totals]);
        let widest = |of: fn(&Figures) -> Money| figures().map(|f| decimals(of(f))).max().unwrap_or(2);
        let differs = figures().any(|f| f.list_cost != f.cost);
        Self { cost: widest(|f| f.cost.money()), at_list: differs.then(|| widest(|f| f.list_cost.money())) }
    }
}

fn cells<'a>(figures: &'a Figures, counts: &'a [Count], columns: &'a Columns) -> impl Iterator<Item = String> + 'a {
    let counted = counts.iter().map(|(_, count)| grouped(count(&figures.usage)));
    let at_list = columns.at_list.map(|decimals| money(figures.list_cost.money(), decimals));
    [grouped(figures.calls)]
        .into_iter()
        .chain(counted)
        .chain(at_list)
        .chain([money(figures.cost.money(), columns.cost)])
}

/// How many decimals the exact amount needs, at least two.
fn decimals(amount: Money) -> usize {
    amount.to_string().split_once('.').map_or(2, |(_, part)| part.len())
}

/// The exact amount with this many decimals, so that points stand under points.
fn money(amount: Money, decimals: usize) -> String {
    let text = amount.to_string();
    let missing = decimals.saturating_sub(self::decimals(amount));
    text + &"0".repeat(missing)
}

/// A count with its thousands apart.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (number, digit) in digits.chars().enumerate() {
        if number > 0 && (digits.len() - number).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What to know about the totals. Writing to a String cannot fail.
fn notes(text: &mut String, report: &Report) {
    let totals = &report.totals;
    text.push('\n');
    if report.since.is_some() || report.until.is_some() {
        let since = report.since.map_or_else(|| "the beginning".to_owned(), |at| at.to_string());
        let until = report.until.map_or_else(|| "now".to_owned(), |at| at.to_string());
        let _ = write!(text, "\nspan          {since} to {until}");
    }
    let _ = write!(text, "\nunattributed  {} booked to no team or to no project", part(&totals.unattributed));
    let _ = write!(text, "\nestimated     {} with counts that the gateway estimated", part(&totals.estimated));
    let _ = write!(text, "\nunpriced      {} without a price", calls(totals.unpriced_calls));
    if totals.unpriced_calls > 0 {
        text.push_str(": their cost reads zero and is not known");
    }
    if totals.ceiling_calls > 0 {
        let _ = write!(text, "\nceiling       {} charged by the stated ceiling", calls(totals.ceiling_calls));
    }
    if totals.corrected_calls > 0 {
        let (corrected, usd) = (calls(totals.corrected_calls), &totals.corrections.usd);
        let _ = write!(text, "\ncorrected     {corrected} after they were booked, {usd} USD in all");
    }
    for fixed in &report.fixed_charges {
        let (name, hours, usd) = (printable(&fixed.commitment), counted(fixed.hours, "hour"), &fixed.cost.usd);
        let _ = write!(text, "\ncommitment    {name}: {usd} USD for {hours}, beside the costs above");
    }
    let mut endings: Vec<(&String, &u64)> = report.endings.iter().collect();
    endings.sort_by_key(|(name, _)| Ending::ALL.iter().position(|ending| ending.as_str() == *name));
    let endings: Vec<String> = endings.into_iter().map(|(name, calls)| format!("{name} {}", grouped(*calls))).collect();
    let endings = if endings.is_empty() { "no calls".to_owned() } else { endings.join(", ") };
    let _ = write!(text, "\nendings       {endings}");
    if report.by.contains(&Dimension::Tag) {
        text.push_str("\na call with several tags is in several rows; the totals count it once");
    }
    if let Some(until) = report.coarse_until {
        let _ = write!(
            text,
            "\nrows before {until} are gone: parts of hours count as whole hours there, and in hours with \
            very many combinations only team and ending are known"
        );
    }
    if let Some(until) = report.gone_until {
        let _ = write!(text, "\nnothing before {until} is kept");
    }
    if report.cut {
        text.push_str("\nthere are more rows than a report holds: the cheapest are left out, the totals are whole");
    }
}

fn part(part: &Part) -> String {
    format!("{}, {} USD ({:.1} % of the cost)", calls(part.calls), part.cost.usd, part.cost_share * 100.0)
}

fn calls(count: u64) -> String {
    counted(count, "call")
}

fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}
