//! What one finished call costs the meter's thread: its metrics, its log line, its span.

#[path = "../tests/it/sample.rs"]
mod sample;

use divan::Bencher;
use std::io;
use tg_kernel::trace::TraceContext;
use tg_telemetry::log::{CallLog, Calls, Format};
use tg_telemetry::metrics::{Known, Metrics, Naming, SeriesLimits};
use tg_telemetry::traces::{TraceOptions, export};

fn main() {
    divan::main();
}

#[divan::bench(args = [Naming::Old, Naming::Both])]
fn metrics(bencher: Bencher<'_, '_>, naming: Naming) {
    let known = Known { model: Box::new(|_| true), ..Known::default() };
    let metrics = Metrics::new(naming, SeriesLimits::default(), known);
    let record = sample::served();
    bencher.bench_local(|| metrics.record(&record));
}

#[divan::bench(args = [Format::Json, Format::Text])]
fn log_line(bencher: Bencher<'_, '_>, format: Format) {
    let mut log = CallLog::new(Calls::All, format, io::sink());
    let records = [sample::served(), sample::refused()];
    bencher.bench_local(|| records.iter().try_for_each(|record| log.write(record)));
}

#[divan::bench]
fn log_off(bencher: Bencher<'_, '_>) {
    let mut log = CallLog::new(Calls::Off, Format::Json, io::sink());
    let record = sample::served();
    bencher.bench_local(|| log.write(&record));
}

/// The queue is full after the first calls: this is the cost of making the span and finding no room.
#[divan::bench]
fn span(bencher: Bencher<'_, '_>) {
    let [service_name, instance_id, version] = ["gateway", "node-1", "1"].map(str::to_owned);
    let endpoint = http::Uri::from_static("http://127.0.0.1:1/v1/traces");
    let options = TraceOptions { endpoint, headers: Vec::new(), service_name, instance_id, version, queue_max: 1 };
    let Ok((spans, _export)) = export(options) else { return };
    let (record, trace) = (sample::served(), TraceContext::fresh([1; 16], [2; 8], true));
    bencher.bench_local(|| spans.offer(&record, &trace, None));
}
