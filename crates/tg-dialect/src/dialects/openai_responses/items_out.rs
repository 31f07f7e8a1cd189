//! Writing input items for a provider: messages, calls of functions and their outcomes, reasoning.

use super::{media, seal};
use crate::conversation::{Losses, is_blank};
use crate::loss::Loss;
use crate::tool_names::{ToolNames, call_id};
use serde_json::{Value, json};
use tg_kernel::chat::{Content, Part, Role, Thought, ToolResult, Turn};

/// Types of items and content that this dialect knows and the canonical form does not.
const OWN_ITEMS: [&str; 26] = [
    "item_reference",
    "web_search_call",
    "file_search_call",
    "computer_call",
    "computer_call_output",
    "code_interpreter_call",
    "image_generation_call",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "tool_search_call",
    "tool_search_output",
    "additional_tools",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "compaction",
    "compaction_trigger",
    "program",
    "program_output",
];

/// Whether a piece without canonical form is an item of this dialect.
pub(super) fn is_own_item(kind: &str, value: &Value) -> bool {
    OWN_ITEMS.contains(&kind) && value.get("type").is_some_and(|own| own == kind)
}

/// Writes items, and keeps what could not be written.
#[derive(Debug, Default)]
pub(super) struct ItemWriter {
    /// What is left out.
    pub(super) losses: Losses,
    /// Tool names that had to be changed.
    pub(super) names: ToolNames,
    items: Vec<Value>,
    /// Content parts of the message that is being written, and who speaks it.
    content: Vec<Value>,
    role: Option<Role>,
}

impl ItemWriter {
    /// Appends the items for a turn.
    pub(super) fn turn(&mut self, turn: &Turn) {
        self.role = Some(turn.role);
        for part in &turn.parts {
            if part.cache.is_some() {
                // OpenAI caches by itself.
                self.losses.insert(Loss::dropped("cache_control"));
            }
            self.part(part, turn.role);
        }
        self.close_message();
    }

    /// The items written.
    pub(super) fn take_items(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.items)
    }

    fn part(&mut self, part: &Part, role: Role) {
        match &part.content {
            Content::ToolUse(call) => {
                self.close_message();
                let name = self.names.send(&call.name);
                let arguments = if is_blank(&call.arguments) { "{}" } else { &call.arguments };
                let id = call_id(&call.id);
                self.items
                    .push(json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments }));
            }
            Content::ToolResult(result) => {
                self.close_message();
                let item = self.outcome(result);
                self.items.push(item);
            }
            Content::Reasoning(thought) => {
                self.close_message();
                self.thought(thought);
            }
            Content::Other(kind, value) if is_own_item(kind, value) => {
                self.close_message();
                self.items.push(value.clone());
            }
            _ => {
                let content = self.content_part(part, role);
                self.content.extend(content);
            }
        }
    }

    fn close_message(&mut self) {
        let content = std::mem::take(&mut self.content);
        let Some(role) = self.role.filter(|_| !content.is_empty()) else { return };
        let role = match role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        self.items.push(json!({ "type": "message", "role": role, "content": content }));
    }

    fn content_part(&mut self, part: &Part, role: Role) -> Option<Value> {
        match (&part.content, role) {
            (Content::Text(text), _) if is_blank(text) => None,
            (Content::Text(text), Role::Assistant) => {
                Some(json!({ "type": "output_text", "text": text, "annotations": [] }))
            }
            (Content::Text(text), _) => Some(json!({ "type": "input_text", "text": text })),
            (Content::Refusal(text), Role::Assistant) => Some(json!({ "type": "refusal", "refusal": text })),
            (Content::Refusal(text), _) => Some(json!({ "type": "input_text", "text": text })),
            (Content::Image(media), Role::User) => {
                let image = media::write_image(media);
                self.or_drop(image, "content.image")
            }
            (Content::Document(document), Role::User) => {
                if document.context.is_some() {
                    self.losses.insert(Loss::dropped("content.document.context"));
                }
                if document.citations {
                    self.losses.insert(Loss::dropped("content.document.citations"));
                }
                let file = media::write_file(document);
                self.or_drop(file, "content.document")
            }
            (Content::Image(_), _) => self.or_drop(None, "content.image"),
            (Content::Document(_), _) => self.or_drop(None, "content.document"),
            (Content::Audio(_), _) => self.or_drop(None, "content.audio"),
            (Content::Other(kind, _), _) => self.or_drop(None, &format!("content.{kind}")),
            (Content::ToolUse(_) | Content::ToolResult(_) | Content::Reasoning(_), _) => None,
        }
    }

    fn or_drop(&mut self, written: Option<Value>, what: &str) -> Option<Value> {
        if written.is_none() {
            self.losses.insert(Loss::dropped(what));
        }
        written
    }

    /// One text as a string, all else as a list. The dialect has no mark for a tool that failed.
    fn outcome(&mut self, result: &ToolResult) -> Value {
        if result.is_error {
            self.losses.insert(Loss::dropped("tool_result.is_error"));
        }
        let output = match result.parts.as_slice() {
            [] => Value::from(""),
            [Part { content: Content::Text(text), .. }] => Value::from(text.as_str()),
            parts => parts.iter().filter_map(|part| self.content_part(part, Role::User)).collect(),
        };
        json!({ "type": "function_call_output", "call_id": call_id(&result.id), "output": output })
    }

    /// Only OpenAI's own reasoning may be sent back: it refuses what it did not encrypt itself.
    fn thought(&mut self, thought: &Thought) {
        let Some(encrypted) = seal::own(thought) else {
            self.losses.insert(Loss::dropped("content.reasoning"));
            return;
        };
        let summary = match thought.text.as_str() {
            "" => json!([]),
            text => json!([{ "type": "summary_text", "text": text }]),
        };
        self.items.push(json!({ "type": "reasoning", "summary": summary, "encrypted_content": encrypted }));
    }
}
