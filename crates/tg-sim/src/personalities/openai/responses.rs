//! Strict reading of Responses requests.

use super::chat::{file, image};
use super::responses_write::{Echoed, Responses};
use super::{ModelOf, Vendor, rules};
use crate::ask::{Ask, Talk, Thinking, ToolChoice};
use crate::books::Operation;
use crate::exchange::{Outcome, Received};
use crate::refusal::Refusal;
use crate::shape::{Flaw, Node};
use crate::signature;
use serde_json::Value;

const MEMBERS: [&str; 31] = [
    "access_programs",
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
];
const OUTPUT_TOKENS_MIN: u64 = 16;

struct Reading<'a> {
    ask: Ask,
    talk: Talk,
    open: Vec<&'a str>,
    called: Vec<&'a str>,
}

pub(crate) fn answer(received: &Received, model_of: ModelOf<'_>) -> Result<Outcome, Refusal> {
    received.note(Operation::Responses);
    received.content_type_is_json()?;
    let body = received.json()?;
    let root = Node::root(&body);
    let model = model_of(&root)?;
    received.note_model(&model);
    let mut allowed = MEMBERS.to_vec();
    allowed.push("user");
    root.only(&allowed)?;
    if let Some(previous) = root.get("previous_response_id") {
        let message = format!("Previous response with id '{}' not found.", previous.text()?);
        return Err(Refusal::named(400, "previous_response_not_found", message));
    }
    let mut reading =
        Reading { ask: Ask { model, ..Ask::default() }, talk: Talk::default(), open: Vec::new(), called: Vec::new() };
    reading.options(&root)?;
    reading.tools(&root)?;
    reading.input(&root)?;
    let Reading { mut ask, talk, .. } = reading;
    ask.hear(talk).map_err(|word| root.flaw(word))?;
    let wire = Responses::new(echoed(&body), obfuscation(&root)?, rules::bills_cache_writes(&ask.model));
    Ok(Outcome::Chat(Box::new(ask), Box::new(wire)))
}

fn obfuscation(root: &Node<'_>) -> Result<bool, Flaw> {
    root.get("stream_options").and_then(|o| o.get("include_obfuscation")).map_or(Ok(true), |n| n.flag())
}

/// The request's members that an answer repeats.
fn echoed(body: &Value) -> Echoed {
    let or = |name: &str, default: Value| body.get(name).filter(|v| !v.is_null()).cloned().unwrap_or(default);
    Echoed {
        instructions: or("instructions", Value::Null),
        max_output_tokens: or("max_output_tokens", Value::Null),
        metadata: or("metadata", serde_json::json!({})),
        parallel_tool_calls: or("parallel_tool_calls", Value::Bool(true)),
        tool_choice: or("tool_choice", Value::from("auto")),
        tools: or("tools", serde_json::json!([])),
        text: or("text", serde_json::json!({ "format": { "type": "text" } })),
    }
}

impl<'a> Reading<'a> {
    fn options(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        let model = self.ask.model.clone();
        rules::sampling(root, &model, Vendor::Openai)?;
        rules::metadata(root, &mut self.ask)?;
        if let Some(max) = root.get("max_output_tokens") {
            if max.whole()? < OUTPUT_TOKENS_MIN {
                return Err(max.flaw("integer below minimum value. Expected a value >= 16"));
            }
            self.ask.output_max = Some(max.whole()?);
        }
        self.ask.streamed = root.get("stream").map_or(Ok(false), |n| n.flag())?;
        if let Some(options) = root.get("stream_options")
            && !self.ask.streamed
        {
            return Err(options.flaw("The 'stream_options' parameter is only allowed when 'stream' is enabled."));
        }
        if let Some(reasoning) = root.get("reasoning") {
            reasoning.only(&["effort", "summary", "generate_summary", "context", "mode"])?;
            let wanted = reasoning.get("effort").map_or(Ok(true), |e| rules::effort(&e))?;
            if wanted && !rules::reasons(&model) {
                return Err(reasoning.flaw("Unsupported parameter: 'reasoning' is not supported with this model."));
            }
            if wanted {
                let shown = reasoning.get("summary").is_some();
                self.ask.thinking = if shown { Thinking::Shown } else { Thinking::Omitted };
            }
        }
        let Some(text) = root.get("text") else { return Ok(()) };
        text.only(&["format", "verbosity"])?;
        let Some(format) = text.get("format") else { return Ok(()) };
        match format.need("type")?.one_of(&["text", "json_object", "json_schema"])? {
            "json_object" => self.ask.form = crate::ask::Form::Json,
            "json_schema" => {
                format.only(&["type", "name", "schema", "strict", "description"])?;
                self.ask.form = rules::json_schema(&format)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn tools(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        for tool in root.get("tools").map_or(Ok(Vec::new()), |n| n.items())? {
            if tool.need("type")?.text()? == "function" {
                tool.only(&["type", "name", "description", "parameters", "strict"])?;
                rules::function(&tool, &mut self.ask)?;
            }
        }
        if let Some(parallel) = root.get("parallel_tool_calls") {
            self.ask.single_call = !parallel.flag()?;
        }
        let Some(choice) = root.get("tool_choice") else { return Ok(()) };
        self.ask.tool_choice = match choice.value {
            Value::String(_) => match choice.one_of(&["none", "auto", "required"])? {
                "none" => ToolChoice::Off,
                "required" => ToolChoice::Any,
                _ => ToolChoice::Auto,
            },
            _ if choice.get("type").is_some_and(|t| t.value == "function") => {
                let name = choice.need("name")?.text()?;
                if !self.ask.tools.iter().any(|t| t.name == name) {
                    return Err(choice.flaw(format!("Tool choice '{name}' is not in 'tools'")));
                }
                ToolChoice::Named(name.to_owned())
            }
            _ => ToolChoice::Auto,
        };
        Ok(())
    }

    fn input(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        if let Some(instructions) = root.get("instructions") {
            self.ask.meter.text(instructions.text()?);
        }
        let input = root.need("input")?;
        if let Value::String(text) = input.value {
            rules::automatic_breakpoint(&mut self.ask, Vendor::Openai);
            self.ask.meter.text(text);
            self.talk.user(text);
            return Ok(());
        }
        let items = input.items()?;
        if items.is_empty() {
            return Err(input.flaw("input must not be empty"));
        }
        let last_user = items.iter().rposition(|i| i.value.get("role").is_some_and(|r| r == "user"));
        for (i, item) in items.iter().enumerate() {
            if Some(i) == last_user {
                rules::automatic_breakpoint(&mut self.ask, Vendor::Openai);
            }
            self.item(item)?;
        }
        if let Some(open) = self.open.first() {
            return Err(input.flaw(format!("No tool output found for function call {open}.")));
        }
        Ok(())
    }

    fn item(&mut self, item: &Node<'a>) -> Result<(), Flaw> {
        let kinds = ["message", "function_call", "function_call_output", "reasoning"];
        match item.get("type").map_or(Ok("message"), |n| n.one_of(&kinds))? {
            "function_call" => {
                item.only(&["type", "id", "call_id", "name", "arguments", "status"])?;
                let id = item.need("call_id")?.text()?;
                self.ask.meter.text(item.need("name")?.named(64, "_-")?);
                self.ask.meter.text(item.need("arguments")?.text()?);
                self.talk.assistant();
                self.open.push(id);
                self.called.push(id);
            }
            "function_call_output" => self.output(item)?,
            "reasoning" => {
                item.only(&["type", "id", "summary", "content", "encrypted_content", "status"])?;
                item.need("summary")?.items()?;
                if let Some(sealed) = item.get("encrypted_content")
                    && !signature::sealed(sealed.text()?)
                {
                    return Err(sealed.flaw("The encrypted content could not be verified."));
                }
            }
            _ => self.message(item)?,
        }
        Ok(())
    }

    fn output(&mut self, item: &Node<'a>) -> Result<(), Flaw> {
        item.only(&["type", "id", "call_id", "output", "status"])?;
        let id = item.need("call_id")?.text()?;
        let Some(at) = self.open.iter().position(|open| *open == id) else {
            return Err(item.flaw(format!("No tool call found for function call output with call_id {id}.")));
        };
        self.open.remove(at);
        let output = item.need("output")?;
        let mut all = String::new();
        match output.value {
            Value::String(text) => all.push_str(text),
            _ => {
                for part in output.items()? {
                    match part.need("type")?.one_of(&["input_text", "input_image", "input_file"])? {
                        "input_text" => all.push_str(part.need("text")?.text()?),
                        "input_image" => image(&part.need("image_url")?, &mut self.ask, &mut self.talk)?,
                        _ => file(&part, &mut self.ask, &mut self.talk)?,
                    }
                }
            }
        }
        self.ask.meter.text(&all);
        self.talk.result(all);
        Ok(())
    }

    fn message(&mut self, item: &Node<'a>) -> Result<(), Flaw> {
        item.only(&["type", "id", "role", "content", "status", "phase"])?;
        let role = item.need("role")?.one_of(&["user", "assistant", "system", "developer"])?;
        if role == "assistant" {
            self.talk.assistant();
        }
        let content = item.need("content")?;
        if let Value::String(text) = content.value {
            self.ask.meter.text(text);
            if role == "user" {
                self.talk.user(text);
            }
            return Ok(());
        }
        let kinds: &[&str] = if role == "assistant" {
            &["output_text", "refusal"]
        } else {
            &["input_text", "input_image", "input_file"]
        };
        for part in content.items()? {
            match part.need("type")?.one_of(kinds)? {
                "input_image" => {
                    part.only(&["type", "image_url", "detail", "file_id"])?;
                    image(&part.need("image_url")?, &mut self.ask, &mut self.talk)?;
                }
                "input_file" => {
                    part.only(&["type", "file_data", "filename", "file_id", "file_url", "detail"])?;
                    file(&part, &mut self.ask, &mut self.talk)?;
                }
                "refusal" => self.ask.meter.text(part.need("refusal")?.text()?),
                _ => {
                    let text = part.need("text")?.text()?;
                    self.ask.meter.text(text);
                    if role == "user" {
                        self.talk.user(text);
                    }
                }
            }
        }
        Ok(())
    }
}
