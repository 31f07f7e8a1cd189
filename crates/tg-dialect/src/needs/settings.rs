//! Settings of a request that some models refuse, or only some know.

use crate::tape::{Kind, Node};

/// Whether the model is made to call a tool.
pub(super) fn forces_tools(root: Node<'_, '_>) -> bool {
    let of_converse = root.member("toolConfig").and_then(|config| config.member("toolChoice"));
    let by_name = of_converse.is_some_and(|choice| choice.member("any").or_else(|| choice.member("tool")).is_some());
    by_name || root.member("tool_choice").is_some_and(is_forced)
}

fn is_forced(choice: Node<'_, '_>) -> bool {
    let Some(kind) = choice.member("type") else { return choice.says("required") };
    if kind.says("allowed_tools") {
        let mode = choice.member("allowed_tools").unwrap_or(choice).member("mode");
        return mode.is_some_and(|mode| mode.says("required"));
    }
    !kind.says("auto") && !kind.says("none")
}

/// Whether a tool of the provider whose kind begins so is offered.
pub(super) fn has_tool(root: Node<'_, '_>, kind: &str) -> bool {
    let is_it = |tool: Node<'_, '_>| tool.member("type").is_some_and(|found| found.text().starts_with(kind));
    let options = kind == "web_search" && root.member("web_search_options").is_some_and(|it| it.kind() == Kind::Object);
    options || root.member("tools").is_some_and(|tools| tools.kind() == Kind::Array && tools.items().any(is_it))
}

/// Whether tokens are to be drawn in another way than is usual: what says 1, or nothing, is taken by all models.
pub(super) fn draws_unusually(root: Node<'_, '_>) -> bool {
    let within = ["inferenceConfig", "additionalModelRequestFields"];
    let mut places = within.into_iter().filter_map(|name| root.member(name)).chain([root]);
    places.any(|place| {
        let is_other = |name: &str| place.member(name).is_some_and(|value| number(value).is_some_and(|it| it != 1.0));
        let is_said = |name: &str| place.member(name).is_some_and(|value| number(value).is_some());
        ["temperature", "top_p", "topP"].into_iter().any(is_other) || ["top_k", "topK"].into_iter().any(is_said)
    })
}

fn number(value: Node<'_, '_>) -> Option<f64> {
    std::str::from_utf8(value.raw()).ok()?.parse().ok()
}
