//! Running other programs, from the repository's root, with their output in view.

use anyhow::{Context as _, Result, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// A program to be run at the repository's root.
pub fn command<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Beginnings of the names of variables that say where and as whom a client, a gateway or a server of AWS's calls.
const FOREIGN: [&str; 4] = ["AWS_", "OPENAI_", "ANTHROPIC_", "TALLYGATE_"];

/// Variables that lead calls elsewhere, whether written in capitals or not.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// A program to be run at the repository's root that knows nothing of the accounts, gateways and proxies of whoever runs
/// it: what it is to know, it is told afterwards.
pub fn sheltered<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    withhold(&mut command, std::env::vars_os().map(|(name, _)| name));
    command
}

fn withhold(command: &mut Command, names: impl Iterator<Item = OsString>) {
    for name in names.filter(|name| is_foreign(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

fn is_foreign(name: &str) -> bool {
    FOREIGN.iter().any(|beginning| name.starts_with(beginning))
        || PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be run, or fails.
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Result<()> {
    finish(&mut command(program, arguments))
}

/// Runs a prepared program to its end.
///
/// # Errors
/// When it cannot be run, or fails.
pub fn finish(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// Whether a program runs and succeeds; its output is dropped.
pub fn works<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> bool {
    let mut command = command(program, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{sheltered, withhold};
    use std::ffi::OsString;

    #[test]
    fn programs_know_nothing_of_who_runs_them() {
        let names = [
            "AWS_PROFILE",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            "OPENAI_BASE_URL",
            "ANTHROPIC_API_KEY",
            "TALLYGATE_ADMIN_TOKEN",
            "HTTPS_PROXY",
            "http_proxy",
            "all_proxy",
            "NO_PROXY",
        ];
        let mut command = sheltered("true", [""; 0]);
        withhold(&mut command, names.iter().chain(&["PATH", "HOME", "SSL_CERT_FILE"]).map(OsString::from));
        command.env("AWS_REGION", "eu-west-1");
        let told = |name: &str| command.get_envs().find(|(known, _)| *known == name).map(|(_, value)| value.is_some());
        for name in names {
            assert_eq!(told(name), Some(false), "{name} is taken away");
        }
        assert_eq!((told("PATH"), told("SSL_CERT_FILE")), (None, None), "left as they are");
        assert_eq!(told("AWS_REGION"), Some(true), "what is said afterwards counts");
    }
}
