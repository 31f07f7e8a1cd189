//! Regular expressions: only such as can be searched in linear time, and none that can grow without bound.

use super::Flaw;
use crate::span::Span;
use crate::view::View;
use regex::{Regex, RegexBuilder};

/// Longest expression, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4 << 10;

/// Most memory that a compiled expression takes.
pub const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Memory for the states that are made while searching; beyond it they are made anew.
const STATES_BYTES_MAX: usize = 2 << 20;

/// How deep groups may be nested.
const NEST_MAX: u32 = 64;

/// Longest match. A longer one is found up to here.
pub const MATCH_BYTES_MAX: usize = 4 << 10;

/// Most matches of one expression in one text; the rest of the text from there on counts as one more.
pub const MATCHES_MAX: usize = 4096;

/// How much of a text is searched at once. An expression can look far ahead before it settles for a short match; this
/// bounds how often each byte is looked at.
const BLOCK_BYTES: usize = 16 << 10;

/// Compiles an expression that is to be searched for, or says why not.
pub(super) fn compile(pattern: &str) -> Result<Regex, Flaw> {
    let built = compile_any(pattern)?;
    if built.is_match("") {
        let what = "the expression matches the empty text, and so everywhere".to_owned();
        return Err((what, "ask for at least one character: + instead of *".to_owned()));
    }
    Ok(built)
}

/// Compiles an expression that may match the empty text.
pub(super) fn compile_any(pattern: &str) -> Result<Regex, Flaw> {
    if pattern.len() > PATTERN_BYTES_MAX {
        let what = format!("the expression has {} bytes", pattern.len());
        return Err((what, format!("use at most {PATTERN_BYTES_MAX}; a list of words is a rule of words")));
    }
    RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(STATES_BYTES_MAX)
        .nest_limit(NEST_MAX)
        .build()
        .map_err(|e| flaw(&e))
}

fn flaw(error: &regex::Error) -> Flaw {
    match error {
        regex::Error::CompiledTooBig(_) => (
            "the expression grows beyond 1 MiB when it is compiled".to_owned(),
            "lower its repetitions ({1,1000}), or say (?-u) where ASCII is enough".to_owned(),
        ),
        error => {
            let all = error.to_string();
            let reason = all.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let mend = if reason.contains("look-around") || reason.contains("backreferences") {
                "match what stands there too, or write two rules: searching in linear time, which no text can stall, \
                 excludes look-around and backreferences"
            } else {
                "write a literal \\ . + * ? ( ) [ ] { } with a \\ before it; the syntax is that of RE2 and Rust"
            };
            (format!("the expression cannot be read: {reason}"), mend.to_owned())
        }
    }
}

/// Tells each match in the plain reading, and in what is hidden.
pub(super) fn find(regex: &Regex, view: &View<'_>, tell: &mut dyn FnMut(Span)) {
    search(regex, view.plain().text(), &mut |span| tell(view.plain().origin(span)));
    for hidden in view.hidden() {
        search(regex, &hidden.plain, &mut |span| tell(hidden.place_in_plain(span)));
    }
}

fn search(regex: &Regex, text: &str, tell: &mut dyn FnMut(Span)) {
    let (mut at, mut matches) = (0, 0);
    while at < text.len() {
        let end = floor(text, at + BLOCK_BYTES);
        let block = text.get(..end).unwrap_or(text);
        let Some(found) = regex.find_at(block, at) else {
            // What begins near the end of the block may end beyond it.
            at = if end == text.len() { end } else { floor(text, end - MATCH_BYTES_MAX) };
            continue;
        };
        let is_cut = found.end() == end && end < text.len();
        if is_cut && found.end() - found.start() < MATCH_BYTES_MAX && found.start() > at {
            at = found.start();
            continue;
        }
        if found.is_empty() {
            at = ceil(text, found.end() + 1);
            continue;
        }
        matches += 1;
        if matches > MATCHES_MAX {
            return tell(Span::new(found.start(), text.len()));
        }
        let stop = floor(text, found.start() + MATCH_BYTES_MAX).min(found.end());
        tell(Span::new(found.start(), stop));
        at = stop.max(at + 1);
        at = ceil(text, at);
    }
}

/// The last boundary at or before an offset.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The first boundary at or after an offset.
fn ceil(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}
