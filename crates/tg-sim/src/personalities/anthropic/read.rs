//! Strict reading of Messages requests, as Anthropic and as Bedrock's InvokeModel take them.

use super::pairing::Pairing;
use crate::ask::{Ask, Form, Talk, Thinking, Tool, ToolChoice};
use crate::counts::Ttl;
use crate::media;
use crate::personalities::claude::{closed_schema, read_thinking};
use crate::shape::{Flaw, Node};
use crate::signature;
use serde_json::Value;

/// Which API takes the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// `anthropic-version: 2023-06-01`.
    Version2023,
    /// `anthropic-version: 2026-10-21`.
    Version2026,
    /// InvokeModel with this `anthropic_version` in the body.
    Bedrock,
    /// The same, with version `2026-10-21` in the body.
    Bedrock2026,
}

impl Surface {
    fn is_bedrock(self) -> bool {
        matches!(self, Self::Bedrock | Self::Bedrock2026)
    }

    fn is_2026(self) -> bool {
        matches!(self, Self::Version2026 | Self::Bedrock2026)
    }
}

const MEMBERS: [&str; 19] = [
    "max_tokens",
    "messages",
    "system",
    "cache_control",
    "container",
    "inference_geo",
    "metadata",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "thinking",
    "tool_choice",
    "tools",
    "diagnostics",
    "user_profile_id",
    "temperature",
    "top_p",
    "top_k",
];
const CACHE_BREAKPOINTS_MAX: usize = 4;

/// What is collected while reading.
struct Reading<'a> {
    surface: Surface,
    ask: Ask,
    talk: Talk,
    ttl: Option<Ttl>,
    pairing: Pairing<'a>,
}

/// Reads a whole body for the model that the path names, empty where the body does. `counting` leaves out what only an answer
/// needs.
pub(crate) fn messages(root: &Node<'_>, surface: Surface, model: &str, counting: bool) -> Result<Ask, Flaw> {
    check_members(root, surface, counting)?;
    let mut reading =
        Reading { surface, ask: Ask::default(), talk: Talk::default(), ttl: None, pairing: Pairing::default() };
    if !counting {
        reading.ask.output_max = Some(root.need("max_tokens")?.whole()?);
    }
    reading.options(root)?;
    reading.tools(root)?;
    if let Some(system) = root.get("system") {
        reading.system(&system)?;
    }
    reading.turns(&root.need("messages")?)?;
    reading.thinking_rules(root)?;
    if let Some(control) = root.get("cache_control") {
        reading.cache(&control)?;
    }
    let Reading { mut ask, talk, .. } = reading;
    model.clone_into(&mut ask.model);
    if let Some(model) = root.get("model") {
        model.text()?.clone_into(&mut ask.model);
    }
    ask.hear(talk).map_err(|word| root.flaw(word))?;
    Ok(ask)
}

fn check_members(root: &Node<'_>, surface: Surface, counting: bool) -> Result<(), Flaw> {
    let mut allowed = MEMBERS.to_vec();
    if surface.is_bedrock() {
        allowed.extend(["anthropic_version", "anthropic_beta"]);
    } else {
        allowed.extend(["model", "context_management", "mcp_servers"]);
        if !counting {
            allowed.push("stream");
        }
    }
    root.only(&allowed)?;
    if surface.is_2026() {
        for name in ["temperature", "top_p", "top_k"] {
            if let Some(node) = root.get(name) {
                return Err(node.flaw(format!("{name} is not supported in API version 2026-10-21")));
            }
        }
    }
    Ok(())
}

impl<'a> Reading<'a> {
    fn options(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        for name in ["temperature", "top_p"] {
            if let Some(node) = root.get(name) {
                node.number_within(0.0, 1.0)?;
            }
        }
        if let Some(node) = root.get("top_k") {
            node.whole()?;
        }
        if let Some(metadata) = root.get("metadata") {
            metadata.only(&["user_id"])?;
            self.ask.metadata = metadata.value.clone();
        }
        if let Some(tier) = root.get("service_tier") {
            tier.one_of(&["auto", "standard_only"])?;
        }
        for stop in root.get("stop_sequences").map_or(Ok(Vec::new()), |n| n.items())? {
            let text = stop.text()?;
            if text.trim().is_empty() {
                return Err(stop.flaw("each stop sequence must contain non-whitespace"));
            }
            self.ask.stops.push(text.to_owned());
        }
        if let Some(config) = root.get("output_config") {
            config.only(&["effort", "format"])?;
            if let Some(effort) = config.get("effort") {
                effort.one_of(&["low", "medium", "high", "xhigh", "max"])?;
            }
            if let Some(format) = config.get("format") {
                format.only(&["type", "schema"])?;
                format.need("type")?.one_of(&["json_schema"])?;
                self.ask.form = Form::Schema(closed_schema(&format.need("schema")?)?);
            }
        }
        Ok(())
    }

    fn tools(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        for tool in root.get("tools").map_or(Ok(Vec::new()), |n| n.items())? {
            if let Some(kind) = tool.get("type")
                && kind.text()? != "custom"
            {
                tool.need("name")?.text()?;
                continue;
            }
            tool.only(&[
                "type",
                "name",
                "description",
                "input_schema",
                "strict",
                "cache_control",
                "defer_loading",
                "eager_input_streaming",
                "input_examples",
                "allowed_callers",
            ])?;
            let name = tool.need("name")?.named(128, "_-")?;
            if self.ask.tools.iter().any(|t| t.name == name) {
                return Err(tool.flaw("tools: Tool names must be unique."));
            }
            let schema = tool.need("input_schema")?;
            schema.need("type")?.one_of(&["object"])?;
            self.ask.meter.text(name);
            if let Some(description) = tool.get("description") {
                self.ask.meter.text(description.text()?);
            }
            self.ask.meter.text(&schema.value.to_string());
            self.ask.tools.push(Tool { name: name.to_owned(), schema: schema.value.clone() });
            self.cache_of(&tool)?;
        }
        let Some(choice) = root.get("tool_choice") else { return Ok(()) };
        if root.get("tools").is_none() {
            return Err(choice.flaw("tool_choice may only be specified while providing tools"));
        }
        choice.only(&["type", "name", "disable_parallel_tool_use"])?;
        self.ask.tool_choice = match choice.need("type")?.one_of(&["auto", "any", "tool", "none"])? {
            "any" => ToolChoice::Any,
            "none" => ToolChoice::Off,
            "tool" => {
                let name = choice.need("name")?.text()?;
                if !self.ask.tools.iter().any(|t| t.name == name) {
                    return Err(choice.flaw(format!("Tool '{name}' not found in provided tools")));
                }
                ToolChoice::Named(name.to_owned())
            }
            _ => ToolChoice::Auto,
        };
        if let Some(single) = choice.get("disable_parallel_tool_use") {
            self.ask.single_call = single.flag()?;
        }
        Ok(())
    }

    fn system(&mut self, system: &Node<'a>) -> Result<(), Flaw> {
        if let Value::String(text) = system.value {
            self.ask.meter.text(text);
            return Ok(());
        }
        for block in system.items()? {
            block.only(&["type", "text", "cache_control", "citations"])?;
            block.need("type")?.one_of(&["text"])?;
            self.text_of(&block)?;
            self.cache_of(&block)?;
        }
        Ok(())
    }

    fn text_of(&mut self, block: &Node<'a>) -> Result<&'a str, Flaw> {
        let text = block.need("text")?.text()?;
        if text.is_empty() {
            return Err(block.flaw("text content blocks must be non-empty"));
        }
        if text.trim().is_empty() {
            return Err(block.flaw("text content blocks must contain non-whitespace text"));
        }
        self.ask.meter.text(text);
        Ok(text)
    }

    fn turns(&mut self, messages: &Node<'a>) -> Result<(), Flaw> {
        let turns = messages.items()?;
        if turns.is_empty() {
            return Err(messages.flaw("at least one message is required"));
        }
        let mut first = true;
        for turn in &turns {
            turn.only(&["role", "content"])?;
            let role = turn.need("role")?.one_of(&["user", "assistant", "system"])?;
            if role == "system" {
                self.system(&turn.need("content")?)?;
                continue;
            }
            if first && role == "assistant" {
                return Err(turn.flaw("first message must use the \"user\" role"));
            }
            first = false;
            self.turn(turn, role)?;
        }
        self.pairing.end(messages)?;
        if self.pairing.used && self.ask.tools.is_empty() {
            return Err(messages.flaw("Requests which include `tool_use` or `tool_result` blocks must define tools"));
        }
        Ok(())
    }

    fn turn(&mut self, turn: &Node<'a>, role: &str) -> Result<(), Flaw> {
        let content = turn.need("content")?;
        if role == "assistant" {
            self.talk.assistant();
            self.pairing.assistant(turn)?;
        } else {
            self.pairing.user();
        }
        if let Value::String(text) = content.value {
            if text.trim().is_empty() {
                return Err(turn.flaw(format!("{role} messages must have non-empty content")));
            }
            self.ask.meter.text(text);
            if role == "user" {
                self.talk.user(text);
            }
            return self.pairing.turn_done(turn);
        }
        let blocks = content.items()?;
        if blocks.is_empty() {
            return Err(turn.flaw(format!("{role} messages must have non-empty content")));
        }
        for block in &blocks {
            if role == "user" {
                self.user_block(block)?
            } else {
                self.assistant_block(block)?
            }
            self.cache_of(block)?;
        }
        self.pairing.turn_done(turn)
    }

    fn user_block(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        match block.need("type")?.one_of(&["text", "image", "document", "tool_result", "search_result"])? {
            "text" => {
                block.only(&["type", "text", "cache_control", "citations"])?;
                if self.surface.is_2026() && block.get("citations").is_some_and(|c| c.value != &serde_json::json!([])) {
                    return Err(block.flaw("citations are not permitted on user text in API version 2026-10-21"));
                }
                let text = self.text_of(block)?;
                self.talk.user(text);
                self.pairing.other();
            }
            "tool_result" => {
                block.only(&["type", "tool_use_id", "content", "is_error", "cache_control"])?;
                self.pairing.result(block)?;
                self.tool_result(block)?;
            }
            "image" => {
                self.image(block)?;
                self.pairing.other();
            }
            "document" => {
                self.document(block)?;
                self.pairing.other();
            }
            _ => self.pairing.other(),
        }
        Ok(())
    }

    fn tool_result(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        let mut all = String::new();
        match block.get("content") {
            None => {}
            Some(Node { value: Value::String(text), .. }) => all.push_str(text),
            Some(content) => {
                for part in content.items()? {
                    match part.need("type")?.one_of(&["text", "image", "document", "search_result"])? {
                        "text" => all.push_str(part.need("text")?.text()?),
                        "image" => self.image(&part)?,
                        "document" => self.document(&part)?,
                        _ => {}
                    }
                }
            }
        }
        self.ask.meter.text(&all);
        if block.get("is_error").map_or(Ok(false), |n| n.flag())? {
            all.insert_str(0, "error ");
        }
        self.talk.result(all);
        Ok(())
    }

    fn image(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        block.only(&["type", "source", "cache_control"])?;
        let source = block.need("source")?;
        match source.need("type")?.one_of(&["base64", "url", "file"])? {
            "base64" => {
                source.only(&["type", "media_type", "data"])?;
                let format = media::format_of(source.need("media_type")?.text()?);
                let bytes = media::base64(&source.need("data")?)?;
                media::check_image(&source, format, &bytes)?;
                self.ask.meter.image(&bytes);
                self.talk.media("image", format, bytes.len());
            }
            _ if self.surface.is_bedrock() => return Err(source.flaw("only base64 images are supported")),
            kind => {
                self.ask.meter.image(kind.as_bytes());
                self.talk.media("image", kind, 0);
            }
        }
        Ok(())
    }

    fn document(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        block.only(&["type", "source", "title", "context", "citations", "cache_control"])?;
        let source = block.need("source")?;
        let (format, bytes) = match source.need("type")?.one_of(&["base64", "text", "content", "url", "file"])? {
            "base64" => {
                source.need("media_type")?.one_of(&["application/pdf"])?;
                ("pdf", media::base64(&source.need("data")?)?)
            }
            "text" => {
                source.need("media_type")?.one_of(&["text/plain"])?;
                ("txt", source.need("data")?.text()?.as_bytes().to_vec())
            }
            kind => (kind, Vec::new()),
        };
        self.ask.meter.document(&bytes);
        self.talk.media("document", format, bytes.len());
        Ok(())
    }

    fn assistant_block(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        let kinds = ["text", "thinking", "redacted_thinking", "tool_use", "document"];
        match block.need("type")?.one_of(&kinds)? {
            "text" => {
                block.only(&["type", "text", "cache_control", "citations"])?;
                self.text_of(block)?;
                self.pairing.other();
            }
            "thinking" => {
                block.only(&["type", "thinking", "signature"])?;
                let shown = block.need("thinking")?.text()?;
                if !signature::holds(shown, block.need("signature")?.text()?) {
                    return Err(block.flaw("Invalid `signature` in `thinking` block"));
                }
                self.ask.meter.text(shown);
                self.pairing.thought();
            }
            "redacted_thinking" => {
                block.only(&["type", "data"])?;
                if !signature::sealed(block.need("data")?.text()?) {
                    return Err(block.flaw("Invalid `data` in `redacted_thinking` block"));
                }
                self.pairing.thought();
            }
            "tool_use" => {
                block.only(&["type", "id", "name", "input", "cache_control", "caller"])?;
                block.need("id")?.named(256, "_-")?;
                self.ask.meter.text(block.need("name")?.named(200, "_-")?);
                let input = block.need("input")?;
                input.object()?;
                self.ask.meter.text(&input.value.to_string());
                self.pairing.tool_use(block)?;
            }
            _ if self.surface.is_2026() => {
                return Err(block.flaw("document blocks are not permitted in assistant turns"));
            }
            _ => self.document(block)?,
        }
        Ok(())
    }

    fn cache_of(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        block.get("cache_control").map_or(Ok(()), |control| self.cache(&control))
    }

    fn cache(&mut self, control: &Node<'a>) -> Result<(), Flaw> {
        control.only(&["type", "ttl"])?;
        control.need("type")?.one_of(&["ephemeral"])?;
        let ttl = match control.get("ttl").map_or(Ok("5m"), |n| n.one_of(&["5m", "1h"]))? {
            "1h" => Ttl::OneHour,
            _ => Ttl::FiveMinutes,
        };
        if self.ttl == Some(Ttl::FiveMinutes) && ttl == Ttl::OneHour {
            let order = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block";
            return Err(control.flaw(order));
        }
        self.ttl = Some(ttl);
        self.ask.meter.breakpoint(ttl);
        let found = self.ask.meter.breakpoint_count();
        if found > CACHE_BREAKPOINTS_MAX {
            let most = format!("A maximum of 4 blocks with cache_control may be provided. Found {found}.");
            return Err(control.flaw(most));
        }
        Ok(())
    }

    fn thinking_rules(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        let Some(thinking) = root.get("thinking") else { return Ok(()) };
        self.ask.thinking = read_thinking(&thinking, self.ask.output_max)?;
        if self.ask.thinking == Thinking::Off {
            return Ok(());
        }
        if root.get("temperature").is_some_and(|t| t.value.as_f64() != Some(1.0)) {
            return Err(thinking.flaw("`temperature` may only be set to 1 when thinking is enabled."));
        }
        if matches!(self.ask.tool_choice, ToolChoice::Any | ToolChoice::Named(_)) {
            return Err(thinking.flaw("Thinking may not be enabled when tool_choice forces tool use."));
        }
        let enabled = thinking.get("type").is_some_and(|t| t.value == "enabled");
        if enabled && self.pairing.answered_unthought() {
            return Err(root.flaw(
                "Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, \
                 a final `assistant` message must start with a thinking block",
            ));
        }
        Ok(())
    }
}
