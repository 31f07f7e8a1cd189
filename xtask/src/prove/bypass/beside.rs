//! Where a text may stand beside the conversation: files, definitions of tools and answers, names and labels.

use super::places::{Place, value_in};
use crate::wire::dialect::Dialect;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A file that is a text, in the message of the user.
pub(super) fn file(dialect: Dialect, mut body: Value, text: &str) -> Value {
    let data = STANDARD.encode(text);
    let url = format!("data:text/plain;base64,{data}");
    match dialect {
        Dialect::Responses => {
            let file = json!({ "type": "input_file", "filename": "notes.txt", "file_data": url });
            let said = json!({ "type": "input_text", "text": "read this" });
            body["input"] = json!([{ "role": "user", "content": [said, file] }]);
        }
        Dialect::Converse => {
            let document = json!({ "format": "txt", "name": "notes", "source": { "bytes": data } });
            body["messages"][0]["content"] = json!([{ "text": "read this" }, { "document": document }]);
        }
        _ => {
            let file = json!({ "type": "file", "file": { "filename": "notes.txt", "file_data": url } });
            body["messages"][0]["content"] = json!([{ "type": "text", "text": "read this" }, file]);
        }
    }
    body
}

/// The tool of a body with a text in its definition.
pub(super) fn defined(place: Place, dialect: Dialect, mut body: Value, text: &str) -> Value {
    let [tool, schema] = match dialect {
        Dialect::Responses => ["/tools/0", "/parameters"],
        Dialect::Messages | Dialect::Invoke => ["/tools/0", "/input_schema"],
        Dialect::Converse => ["/toolConfig/tools/0/toolSpec", "/inputSchema/json"],
        Dialect::Chat | Dialect::Embeddings => ["/tools/0/function", "/parameters"],
    };
    let Some(tool) = body.pointer_mut(tool) else { return body };
    match place {
        Place::ToolName => tool["name"] = value_in(text).into(),
        Place::Definition => tool["description"] = text.into(),
        _ => {
            let member = match place {
                Place::Schema => json!({ "type": "string", "description": text }),
                _ => json!({ "type": "string", "enum": ["nobody", text] }),
            };
            if let Some(own) = tool.pointer_mut(&format!("{schema}/properties/to")) {
                *own = member;
            }
        }
    }
    body
}

/// The form that an answer must have, with a text in what is said of a member.
pub(super) fn formed(dialect: Dialect, mut body: Value, text: &str) -> Value {
    let member = json!({ "type": "string", "description": text });
    let schema = json!({
        "type": "object", "properties": { "to": member }, "required": ["to"], "additionalProperties": false
    });
    match dialect {
        Dialect::Responses => {
            body["text"] = json!({ "format": { "type": "json_schema", "name": "form", "schema": schema } });
        }
        Dialect::Converse => {
            let form = json!({ "jsonSchema": { "name": "form", "schema": schema.to_string() } });
            body["outputConfig"] = json!({ "textFormat": { "type": "json_schema", "structure": form } });
        }
        Dialect::Messages => body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } }),
        _ => {
            let form = json!({ "name": "form", "schema": schema });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": form });
        }
    }
    body
}

/// Whose words they are.
pub(super) fn named(dialect: Dialect, mut body: Value, text: &str) -> Value {
    match dialect {
        Dialect::Messages | Dialect::Invoke => body["metadata"] = json!({ "user_id": value_in(text) }),
        _ => body["user"] = value_in(text).into(),
    }
    body
}

/// Labels in the body.
pub(super) fn labelled(dialect: Dialect, mut body: Value, text: &str) -> Value {
    let name = if dialect == Dialect::Converse { "requestMetadata" } else { "metadata" };
    body[name] = json!({ "ticket": text });
    body
}
