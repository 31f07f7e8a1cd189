//! Writing a request for a provider: options, tools, the form of the answer. Messages have a file of their own.

use super::messages_out::Messages;
use super::{OpenaiChat, OutputLimit, Vendor, usage};
use crate::conversation::Losses;
use crate::loss::{Encoded, Loss};
use crate::tool_names::ToolNames;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tg_kernel::chat::{ChatRequest, Format, Output, Reasoning, Sampling, ToolChoice};
use tg_kernel::fault::Fault;
use tg_kernel::usage::ServiceTier;

/// How many stop sequences OpenAI allows.
const STOP_MAX: usize = 4;

/// Members that have no word of ours and that every server of this dialect may know.
const KNOWN: [&str; 6] =
    ["logit_bias", "min_p", "repetition_penalty", "chat_template_kwargs", "reasoning_format", "service_tier"];

/// Members that OpenAI alone has; other servers may refuse them.
const KNOWN_TO_OPENAI: [&str; 10] = [
    "prediction",
    "modalities",
    "audio",
    "web_search_options",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "store",
    "moderation",
];

pub(super) fn encode(options: OpenaiChat, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
    let mut writer = Writer { body: Map::new(), losses: Losses::new(), names: ToolNames::default() };
    writer.put("model", model);
    let mut messages = Messages::new(&mut writer.losses, &mut writer.names);
    let messages = messages.write(&request.turns);
    if messages.is_empty() {
        return Err(Fault::malformed_at("messages", "The request has no message with content."));
    }
    writer.put("messages", messages);
    writer.tools(request);
    writer.output(&request.output, options.output_limit);
    writer.sampling(&request.sampling);
    if let Some(reasoning) = &request.reasoning {
        writer.reasoning(reasoning);
    }
    writer.delivery(request);
    writer.caller(request, options.vendor);
    writer.extra(&request.extra, options.vendor);
    Ok(Encoded {
        body: Bytes::from(Value::Object(writer.body).to_string()),
        losses: writer.losses.into_iter().collect(),
        names: writer.names,
    })
}

struct Writer {
    body: Map<String, Value>,
    losses: Losses,
    names: ToolNames,
}

impl Writer {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.body.insert(name.to_owned(), value.into());
    }

    fn put_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn tools(&mut self, request: &ChatRequest) {
        let tooling = &request.tools;
        // OpenAI refuses an empty list, and a choice without tools.
        if tooling.tools.is_empty() {
            return;
        }
        let mut tools = Vec::with_capacity(tooling.tools.len());
        for tool in &tooling.tools {
            let mut function = Map::new();
            function.insert("name".into(), self.names.send(&tool.name).into());
            if let Some(description) = &tool.description {
                function.insert("description".into(), description.as_str().into());
            }
            function.insert("parameters".into(), tool.schema.clone());
            if let Some(strict) = tool.strict {
                function.insert("strict".into(), strict.into());
            }
            if tool.cache.is_some() {
                self.losses.insert(Loss::dropped("cache_control"));
            }
            tools.push(json!({ "type": "function", "function": function }));
        }
        self.put("tools", tools);
        if let Some(choice) = &tooling.choice {
            let choice = match choice {
                ToolChoice::Auto => json!("auto"),
                ToolChoice::None => json!("none"),
                ToolChoice::Any => json!("required"),
                ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": self.names.send(name) } }),
            };
            self.put("tool_choice", choice);
        }
        self.put_some("parallel_tool_calls", tooling.parallel);
    }

    fn output(&mut self, output: &Output, limit: OutputLimit) {
        let member = match limit {
            OutputLimit::MaxCompletionTokens => "max_completion_tokens",
            OutputLimit::MaxTokens => "max_tokens",
        };
        self.put_some(member, output.tokens_max);
        if output.stop.len() > STOP_MAX {
            self.losses.insert(Loss::clamped("stop"));
        }
        if !output.stop.is_empty() {
            self.put("stop", output.stop.iter().take(STOP_MAX).cloned().collect::<Vec<_>>());
        }
        self.put_some("n", output.choices);
        self.put_some("verbosity", output.verbosity.as_deref());
        match &output.format {
            Format::Text => {}
            Format::JsonObject => self.put("response_format", json!({ "type": "json_object" })),
            Format::JsonSchema { name, description, schema, strict } => {
                let mut inner = Map::new();
                inner.insert("name".into(), name.as_deref().unwrap_or("response").into());
                if let Some(description) = description {
                    inner.insert("description".into(), description.as_str().into());
                }
                inner.insert("schema".into(), schema.clone());
                if let Some(strict) = strict {
                    inner.insert("strict".into(), (*strict).into());
                }
                self.put("response_format", json!({ "type": "json_schema", "json_schema": inner }));
            }
        }
    }

    fn sampling(&mut self, sampling: &Sampling) {
        self.put_some("temperature", sampling.temperature);
        self.put_some("top_p", sampling.top_p);
        self.put_some("seed", sampling.seed);
        self.put_some("frequency_penalty", sampling.frequency_penalty);
        self.put_some("presence_penalty", sampling.presence_penalty);
        if let Some(alternatives) = sampling.logprobs {
            self.put("logprobs", true);
            if alternatives > 0 {
                self.put("top_logprobs", alternatives);
            }
        }
        if sampling.top_k.is_some() {
            self.losses.insert(Loss::dropped("top_k"));
        }
    }

    fn reasoning(&mut self, reasoning: &Reasoning) {
        match (&reasoning.effort, reasoning.budget_tokens) {
            (Some(effort), budget) => {
                self.put("reasoning_effort", effort.as_str());
                if budget.is_some() {
                    self.losses.insert(Loss::dropped("thinking.budget_tokens"));
                }
            }
            (None, Some(budget)) => {
                self.put("reasoning_effort", effort_for(budget));
                self.losses.insert(Loss::changed("thinking.budget_tokens"));
            }
            // Models that do not reason refuse any effort, `none` too; whether this one does is not known here.
            (None, None) if reasoning.disabled => {
                self.losses.insert(Loss::dropped("thinking"));
            }
            (None, None) => {}
        }
        if reasoning.display.is_some() {
            self.losses.insert(Loss::dropped("thinking.display"));
        }
    }

    fn delivery(&mut self, request: &ChatRequest) {
        if request.delivery.stream {
            self.put("stream", true);
            // Always: without it the provider does not say what the call used.
            let mut options = Map::from_iter([("include_usage".to_owned(), Value::Bool(true))]);
            for (name, value) in &request.extra {
                if let Some(name @ "include_obfuscation") = name.strip_prefix("stream_options.") {
                    options.insert(name.to_owned(), value.clone());
                }
            }
            self.put("stream_options", options);
        }
        match request.delivery.tier {
            Some(tier @ (ServiceTier::Flex | ServiceTier::Priority)) => {
                self.put("service_tier", usage::tier_word(tier));
            }
            Some(ServiceTier::Batch | ServiceTier::Reserved) => {
                self.losses.insert(Loss::dropped("service_tier"));
            }
            Some(ServiceTier::Default) | None => {}
        }
    }

    fn caller(&mut self, request: &ChatRequest, vendor: Vendor) {
        self.put_some("user", request.caller.user.as_deref());
        if request.caller.metadata.is_empty() {
            return;
        }
        if vendor == Vendor::Openai {
            let pairs = request.caller.metadata.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            self.put("metadata", pairs.collect::<Map<_, _>>());
        } else {
            self.losses.insert(Loss::dropped("metadata"));
        }
    }

    fn extra(&mut self, extra: &[(String, Value)], vendor: Vendor) {
        for (name, value) in extra {
            let known = KNOWN.contains(&name.as_str())
                || (vendor == Vendor::Openai && KNOWN_TO_OPENAI.contains(&name.as_str()));
            // A server that keeps nothing grants the wish that nothing be kept.
            let granted =
                (name == "store" && *value == Value::Bool(false)) || name == "stream_options.include_obfuscation";
            if known && !self.body.contains_key(name) {
                self.put(name, value.clone());
            } else if !granted {
                self.losses.insert(Loss::dropped(name.as_str()));
            }
        }
    }
}

/// The effort that comes nearest to a budget of thinking tokens.
fn effort_for(budget: u64) -> &'static str {
    match budget {
        0..=2_048 => "low",
        2_049..=12_000 => "medium",
        _ => "high",
    }
}
