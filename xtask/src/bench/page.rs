//! docs/performance.md: the table between its markers.

use super::driver::Load;
use super::record::{Record, micros};
use super::{Bench, CONNECTIONS};
use crate::shell::root;
use crate::table::Table;
use anyhow::{Context as _, Result};
use std::fs;

const BEGIN: &str = "<!-- bench: begin -->\n";
const END: &str = "<!-- bench: end -->\n";

/// The table, and how it came about.
pub fn table(records: &[Record], bench: &Bench) -> String {
    let head = [
        "",
        "CPU µs/call: best (median)",
        "× nginx",
        "CPU µs/streamed chunk: best (median)",
        "× nginx",
        "memory idle / peak, MiB",
        "KiB/open stream",
        "what was on",
    ];
    let mut table = Table::new(head);
    let floor = records.first();
    for record in records {
        let cell = |load| {
            let (best, middle) = record.costs(load);
            let ratio = floor.map_or(0, |floor| middle * 100 / floor.costs(load).1.max(1));
            [format!("{} ({})", micros(best), micros(middle)), format!("{}.{:02}", ratio / 100, ratio % 100)]
        };
        let [call, call_ratio] = cell(Load::Plain);
        let [chunk, chunk_ratio] = cell(Load::Stream);
        let memory = format!("{} / {}", record.idle.div_ceil(1024), record.peak.div_ceil(1024));
        let stream = format!("{}.{}", record.stream_bytes / 1024, record.stream_bytes % 1024 * 10 / 1024);
        let (name, work) = (record.kind.name().to_owned(), record.kind.work().to_owned());
        table.row([name, call, call_ratio, chunk, chunk_ratio, memory, stream, work]);
    }
    format!(
        "{table}\n{} rounds in turns, {} s each, {CONNECTIONS} connections in a closed loop; {} open streams were weighed.\n\
         Machine: {}. Rates at these costs, as seen by the callers on the other core (median round):\n\n{}",
        bench.rounds,
        bench.seconds,
        bench.streams,
        machine(),
        rates(records)
    )
}

/// What callers saw.
fn rates(records: &[Record]) -> Table {
    let mut table = Table::new(["", "calls/s", "median ms", "p99 ms", "streams/s", "stream p99 ms"]);
    for record in records {
        let (plain, stream) = (record.sorted(Load::Plain), record.sorted(Load::Stream));
        let (Some(plain), Some(stream)) = (plain.get(plain.len() / 2), stream.get(stream.len() / 2)) else { continue };
        let millis = |micros: u64| format!("{}.{:02}", micros / 1000, micros % 1000 / 10);
        table.row([
            record.kind.name().to_owned(),
            plain.rate.to_string(),
            millis(plain.median_micros),
            millis(plain.p99_micros),
            stream.rate.to_string(),
            millis(stream.p99_micros),
        ]);
    }
    table
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown CPU", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores, {model}")
}

/// Puts the text between the markers.
///
/// # Errors
/// When the page has no markers, or cannot be written.
pub fn write(text: &str) -> Result<()> {
    let path = root().join("docs/performance.md");
    let page = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (before, rest) = page.split_once(BEGIN).context("docs/performance.md has no begin marker")?;
    let (_, after) = rest.split_once(END).context("docs/performance.md has no end marker")?;
    fs::write(&path, format!("{before}{BEGIN}{text}{END}{after}"))?;
    Ok(())
}
