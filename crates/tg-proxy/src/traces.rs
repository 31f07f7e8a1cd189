//! Which calls do more than answer, so that doing them twice is another thing, and which failures leave open whether they were done.

use serde::Deserialize;
use serde_json::Value;
use tg_dialect::scan::Members;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::{Fault, Retry};

/// Tools that callers run themselves, or by which a provider only reads or computes, by the first words of their types. Of any
/// other nobody here knows what it does.
const HARMLESS: [&str; 19] = [
    "apply_patch",
    "bash",
    "code_execution",
    "code_interpreter",
    "computer",
    "custom",
    "file_search",
    "function",
    "image_generation",
    "local_shell",
    "memory",
    "namespace",
    "nova_code_interpreter",
    "nova_grounding",
    "shell",
    "text_editor",
    "tool_search",
    "web_fetch",
    "web_search",
];

/// Statuses by which a provider says that it has not done what it was asked for.
const NOT_DONE: [u16; 2] = [503, 529];

/// A tool, as far as it tells who runs it and where.
#[derive(Deserialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "systemTool")]
    system: Option<Named>,
    container: Option<Value>,
    environment: Option<Value>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
struct ToolConfig {
    #[serde(default)]
    tools: Vec<Tool>,
}

/// Whether a call starts something that outlasts its answer, adds to a conversation or container that its provider keeps, or has
/// tools that its provider runs and of which it is not known that they change nothing. An answer that is kept (`store`) does not
/// count: nobody has heard its name.
pub(crate) fn acts(members: &Members<'_>) -> bool {
    let stands = |name: &str| members.get(name).is_some_and(|raw| !matches!(raw, b"null" | b"false" | b"[]"));
    if ["background", "conversation", "mcp_servers"].iter().any(|name| stands(name)) {
        return true;
    }
    let container = members.get("container").and_then(|raw| serde_json::from_slice::<Value>(raw).ok());
    if container.as_ref().is_some_and(is_kept) {
        return true;
    }
    let tools = members.get("tools").map(serde_json::from_slice::<Vec<Tool>>);
    let config = members.get("toolConfig").map(|raw| serde_json::from_slice(raw).map(|ToolConfig { tools }| tools));
    // What cannot be read here is another thing than what is known.
    tools.into_iter().chain(config).any(|tools| tools.map_or(true, |tools| tools.iter().any(Tool::acts)))
}

/// Whether the answer to a call is kept by who gives it, as far as its dialect says: of Responses all are that do not say that
/// they are not to be.
pub(crate) fn is_stored(dialect: Dialect, members: &Members<'_>) -> bool {
    match members.get("store") {
        Some(b"true") => true,
        Some(b"false") => false,
        _ => dialect == Dialect::OpenaiResponses,
    }
}

/// Whether a container is one that was there before.
fn is_kept(container: &Value) -> bool {
    container.is_string() || ["id", "container_id"].iter().any(|name| container[*name].is_string())
}

impl Tool {
    fn acts(&self) -> bool {
        let kind = self.system.as_ref().map_or(self.kind.as_deref(), |system| system.name.as_deref());
        let is_kept = [&self.container, &self.environment].into_iter().flatten().any(is_kept);
        is_kept || kind.is_some_and(|kind| !HARMLESS.iter().any(|known| is_of(kind, known)))
    }
}

/// Whether a type is this one, or a version of it: `web_search_20250305`.
fn is_of(kind: &str, known: &str) -> bool {
    kind.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Whether a provider may have done what it was asked for though it failed so.
pub(crate) fn may_be_done(fault: &Fault) -> bool {
    match fault.upstream_status {
        // It did not get that far.
        None => !matches!(fault.code, "upstream_unreachable" | "egress_refused"),
        Some(408) => true,
        Some(status) => status >= 500 && !NOT_DONE.contains(&status),
    }
}

/// Sees to it that a call which may have been done is asked of no other target, nor of this one once more, where doing it twice
/// is another thing. `has_begun`: its answer had.
pub(crate) fn done_once(members: &Members<'_>, fault: &mut Fault, has_begun: bool) {
    if (has_begun || may_be_done(fault)) && acts(members) {
        fault.retry = Retry::Never;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tg_kernel::fault::{Class, Origin};

    #[test]
    fn what_is_done_by_providers_is_told_from_what_callers_do_themselves() {
        for (acting, body) in [
            (true, json!({"tools": [{"type": "function"}, {"type": "mcp", "server_url": "https://example.com"}]})),
            (true, json!({"tools": [{"type": "something_new"}]})),
            (true, json!({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]})),
            (
                true,
                json!({"tools": [{"type": "shell", "environment": {"type": "container_reference", "container_id": "c"}}]}),
            ),
            (true, json!({"tools": "?"})),
            (true, json!({"background": true})),
            (true, json!({"conversation": {"id": "conv_1"}})),
            (true, json!({"mcp_servers": [{"type": "url"}]})),
            (true, json!({"container": "container_1"})),
            (true, json!({"container": {"id": "container_1", "skills": []}})),
            (true, json!({"toolConfig": {"tools": [{"systemTool": {"name": "payments"}}]}})),
            (
                false,
                json!({"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, {"systemTool": {"name": "nova_grounding"}}]}}),
            ),
            (false, json!({"tools": [{"type": "web_search_20250305"}, {"type": "computer_20250124"}, {"name": "f"}]})),
            (false, json!({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]})),
            (false, json!({"background": false, "conversation": null, "mcp_servers": [], "store": true, "n": 2})),
            (false, json!({"messages": []})),
        ] {
            let bytes = body.to_string();
            let members = Members::scan(bytes.as_bytes()).unwrap();
            assert_eq!(acts(&members), acting, "{body}");
        }
    }

    #[test]
    fn responses_are_stored_where_nothing_is_said_of_it() {
        for (dialect, body, stored) in [
            (Dialect::OpenaiResponses, r#"{"input":"x"}"#, true),
            (Dialect::OpenaiResponses, r#"{"store":null}"#, true),
            (Dialect::OpenaiResponses, r#"{"store": false }"#, false),
            (Dialect::OpenaiChat, r#"{"messages":[]}"#, false),
            (Dialect::OpenaiChat, r#"{"store":true}"#, true),
            (Dialect::AnthropicMessages, r#"{"messages":[]}"#, false),
        ] {
            assert_eq!(is_stored(dialect, &Members::scan(body.as_bytes()).unwrap()), stored, "{dialect:?} {body}");
        }
    }

    #[test]
    fn who_was_not_reached_or_says_no_has_done_nothing() {
        let fault = |code, status: Option<u16>| {
            let fault = Fault::new(Class::UpstreamFailed, Origin::Provider, code, "x");
            status.into_iter().fold(fault, Fault::with_upstream_status)
        };
        for (code, status, done) in [
            ("first_byte_timeout", None, true),
            ("upstream_reset", None, true),
            ("upstream_unreachable", None, false),
            ("upstream_error", Some(500), true),
            ("upstream_error", Some(502), true),
            ("upstream_timeout", Some(504), true),
            ("upstream_timeout", Some(408), true),
            ("upstream_overloaded", Some(503), false),
            ("upstream_overloaded", Some(529), false),
            ("upstream_limited", Some(429), false),
            ("upstream_not_found", Some(404), false),
        ] {
            assert_eq!(may_be_done(&fault(code, status)), done, "{code} {status:?}");
        }
    }
}
