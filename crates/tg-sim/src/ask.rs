//! One request after strict reading, in words that no personality owns.

use crate::counts::Meter;
use crate::directive::{self, Directive};
use serde_json::Value;

/// A function that the caller offers.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub name: String,
    pub schema: Value,
}

/// What the caller said about calling tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    #[default]
    Auto,
    Off,
    Any,
    Named(String),
}

/// The form that the answer must have.
#[derive(Clone, Debug, Default)]
pub(crate) enum Form {
    #[default]
    Text,
    Json,
    Schema(Value),
}

/// Whether the caller asked for thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Thinking {
    #[default]
    Off,
    Shown,
    /// Thought, signed, but not shown.
    Omitted,
}

/// Collects what the conversation says, in order: only the stretch after the last assistant turn is answered.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    texts: Vec<String>,
    earlier: Vec<String>,
    media: Vec<String>,
    results: Vec<String>,
}

impl Talk {
    pub(crate) fn user(&mut self, text: &str) {
        self.texts.push(text.to_owned());
    }

    /// Notes an image or document, such as `image png 70 bytes`.
    pub(crate) fn media(&mut self, kind: &str, format: &str, bytes: usize) {
        self.media.push(format!("({kind} {format} {bytes} bytes)"));
    }

    pub(crate) fn result(&mut self, text: String) {
        self.results.push(text);
    }

    pub(crate) fn assistant(&mut self) {
        if !self.texts.is_empty() {
            self.earlier = std::mem::take(&mut self.texts);
        }
        self.media.clear();
        self.results.clear();
    }
}

/// One chat request.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    pub model: String,
    pub streamed: bool,
    /// What to echo: the last text without its directives, and a note for each image and document beside it.
    pub prompt: String,
    pub directive: Directive,
    /// Texts of the tool results that this request answers with.
    pub results: Vec<String>,
    pub tools: Vec<Tool>,
    pub tool_choice: ToolChoice,
    /// At most one call in the answer.
    pub single_call: bool,
    pub form: Form,
    pub thinking: Thinking,
    pub output_max: Option<u64>,
    pub stops: Vec<String>,
    pub metadata: Value,
    pub meter: Meter,
}

impl Ask {
    /// Takes the prompt and the directive from what was said.
    ///
    /// # Errors
    /// The word of a directive that could not be read.
    pub(crate) fn hear(&mut self, talk: Talk) -> Result<(), String> {
        let texts = if talk.texts.is_empty() { &talk.earlier } else { &talk.texts };
        let (mut prompt, directive) = directive::read_for(&texts.join(" "), &self.model)?;
        for media in talk.media {
            prompt.push(' ');
            prompt.push_str(&media);
        }
        prompt.truncate(prompt.trim_end().len());
        self.prompt = prompt.trim_start().to_owned();
        self.directive = directive;
        self.results = talk.results;
        Ok(())
    }
}
