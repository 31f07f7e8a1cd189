//! The facts of a call that conditions can ask for.

use cel::Value;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use std::collections::HashMap;
use tg_kernel::calendar::Zone;
use tg_kernel::clock::Timestamp;

/// What is known of one call. Texts that are not there are empty, numbers that are not there are zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The team.
    pub team: &'a str,
    /// The project.
    pub project: &'a str,
    /// The environment.
    pub environment: &'a str,
    /// Public id of the key.
    pub key: &'a str,
    /// The model as the caller names it.
    pub model: &'a str,
    /// The caller's dialect.
    pub dialect: &'a str,
    /// Tags, as `name` or `name=value`.
    pub tags: &'a [String],
    /// Whether a stream is wanted.
    pub stream: bool,
    /// Whether tools are offered.
    pub tools: bool,
    /// Whether the answer must follow a JSON Schema.
    pub schema: bool,
    /// Whether the model is asked to reason.
    pub reasoning: bool,
    /// Pictures.
    pub images: u32,
    /// Documents.
    pub documents: u32,
    /// Messages.
    pub turns: u32,
    /// Input tokens, estimated.
    pub input_tokens: u64,
    /// Most output tokens that the caller allows.
    pub output_tokens_max: u64,
    /// What kind of task it is; empty where nobody has looked.
    pub task: &'a str,
    /// How likely it is that only a strong model gets it right, from 0 to 1.
    pub difficulty: f32,
    /// What is left of the budget of which least is, as a part of its amount: 0 to 1.
    pub budget_left: f64,
    /// When it came.
    pub at: Timestamp,
    /// By which clock; `None`: UTC.
    pub zone: Option<&'a Zone>,
}

/// A name that conditions can use.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The name.
    pub name: &'static str,
    /// The kind of value, in CEL's words.
    pub kind: &'static str,
    /// What it is.
    pub meaning: &'static str,
}

const fn known(name: &'static str, kind: &'static str, meaning: &'static str) -> Known {
    Known { name, kind, meaning }
}

/// Every name that conditions can use.
pub const KNOWN: [Known; 21] = [
    known("team", "string", "the team"),
    known("project", "string", "the project; empty if none"),
    known("environment", "string", "the environment of the key; empty if none"),
    known("key", "string", "public id of the key"),
    known("model", "string", "the model as the caller names it"),
    known("dialect", "string", "the caller's dialect: `openai_chat`, `anthropic_messages`, …"),
    known(
        "tags",
        "map(string, string)",
        "the call's tags that its team allows; the value of a tag without one is empty",
    ),
    known("stream", "bool", "whether a stream is wanted"),
    known("tools", "bool", "whether tools are offered"),
    known("schema", "bool", "whether the answer must follow a JSON Schema"),
    known("reasoning", "bool", "whether the model is asked to reason"),
    known("images", "int", "pictures in the request"),
    known("documents", "int", "documents in the request"),
    known("turns", "int", "messages in the request"),
    known("input_tokens", "int", "input tokens, estimated"),
    known("output_tokens_max", "int", "most output tokens that the caller allows; 0 if it does not say"),
    known("task", "string", "the kind of task: `classification`, `extraction`, … (docs/routing.md)"),
    known("difficulty", "double", "how likely it is that only a strong model gets it right, from 0 to 1"),
    known(
        "budget_left",
        "double",
        "what is left of the call's budgets as a part of their amounts, of the one of which least is: 0 to 1; 1 without one",
    ),
    known("hour", "int", "the hour of the day, 0 to 23, by `routing.time_zone`"),
    known("weekday", "int", "the day of the week, 1 (Monday) to 7, by `routing.time_zone`"),
];

pub(crate) fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|known| known.name == name)
}

impl Facts<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        Some(match name {
            "team" => self.team.into(),
            "project" => self.project.into(),
            "environment" => self.environment.into(),
            "key" => self.key.into(),
            "model" => self.model.into(),
            "dialect" => self.dialect.into(),
            "task" => self.task.into(),
            "tags" => self.tags().into(),
            "stream" => Value::Bool(self.stream),
            "tools" => Value::Bool(self.tools),
            "schema" => Value::Bool(self.schema),
            "reasoning" => Value::Bool(self.reasoning),
            "images" => number(self.images.into()),
            "documents" => number(self.documents.into()),
            "turns" => number(self.turns.into()),
            "input_tokens" => number(self.input_tokens),
            "output_tokens_max" => number(self.output_tokens_max),
            "difficulty" => Value::Float(self.difficulty.into()),
            "budget_left" => Value::Float(self.budget_left),
            "hour" => Value::Int(self.moment().0.into()),
            "weekday" => Value::Int(self.moment().1.into()),
            _ => return None,
        })
    }

    /// The hour and the day of the week.
    fn moment(&self) -> (u8, u8) {
        self.zone.unwrap_or(&Zone::UTC).hour_and_weekday(self.at).unwrap_or_default()
    }

    fn tags(&self) -> HashMap<String, Value> {
        let pair = |tag: &String| match tag.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.into()),
            None => (tag.clone(), "".into()),
        };
        self.tags.iter().map(pair).collect()
    }
}

impl VariableResolver for Facts<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let value: Box<dyn cel::common::value::Val> = self.value(variable)?.try_into().ok()?;
        Some(CowVal::Owned(value))
    }
}

/// Calls of all kinds, on which a condition is tried when it is read.
pub(crate) fn samples() -> [Facts<'static>; 2] {
    let bare = Facts::default();
    let full = Facts {
        team: "team",
        project: "project",
        environment: "prod",
        key: "key",
        model: "model",
        dialect: "openai_chat",
        stream: true,
        tools: true,
        schema: true,
        reasoning: true,
        images: 1,
        documents: 1,
        turns: 3,
        input_tokens: 1000,
        output_tokens_max: 1000,
        task: "chat",
        difficulty: 0.5,
        budget_left: 0.5,
        ..bare
    };
    [bare, full]
}
