//! Strict reading of Chat Completions requests.

use super::chat_write::Chat;
use super::{ModelOf, Vendor, rules};
use crate::ask::{Ask, Form, Talk, Thinking, ToolChoice};
use crate::books::Operation;
use crate::exchange::{Outcome, Received};
use crate::media;
use crate::refusal::Refusal;
use crate::shape::{Flaw, Node};
use serde_json::Value;

const SHARED_MEMBERS: [&str; 19] = [
    "model",
    "messages",
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "user",
    "logit_bias",
    "reasoning_effort",
];
const OPENAI_MEMBERS: [&str; 18] = [
    "max_completion_tokens",
    "audio",
    "functions",
    "function_call",
    "logprobs",
    "top_logprobs",
    "metadata",
    "modalities",
    "moderation",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "verbosity",
    "web_search_options",
];
const COMPATIBLE_MEMBERS: [&str; 4] = ["top_k", "min_p", "repetition_penalty", "chat_template_kwargs"];
const STOPS_MAX: usize = 4;

struct Reading<'a> {
    vendor: Vendor,
    ask: Ask,
    talk: Talk,
    /// Calls that the next messages must answer.
    open: Vec<&'a str>,
}

pub(crate) fn answer(received: &Received, vendor: Vendor, model_of: ModelOf<'_>) -> Result<Outcome, Refusal> {
    received.note(Operation::ChatCompletions);
    received.content_type_is_json()?;
    let body = received.json()?;
    let root = Node::root(&body);
    let model = model_of(&root)?;
    received.note_model(&model);
    let mut allowed = SHARED_MEMBERS.to_vec();
    match vendor {
        Vendor::Openai => allowed.extend(OPENAI_MEMBERS),
        Vendor::Compatible => allowed.extend(COMPATIBLE_MEMBERS),
    }
    root.only(&allowed)?;
    let mut reading = Reading { vendor, ask: Ask { model, ..Ask::default() }, talk: Talk::default(), open: Vec::new() };
    reading.options(&root)?;
    reading.tools(&root)?;
    reading.format(&root)?;
    reading.messages(&root.need("messages")?)?;
    let usage = reading.stream_options(&root)?;
    let Reading { mut ask, talk, .. } = reading;
    ask.hear(talk).map_err(|word| root.flaw(word))?;
    let wire = Chat {
        vendor,
        usage,
        obfuscate: vendor == Vendor::Openai && obfuscation(&root)?,
        bills_cache_writes: rules::bills_cache_writes(&ask.model),
        tool_position: 0,
        written: 0,
        done: !ask.directive.no_done,
    };
    Ok(Outcome::Chat(Box::new(ask), Box::new(wire)))
}

fn obfuscation(root: &Node<'_>) -> Result<bool, Flaw> {
    root.get("stream_options").and_then(|o| o.get("include_obfuscation")).map_or(Ok(true), |n| n.flag())
}

impl<'a> Reading<'a> {
    fn options(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        let model = self.ask.model.clone();
        rules::sampling(root, &model, self.vendor)?;
        rules::metadata(root, &mut self.ask)?;
        if let Some(old) = root.get("max_tokens") {
            if root.get("max_completion_tokens").is_some() {
                return Err(old.flaw("set only one of max_tokens and max_completion_tokens"));
            }
            if self.vendor == Vendor::Openai && rules::reasons(&model) {
                return Err(old.flaw(
                    "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                     'max_completion_tokens' instead.",
                ));
            }
        }
        for name in ["max_tokens", "max_completion_tokens"] {
            if let Some(node) = root.get(name) {
                if node.whole()? == 0 {
                    return Err(node.flaw("must be at least 1"));
                }
                self.ask.output_max = Some(node.whole()?);
            }
        }
        for name in ["presence_penalty", "frequency_penalty"] {
            if let Some(node) = root.get(name) {
                node.number_within(-2.0, 2.0)?;
            }
        }
        if root.get("n").is_some_and(|n| n.value != 1) {
            return Err(root.flaw("the simulator serves n=1 only"));
        }
        if let Some(node) = root.get("reasoning_effort")
            && rules::effort(&node)?
        {
            if self.vendor == Vendor::Openai && !rules::reasons(&model) {
                return Err(node.flaw("Unrecognized request argument supplied: reasoning_effort"));
            }
            self.ask.thinking = Thinking::Shown;
        }
        self.stops(root)
    }

    fn stops(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        let Some(stop) = root.get("stop") else { return Ok(()) };
        if let Value::String(text) = stop.value {
            self.ask.stops.push(text.clone());
            return Ok(());
        }
        let items = stop.items()?;
        if items.len() > STOPS_MAX {
            return Err(stop.flaw("Expected an array with maximum length 4"));
        }
        for item in items {
            self.ask.stops.push(item.text()?.to_owned());
        }
        Ok(())
    }

    fn tools(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        if let Some(tools) = root.get("tools") {
            let items = tools.items()?;
            if items.is_empty() {
                return Err(tools.flaw("[] is too short - 'tools'"));
            }
            for tool in &items {
                tool.only(&["type", "function", "custom"])?;
                if tool.need("type")?.one_of(&["function", "custom"])? == "function" {
                    let function = tool.need("function")?;
                    function.only(&["name", "description", "parameters", "strict"])?;
                    rules::function(&function, &mut self.ask)?;
                }
            }
        }
        let without = root.get("tools").is_none();
        if let Some(parallel) = root.get("parallel_tool_calls") {
            if without {
                return Err(parallel.flaw("'parallel_tool_calls' is only allowed when 'tools' are specified."));
            }
            self.ask.single_call = !parallel.flag()?;
        }
        let Some(choice) = root.get("tool_choice") else { return Ok(()) };
        if without {
            return Err(choice.flaw("'tool_choice' is only allowed when 'tools' are specified."));
        }
        self.ask.tool_choice = match choice.value {
            Value::String(_) => match choice.one_of(&["none", "auto", "required"])? {
                "none" => ToolChoice::Off,
                "required" => ToolChoice::Any,
                _ => ToolChoice::Auto,
            },
            _ if choice.get("type").is_some_and(|t| t.value == "function") => {
                let name = choice.need("function")?.need("name")?.text()?;
                if !self.ask.tools.iter().any(|t| t.name == name) {
                    return Err(choice.flaw(format!("Tool choice '{name}' is not in 'tools'")));
                }
                ToolChoice::Named(name.to_owned())
            }
            _ => {
                choice.need("type")?.one_of(&["allowed_tools", "custom"])?;
                ToolChoice::Auto
            }
        };
        Ok(())
    }

    fn format(&mut self, root: &Node<'a>) -> Result<(), Flaw> {
        let Some(format) = root.get("response_format") else { return Ok(()) };
        format.only(&["type", "json_schema"])?;
        match format.need("type")?.one_of(&["text", "json_object", "json_schema"])? {
            "json_object" => {
                let says_json =
                    root.get("messages").is_some_and(|m| m.value.to_string().to_lowercase().contains("json"));
                if self.vendor == Vendor::Openai && !says_json {
                    return Err(format.flaw("'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."));
                }
                self.ask.form = Form::Json;
            }
            "json_schema" => {
                let shape = format.need("json_schema")?;
                shape.only(&["name", "description", "schema", "strict"])?;
                self.ask.form = rules::json_schema(&shape)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn stream_options(&mut self, root: &Node<'a>) -> Result<bool, Flaw> {
        self.ask.streamed = root.get("stream").map_or(Ok(false), |n| n.flag())?;
        let Some(options) = root.get("stream_options") else { return Ok(false) };
        if !self.ask.streamed {
            return Err(options.flaw("The 'stream_options' parameter is only allowed when 'stream' is enabled."));
        }
        options.only(match self.vendor {
            Vendor::Openai => &["include_usage", "include_obfuscation"],
            Vendor::Compatible => &["include_usage"],
        })?;
        options.get("include_usage").map_or(Ok(false), |n| n.flag())
    }

    fn messages(&mut self, messages: &Node<'a>) -> Result<(), Flaw> {
        let items = messages.items()?;
        if items.is_empty() {
            return Err(messages.flaw("[] is too short - 'messages'"));
        }
        let last_user = items.iter().rposition(|m| m.value.get("role").is_some_and(|r| r == "user"));
        for (i, message) in items.iter().enumerate() {
            if Some(i) == last_user {
                rules::automatic_breakpoint(&mut self.ask, self.vendor);
            }
            self.message(message)?;
        }
        self.all_answered(messages)
    }

    fn message(&mut self, message: &Node<'a>) -> Result<(), Flaw> {
        let roles: &[&str] = match self.vendor {
            Vendor::Openai => &["developer", "system", "user", "assistant", "tool"],
            Vendor::Compatible => &["system", "user", "assistant", "tool"],
        };
        let role = message.need("role")?.one_of(roles)?;
        if role == "tool" {
            return self.tool(message);
        }
        self.all_answered(message)?;
        match role {
            "user" => {
                message.only(&["role", "content", "name"])?;
                self.user(&message.need("content")?)
            }
            "assistant" => self.assistant(message),
            _ => {
                message.only(&["role", "content", "name"])?;
                self.texts(&message.need("content")?, &["text"]).map(drop)
            }
        }
    }

    fn all_answered(&self, at: &Node<'a>) -> Result<(), Flaw> {
        if self.open.is_empty() {
            return Ok(());
        }
        Err(at.flaw(format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
             'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            self.open.join(", ")
        )))
    }

    fn tool(&mut self, message: &Node<'a>) -> Result<(), Flaw> {
        message.only(&["role", "content", "tool_call_id"])?;
        let id = message.need("tool_call_id")?;
        let text = id.text()?;
        let Some(at) = self.open.iter().position(|open| *open == text) else {
            return Err(
                message.flaw("messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.")
            );
        };
        self.open.remove(at);
        let all = self.texts(&message.need("content")?, &["text"])?;
        self.talk.result(all);
        Ok(())
    }

    /// The text of content that may hold only these kinds of parts.
    fn texts(&mut self, content: &Node<'a>, kinds: &[&str]) -> Result<String, Flaw> {
        if let Value::String(text) = content.value {
            self.ask.meter.text(text);
            return Ok(text.clone());
        }
        let parts = content.items()?;
        if parts.is_empty() {
            return Err(content.flaw("Expected an array with minimum length 1"));
        }
        let mut all = String::new();
        for part in parts {
            let kind = part.need("type")?.one_of(kinds)?;
            let text = part.need(kind)?.text()?;
            self.ask.meter.text(text);
            all.push_str(text);
        }
        Ok(all)
    }

    fn assistant(&mut self, message: &Node<'a>) -> Result<(), Flaw> {
        message.only(match self.vendor {
            Vendor::Openai => {
                &["role", "content", "name", "tool_calls", "refusal", "audio", "function_call", "annotations"]
            }
            Vendor::Compatible => &["role", "content", "name", "tool_calls", "reasoning_content"],
        })?;
        self.talk.assistant();
        if let Some(content) = message.get("content") {
            self.texts(&content, &["text", "refusal"])?;
        } else if message.get("tool_calls").is_none() && message.get("refusal").is_none() {
            return Err(message.flaw("expected a string, got null"));
        }
        let Some(calls) = message.get("tool_calls") else { return Ok(()) };
        let items = calls.items()?;
        if items.is_empty() {
            return Err(calls.flaw("[] is too short - 'tool_calls'"));
        }
        for call in items {
            call.only(&["id", "type", "function", "custom", "index"])?;
            call.need("type")?.one_of(&["function"])?;
            let id = call.need("id")?;
            if id.text()?.len() > 64 {
                return Err(id.flaw("string too long. Expected a string with maximum length 64"));
            }
            let function = call.need("function")?;
            function.only(&["name", "arguments"])?;
            self.ask.meter.text(function.need("name")?.named(64, "_-")?);
            self.ask.meter.text(function.need("arguments")?.text()?);
            self.open.push(id.text()?);
        }
        Ok(())
    }

    fn user(&mut self, content: &Node<'a>) -> Result<(), Flaw> {
        if let Value::String(text) = content.value {
            self.ask.meter.text(text);
            self.talk.user(text);
            return Ok(());
        }
        let parts = content.items()?;
        if parts.is_empty() {
            return Err(content.flaw("Expected an array with minimum length 1"));
        }
        let kinds: &[&str] = match self.vendor {
            Vendor::Openai => &["text", "image_url", "input_audio", "file"],
            Vendor::Compatible => &["text", "image_url"],
        };
        for part in parts {
            let kind = part.need("type")?.one_of(kinds)?;
            part.only(&["type", kind])?;
            let inner = part.need(kind)?;
            match kind {
                "text" => {
                    self.ask.meter.text(inner.text()?);
                    self.talk.user(inner.text()?);
                }
                "image_url" => {
                    inner.only(&["url", "detail"])?;
                    image(&inner.need("url")?, &mut self.ask, &mut self.talk)?;
                }
                "file" => {
                    inner.only(&["file_data", "filename", "file_id"])?;
                    file(&inner, &mut self.ask, &mut self.talk)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// An image by URL or data URL.
pub(crate) fn image(url: &Node<'_>, ask: &mut Ask, talk: &mut Talk) -> Result<(), Flaw> {
    if let Some((media_type, bytes)) = media::data_url(url)? {
        let format = media::format_of(&media_type);
        media::check_image(url, format, &bytes)?;
        ask.meter.image(&bytes);
        talk.media("image", format, bytes.len());
        return Ok(());
    }
    if !url.text()?.starts_with("https://") {
        return Err(url.flaw("Expected a valid URL with scheme https, or a data URL"));
    }
    ask.meter.image(url.text()?.as_bytes());
    talk.media("image", "url", 0);
    Ok(())
}

/// A file with its data inside.
pub(crate) fn file(node: &Node<'_>, ask: &mut Ask, talk: &mut Talk) -> Result<(), Flaw> {
    let data = node.need("file_data")?;
    node.need("filename")?.text()?;
    let Some((media_type, bytes)) = media::data_url(&data)? else {
        return Err(data.flaw("file_data must be a data URL"));
    };
    ask.meter.document(&bytes);
    talk.media("document", media::format_of(&media_type), bytes.len());
    Ok(())
}
