//! Every metric that the documentation lists is fed by a running gateway.

use crate::process::{Process, prepared};
use crate::speak::{Manner, ask};
use crate::wire::Call;
use crate::world::{Setup, until};
use tg_kernel::dialect::Dialect;

fn metrics(process: &Process) -> String {
    Call::new("GET", "/metrics").header("host", "127.0.0.1").send(process.admin).text()
}

fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn the_figures_of_a_running_gateway_are_fed() {
    let (folder, _sim) = prepared(&Setup { teams: String::new(), ..Setup::default() });
    let process = Process::start(folder.path());
    let key = process.key.clone().unwrap();
    // A stream that hangs: its connection is open, and its call under way.
    let call = ask(Dialect::OpenaiChat, Manner::Streamed, "on-openai", "[[sim: hang_after=1]] hi");
    let _held = call.bearer(&key).open(process.address);
    assert_eq!(ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi").send(process.address).status, 401);
    let text = until("the refused call is settled", || {
        let text = metrics(&process);
        (value(&text, "tallygate_journal_open_entries") == Some(1.0)).then_some(text)
    });
    for (name, least) in [
        ("tallygate_connections_open", 1.0),
        ("tallygate_meter_queue_depth", 0.0),
        ("tallygate_meter_deferred_calls_total", 0.0),
        ("tallygate_meter_dropped_refusals_total", 0.0),
        ("tallygate_journal_open_entries", 1.0),
        ("tallygate_journal_bytes", 100.0),
        ("tallygate_ledger_corrections_total", 0.0),
        ("tallygate_calls_sent_total", 1.0),
        ("tallygate_calls_in_flight", 1.0),
        ("tallygate_capture_rate", 0.0),
    ] {
        let found = value(&text, name).unwrap_or_else(|| panic!("{name}\n{text}"));
        assert!(found >= least, "{name}: {found}\n{text}");
    }
}
