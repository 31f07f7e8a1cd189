//! What the tests need beyond the Rust toolchain: installed by the project itself, again and again without harm.

use crate::shell::{command, finish, root, run, works};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The version of cargo-deny that reads `deny.toml`.
const CARGO_DENY: &str = "0.20.2";

/// The oldest major version of Node for which the official SDKs are made.
const NODE_MIN: u32 = 20;

/// Where the Python programs live.
pub fn python() -> PathBuf {
    root().join("target/tools/venv/bin/python")
}

/// Where the programs of AWS's own world live: the AWS CLI and moto's server. Apart, as the AWS CLI demands a version of
/// botocore.
pub fn aws_tool(name: &str) -> PathBuf {
    root().join("target/tools/aws/bin").join(name)
}

/// Python with the libraries with which people make files.
///
/// # Errors
/// When they cannot be installed.
pub fn file_writers() -> Result<PathBuf> {
    venv("files", "requirements-files.txt")?;
    Ok(root().join("target/tools/files/bin/python"))
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
    file_writers()?;
    debian(&["redis-server", "--version"], &["redis-server"])?;
    postgres()?;
    node_sdks()
}

/// PostgreSQL's server. The tests start servers of their own, so that of the distribution is not started.
fn postgres() -> Result<()> {
    let probe = "command -v postgres || ls /usr/lib/postgresql/*/bin/postgres";
    if works("sh", ["-c", probe]) {
        return Ok(());
    }
    // Debian's package asks this file before it makes a cluster.
    fs::create_dir_all("/etc/postgresql-common").context("are you root?")?;
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    if !settings.exists() {
        fs::write(settings, "create_main_cluster = false\n")?;
    }
    debian(&["sh", "-c", probe], &["postgresql"])
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
    // In a runlevel without services: tests start servers of their own.
    apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
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
    if !works("node", ["--version"]) || !stamp.is_fresh() {
        debian(&["npm", "--version"], &["nodejs", "npm"])?;
    }
    node_is_recent()?;
    if stamp.is_fresh() {
        return Ok(());
    }
    finish(command("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder))?;
    stamp.write()
}

/// Checks the version of the Node that is there.
fn node_is_recent() -> Result<()> {
    let output = command("node", ["--version"]).output().context("cannot run node")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if is_recent(&version) {
        return Ok(());
    }
    bail!(
        "the `node` in PATH says it is {version:?}; the official SDKs need Node {NODE_MIN} or later, with npm: remove the \
         old one where the distribution has a newer (Debian 13 and later), or put a newer one in front of it in PATH"
    )
}

/// Whether a version as `node --version` says it is recent enough.
fn is_recent(version: &str) -> bool {
    let major = version.strip_prefix('v').and_then(|version| version.split('.').next());
    major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= NODE_MIN)
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

#[cfg(test)]
mod tests {
    use super::is_recent;

    #[test]
    fn old_versions_of_node_are_told_from_recent_ones() {
        for version in ["v20.0.0", "v20.19.2", "v22.1.0", "v100.0.0"] {
            assert!(is_recent(version), "{version}");
        }
        for version in ["v18.20.4", "v9.9.9", "20.1.0", "", "vx"] {
            assert!(!is_recent(version), "{version}");
        }
    }
}
