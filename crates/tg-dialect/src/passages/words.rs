//! The members of all dialects whose names say what stands under them.

use tg_kernel::passage::Channel;

/// What a top-level member of a request is to the model; `None` for what the channel around it says.
pub(super) fn top_level(name: &str) -> Option<Channel> {
    Some(match name {
        "system" | "instructions" | "preamble" | "system_prompt" | "systemPrompt" => Channel::System,
        "tools" | "functions" | "toolConfig" | "response_format" | "text_format" | "output_config" | "outputConfig"
        | "mcp_servers" => Channel::Definition,
        "metadata" | "requestMetadata" | "user" | "safety_identifier" | "prompt_cache_key" | "client_metadata" => {
            Channel::Metadata
        }
        _ => return None,
    })
}

/// What a member at any depth is to the model.
pub(super) fn member(name: &str) -> Option<Channel> {
    Some(match name {
        "tool_calls" | "function_call" | "toolUse" | "tool_call" => Channel::ToolArguments,
        "toolResult" | "tool_results" => Channel::ToolResult,
        "reasoning_content" | "reasoningContent" | "reasoningText" | "thinking" => Channel::Reasoning,
        "document" | "documents" | "searchResult" | "citation" | "citations" => Channel::Document,
        _ => return None,
    })
}

/// What a turn of this role is.
pub(super) fn role(role: &str) -> Option<Channel> {
    Some(match role {
        "system" | "developer" => Channel::System,
        "user" | "USER" | "User" => Channel::User,
        "assistant" | "model" | "CHATBOT" | "chatbot" => Channel::Assistant,
        "tool" | "function" | "TOOL" => Channel::ToolResult,
        _ => return None,
    })
}

/// What a part or item of this type is.
pub(super) fn part(kind: &str) -> Option<Channel> {
    Some(match kind {
        "tool_use"
        | "server_tool_use"
        | "mcp_tool_use"
        | "function_call"
        | "custom_tool_call"
        | "mcp_call"
        | "local_shell_call"
        | "shell_call"
        | "apply_patch_call"
        | "computer_call"
        | "code_interpreter_call"
        | "input_json_delta" => Channel::ToolArguments,
        "document" | "search_result" | "web_search_result" => Channel::Document,
        "thinking" | "reasoning" | "redacted_thinking" | "thinking_delta" | "signature_delta" => Channel::Reasoning,
        other if other.ends_with("_result") || other.ends_with("_output") => Channel::ToolResult,
        _ => return None,
    })
}

/// Members that stand in parts of no type: a part of a type that moves it elsewhere has none of them, and its type is not read
/// where it has.
pub(super) fn is_of_no_type(name: &str) -> bool {
    matches!(
        name,
        "text" | "guardContent" | "document" | "searchResult" | "toolUse" | "toolResult" | "reasoningContent"
    )
}

/// Members that hold JSON of the caller's or the model's own making, in which no name means anything to us: arguments of a
/// tool, its structured answer, schemas, labels.
pub(super) fn is_free(name: &str, channel: Channel) -> bool {
    match channel {
        Channel::ToolArguments => matches!(name, "input" | "arguments" | "action" | "parameters"),
        Channel::ToolResult => {
            matches!(name, "json" | "structuredContent" | "structured_content" | "tool_results")
        }
        // Cohere's: each of them is an object with whatever members its author likes.
        Channel::Document => name == "documents",
        Channel::Definition => {
            matches!(
                name,
                "parameters" | "input_schema" | "schema" | "json" | "input_examples" | "parameter_definitions"
            )
        }
        Channel::Metadata => matches!(name, "metadata" | "requestMetadata" | "client_metadata"),
        _ => matches!(name, "promptVariables" | "variables"),
    }
}

/// Members that identify, count or choose. What stands there is no text as long as it looks like an identifier.
pub(super) fn is_quiet(name: &str) -> bool {
    const QUIET: [&str; 42] = [
        "role",
        "type",
        "id",
        "model",
        "object",
        "index",
        "status",
        "format",
        "detail",
        "effort",
        "event",
        "phase",
        "finish_reason",
        "stop_reason",
        "stopReason",
        "completionReason",
        "tool_call_id",
        "tool_use_id",
        "toolUseId",
        "call_id",
        "item_id",
        "media_type",
        "mediaType",
        "mime_type",
        "mimeType",
        "service_tier",
        "serviceTier",
        "system_fingerprint",
        "encoding_format",
        "reasoning_effort",
        "verbosity",
        "truncation",
        "tool_choice",
        "anthropic_version",
        "guardrailIdentifier",
        "guardrailVersion",
        "ttl",
        "embedding_types",
        "input_type",
        "latency",
        "obfuscation",
        "p",
    ];
    QUIET.contains(&name)
}

/// Members that choose what must be there already: a model, a guardrail, a version.
pub(super) fn is_chosen(name: &str) -> bool {
    matches!(name, "model" | "guardrailIdentifier" | "anthropic_version")
}

/// Members of the blocks of which results of tools and documents consist in the dialects. An object without any of them is
/// of somebody's own making.
pub(super) fn is_of_block(name: &str) -> bool {
    matches!(
        name,
        "type"
            | "role"
            | "text"
            | "content"
            | "source"
            | "bytes"
            | "uri"
            | "url"
            | "image"
            | "image_url"
            | "file_id"
            | "file_data"
            | "audio"
            | "video"
            | "document"
            | "json"
            | "searchResult"
            | "s3Location"
            | "toolUseId"
            | "enabled"
    )
}

/// Members that count or set a measure: their numbers say nothing as long as they are of a measure's length.
pub(super) fn is_measure(name: &str) -> bool {
    name.contains("max") || name.contains("Max") || name.contains("top") || name.ends_with("penalty") || {
        matches!(
            name,
            "temperature" | "seed" | "budget_tokens" | "budgetTokens" | "n" | "p" | "k" | "threshold" | "created_at"
        )
    }
}

/// Members that hold a picture, sound or a file, or say where one is.
pub(super) fn is_medium(name: &str) -> bool {
    const MEDIA: [&str; 23] = [
        "base64",
        "bytes",
        "data",
        "file_data",
        "url",
        "image_url",
        "file_url",
        "uri",
        "fileUri",
        "image",
        "images",
        "inputImage",
        "audio",
        "inputAudio",
        "video",
        "b64_json",
        "source",
        "mask",
        "maskImage",
        "init_image",
        "conditionImage",
        "partial_image_b64",
        "result",
    ];
    MEDIA.contains(&name) || is_url(name)
}

/// Those of them under which texts stand as well.
pub(super) fn is_of_any_kind(name: &str) -> bool {
    matches!(name, "source" | "result")
}

/// Those of them that say where something is.
pub(super) fn is_url(name: &str) -> bool {
    const ENDINGS: [&str; 8] = ["_url", "_urls", "_uri", "_uris", "Url", "Urls", "Uri", "Uris"];
    let is_one = matches!(name, "url" | "uri" | "urls" | "uris") || ENDINGS.iter().any(|ending| name.ends_with(ending));
    // Where what is made is to go.
    is_one && name != "s3Uri"
}

/// Members that name what stands at the provider, or elsewhere.
pub(super) fn is_reference(name: &str) -> bool {
    matches!(
        name,
        "file_id"
            | "file_ids"
            | "fileId"
            | "skill_id"
            | "connector_id"
            | "vector_store_id"
            | "cached_content"
            | "cachedContent"
            | "previous_response_id"
            | "conversation"
            | "container"
            | "vector_store_ids"
            | "server_url"
            | "promptArn"
    )
}

/// Whether a top-level array is a conversation.
pub(super) fn opens_turns(name: &str) -> bool {
    holds_texts(name) || matches!(name, "messages" | "chat_history" | "output" | "content" | "choices")
}

/// Whether a top-level member holds texts, each for itself.
pub(super) fn holds_texts(name: &str) -> bool {
    matches!(name, "input" | "inputs" | "prompt" | "texts")
}

/// Members under which the dialects have what is said itself.
const MAIN: [&str; 19] = [
    "text",
    "content",
    "input",
    "inputs",
    "inputText",
    "prompt",
    "texts",
    "message",
    "system",
    "instructions",
    "preamble",
    "query",
    "output",
    "outputText",
    "thinking",
    "reasoning",
    "reasoning_content",
    "refusal",
    "transcript",
];

/// Whether what is said itself stands under a name.
pub(super) fn is_main(name: &str) -> bool {
    MAIN.contains(&name) || name == "data"
}

/// Members under which the dialects have texts: base64 in them is what somebody has pasted, and a model reads it as such.
pub(super) fn is_said(name: &str) -> bool {
    const OTHERS: [&str; 22] = [
        "arguments",
        "summary",
        "title",
        "context",
        "description",
        "name",
        "suffix",
        "stop",
        "stop_sequences",
        "stopSequences",
        "code",
        "logs",
        "stdout",
        "stderr",
        "generation",
        "completion",
        "response",
        "delta",
        "partial_json",
        "cited_text",
        "quote",
        "negativeText",
    ];
    MAIN.contains(&name) || OTHERS.contains(&name)
}
