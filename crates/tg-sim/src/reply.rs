//! What a simulated model answers: derived from the request alone, so that a test can foretell it.

use crate::ask::{Ask, Form, Thinking, Tool, ToolChoice};
use crate::counts::tokens_of;
use crate::row;
use crate::sample;
use crate::signature;
use serde_json::{Value, json};

/// Output tokens of an answer that nothing else decides.
pub const DEFAULT_TOKENS: u64 = 30;

/// Tokens of thinking when it is asked for without a number.
pub const THINKING_TOKENS: u64 = 12;

/// Why the answer ended, in words that no personality owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    EndTurn,
    MaxTokens,
    Sequence,
    ToolUse,
    Refusal,
    PauseTurn,
    ContextExceeded,
    Guardrail,
    ContentFiltered,
    MalformedOutput,
}

impl Stop {
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "end_turn" => Self::EndTurn,
            "max_tokens" => Self::MaxTokens,
            "stop_sequence" => Self::Sequence,
            "tool_use" => Self::ToolUse,
            "refusal" => Self::Refusal,
            "pause_turn" => Self::PauseTurn,
            "context_exceeded" => Self::ContextExceeded,
            "guardrail" => Self::Guardrail,
            "content_filtered" => Self::ContentFiltered,
            "malformed_output" => Self::MalformedOutput,
            _ => return None,
        })
    }
}

/// One block of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    Thinking {
        text: String,
        signature: String,
        /// Tokens thought, though the text may be withheld.
        tokens: u64,
    },
    Redacted {
        data: String,
        tokens: u64,
    },
    Text(String),
    /// Why the model says no.
    Refusal(String),
    ToolUse {
        /// Unique within the simulator; the personality sets its own prefix before it.
        id: String,
        name: String,
        /// The arguments as JSON text.
        arguments: String,
    },
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub blocks: Vec<Block>,
    pub stop: Stop,
    pub stop_sequence: Option<String>,
    pub output: u64,
    pub reasoning: u64,
}

impl Reply {
    pub(crate) fn has_tool_use(&self) -> bool {
        self.blocks.iter().any(|b| matches!(b, Block::ToolUse { .. }))
    }

    /// All plain text of the answer.
    pub(crate) fn text(&self) -> String {
        let mut all = String::new();
        for block in &self.blocks {
            if let Block::Text(text) = block {
                all.push_str(text);
            }
        }
        all
    }

    /// Why the model says no, if it does.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.blocks.iter().find_map(|block| match block {
            Block::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The thinking that is shown, if there is any.
    pub(crate) fn thinking(&self) -> Option<&str> {
        self.blocks.iter().find_map(|b| match b {
            Block::Thinking { text, .. } if !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
    }
}

/// Writes the answer to a request; `number` makes tool call ids unique.
pub(crate) fn compose(ask: &Ask, number: u64) -> Reply {
    let mut blocks = Vec::new();
    let reasoning = think(ask, &mut blocks);
    let calls = calls_wanted(ask);
    let mut stop = Stop::EndTurn;
    let mut stop_sequence = None;
    if !ask.directive.row.is_empty() {
        blocks.extend(row::compose(ask, number));
        if blocks.iter().any(|block| matches!(block, Block::ToolUse { .. })) {
            stop = Stop::ToolUse;
        }
    } else if calls > 0 {
        if ask.directive.preamble {
            blocks.push(Block::Text(format!("calling: {}", ask.prompt)));
        }
        call_tools(ask, number, calls, &mut blocks);
        stop = Stop::ToolUse;
    } else {
        let mut text = answer_text(ask);
        if let Some((at, found)) = first_stop(&text, &ask.stops) {
            text.truncate(at);
            stop = Stop::Sequence;
            stop_sequence = Some(found);
        }
        let room = ask.output_max.map_or(u64::MAX, |max| max.saturating_sub(reasoning));
        if tokens_of(&text) > room {
            text = fit(&text, room);
            stop = Stop::MaxTokens;
            stop_sequence = None;
        }
        if !text.is_empty() {
            blocks.push(Block::Text(text));
        }
    }
    let output = blocks.iter().map(block_tokens).sum();
    Reply { blocks, stop: ask.directive.stop.unwrap_or(stop), stop_sequence, output, reasoning }
}

fn block_tokens(block: &Block) -> u64 {
    match block {
        Block::Thinking { tokens, .. } | Block::Redacted { tokens, .. } => *tokens,
        Block::Text(text) | Block::Refusal(text) => tokens_of(text),
        Block::ToolUse { name, arguments, .. } => (name.len() as u64 + arguments.len() as u64).div_ceil(4),
    }
}

fn think(ask: &Ask, blocks: &mut Vec<Block>) -> u64 {
    if ask.thinking == Thinking::Off && ask.directive.think.is_none() {
        return 0;
    }
    let tokens = ask.directive.think.unwrap_or(THINKING_TOKENS);
    let thought = cycle(&format!("thinking: {}", ask.prompt), tokens);
    if ask.directive.redacted {
        blocks.push(Block::Redacted { data: signature::seal(&thought), tokens });
    } else {
        let text = if ask.thinking == Thinking::Omitted { String::new() } else { thought };
        let signature = signature::sign(&text, &ask.prompt);
        blocks.push(Block::Thinking { text, signature, tokens });
    }
    tokens
}

fn calls_wanted(ask: &Ask) -> usize {
    if ask.tools.is_empty() || ask.tool_choice == ToolChoice::Off {
        return 0;
    }
    let forced = matches!(ask.tool_choice, ToolChoice::Any | ToolChoice::Named(_));
    let asked = if ask.results.is_empty() { ask.directive.tools } else { 0 };
    let wanted = if forced { asked.max(1) } else { asked };
    if ask.single_call { wanted.min(1) } else { wanted }
}

fn call_tools(ask: &Ask, number: u64, calls: usize, blocks: &mut Vec<Block>) {
    let start = match &ask.tool_choice {
        ToolChoice::Named(name) => ask.tools.iter().position(|t| &t.name == name).unwrap_or(0),
        _ => 0,
    };
    for (i, tool) in ask.tools.iter().cycle().skip(start).take(calls).enumerate() {
        blocks.push(call(tool, number, i));
    }
}

/// A call of a tool, the `nth` of an answer.
pub(crate) fn call(tool: &Tool, number: u64, nth: usize) -> Block {
    let input = sample::of_schema(&tool.schema, nth + 1);
    let input = if input.is_object() { input } else { json!({}) };
    Block::ToolUse { id: format!("sim{number:06x}x{nth}"), name: tool.name.clone(), arguments: input.to_string() }
}

fn answer_text(ask: &Ask) -> String {
    if let Some(said) = &ask.directive.say {
        return said.clone();
    }
    match &ask.form {
        Form::Schema(schema) => return sample::of_schema(schema, 1).to_string(),
        Form::Json => return json!({ "echo": ask.prompt }).to_string(),
        Form::Text if ask.directive.json => return json!({ "echo": ask.prompt }).to_string(),
        Form::Text => {}
    }
    if let Some(verdict) = verdict(ask) {
        return verdict;
    }
    if ask.results.is_empty() {
        return cycle(&format!("echo: {}", ask.prompt), ask.directive.tokens.unwrap_or(DEFAULT_TOKENS));
    }
    let quoted = format!("results: {}", ask.results.join("; "));
    ask.directive.tokens.map_or(quoted.clone(), |tokens| cycle(&quoted, tokens))
}

/// What a model says that was made to judge. `undecided` texts confuse it.
fn verdict(ask: &Ask) -> Option<String> {
    let flagged = ask.prompt.contains("forbidden");
    let (safe, unsafe_) = match ask.model.as_str() {
        model if model.contains("llama-guard") => ("safe", "unsafe\nS1,S9"),
        model if model.contains("judge") => {
            (r#"{"flagged": false, "categories": []}"#, r#"{"flagged": true, "categories": ["rude"]}"#)
        }
        _ => return None,
    };
    let said = if flagged { unsafe_ } else { safe };
    Some(if ask.prompt.contains("undecided") { "What a question!".to_owned() } else { said.to_owned() })
}

/// The text, repeated with blanks between until it has exactly so many tokens.
fn cycle(text: &str, tokens: u64) -> String {
    let bytes = usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX).min(1 << 26);
    let mut all = String::with_capacity(bytes + text.len() + 1);
    while all.len() < bytes {
        all.push_str(text);
        all.push(' ');
    }
    fit(&all, tokens)
}

/// The longest beginning of the text that has at most so many tokens.
fn fit(text: &str, tokens: u64) -> String {
    let mut end = usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn first_stop(text: &str, stops: &[String]) -> Option<(usize, String)> {
    stops.iter().filter_map(|s| text.find(s.as_str()).map(|at| (at, s.clone()))).min_by_key(|(at, _)| *at)
}

/// A value of arguments that is no object, as some wires show it.
pub(crate) fn arguments_value(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or_else(|_| json!({}))
}
