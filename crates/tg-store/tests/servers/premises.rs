//! The ground on which a test or a proof stands: a folder, servers, file systems; cleared however it ends, also where it
//! is killed, and where what stands there is never dropped. Tests of all crates have this file, and so has `xtask`.

use std::fmt::Display;
use std::fs::Permissions;
use std::io::{Error, Result, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

/// Hears of processes and file systems, and clears all that is left when the other end of the pipe is closed, as the
/// system closes it for a process that is killed. An interrupt at the terminal goes to that process, not to it.
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

/// A folder of one's own, and what was started there.
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
        // Whoever reads what this process prints need not wait for it.
        let mut warden = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let word = Mutex::new(warden.stdin.take());
        Ok(Self { folder, warden, word })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A process is here, and is ended with this one.
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

    /// Says a word to the warden: what it shall clear.
    pub(super) fn tell(&self, verb: &str, what: impl Display) -> Result<()> {
        let mut word = self.word.lock().map_err(|_| Error::other("a thread panicked while it spoke to the warden"))?;
        let word = word.as_mut().ok_or_else(|| Error::other("the warden has gone"))?;
        writeln!(word, "{verb} {what}")
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
