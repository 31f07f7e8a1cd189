//! Strict reading of Converse requests.

use super::converse_write::Converse;
use crate::ask::{Ask, Form, Talk, Thinking, Tool, ToolChoice};
use crate::counts::Ttl;
use crate::exchange::{Outcome, Received};
use crate::media;
use crate::personalities::anthropic::pairing::Pairing;
use crate::personalities::claude::{closed_schema, read_thinking};
use crate::refusal::Refusal;
use crate::shape::{Flaw, Node, sole_member};
use crate::signature;
use serde_json::Value;

const MEMBERS: [&str; 12] = [
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];
const STOP_SEQUENCES_MAX: usize = 2500;
const METADATA_ENTRIES_MAX: usize = 16;
const METADATA_CHARS_MAX: usize = 256;
const METADATA_ALSO: &str = " \t:_@$#=/+,-.";
const IMAGES_MAX: usize = 20;
const DOCUMENTS_MAX: usize = 5;

pub(crate) fn answer(received: &Received, model: &str, base: &str, streamed: bool) -> Result<Outcome, Refusal> {
    let body = received.json()?;
    let root = Node::root(&body);
    root.only(&MEMBERS)?;
    if base.contains("embed") {
        return Err(Refusal::new(400, "This model doesn't support the Converse operation."));
    }
    let mut ask = read(&root, model)?;
    ask.streamed = streamed;
    Ok(Outcome::Chat(Box::new(ask), Box::new(Converse)))
}

/// Input tokens, for CountTokens.
pub(crate) fn count(root: &Node<'_>) -> Result<u64, Flaw> {
    root.only(&["messages", "system", "toolConfig", "additionalModelRequestFields"])?;
    Ok(read(root, "")?.meter.total())
}

struct Reading<'a> {
    ask: Ask,
    talk: Talk,
    pairing: Pairing<'a>,
    images: usize,
    documents: usize,
    document_names: Vec<&'a str>,
}

fn read(root: &Node<'_>, model: &str) -> Result<Ask, Flaw> {
    let mut reading = Reading {
        ask: Ask { model: model.to_owned(), ..Ask::default() },
        talk: Talk::default(),
        pairing: Pairing::default(),
        images: 0,
        documents: 0,
        document_names: Vec::new(),
    };
    reading.inference(root)?;
    reading.tools(root)?;
    for block in root.get("system").map_or(Ok(Vec::new()), |n| n.items())? {
        reading.system(&block)?;
    }
    reading.turns(&root.need("messages")?)?;
    if reading.pairing.used && root.get("toolConfig").is_none() {
        let message = "The toolConfig field must be defined when using toolUse and toolResult content blocks.";
        return Err(root.flaw(message));
    }
    reading.thinking(root)?;
    let Reading { mut ask, talk, .. } = reading;
    ask.hear(talk).map_err(|word| root.flaw(word))?;
    Ok(ask)
}

/// A request metadata map within Bedrock's limits.
pub(crate) fn metadata(map: &Node<'_>) -> Result<Value, Flaw> {
    let object = map.object()?;
    if object.is_empty() || object.len() > METADATA_ENTRIES_MAX {
        return Err(map.flaw("Member must have length between 1 and 16"));
    }
    let legal = |text: &str| {
        text.chars().count() <= METADATA_CHARS_MAX
            && text.chars().all(|c| c.is_ascii_alphanumeric() || METADATA_ALSO.contains(c))
    };
    for (key, value) in object {
        let value = value.as_str().ok_or_else(|| map.flaw("Map values must be strings"))?;
        if key.is_empty() || !legal(key) || !legal(value) {
            return Err(map.flaw(format!("Map entry {key:?} must match [a-zA-Z0-9\\s:_@$#=/+,-.]{{0,256}}")));
        }
    }
    Ok(map.value.clone())
}

impl<'a> Reading<'a> {
    fn inference(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        if let Some(config) = root.get("inferenceConfig") {
            config.only(&["maxTokens", "temperature", "topP", "stopSequences"])?;
            if let Some(max) = config.get("maxTokens") {
                if max.whole()? == 0 {
                    return Err(max.flaw("Member must have value greater than or equal to 1"));
                }
                self.ask.output_max = Some(max.whole()?);
            }
            for name in ["temperature", "topP"] {
                if let Some(node) = config.get(name) {
                    node.number_within(0.0, 1.0)?;
                }
            }
            let stops = config.get("stopSequences").map_or(Ok(Vec::new()), |n| n.items())?;
            if stops.len() > STOP_SEQUENCES_MAX {
                return Err(config.flaw("stopSequences must have at most 2500 entries"));
            }
            for stop in stops {
                if stop.text()?.is_empty() {
                    return Err(stop.flaw("Member must have length greater than or equal to 1"));
                }
                self.ask.stops.push(stop.text()?.to_owned());
            }
        }
        if let Some(map) = root.get("requestMetadata") {
            self.ask.metadata = metadata(&map)?;
        }
        if let Some(tier) = root.get("serviceTier") {
            tier.only(&["type"])?;
            tier.need("type")?.one_of(&["priority", "default", "flex", "reserved"])?;
        }
        if let Some(performance) = root.get("performanceConfig") {
            performance.only(&["latency"])?;
            performance.need("latency")?.one_of(&["standard", "optimized"])?;
        }
        self.output(root)
    }

    fn output(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        let Some(output) = root.get("outputConfig") else { return Ok(()) };
        output.only(&["textFormat", "effort"])?;
        if let Some(effort) = output.get("effort") {
            effort.one_of(&["low", "medium", "high", "xhigh", "max"])?;
        }
        let Some(format) = output.get("textFormat") else { return Ok(()) };
        format.only(&["type", "structure"])?;
        format.need("type")?.one_of(&["json_schema"])?;
        let (kind, shape) = sole_member(&format.need("structure")?)?;
        if kind != "jsonSchema" {
            return Err(shape.flaw("structure must be jsonSchema"));
        }
        shape.only(&["schema", "name", "description"])?;
        let schema = shape.need("schema")?;
        let text = schema.value.as_str().ok_or_else(|| schema.flaw("schema must be a string that holds JSON"))?;
        let parsed: Value = serde_json::from_str(text).map_err(|e| schema.flaw(format!("schema is no JSON: {e}")))?;
        let inner = Node { value: &parsed, path: schema.path.clone() };
        self.ask.form = Form::Schema(closed_schema(&inner)?);
        Ok(())
    }

    fn tools(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        let Some(config) = root.get("toolConfig") else { return Ok(()) };
        config.only(&["tools", "toolChoice"])?;
        let tools = config.need("tools")?;
        let items = tools.items()?;
        if items.is_empty() {
            return Err(tools.flaw("Member must have length greater than or equal to 1"));
        }
        for tool in &items {
            let (kind, inner) = sole_member(tool)?;
            match kind {
                "toolSpec" => self.tool_spec(&inner)?,
                "cachePoint" => self.cache_point(&inner)?,
                "systemTool" => {}
                _ => return Err(tool.flaw("a tool must be toolSpec, systemTool or cachePoint")),
            }
        }
        let Some(choice) = config.get("toolChoice") else { return Ok(()) };
        let (kind, inner) = sole_member(&choice)?;
        self.ask.tool_choice = match kind {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Any,
            "tool" => {
                let name = inner.need("name")?.text()?;
                if !self.ask.tools.iter().any(|t| t.name == name) {
                    return Err(inner.flaw(format!("tool {name:?} is not in toolConfig.tools")));
                }
                ToolChoice::Named(name.to_owned())
            }
            _ => return Err(choice.flaw("toolChoice must be auto, any or tool")),
        };
        Ok(())
    }

    fn tool_spec(&mut self, spec: &Node<'a>) -> Result<(), Flaw> {
        spec.only(&["name", "description", "inputSchema", "strict"])?;
        let name = spec.need("name")?.named(64, "_-")?;
        if self.ask.tools.iter().any(|t| t.name == name) {
            return Err(spec.flaw(format!("The tool {name} is already defined at toolConfig.tools")));
        }
        if let Some(description) = spec.get("description") {
            if description.text()?.is_empty() {
                return Err(description.flaw("Member must have length greater than or equal to 1"));
            }
            self.ask.meter.text(description.text()?);
        }
        let (kind, schema) = sole_member(&spec.need("inputSchema")?)?;
        if kind != "json" || schema.value.get("type") != Some(&Value::from("object")) {
            return Err(schema.flaw("inputSchema.json must be a JSON Schema of type object"));
        }
        self.ask.meter.text(name);
        self.ask.meter.text(&schema.value.to_string());
        self.ask.tools.push(Tool { name: name.to_owned(), schema: schema.value.clone() });
        Ok(())
    }

    fn system(&mut self, block: &Node<'a>) -> Result<(), Flaw> {
        let (kind, inner) = sole_member(block)?;
        match kind {
            "text" => self.text(&inner).map(drop),
            "cachePoint" => self.cache_point(&inner),
            "guardContent" => Ok(()),
            _ => Err(block.flaw("a system block must be text, guardContent or cachePoint")),
        }
    }

    fn text(&mut self, node: &Node<'a>) -> Result<&'a str, Flaw> {
        let text = node.text()?;
        if text.trim().is_empty() {
            return Err(node.flaw(
                "The text field in the ContentBlock object is blank. Add text to the text field, and try again.",
            ));
        }
        self.ask.meter.text(text);
        Ok(text)
    }

    fn cache_point(&mut self, point: &Node<'a>) -> Result<(), Flaw> {
        point.only(&["type", "ttl"])?;
        point.need("type")?.one_of(&["default"])?;
        let ttl = match point.get("ttl").map_or(Ok("5m"), |n| n.one_of(&["5m", "1h"]))? {
            "1h" => Ttl::OneHour,
            _ => Ttl::FiveMinutes,
        };
        self.ask.meter.breakpoint(ttl);
        if self.ask.meter.breakpoint_count() > 4 {
            return Err(point.flaw("at most 4 cachePoint blocks are permitted"));
        }
        Ok(())
    }

    fn turns(&mut self, messages: &Node<'a>) -> Result<(), Flaw> {
        let mut last = "assistant";
        for turn in messages.items()? {
            turn.only(&["role", "content"])?;
            let role = turn.need("role")?.one_of(&["user", "assistant", "system"])?;
            let blocks = turn.need("content")?.items()?;
            if blocks.is_empty() {
                return Err(turn.flaw(format!("The content field in the Message object at {} is empty.", turn.path)));
            }
            if role == "system" {
                for block in &blocks {
                    self.system(block)?;
                }
                continue;
            }
            if role == last {
                return Err(turn.flaw(if role == "assistant" {
                    "A conversation must start with a user message, and roles must alternate between user and assistant."
                } else {
                    "roles must alternate between \"user\" and \"assistant\", but found multiple \"user\" roles in a row"
                }));
            }
            last = role;
            self.turn(&turn, role, &blocks)?;
        }
        if last == "assistant" {
            return Err(messages.flaw("The conversation must end with a user message."));
        }
        self.pairing.end(messages)
    }

    fn turn(&mut self, turn: &Node<'a>, role: &str, blocks: &[Node<'a>]) -> Result<(), Flaw> {
        if role == "assistant" {
            self.talk.assistant();
            self.pairing.assistant(turn)?;
        } else {
            self.pairing.user();
        }
        let (mut texts, mut documents) = (0, 0);
        for block in blocks {
            let (kind, inner) = sole_member(block)?;
            texts += usize::from(kind == "text");
            documents += usize::from(kind == "document");
            match (role, kind) {
                (_, "cachePoint") => self.cache_point(&inner)?,
                ("user", _) => self.user_block(kind, &inner)?,
                _ => self.assistant_block(kind, &inner)?,
            }
        }
        if documents > 0 && texts == 0 {
            return Err(turn.flaw("A document block requires a text block in the same message."));
        }
        self.pairing.turn_done(turn)
    }

    fn user_block(&mut self, kind: &str, inner: &Node<'a>) -> Result<(), Flaw> {
        match kind {
            "text" => {
                let text = self.text(inner)?;
                self.talk.user(text);
            }
            "image" => self.image(inner)?,
            "document" => self.document(inner)?,
            "toolResult" => return self.tool_result(inner),
            "guardContent" | "video" | "audio" | "searchResult" | "toolAddition" | "toolRemoval" => {}
            _ => return Err(inner.flaw(format!("{kind} is not permitted in a user turn"))),
        }
        self.pairing.other();
        Ok(())
    }

    fn assistant_block(&mut self, kind: &str, inner: &Node<'a>) -> Result<(), Flaw> {
        match kind {
            "text" => {
                self.text(inner)?;
                self.pairing.other();
            }
            "citationsContent" => self.pairing.other(),
            "toolUse" => {
                inner.only(&["toolUseId", "name", "input", "type"])?;
                let id = inner.need("toolUseId")?.named(64, "_.:-")?;
                self.ask.meter.text(inner.need("name")?.named(64, "_-")?);
                let input = inner.need("input")?;
                if !input.value.is_object() {
                    return Err(input.flaw("The format of the value at toolUse.input is invalid. Provide a json object for the field and try again."));
                }
                self.ask.meter.text(&input.value.to_string());
                self.pairing.call(id, inner)?;
            }
            "reasoningContent" => self.reasoning(inner)?,
            _ => return Err(inner.flaw(format!("{kind} is not permitted in an assistant turn"))),
        }
        Ok(())
    }

    fn reasoning(&mut self, node: &Node<'a>) -> Result<(), Flaw> {
        let (kind, inner) = sole_member(node)?;
        let genuine = match kind {
            "reasoningText" => {
                inner.only(&["text", "signature"])?;
                let text = inner.need("text")?.text()?;
                self.ask.meter.text(text);
                signature::holds(text, inner.need("signature")?.text()?)
            }
            "redactedContent" => {
                let bytes = media::base64(&inner)?;
                std::str::from_utf8(&bytes).is_ok_and(signature::sealed)
            }
            _ => return Err(node.flaw("reasoningContent must be reasoningText or redactedContent")),
        };
        if !genuine {
            return Err(node.flaw("Invalid `signature` in `thinking` block"));
        }
        self.pairing.thought();
        Ok(())
    }

    fn bytes_of(&self, node: &Node<'a>) -> Result<Vec<u8>, Flaw> {
        let (kind, inner) = sole_member(&node.need("source")?)?;
        match kind {
            "bytes" => media::base64(&inner),
            _ => Err(inner.flaw(format!("source.{kind} is not served here: send bytes"))),
        }
    }

    fn image(&mut self, node: &Node<'a>) -> Result<(), Flaw> {
        node.only(&["format", "source"])?;
        let format = node.need("format")?.one_of(&["png", "jpeg", "gif", "webp"])?;
        let bytes = self.bytes_of(node)?;
        media::check_image(node, format, &bytes)?;
        self.images += 1;
        if self.images > IMAGES_MAX {
            return Err(node.flaw("at most 20 images are permitted"));
        }
        self.ask.meter.image(&bytes);
        self.talk.media("image", format, bytes.len());
        Ok(())
    }

    fn document(&mut self, node: &Node<'a>) -> Result<(), Flaw> {
        node.only(&["format", "name", "source", "context", "citations"])?;
        let format = node
            .get("format")
            .map_or(Ok("txt"), |n| n.one_of(&["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"]))?;
        let name = node.need("name")?;
        let text = name.text()?;
        let legal = text.chars().all(|c| c.is_ascii_alphanumeric() || " -()[]".contains(c));
        if text.is_empty() || text.len() > 200 || !legal || text.contains("  ") {
            return Err(name.flaw("The document file name can only contain alphanumeric characters, single whitespaces, hyphens, parentheses and square brackets."));
        }
        if self.document_names.contains(&text) {
            return Err(name.flaw("document names must be unique"));
        }
        self.document_names.push(text);
        self.documents += 1;
        if self.documents > DOCUMENTS_MAX {
            return Err(node.flaw("at most 5 documents are permitted"));
        }
        let (kind, inner) = sole_member(&node.need("source")?)?;
        let bytes = if kind == "text" { inner.text()?.as_bytes().to_vec() } else { self.bytes_of(node)? };
        self.ask.meter.document(&bytes);
        self.talk.media("document", format, bytes.len());
        Ok(())
    }

    fn tool_result(&mut self, node: &Node<'a>) -> Result<(), Flaw> {
        node.only(&["toolUseId", "content", "status", "type"])?;
        let id = node.need("toolUseId")?.named(64, "_.:-")?;
        self.pairing.answer(id, node)?;
        let mut all = String::new();
        if let Some(status) = node.get("status")
            && status.one_of(&["success", "error"])? == "error"
        {
            all.push_str("error ");
        }
        for part in node.need("content")?.items()? {
            let (kind, inner) = sole_member(&part)?;
            match kind {
                "text" => {
                    self.ask.meter.text(inner.text()?);
                    all.push_str(inner.text()?);
                }
                "json" => {
                    inner.object()?;
                    let text = inner.value.to_string();
                    self.ask.meter.text(&text);
                    all.push_str(&text);
                }
                "image" => self.image(&inner)?,
                "document" => self.document(&inner)?,
                "video" | "searchResult" => {}
                _ => return Err(part.flaw(format!("{kind} is not permitted in a toolResult"))),
            }
        }
        self.talk.result(all);
        Ok(())
    }

    fn thinking(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        let Some(fields) = root.get("additionalModelRequestFields") else { return Ok(()) };
        fields.object()?;
        let Some(thinking) = fields.get("thinking").or_else(|| fields.get("reasoning_config")) else { return Ok(()) };
        self.ask.thinking = read_thinking(&thinking, self.ask.output_max)?;
        if self.ask.thinking == Thinking::Off {
            return Ok(());
        }
        let temperature = root.get("inferenceConfig").and_then(|c| c.get("temperature"));
        if temperature.is_some_and(|t| t.value.as_f64() != Some(1.0)) {
            return Err(thinking.flaw(
                "The model returned the following errors: `temperature` may only be set to 1 when thinking is enabled.",
            ));
        }
        if matches!(self.ask.tool_choice, ToolChoice::Any | ToolChoice::Named(_)) {
            return Err(thinking.flaw("The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use."));
        }
        if thinking.get("type").is_some_and(|t| t.value == "enabled") && self.pairing.answered_unthought() {
            return Err(root.flaw(
                "The model returned the following errors: Expected `thinking` or `redacted_thinking`, but found \
                 `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block",
            ));
        }
        Ok(())
    }
}
