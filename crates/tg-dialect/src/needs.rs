//! What a request needs of whoever serves it. Every dialect says it in words of its own, and none means something else by
//! another's: so one look suffices for all of them.

mod settings;

use crate::scan::Members;
use crate::tape::{Kind, Node, Tape};
use crate::weight::weigh;
use tg_kernel::needs::Needs;
use tg_kernel::peek::Peek;

/// How deep in a message its parts may stand: results of tools hold parts of their own.
const DEPTH_MAX: u32 = 6;

/// Where a dialect's messages stand.
const TURNS: [&str; 3] = ["messages", "input", "chat_history"];

/// What a request needs.
#[must_use]
pub fn needs(members: &Members<'_>, peek: &Peek) -> Needs {
    let tape = Tape::of(members);
    let root = tape.root();
    let mut needs = Needs {
        tools: has_some(root, &["tools", "functions"])
            || root.member("toolConfig").and_then(|config| config.member("tools")).is_some_and(is_some),
        json_schema: wants_schema(root),
        reasoning: peek.reasons,
        input_tokens: weigh(members.body()).tokens(),
        output_tokens_max: peek.output_tokens_max,
        forced_tools: settings::forces_tools(root),
        web_search: settings::has_tool(root, "web_search"),
        computer_use: settings::has_tool(root, "computer"),
        sampling: settings::draws_unusually(root),
        ..Needs::default()
    };
    for (name, value) in root.members() {
        let name = name.text();
        if TURNS.contains(&&*name) {
            needs.prefill |= ends_with_assistant(value);
            match value.kind() {
                Kind::Array => value.items().for_each(|turn| {
                    needs.turns += 1;
                    parts(turn, DEPTH_MAX, &mut needs);
                }),
                _ => needs.turns += 1,
            }
        } else if name == "system" {
            parts(value, DEPTH_MAX, &mut needs);
        }
    }
    needs
}

/// Whether the last turn is the assistant's, in words: what calls tools or is a summary of a provider's own is gone on with by
/// no model.
fn ends_with_assistant(turns: Node<'_, '_>) -> bool {
    let last = if turns.kind() == Kind::Array { turns.items().last() } else { None };
    last.is_some_and(|last| {
        let says_so = last.member("role").is_some_and(|role| role.says("assistant"));
        says_so && last.member("tool_calls").is_none()
    })
}

fn has_some(root: Node<'_, '_>, names: &[&str]) -> bool {
    names.iter().filter_map(|name| root.member(name)).any(is_some)
}

fn is_some(list: Node<'_, '_>) -> bool {
    list.kind() == Kind::Array && list.items().next().is_some()
}

/// Whether what the model says is to be JSON, of a schema or of any.
#[must_use]
pub fn answers_in_json(members: &Members<'_>) -> bool {
    let tape = Tape::of(members);
    let of_converse = tape.root().member("outputConfig").and_then(|config| config.member("textFormat"));
    is_form(tape.root(), &["json_schema", "json_object"]) || of_converse.is_some()
}

/// Whether the answer must follow a schema.
fn wants_schema(root: Node<'_, '_>) -> bool {
    is_form(root, &["json_schema"])
}

/// Whether the answer is to have one of these forms: OpenAI's two ways to say so, and Anthropic's.
fn is_form(root: Node<'_, '_>, forms: &[&str]) -> bool {
    let format = |path: &[&str]| path.iter().try_fold(root, |node, name| node.member(name));
    [&["response_format"][..], &["text", "format"], &["output_format"], &["output_config", "format"]]
        .into_iter()
        .filter_map(format)
        .filter_map(|format| format.member("type"))
        .any(|kind| forms.iter().any(|form| kind.says(form)))
}

/// Counts what is no text in a part, and in those within it.
fn parts(node: Node<'_, '_>, depth: u32, needs: &mut Needs) {
    if depth == 0 {
        return;
    }
    match node.kind() {
        Kind::Array => node.items().for_each(|item| parts(item, depth, needs)),
        Kind::Object => {
            for (name, value) in node.members() {
                let name = name.text();
                if name == "type" && value.kind() == Kind::String {
                    by_type(value, needs);
                } else if name == "cache_control" || name == "cachePoint" {
                    needs.cache_points += u32::from(value.kind() == Kind::Object);
                } else if value.kind() == Kind::Object && by_name(&name, needs) {
                    // Bedrock names a part by its only member.
                } else if matches!(&*name, "content" | "toolResult" | "output") {
                    parts(value, depth - 1, needs);
                }
            }
        }
        _ => {}
    }
}

fn by_type(kind: Node<'_, '_>, needs: &mut Needs) {
    let says = |words: &[&str]| words.iter().any(|word| kind.says(word));
    if says(&["image", "image_url", "input_image"]) {
        needs.images += 1;
    } else if says(&["document", "file", "input_file"]) {
        needs.documents += 1;
    } else if says(&["input_audio", "audio"]) {
        needs.audio += 1;
    } else if says(&["video", "video_url", "input_video"]) {
        needs.video += 1;
    }
}

fn by_name(name: &str, needs: &mut Needs) -> bool {
    let count = match name {
        "image" => &mut needs.images,
        "document" => &mut needs.documents,
        "audio" => &mut needs.audio,
        "video" => &mut needs.video,
        _ => return false,
    };
    *count += 1;
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(body: &Value) -> Needs {
        let body = body.to_string();
        needs(&Members::scan(body.as_bytes()).unwrap(), &Peek::default())
    }

    #[test]
    fn every_dialect_says_that_it_wants_json_in_its_own_words() {
        let wants = |body: Value| answers_in_json(&Members::scan(body.to_string().as_bytes()).unwrap());
        assert!(wants(json!({"response_format": {"type": "json_object"}})));
        assert!(wants(json!({"text": {"format": {"type": "json_schema", "name": "n"}}})));
        assert!(wants(json!({"output_config": {"format": {"type": "json_schema"}}})));
        assert!(wants(json!({"outputConfig": {"textFormat": {"type": "json_schema"}}})));
        assert!(!wants(json!({"response_format": {"type": "text"}, "text": {"verbosity": "low"}, "outputConfig": {}})));
    }

    #[test]
    fn every_dialect_says_what_it_needs_in_its_own_words() {
        let chat = json!({"model": "m", "tools": [{"type": "function"}], "response_format": {"type": "json_schema"},
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url",
            "image_url": {"url": "data:image/png;base64,aGk="}}, {"type": "file", "file": {}},
            {"type": "input_audio", "input_audio": {}}]}, {"role": "assistant", "content": "ok"}]});
        let responses = json!({"model": "m", "tools": [{"type": "function"}], "text": {"format": {"type": "json_schema"}},
            "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}, {"type": "input_file"},
            {"type": "input_audio"}]}, {"type": "function_call_output", "output": "x"}]});
        let messages = json!({"model": "m", "tools": [{"name": "t"}], "output_config": {"format": {"type": "json_schema"}},
            "messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "image", "source": {}}]},
            {"type": "document", "source": {}}, {"type": "audio"}]}, {"role": "user", "content": "x"}]});
        let converse = json!({"toolConfig": {"tools": [{}]}, "outputConfig": {}, "messages": [{"role": "user", "content":
            [{"toolResult": {"content": [{"image": {"format": "png"}}]}}, {"document": {"name": "d"}}, {"audio": {}}]},
            {"role": "assistant", "content": [{"text": "image"}]}]});
        for (body, json_schema) in [(chat, true), (responses, true), (messages, true), (converse, false)] {
            let found = of(&body);
            assert!(found.input_tokens > 0, "{body}");
            let wanted = Needs {
                tools: true,
                json_schema,
                images: 1,
                documents: 1,
                audio: 1,
                prefill: found.prefill,
                turns: 2,
                input_tokens: found.input_tokens,
                ..Needs::default()
            };
            assert_eq!(found, wanted, "{body}");
        }
    }

    #[test]
    fn every_dialect_says_in_its_own_words_what_some_models_refuse() {
        let asks = |body: Value| {
            let Needs { forced_tools, web_search, computer_use, sampling, prefill, .. } = of(&body);
            [forced_tools, web_search, computer_use, sampling, prefill]
        };
        let [forced, search, computer, sampling, prefill] =
            std::array::from_fn(|place| std::array::from_fn::<bool, 5, _>(|at| at == place));
        for (body, expected) in [
            (json!({"tool_choice": "required"}), forced),
            (json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}), forced),
            (json!({"tool_choice": {"type": "allowed_tools", "mode": "required"}}), forced),
            (json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required"}}}), forced),
            (json!({"tool_choice": {"type": "any"}}), forced),
            (json!({"tool_choice": {"type": "tool", "name": "f"}}), forced),
            (json!({"toolConfig": {"toolChoice": {"any": {}}}}), forced),
            (json!({"toolConfig": {"toolChoice": {"tool": {"name": "f"}}}}), forced),
            (json!({"tool_choice": "auto"}), [false; 5]),
            (json!({"tool_choice": {"type": "auto"}}), [false; 5]),
            (json!({"tool_choice": {"type": "allowed_tools", "mode": "auto"}}), [false; 5]),
            (json!({"toolConfig": {"toolChoice": {"auto": {}}}}), [false; 5]),
            (json!({"tools": [{"type": "web_search"}]}), search),
            (json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), search),
            (json!({"web_search_options": {}}), search),
            (json!({"tools": [{"type": "computer_20250124"}]}), computer),
            (json!({"tools": [{"type": "function", "name": "web_search"}]}), [false; 5]),
            (json!({"temperature": 0.2}), sampling),
            (json!({"top_p": 0.5}), sampling),
            (json!({"top_k": 5}), sampling),
            (json!({"inferenceConfig": {"topP": 0.5}}), sampling),
            (json!({"additionalModelRequestFields": {"top_k": 5}}), sampling),
            (json!({"temperature": 1, "top_p": 1.0, "top_k": null}), [false; 5]),
            (json!({"messages": [{"role": "user"}, {"role": "assistant", "content": "{"}]}), prefill),
            (json!({"messages": [{"role": "assistant", "tool_calls": [{}]}]}), [false; 5]),
            (json!({"messages": [{"role": "assistant", "content": "a"}, {"role": "user"}]}), [false; 5]),
        ] {
            assert_eq!(asks(body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn what_only_looks_like_it_counts_for_nothing() {
        let found = of(&json!({"model": "m", "tools": [], "response_format": {"type": "json_object"},
            "messages": [{"role": "user", "content": "{\"type\":\"image\"} document"}],
            "metadata": {"image": {"a": 1}}}));
        assert_eq!(found, Needs { turns: 1, input_tokens: found.input_tokens, ..Needs::default() });
        let cached = of(&json!({"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": [{"text": "a"}, {"cachePoint": {"type": "default"}}]}]}));
        assert_eq!((cached.cache_points, cached.turns), (2, 1));
        assert_eq!(of(&json!({"input": "hello"})).turns, 1);
    }
}
