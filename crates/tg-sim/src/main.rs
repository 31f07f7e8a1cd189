//! Runs the simulators until standard input ends, or for ever with `--forever`; prints their addresses as one JSON line.

use std::io::{Read as _, Write as _};
use tg_sim::{Sim, SimOptions};

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tg-sim: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = SimOptions::default();
    let mut arguments = std::env::args().skip(1);
    let mut forever = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--key" => options.keys.push(arguments.next().ok_or("--key needs a value")?),
            "--first-port" => {
                let first: u16 = arguments.next().ok_or("--first-port needs a value")?.parse()?;
                options.ports = [first, first + 1, first + 2, first + 3];
            }
            "--forever" => forever = true,
            other => return Err(format!("unknown argument {other:?}; known are --key, --first-port, --forever").into()),
        }
    }
    let sim = Sim::start(options)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(&sim.urls)?)?;
    out.flush()?;
    if forever {
        loop {
            std::thread::park();
        }
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
