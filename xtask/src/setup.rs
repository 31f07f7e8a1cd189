//! What the tests need beyond the Rust toolchain: installed by the project itself, again and again without harm.

use crate::shell::{command, finish, root, run, works};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The version of cargo-deny that reads `deny.toml`.
const CARGO_DENY: &str = "0.20.2";

/// Where the Python programs live.
pub fn python() -> PathBuf {
    root().join("target/tools/venv/bin/python")
}

/// Where the programs of AWS's own world live: the AWS CLI and moto's server. Apart, as the AWS CLI demands a version of
/// botocore.
pub fn aws_tool(name: &str) -> PathBuf {
    root().join("target/tools/aws/bin").join(name)
}

/// The AWS SDK for Rust as a client, built: its first build takes minutes.
///
/// # Errors
/// When it does not compile.
pub fn rust_sdk() -> Result<PathBuf> {
    let target = root().join("target/tools/aws-rust");
    let manifest = "tests/sdk/rust/Cargo.toml";
    let mut cargo = command("cargo", ["build", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir"]);
    finish(cargo.arg(&target))?;
    Ok(target.join("debug/aws-rust"))
}

/// Where the Node programs live.
pub fn node_folder() -> PathBuf {
    root().join("tests/sdk/node")
}

/// Installs everything that the tests need and that is not there yet.
///
/// # Errors
/// When something cannot be installed; says what.
pub fn everything() -> Result<()> {
    venv("venv", "requirements.txt")?;
    venv("aws", "requirements-aws.txt")?;
    node_sdks()
}

/// Debian packages that provide the program `probe` runs; installed only when it does not run.
pub fn debian(probe: &[&str], packages: &[&str]) -> Result<()> {
    let Some((program, arguments)) = probe.split_first() else { bail!("no probe") };
    if works(program, arguments) {
        return Ok(());
    }
    run("apt-get", ["update", "--quiet"]).context("is this Debian, and are you root?")?;
    let install = ["install", "--yes", "--quiet", "--no-install-recommends"];
    let mut apt = command("apt-get", install.iter().chain(packages));
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    finish(&mut apt)?;
    if works(program, arguments) { Ok(()) } else { bail!("{program} does not run, though {packages:?} are installed") }
}

/// A virtual environment with what a file of `tests/sdk/python` lists.
fn venv(name: &str, requirements: &str) -> Result<()> {
    let requirements = root().join("tests/sdk/python").join(requirements);
    let venv = root().join("target/tools").join(name);
    let python = venv.join("bin/python");
    let stamp = Stamp::of(&venv.join("installed"), &[&requirements])?;
    if stamp.is_fresh() && python.is_file() {
        return Ok(());
    }
    debian(&["python3", "-c", "import venv, ensurepip"], &["python3", "python3-venv"])?;
    fs::create_dir_all(&venv)?;
    run("python3", [Path::new("-m"), Path::new("venv"), &venv])?;
    let pip =
        [Path::new("-m"), Path::new("pip"), Path::new("install"), Path::new("--quiet"), Path::new("-r"), &requirements];
    finish(&mut command(&python.to_string_lossy(), pip))?;
    stamp.write()
}

/// The official SDKs for Node.
fn node_sdks() -> Result<()> {
    let folder = node_folder();
    let lock = folder.join("package-lock.json");
    let stamp = Stamp::of(&folder.join("node_modules/.installed"), &[&lock])?;
    if stamp.is_fresh() {
        return Ok(());
    }
    debian(&["npm", "--version"], &["nodejs", "npm"])?;
    finish(command("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder))?;
    stamp.write()
}

/// cargo-deny, built without optimisation: it runs for a second, and so it takes two minutes to build.
///
/// # Errors
/// When it cannot be built.
pub fn cargo_deny() -> Result<PathBuf> {
    let folder = root().join("target/tools").join(format!("cargo-deny-{CARGO_DENY}"));
    let program = folder.join("bin/cargo-deny");
    if !works(&program.to_string_lossy(), ["--version"]) {
        let how = ["--version", CARGO_DENY, "--locked", "--debug", "--no-default-features", "--quiet", "--root"];
        finish(command("cargo", ["install", "cargo-deny"].iter().chain(&how)).arg(&folder))?;
    }
    Ok(program)
}

/// nginx from Debian, unpacked beneath `target`: installing the package would start a server on port 80.
///
/// # Errors
/// When it cannot be fetched, or does not run.
pub fn nginx() -> Result<PathBuf> {
    let folder = root().join("target/tools/nginx");
    let program = folder.join("usr/sbin/nginx");
    let runs = || works(&program.to_string_lossy(), ["-v"]);
    if runs() {
        return Ok(program);
    }
    fs::create_dir_all(&folder)?;
    run("apt-get", ["update", "--quiet"]).context("is this Debian, and are you root?")?;
    finish(command("apt-get", ["download", "nginx"]).current_dir(&folder))?;
    for entry in fs::read_dir(&folder)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run("dpkg-deb", [Path::new("--extract"), &package, &folder])?;
        }
    }
    if runs() { Ok(program) } else { bail!("{} does not run; are its libraries installed?", program.display()) }
}

/// A file that says for which inputs something was installed.
struct Stamp {
    path: PathBuf,
    wanted: String,
}

impl Stamp {
    fn of(path: &Path, inputs: &[&Path]) -> Result<Self> {
        let mut wanted = String::new();
        for input in inputs {
            wanted += &fs::read_to_string(input).with_context(|| format!("cannot read {}", input.display()))?;
        }
        Ok(Self { path: path.to_owned(), wanted })
    }

    fn is_fresh(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.wanted)
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.wanted).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
