//! `cargo xtask`: builds the chores with the features that the whole workspace has of each dependency, as its tests are built, and
//! runs them. By their package alone they would be built with features of their own, and most dependencies twice.

use std::env;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--quiet", "--workspace", "--bin", "xtask"];
    let built = Command::new(cargo).args(build).current_dir(&root).status()?;
    if !built.success() {
        return Err(io::Error::other("the chores do not compile"));
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    // In its place: whoever stops this, stops that.
    Err(Command::new(target.join("debug/xtask")).args(env::args_os().skip(1)).exec())
}
