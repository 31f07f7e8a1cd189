//! The ground on which a proof stands: a folder, servers, file systems; cleared however the proof ends, also where it is
//! killed.

use anyhow::{Context as _, Result};
use std::fmt::Display;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

/// Hears of processes and file systems, and clears all that is left when the proof's end of the pipe is closed, as the
/// system closes it for a proof that is killed. An interrupt at the terminal goes to the proof, not to it.
const WARDEN: &str = r#"
trap '' INT TERM HUP QUIT
pids= mounts=
while read -r verb what; do
  case $verb in
    came) pids="$pids $what" ;;
    gone) kept=; for pid in $pids; do [ "$pid" = "$what" ] || kept="$kept $pid"; done; pids=$kept ;;
    mounted) mounts="$what $mounts" ;;
  esac
done
for pid in $pids; do
  read -r children <"/proc/$pid/task/$pid/children"
  kill -CONT "$pid" $children
  kill -QUIT "$pid"
done 2>/dev/null
for pid in $pids; do
  for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
  kill -KILL "$pid" 2>/dev/null
done
for mount in $mounts; do umount "$mount" || umount -l "$mount"; done 2>/dev/null
rm -rf "$1"
"#;

/// A folder of the proof's own, and what was started there.
#[derive(Debug)]
pub struct Premises {
    folder: PathBuf,
    warden: Child,
    word: Mutex<Option<ChildStdin>>,
}

impl Premises {
    /// Takes a new folder. Others of this machine may look into it: a server may run as another user.
    ///
    /// # Errors
    /// When the system gives no folder, or runs no shell.
    pub fn take() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tallygate-premises-").tempdir()?.keep();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        let mut command = Command::new("sh");
        command.args(["-c", WARDEN, "warden"]).arg(&folder).current_dir("/").stdin(Stdio::piped());
        let mut warden = command.spawn().context("cannot run sh")?;
        let word = Mutex::new(warden.stdin.take());
        Ok(Self { folder, warden, word })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A process is here, and is ended with the proof.
    ///
    /// # Errors
    /// When the warden is gone.
    pub fn came(&self, pid: u32) -> Result<()> {
        self.tell("came", pid)
    }

    /// A process has ended.
    ///
    /// # Errors
    /// When the warden is gone.
    pub fn gone(&self, pid: u32) -> Result<()> {
        self.tell("gone", pid)
    }

    /// Mounts a file system in memory of so many MiB at a new folder. `None` where the system does not let us.
    ///
    /// # Errors
    /// When the warden is gone, or the folder cannot be made.
    pub fn disk(&self, name: &str, mib: usize) -> Result<Option<PathBuf>> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder)?;
        let size = format!("size={mib}m,mode=0777");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder).stdout(Stdio::null()).stderr(Stdio::null());
        if !mount.status().is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        self.tell("mounted", folder.display())?;
        Ok(Some(folder))
    }

    fn tell(&self, verb: &str, what: impl Display) -> Result<()> {
        let mut word = self.word.lock().map_err(|_| anyhow::anyhow!("a thread of the proof panicked"))?;
        let word = word.as_mut().context("the warden has gone")?;
        writeln!(word, "{verb} {what}").context("the warden has gone")
    }
}

impl Drop for Premises {
    fn drop(&mut self) {
        if let Ok(mut word) = self.word.lock() {
            drop(word.take());
        }
        drop(self.warden.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::Premises;
    use std::process::{Command, Stdio};

    #[test]
    fn whatever_is_left_is_cleared() {
        let premises = Premises::take().unwrap();
        let folder = premises.folder().to_owned();
        std::fs::write(folder.join("file"), "left").unwrap();
        let mut left = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        premises.came(left.id()).unwrap();
        let pid = left.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
        let waiter = std::thread::spawn(move || left.wait().unwrap());
        drop(premises);
        assert!(!waiter.join().unwrap().success());
        assert!(!folder.exists());
    }
}
