//! The store under proof: where it stands, and what is done to it while the gateway writes.

use super::dice::Dice;
use crate::shell::sheltered;
use crate::terminal::say;
use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Size of the disk on which gateway, store and journal stand, in MiB.
const DISK_MIB: usize = 256;

/// Another client of the store: takes its lock for writing, and is killed with it.
const HOLDER: &str = "import sqlite3, sys, time\n\
    store = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)\n\
    store.execute('BEGIN IMMEDIATE')\n\
    print('held', flush=True)\n\
    time.sleep(60)\n";

/// What may happen to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Locked,
    DiskFull,
}

/// A SQLite file, on a disk of its own where the system lets us have one.
#[derive(Debug)]
pub struct Store {
    disk: Option<Disk>,
    /// How often another process held its lock.
    pub locked: u32,
    /// How often its disk was full.
    pub filled: u32,
}

impl Store {
    /// Makes room for one.
    ///
    /// # Errors
    /// When the system gives no folder.
    pub fn set() -> Result<Self> {
        let disk = Disk::mount()?;
        if disk.is_none() {
            say("no file system can be mounted here: the disk will not be full");
        }
        Ok(Self { disk, locked: 0, filled: 0 })
    }

    /// In which folder the gateway is to have its own.
    pub fn parent(&self) -> PathBuf {
        self.disk.as_ref().map_or_else(std::env::temp_dir, |disk| disk.folder.path().to_owned())
    }

    /// Whether its disk can be full.
    pub const fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Does something to it for a while. When this returns, it is well again.
    ///
    /// # Errors
    /// When what is to be done cannot be done.
    pub fn trouble(&mut self, path: &Path, dice: &mut Dice) -> Result<()> {
        let possible = if self.has_disk() { &[Trouble::Locked, Trouble::DiskFull][..] } else { &[Trouble::Locked] };
        match (dice.pick(possible), &self.disk) {
            (Some(Trouble::DiskFull), Some(disk)) => {
                let filler = disk.fill();
                thread::sleep(dice.millis(50, 400));
                fs::remove_file(filler)?;
                self.filled += 1;
            }
            _ => {
                let holder = Holder::hold(path)?;
                thread::sleep(dice.millis(100, 1_500));
                drop(holder);
                self.locked += 1;
            }
        }
        Ok(())
    }
}

/// Another process that holds the store's lock, until this is dropped.
struct Holder(Child);

impl Holder {
    fn hold(path: &Path) -> Result<Self> {
        let mut command = sheltered("python3", ["-c", HOLDER]);
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = Self(command.spawn().context("cannot run python3")?);
        if let Some(output) = holder.0.stdout.take() {
            // Nothing comes where the store was busy for too long: then it was in trouble enough.
            drop(BufReader::new(output).read_line(&mut String::new()));
        }
        Ok(holder)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A file system in memory. Unmounted when dropped.
#[derive(Debug)]
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// `None` where the system does not let us.
    fn mount() -> Result<Option<Self>> {
        let folder = tempfile::Builder::new().prefix("tallygate-disk-").tempdir()?;
        let size = format!("size={DISK_MIB}m");
        let mut mount = sheltered("mount", ["-t", "tmpfs", "-o", &size, "tmpfs"]);
        mount.arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(mount.status().is_ok_and(|status| status.success()).then_some(Self { folder }))
    }

    /// Takes all room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.folder.path().join("filler");
        if let Ok(mut file) = File::create(&path) {
            let piece = vec![1; 1 << 20];
            for _ in 0..DISK_MIB {
                if file.write_all(&piece).is_err() {
                    break;
                }
            }
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmount = || sheltered("umount", [self.folder.path()]).status().is_ok_and(|status| status.success());
        // The last process that wrote there may still be ending.
        for _ in 0..50 {
            if unmount() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}
