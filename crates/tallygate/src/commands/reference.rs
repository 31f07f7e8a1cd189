//! The reference of the command line, written from the commands; a test holds `docs/cli.md` against it.

use super::Cli;
use clap::{Command, CommandFactory as _};

const PREAMBLE: &str = "\
# The command line

This page is generated from the code: it is what `--help` prints.

Errors go to standard error, and the exit status is then not 0: 1 where a command failed, 2 where its arguments are
wrong. `teams`, `keys` and `report` work on the store, while a gateway runs on it or not; a running gateway sees changes
within a second. With `--admin` they work on a running gateway, from anywhere its admin interface can be reached.
";

/// The whole page.
fn markdown() -> String {
    // The width of the terminal in which it is written is no part of it either.
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut page = PREAMBLE.to_owned();
    write(&mut page, command, "");
    page
}

fn write(page: &mut String, command: Command, above: &str) {
    let name = format!("{above}{}", command.get_name());
    // What happens to be set where the page is written is no part of it.
    let mut shown = command.clone().bin_name(name.clone()).mut_args(|argument| argument.hide_env_values(true));
    let help = shown.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    page.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        write(page, inner.clone(), &format!("{name} "));
    }
}

#[test]
fn the_reference_is_fresh() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let fresh = markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "docs/cli.md is stale; run UPDATE_DOCS=1 cargo test -p tallygate");
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}
