//! Where a text may stand, in the words of each dialect.

use super::super::house::Offer;
use super::beside;
use crate::wire::dialect::{Ask, Delivery, Dialect};
use serde_json::{Value, json};

/// A place of a request or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What the user says.
    User,
    /// What the user says in several messages, cut within a value.
    UserInMessages,
    /// Arguments of a tool, in the history, in escapes behind many others.
    EscapedArguments,
    /// A member of a message that no dialect has.
    Identifier,
    /// The application's own instructions.
    System,
    /// Arguments of a tool, in the history.
    ToolArguments,
    /// What a tool answered.
    ToolResult,
    /// A document.
    Document,
    /// A file that is a text.
    File,
    /// The name of a tool.
    ToolName,
    /// What a tool says of itself.
    Definition,
    /// What the schema of a tool says of a member.
    Schema,
    /// A value that the schema of a tool allows.
    SchemaValue,
    /// What the schema of an answer says of a member.
    AnswerSchema,
    /// Who the user is.
    UserName,
    /// Labels of a request.
    Labels,
    /// The header with which callers of Bedrock label requests.
    LabelsHeader,
    /// A header that goes on.
    Header,
    /// A header in which a client tells of itself.
    ClientHeader,
    /// What the model thought before.
    Reasoning,
    /// A text to embed.
    Embedding,
    /// What the model says.
    Answer,
    /// Arguments of a tool that the model calls.
    AnsweredArguments,
    /// What the model thinks.
    AnsweredReasoning,
}

impl Place {
    /// All.
    pub const ALL: [Self; 24] = [
        Self::User,
        Self::UserInMessages,
        Self::EscapedArguments,
        Self::Identifier,
        Self::System,
        Self::ToolArguments,
        Self::ToolResult,
        Self::Document,
        Self::File,
        Self::ToolName,
        Self::Definition,
        Self::Schema,
        Self::SchemaValue,
        Self::AnswerSchema,
        Self::UserName,
        Self::Labels,
        Self::LabelsHeader,
        Self::Header,
        Self::ClientHeader,
        Self::Reasoning,
        Self::Embedding,
        Self::Answer,
        Self::AnsweredArguments,
        Self::AnsweredReasoning,
    ];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "what a user says",
            Self::UserInMessages => "messages of a user in a row",
            Self::EscapedArguments => "arguments of a tool in escapes",
            Self::Identifier => "an identifier",
            Self::System => "system text",
            Self::ToolArguments => "arguments of a tool",
            Self::ToolResult => "what a tool answered",
            Self::Document => "a document",
            Self::File => "a file that is a text",
            Self::ToolName => "the name of a tool",
            Self::Definition => "the description of a tool",
            Self::Schema => "the schema of a tool",
            Self::SchemaValue => "a value in the schema of a tool",
            Self::AnswerSchema => "the schema of an answer",
            Self::UserName => "who the user is",
            Self::Labels => "labels of a request",
            Self::LabelsHeader => "labels in a header",
            Self::Header => "a header that goes on",
            Self::ClientHeader => "a header of the client's own",
            Self::Reasoning => "earlier reasoning",
            Self::Embedding => "a text to embed",
            Self::Answer => "an answer",
            Self::AnsweredArguments => "arguments of a tool in an answer",
            Self::AnsweredReasoning => "reasoning in an answer",
        }
    }

    /// Whether it is in an answer.
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Answer | Self::AnsweredArguments | Self::AnsweredReasoning)
    }

    /// Whether it is beside what is said: a label or a header.
    pub const fn is_beside(self) -> bool {
        matches!(self, Self::Labels) || self.header().is_some()
    }

    /// The header that it is.
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::LabelsHeader => Some("x-amzn-bedrock-request-metadata"),
            Self::Header => Some("idempotency-key"),
            Self::ClientHeader => Some("user-agent"),
            _ => None,
        }
    }

    /// What stands in the header that it is, with a text in it.
    pub fn header_with(self, text: &str) -> Option<(&'static str, String)> {
        let value = if self == Self::LabelsHeader { json!({ "ticket": text }).to_string() } else { text.to_owned() };
        Some((self.header()?, value))
    }

    /// Whether a dialect has such a place, before this provider.
    pub fn is_in(self, dialect: Dialect, offer: &Offer, delivery: Delivery) -> bool {
        let claude = matches!(offer.provider, "bedrock" | "anthropic");
        match self {
            Self::Embedding => {
                dialect == Dialect::Embeddings && offer.embedding.is_some() && delivery == Delivery::Plain
            }
            _ if dialect == Dialect::Embeddings => false,
            // Converse wants sides that take turns.
            Self::UserInMessages => dialect != Dialect::Converse,
            // Arguments that are a string; elsewhere they are JSON.
            Self::EscapedArguments => matches!(dialect, Dialect::Chat | Dialect::Responses),
            Self::Identifier => matches!(dialect, Dialect::Chat | Dialect::Responses),
            Self::Document => matches!(dialect, Dialect::Messages | Dialect::Converse | Dialect::Invoke) && claude,
            // What reads files in OpenAI's dialects; elsewhere they are documents.
            Self::File => match dialect {
                Dialect::Chat | Dialect::Responses => offer.provider != "compatible",
                _ => dialect == Dialect::Converse && claude,
            },
            Self::AnswerSchema => dialect != Dialect::Invoke,
            Self::UserName => dialect != Dialect::Converse,
            // What is compatible with OpenAI need not take them in Chat Completions.
            Self::Labels => match dialect {
                Dialect::Chat => offer.provider != "compatible",
                _ => matches!(dialect, Dialect::Responses | Dialect::Converse),
            },
            // Reasoning of a request is signed by who made it.
            Self::Reasoning => matches!(dialect, Dialect::Messages | Dialect::Converse | Dialect::Invoke),
            // The simulated OpenAI keeps its thoughts to itself.
            Self::AnsweredReasoning => dialect != Dialect::Responses && offer.provider != "openai",
            _ => true,
        }
    }

    /// The request with a text in this place. The simulated model repeats the last text, thinks it aloud, or calls the tool
    /// with what the tool's schema demands.
    pub fn body(self, ask: &Ask, text: &str) -> Value {
        let dialect = ask.dialect;
        let said = |prompt: &str| Ask { prompt: prompt.to_owned(), ..ask.clone() }.body();
        match self {
            Self::User | Self::Embedding => said(text),
            Self::LabelsHeader | Self::Header | Self::ClientHeader => said("hello"),
            // So long that no value is cut at its end.
            Self::Answer => said(&format!("{text} [[sim: tokens={}]]", tokens("echo", text))),
            Self::AnsweredReasoning => said(&format!("{text} [[sim: think={}]]", tokens("thinking", text))),
            Self::UserInMessages => in_messages(dialect, said("hello"), text),
            Self::EscapedArguments => escaped(dialect, history(dialect, said("hello"), ["HERE", "done"]), text),
            Self::Identifier => identified(dialect, history(dialect, said("hello"), ["nobody", "done"]), text),
            Self::System => system(dialect, said("hello"), text),
            Self::ToolArguments => history(dialect, said("hello"), [text, "done"]),
            Self::ToolResult => history(dialect, said("hello"), ["nobody", text]),
            Self::Document => document(dialect, said("read this"), text),
            Self::Reasoning => reasoned(dialect, said("hello"), text),
            Self::File => beside::file(dialect, said("read this"), text),
            Self::ToolName | Self::Definition | Self::Schema | Self::SchemaValue => {
                beside::defined(self, dialect, tool(dialect, said("hello"), "somebody"), text)
            }
            Self::AnswerSchema => beside::formed(dialect, said("hello"), text),
            Self::UserName => beside::named(dialect, said("hello"), text),
            Self::Labels => beside::labelled(dialect, said("hello"), text),
            Self::AnsweredArguments => tool(dialect, said("[[sim: tools=1]]"), text),
        }
    }
}

/// So many tokens that a model which repeats a text behind a word of its own says all of it once.
fn tokens(before: &str, text: &str) -> usize {
    format!("{before}: {text} ").len().div_ceil(4)
}

/// The word of a text that is no word of a language.
pub(super) fn value_in(text: &str) -> &str {
    let is_value = |word: &&str| word.contains(|c: char| c.is_ascii_digit() || c == '@');
    text.split_whitespace().find(is_value).unwrap_or(text)
}

fn system(dialect: Dialect, mut body: Value, text: &str) -> Value {
    match dialect {
        Dialect::Responses => body["instructions"] = text.into(),
        Dialect::Messages | Dialect::Invoke => body["system"] = json!([{ "type": "text", "text": text }]),
        Dialect::Converse => body["system"] = json!([{ "text": text }]),
        Dialect::Chat | Dialect::Embeddings => {
            body["messages"] = json!([{ "role": "system", "content": text }, { "role": "user", "content": "hello" }]);
        }
    }
    body
}

/// A call of a tool and its result, before the user goes on.
pub(super) fn history(dialect: Dialect, body: Value, [arguments, result]: [&str; 2]) -> Value {
    let input = json!({ "to": arguments });
    let mut body = tool(dialect, body, "somebody");
    match dialect {
        Dialect::Responses => {
            body["input"] = json!([
                { "role": "user", "content": "hello" },
                { "type": "function_call", "call_id": "call_1", "name": "send", "arguments": input.to_string() },
                { "type": "function_call_output", "call_id": "call_1", "output": result },
            ]);
        }
        Dialect::Messages | Dialect::Invoke => {
            body["messages"] = json!([
                { "role": "user", "content": "hello" },
                { "role": "assistant", "content": [{ "type": "tool_use", "id": "toolu_1", "name": "send", "input": input }] },
                { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_1", "content": result }] },
            ]);
        }
        Dialect::Converse => {
            let done = json!({ "toolUseId": "tooluse_1", "content": [{ "text": result }] });
            body["messages"] = json!([
                { "role": "user", "content": [{ "text": "hello" }] },
                { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "tooluse_1", "name": "send", "input": input } }] },
                { "role": "user", "content": [{ "toolResult": done }] },
            ]);
        }
        Dialect::Chat | Dialect::Embeddings => {
            let function = json!({ "name": "send", "arguments": input.to_string() });
            body["messages"] = json!([
                { "role": "user", "content": "hello" },
                { "role": "assistant", "content": null,
                  "tool_calls": [{ "id": "call_1", "type": "function", "function": function }] },
                { "role": "tool", "tool_call_id": "call_1", "content": result },
            ]);
        }
    }
    body
}

/// A text cut into messages of the same side.
fn in_messages(dialect: Dialect, mut body: Value, text: &str) -> Value {
    let half = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let (first, second) = text.split_at(half);
    let message = |text: &str| match dialect {
        Dialect::Converse => json!({ "role": "user", "content": [{ "text": text }] }),
        _ => json!({ "role": "user", "content": text }),
    };
    let name = if dialect == Dialect::Responses { "input" } else { "messages" };
    body[name] = json!([message(first), message(second)]);
    body
}

/// The arguments with a text in place of a word, written in escapes and behind many others.
fn escaped(dialect: Dialect, mut body: Value, text: &str) -> Value {
    let in_escapes = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let decoys = format!("{}{}", in_escapes("decoy"), " a leaf ".repeat(20)).repeat(70);
    let place = match dialect {
        Dialect::Responses => "/input/1/arguments",
        _ => "/messages/1/tool_calls/0/function/arguments",
    };
    if let Some(arguments) = body.pointer_mut(place) {
        *arguments = format!("{{\"decoys\":\"{decoys}\",\"to\":\"{}\"}}", in_escapes(text)).into();
    }
    body
}

/// The call's id with a text in it, as far as that looks like one.
fn identified(dialect: Dialect, mut body: Value, text: &str) -> Value {
    let places = match dialect {
        Dialect::Responses => ["/input/1/call_id", "/input/2/call_id"],
        _ => ["/messages/1/tool_calls/0/id", "/messages/2/tool_call_id"],
    };
    for place in places {
        if let Some(own) = body.pointer_mut(place) {
            *own = value_in(text).into();
        }
    }
    body
}

fn document(dialect: Dialect, mut body: Value, text: &str) -> Value {
    if dialect == Dialect::Converse {
        let source = json!({ "text": text });
        let document = json!({ "document": { "format": "txt", "name": "notes", "source": source } });
        body["messages"] = json!([{ "role": "user", "content": [{ "text": "read this" }, document] }]);
    } else {
        let source = json!({ "type": "text", "media_type": "text/plain", "data": text });
        let document = json!({ "type": "document", "source": source });
        body["messages"] = json!([{ "role": "user", "content": [{ "type": "text", "text": "read this" }, document] }]);
    }
    body
}

/// A thought of an earlier answer, with the answer after it.
fn reasoned(dialect: Dialect, mut body: Value, text: &str) -> Value {
    if dialect == Dialect::Converse {
        let thought = json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": "c2ln" } } });
        body["messages"] = json!([
            { "role": "user", "content": [{ "text": "hello" }] },
            { "role": "assistant", "content": [thought, { "text": "hello yourself" }] },
            { "role": "user", "content": [{ "text": "go on" }] },
        ]);
    } else {
        let thought = json!({ "type": "thinking", "thinking": text, "signature": "c2ln" });
        body["messages"] = json!([
            { "role": "user", "content": "hello" },
            { "role": "assistant", "content": [thought, { "type": "text", "text": "hello yourself" }] },
            { "role": "user", "content": "go on" },
        ]);
    }
    body
}

/// A tool whose argument must be this text.
fn tool(dialect: Dialect, mut body: Value, text: &str) -> Value {
    let schema = json!({ "type": "object", "properties": { "to": { "type": "string", "const": text } } });
    match dialect {
        Dialect::Responses => {
            body["tools"] = json!([{ "type": "function", "name": "send", "parameters": schema, "strict": false }]);
        }
        Dialect::Messages | Dialect::Invoke => body["tools"] = json!([{ "name": "send", "input_schema": schema }]),
        Dialect::Converse => {
            let spec = json!({ "name": "send", "inputSchema": { "json": schema } });
            body["toolConfig"] = json!({ "tools": [{ "toolSpec": spec }] });
        }
        Dialect::Chat | Dialect::Embeddings => {
            body["tools"] = json!([{ "type": "function", "function": { "name": "send", "parameters": schema } }]);
        }
    }
    body
}
