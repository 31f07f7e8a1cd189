//! What the system says about a process: memory, time on the CPU.

use anyhow::{Context as _, Result};
use std::fs;
use std::time::Duration;

/// Ticks of `/proc/PID/stat` in a second: `USER_HZ`, which Linux fixes for all programs.
const TICKS: u64 = 100;

/// Memory of a process and its children, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

/// Memory of a process and its children.
///
/// # Errors
/// When the process is gone.
pub fn memory(pid: u32) -> Result<Memory> {
    let mut all = Memory::default();
    for pid in family(pid)? {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_ascii_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok())
        };
        all.resident += line("VmRSS:").unwrap_or_default();
        all.peak += line("VmHWM:").unwrap_or_default();
    }
    Ok(all)
}

/// Time on the CPU (user and system, all threads) of a process and its children, to ten milliseconds.
///
/// # Errors
/// When the process is gone.
pub fn cpu(pid: u32) -> Result<Duration> {
    let mut ticks = 0;
    for pid in family(pid)? {
        let fields = stat(pid)?;
        // utime and stime are the 14th and 15th field, the 12th and 13th after the name.
        ticks += fields.get(11).zip(fields.get(12)).map_or(0, |(user, system)| number(user) + number(system));
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// A process and its direct children.
fn family(pid: u32) -> Result<Vec<u32>> {
    let mut all = vec![pid];
    for entry in fs::read_dir("/proc")? {
        let Some(other) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end while the list is read.
        let parent = stat(other).ok().and_then(|fields| fields.get(1).map(|parent| number(parent)));
        if parent == Some(u64::from(pid)) {
            all.push(other);
        }
    }
    Ok(all)
}

/// The fields after the name, which may itself contain blanks and brackets.
fn stat(pid: u32) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    Ok(fields.split_ascii_whitespace().map(str::to_owned).collect())
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
