//! `tallygate guard`: the built-in checks of content, on a text from the command line.

mod lines;
mod mark;
mod names;
mod policy;
mod recordings;
mod replay;
mod table;

use super::table::{Format, pretty};
use super::terminal::{complain, say};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use lines::Lines;
use serde::Serialize;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use tg_text::engine::{self, Channel, Checks};
use tg_text::finding::{Finding, Kind};
use tg_text::span::Span;
use tg_text::view::{Hidden, View};

/// Longest text that is tried, in MiB.
const TEXT_MIB_MAX: u64 = 16;

/// Content checks.
#[derive(Debug, Subcommand)]
pub(crate) enum Guard {
    /// Try the built-in checks, or the rules of a configuration, on a text
    ///
    /// The built-in checks look for personal data, credentials, attacks on instructions and harmful content, hidden or not.
    ///
    /// Ends with 0 if nothing is found, 1 if something is, 2 if the text could not be checked. What is found is named by
    /// its place; values are not printed, except by --explain.
    Test(Test),
    /// List the names that rules can use: entities of personal data, forms of credentials, categories of harm
    Names(Names),
    /// Replay recorded calls against a changed policy, and print what would change
    ///
    /// Ends with 0 if the same comes of all calls, 1 if something else comes of one, 2 if they could not be replayed.
    /// Services outside are not asked: they are taken to say what they said.
    Replay(replay::Replay),
    /// Mark that a rule was wrong about a recorded call, so that replays show whether a policy still is
    Mark(mark::Mark),
}

/// How to list them.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which text, and how to show what is found.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The file with the text, in UTF-8; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whose words the text is: attacks on instructions are looked for in what users and documents say
    #[arg(long, value_enum, default_value_t = Of::User)]
    channel: Of,
    /// Also print the text as the checks read it, what was hidden in it and how, and what stands behind each finding; of a
    /// configuration, what goes on in its place
    #[arg(long)]
    explain: bool,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    policy: policy::PolicyArgs,
}

/// Whose words a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// A user's
    User,
    /// The instructions of the application
    System,
    /// A document's, or the result of a tool
    Document,
    /// A model's, as arguments of a tool
    Arguments,
    /// A model's, as an answer
    Answer,
}

impl Of {
    fn channel(self) -> Channel {
        match self {
            Self::User => Channel::User,
            Self::System => Channel::System,
            Self::Document => Channel::Untrusted,
            Self::Arguments => Channel::Arguments,
            Self::Answer => Channel::Answer,
        }
    }
}

/// What a test tells.
#[derive(Debug, Serialize)]
struct Told {
    findings: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<Explained>,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Row {
    kind: &'static str,
    rule: String,
    /// Line and column, both from 1, columns in characters.
    line: usize,
    column: usize,
    /// Bytes of the text.
    start: usize,
    end: usize,
    score: f32,
    /// How it was hidden, the outer way first; empty: it stands there openly.
    hidden: Vec<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

/// How the checks read the text.
#[derive(Debug, Serialize)]
struct Explained {
    /// Without invisible characters, in compatibility form; not told where it is the text itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    plain: Option<String>,
    /// As words are looked for; not told where only case differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    folded: Option<String>,
    hidden: Vec<Piece>,
    /// Whether all that is hidden was read.
    complete: bool,
}

/// What was hidden.
#[derive(Debug, Serialize)]
struct Piece {
    how: Vec<&'static str>,
    line: usize,
    column: usize,
    says: String,
}

impl Guard {
    pub(super) fn run(self) -> ExitCode {
        let done = match self {
            Self::Test(test) => test.run(),
            Self::Replay(replay) => replay.run(),
            Self::Mark(mark) => mark.run().map(|()| true),
            Self::Names(list) => names::write(list.format == Format::Json).and_then(say).map(|()| true),
        };
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                complain(&error);
                ExitCode::from(2)
            }
        }
    }
}

impl Test {
    /// Whether nothing was found.
    fn run(self) -> Result<bool> {
        let text = self.read()?;
        if let Some(tried) = self.policy.attempt(&text, self.channel, self.explain)? {
            say(match self.format {
                Format::Json => pretty(&tried)?,
                Format::Table => tried.table(),
            })?;
            return Ok(tried.is_clean());
        }
        let told = self.check(&text);
        let shown = match self.format {
            Format::Json => pretty(&told)?,
            Format::Table => table::write(&told),
        };
        say(shown)?;
        Ok(told.findings.is_empty())
    }

    fn read(&self) -> Result<String> {
        let is_input = self.file.as_os_str() == "-";
        let name = if is_input { "standard input".to_owned() } else { self.file.display().to_string() };
        let input: Box<dyn Read> = if is_input {
            Box::new(std::io::stdin())
        } else {
            Box::new(std::fs::File::open(&self.file).with_context(|| format!("cannot read {name}"))?)
        };
        let mut bytes = Vec::new();
        let most = TEXT_MIB_MAX << 20;
        input.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
        if bytes.len() as u64 > most {
            bail!("{name} has more than {TEXT_MIB_MAX} MiB; try a part of it");
        }
        String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            anyhow::anyhow!("{name} is not UTF-8 (its byte {at} is not); convert it first, as with iconv")
        })
    }

    fn check(&self, text: &str) -> Told {
        let checks = Checks::built_in();
        let channel = self.channel.channel();
        let view = View::of(text);
        let open = checks.check(&View::open_only(text), channel);
        let lines = Lines::of(text);
        let row = |finding: Finding| {
            let is_open = open.iter().any(|other| other.rule == finding.rule && other.span == finding.span);
            let hidden = if is_open { None } else { hiding(&view, finding.span) };
            let (line, column) = lines.place(finding.span.start);
            Row {
                kind: kind(finding.kind),
                line,
                column,
                start: finding.span.start,
                end: finding.span.end,
                score: finding.score,
                hidden: hidden.map(ways).unwrap_or_default(),
                why: if self.explain { engine::why(&finding) } else { String::new() },
                rule: finding.rule.into_owned(),
            }
        };
        let findings = checks.check(&view, channel).into_iter().map(row).collect();
        Told { findings, explained: self.explain.then(|| explained(&view, &lines)) }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Pii => "pii",
        Kind::Secret => "secret",
        Kind::Injection => "injection",
        Kind::Harm => "harm",
        Kind::Topic => "topic",
        Kind::Custom => "custom",
    }
}

/// The smallest hidden text that lies around a place.
fn hiding<'v>(view: &'v View<'_>, span: Span) -> Option<&'v Hidden> {
    let around = |hidden: &&Hidden| hidden.origin.start <= span.start && span.end <= hidden.origin.end;
    view.hidden()
        .iter()
        .chain(view.exact())
        .filter(around)
        .min_by_key(|hidden| (hidden.origin.len(), hidden.within.is_some()))
}

fn ways(hidden: &Hidden) -> Vec<&'static str> {
    hidden.within.into_iter().chain([hidden.how]).map(tg_text::view::Hiding::name).collect()
}

fn explained(view: &View<'_>, lines: &Lines<'_>) -> Explained {
    let plain = view.plain();
    let folded = view.folded();
    let piece = |hidden: &Hidden| {
        let (line, column) = lines.place(hidden.origin.start);
        Piece { how: ways(hidden), line, column, says: hidden.plain.clone() }
    };
    Explained {
        plain: (!plain.is_borrowed()).then(|| plain.text().to_owned()),
        folded: (folded.text() != plain.text().to_lowercase()).then(|| folded.text().to_owned()),
        hidden: view.hidden().iter().chain(view.exact()).map(piece).collect(),
        complete: view.is_complete(),
    }
}
