//! The script language: what a caller may ask of a simulator with `[[sim: …]]` inside its last text.
//!
//! Words are separated by blanks; `name=value` or a bare name. Durations read `5ms`, `2s`. An unknown word is refused,
//! so that a misspelt script never passes for a default answer.

use crate::counts::Counts;
use crate::reply::Stop;
use crate::row;
use std::time::Duration;

const OPEN: &str = "[[sim";
const CLOSE: &str = "]]";

/// As what a stream of Bedrock may fail.
const FAILURES: [&str; 7] = [
    "internalServerException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
    "throttlingException",
    "validationException",
    "error",
];

/// What happens instead of an answer's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Head {
    #[default]
    Normal,
    /// 200 with bytes that are no JSON and no stream.
    Garbage,
    /// A proxy's 502 page.
    Html,
    /// Nothing, until the caller leaves.
    Hang,
    /// 200, and nothing after it, until the caller leaves.
    Mute,
    /// The connection is closed without a byte.
    Reset,
}

/// How a stream ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// The connection is torn.
    Die,
    /// The provider's own in-stream error, then the end.
    Fail,
    /// A clean end of the body, without the closing events.
    Truncate,
    /// Silence, until the caller leaves.
    Hang,
    /// Bytes that are no frame, then a clean end.
    Garbage,
}

/// A refusal asked for by the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScriptedRefusal {
    pub status: u16,
    /// The provider's own error name, instead of the one usual for the status.
    pub name: Option<String>,
    /// Whole seconds.
    pub retry_after: Option<u64>,
}

/// What the last text asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directive {
    /// What is answered, word for word.
    pub say: Option<String>,
    /// What is answered, block by block.
    pub row: Vec<row::Item>,
    pub tokens: Option<u64>,
    pub chunk: Option<u64>,
    pub think: Option<u64>,
    pub redacted: bool,
    pub tools: usize,
    pub preamble: bool,
    pub json: bool,
    pub stop: Option<Stop>,
    pub delay: Duration,
    pub ttft: Duration,
    pub pause: Duration,
    pub refusal: Option<ScriptedRefusal>,
    /// Only so many requests of this very text suffer the refusal, the bad head or the break; later ones are served.
    pub times: Option<u64>,
    pub head: Head,
    pub broken: Option<(Break, u64)>,
    /// As what Bedrock's streams fail: an exception's name, or `error` for a frame of that kind.
    pub fail_as: Option<String>,
    pub tear: bool,
    pub unmetered: bool,
    pub no_done: bool,
    /// An asynchronous invocation ends as failed.
    pub job_fails: bool,
    pub added: Counts,
}

impl Directive {
    /// Whether anything is wrong with the head.
    pub(crate) fn spoils_head(&self) -> bool {
        self.refusal.is_some() || self.head != Head::Normal
    }
}

/// Takes every directive out of the text. Returns the rest, trimmed, and what was asked for.
///
/// # Errors
/// The word that could not be read.
pub(crate) fn read(text: &str) -> Result<(String, Directive), String> {
    read_for(text, "")
}

/// The same for a model: directives for other models (`[[sim@MODEL: …]]`) are taken out, and no more.
///
/// # Errors
/// The word that could not be read.
pub(crate) fn read_for(text: &str, model: &str) -> Result<(String, Directive), String> {
    let mut directive = Directive::default();
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        let (before, after) = rest.split_at(start);
        plain.push_str(before);
        let inside = &after[OPEN.len()..];
        let Some((whose, words)) =
            inside.split_once(':').filter(|(whose, _)| whose.is_empty() || whose.starts_with('@'))
        else {
            plain.push_str(OPEN);
            rest = inside;
            continue;
        };
        let Some(end) = words.find(CLOSE) else {
            return Err(format!("a directive that begins with {OPEN:?} must end with {CLOSE:?}"));
        };
        if whose.is_empty() || whose.get(1..) == Some(model) {
            for word in words[..end].split_ascii_whitespace() {
                apply(&mut directive, word)?;
            }
        }
        rest = &words[end + CLOSE.len()..];
    }
    plain.push_str(rest);
    Ok((plain.trim().to_owned(), directive))
}

fn apply(directive: &mut Directive, word: &str) -> Result<(), String> {
    let (name, value) = word.split_once('=').map_or((word, None), |(n, v)| (n, Some(v)));
    if flag(directive, name, value.is_some()) {
        return Ok(());
    }
    let bad = || format!("[[sim: …]] does not know {word:?}");
    let value = value.ok_or_else(bad)?;
    let number = || value.parse::<u64>().map_err(|_| bad());
    let broken = |how| number().map(|after| Some((how, after)));
    match name {
        "say" => directive.say = Some(value.replace('+', " ")),
        "row" => directive.row = row::read(value).ok_or_else(bad)?,
        "tokens" => directive.tokens = Some(number()?),
        "chunk" => directive.chunk = Some(number()?.max(1)),
        "think" => directive.think = Some(number()?),
        "tools" => directive.tools = usize::try_from(number()?).map_err(|_| bad())?.min(64),
        "stop" => directive.stop = Some(Stop::named(value).ok_or_else(bad)?),
        "delay" => directive.delay = duration(value).ok_or_else(bad)?,
        "ttft" => directive.ttft = duration(value).ok_or_else(bad)?,
        "pause" => directive.pause = duration(value).ok_or_else(bad)?,
        "status" => refusal(directive).status = value.parse().map_err(|_| bad())?,
        "error" => refusal(directive).name = Some(value.to_owned()),
        "retry_after" => refusal(directive).retry_after = Some(number()?),
        "times" => directive.times = Some(number()?),
        "die_after" => directive.broken = broken(Break::Die)?,
        "fail_after" => directive.broken = broken(Break::Fail)?,
        "fail_as" if FAILURES.contains(&value) => directive.fail_as = Some(value.to_owned()),
        "truncate_after" => directive.broken = broken(Break::Truncate)?,
        "hang_after" => directive.broken = broken(Break::Hang)?,
        "garbage_after" => directive.broken = broken(Break::Garbage)?,
        "cache_read" => directive.added.cache_read = number()?,
        "cache_write" => directive.added.cache_write_5m = number()?,
        "cache_write_1h" => directive.added.cache_write_1h = number()?,
        _ => return Err(bad()),
    }
    Ok(())
}

/// Words without a value. False if this is none of them.
fn flag(directive: &mut Directive, name: &str, valued: bool) -> bool {
    if valued {
        return false;
    }
    match name {
        "think" | "reasoning" => directive.think = Some(crate::reply::THINKING_TOKENS),
        "redacted" => directive.redacted = true,
        "preamble" => directive.preamble = true,
        "json" => directive.json = true,
        "tools" => directive.tools = 1,
        "garbage" => directive.head = Head::Garbage,
        "html" => directive.head = Head::Html,
        "hang_before_head" => directive.head = Head::Hang,
        "hang_after_head" => directive.head = Head::Mute,
        "reset" => directive.head = Head::Reset,
        "tear" => directive.tear = true,
        "unmetered" => directive.unmetered = true,
        "no_done" => directive.no_done = true,
        "job_fails" => directive.job_fails = true,
        _ => return false,
    }
    true
}

fn refusal(directive: &mut Directive) -> &mut ScriptedRefusal {
    directive.refusal.get_or_insert(ScriptedRefusal { status: 500, name: None, retry_after: None })
}

fn duration(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        return millis.parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}
