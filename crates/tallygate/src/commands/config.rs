//! `tallygate config`

mod diff;

use super::check;
use super::table::{Listing, or_dash, pretty};
use super::terminal::{say, write};
use crate::revisions::{self, name, shown};
use crate::source::Source;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::PathBuf;
use tg_config::start::StartFile;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_store::revision::{AUTHOR_MAX, NewRevision, Revision, RevisionError, Revisions};

/// Revisions of the configuration in the store. Gateways whose file says `store: { revisions: follow }` take the newest
/// within two seconds.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    verb: Verb,
    /// The file of a gateway that follows revisions: it names their store [default: tallygate.yaml]
    #[arg(long, short, value_name = "FILE", env = "TALLYGATE_CONFIG", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check a configuration as `check` does, together with the local file, and make it the newest revision
    Push(Push),
    /// List revisions, the newest first
    List(List),
    /// Print a revision as it was written
    Show(Show),
    /// Show what differs between two revisions, line by line
    Diff(Diff),
    /// Put an earlier revision into force again, as a new one; checks it first
    Activate(Activate),
}

/// What a new revision comes with.
#[derive(Debug, Args)]
struct Manner {
    /// What is to be said of it
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Who makes it [default: the user of this terminal]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Only if this is the newest revision by then; 0: only if there is none
    #[arg(long, value_name = "NUMBER")]
    expect: Option<u64>,
    /// The secrets and the certificates that it refers to are on other machines: check everything but that they are here
    #[arg(long)]
    secrets_elsewhere: bool,
    /// Only check it
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct Push {
    /// The configuration: all that is not in the files of the gateways
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    manner: Manner,
}

#[derive(Debug, Args)]
struct List {
    /// Most revisions to list
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// Its number [default: that of the newest]
    #[arg(value_name = "NUMBER")]
    number: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Diff {
    /// The number of the one
    #[arg(value_name = "NUMBER")]
    from: u64,
    /// The number of the other [default: that of the newest]
    #[arg(value_name = "NUMBER")]
    to: Option<u64>,
}

#[derive(Debug, Args)]
struct Activate {
    /// Its number
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    manner: Manner,
}

impl Config {
    pub(super) fn run(self) -> Result<()> {
        let start = Source::choose(self.config).start_file()?;
        let mut revisions = revisions::open(&start)?;
        match self.verb {
            Verb::Push(push) => push.run(&start, &mut revisions),
            Verb::List(list) => list.run(&mut revisions),
            Verb::Show(show) => {
                let revision = find(&start, &mut revisions, show.number)?;
                if show.json { say(pretty(&whole(&revision))?) } else { write(&revision.text) }
            }
            Verb::Diff(diff) => {
                let from = find(&start, &mut revisions, Some(diff.from))?;
                let to = find(&start, &mut revisions, diff.to)?;
                say(diff::unified((&name(&from.head), &from.text), (&name(&to.head), &to.text)))
            }
            Verb::Activate(activate) => activate.run(&start, &mut revisions),
        }
    }
}

impl Push {
    fn run(self, start: &StartFile, revisions: &mut Revisions) -> Result<()> {
        let (origin, text) = tg_config::load::text_from_file(&self.file)?;
        self.manner.check(start, &origin, &text)?;
        let newest = revisions.newest_as_it_is()?;
        let number = newest.as_ref().map_or(0, |newest| newest.head.number);
        let is_expected = self.manner.expect.is_none_or(|expect| number == expect);
        // One whose text was damaged in the store is put there once more: it differs.
        if let Some(newest) = newest.filter(|newest| is_expected && newest.text == text && newest.is_whole()) {
            return say(format_args!("{} has this text already; nothing is added", name(&newest.head)));
        }
        self.manner.add(revisions, text, None)
    }
}

impl Activate {
    fn run(self, start: &StartFile, revisions: &mut Revisions) -> Result<()> {
        let revision = find(start, revisions, Some(self.number))?;
        self.manner.check(start, &name(&revision.head), &revision.text)?;
        if revisions.list(1)?.first().is_some_and(|newest| newest.number == self.number) {
            return say(format_args!("{} is in force already; nothing is added", name(&revision.head)));
        }
        self.manner.add(revisions, revision.text, Some(self.number))
    }
}

impl Manner {
    fn check(&self, start: &StartFile, origin: &str, text: &str) -> Result<()> {
        let loaded = revisions::try_out(start, origin, text, self.secrets_elsewhere)?;
        if !self.secrets_elsewhere {
            check::certificates(&loaded)?;
        }
        check::tell(&format!("{} with {origin}", start.origin()), &loaded)
    }

    fn add(self, revisions: &mut Revisions, text: String, restores: Option<u64>) -> Result<()> {
        if self.dry_run {
            let newest = revisions.list(1)?.first().map(|newest| newest.number);
            if let Some(expected) = self.expect.filter(|expected| *expected != newest.unwrap_or(0)) {
                return Err(RevisionError::Raced { expected, newest }.into());
            }
            return say("nothing is added (--dry-run)");
        }
        let author = self.author.unwrap_or_else(user);
        let new = NewRevision { author, note: self.note, text, restores };
        let head = revisions.add(&new, self.expect, SystemClock::new().now())?;
        let before = head.replaces.map_or_else(String::new, |before| format!(", in the place of {before}"));
        say(format_args!("{} is the newest{before}; gateways take it within two seconds", name(&head)))
    }
}

impl List {
    fn run(self, revisions: &mut Revisions) -> Result<()> {
        let heads = revisions.list(usize::from(self.limit))?;
        if self.json {
            return say(pretty(&heads.iter().map(shown).collect::<Vec<_>>())?);
        }
        let mut listing = Listing::new(&["number", "at", "author", "sha256", "restores", "note"]);
        for head in heads {
            let short = head.digest.get(..12).unwrap_or_default().to_owned();
            let restores = head.restores.map_or_else(|| "-".to_owned(), |number| number.to_string());
            let note = or_dash(head.note.lines().next().unwrap_or_default());
            listing.row([head.number.to_string(), head.at.to_string(), head.author, short, restores, note]);
        }
        say(listing.finish())
    }
}

/// This revision, or the newest.
fn find(start: &StartFile, revisions: &mut Revisions, number: Option<u64>) -> Result<Revision> {
    let Some(number) = number else {
        return revisions.newest()?.ok_or_else(|| revisions::none_yet(start));
    };
    match revisions.get(number)? {
        Some(revision) => Ok(revision),
        None => bail!("there is no revision {number}; `tallygate config list` shows which there are"),
    }
}

fn whole(revision: &Revision) -> Value {
    let mut value = shown(&revision.head);
    value.insert("text".to_owned(), Value::from(revision.text.as_str()));
    Value::Object(value)
}

/// Who sits here, as the system calls him.
fn user() -> String {
    let named =
        ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let clean = |user: String| user.chars().filter(|c| !c.is_control()).take(AUTHOR_MAX).collect::<String>();
    named.map(clean).filter(|user| !user.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
