//! Disks of a proof's own: small, in memory, to be filled.

use super::Premises;
use anyhow::Result;
use std::path::PathBuf;
use std::process::{Command, Stdio};

impl Premises {
    /// Mounts a file system in memory of so many MiB at a new folder. `None` where the system does not let us.
    ///
    /// # Errors
    /// When the warden is gone, or the folder cannot be made.
    pub fn disk(&self, name: &str, mib: usize) -> Result<Option<PathBuf>> {
        let folder = self.folder().join(name);
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
}
