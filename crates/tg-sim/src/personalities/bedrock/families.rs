//! InvokeModel for chats of other families than Claude: strict reading of each one's own JSON.

use super::families_write::Writer;
use crate::ask::{Ask, Talk};
use crate::exchange::Outcome;
use crate::refusal::Refusal;
use crate::shape::{Flaw, Node, sole_member};

/// Bodies that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Nova,
    Llama,
    Cohere,
    /// What looks like Chat Completions: Mistral, DeepSeek, AI21 Jamba, gpt-oss, Qwen.
    Chat,
}

impl Family {
    fn of(base: &str) -> Option<Self> {
        const KNOWN: [(&str, Family); 8] = [
            ("amazon.nova-", Family::Nova),
            ("meta.llama", Family::Llama),
            ("cohere.command", Family::Cohere),
            ("mistral.", Family::Chat),
            ("deepseek.", Family::Chat),
            ("ai21.jamba", Family::Chat),
            ("openai.gpt-oss", Family::Chat),
            ("qwen.", Family::Chat),
        ];
        KNOWN.into_iter().find(|(start, _)| base.starts_with(start)).map(|(_, family)| family)
    }

    fn read(self, root: &Node<'_>) -> Result<Ask, Flaw> {
        let mut reading = Reading::default();
        match self {
            Self::Nova => reading.nova(root)?,
            Self::Llama => reading.llama(root)?,
            Self::Cohere => reading.cohere(root)?,
            Self::Chat => reading.chat(root)?,
        }
        let Reading { mut ask, talk } = reading;
        ask.hear(talk).map_err(|word| root.flaw(word))?;
        Ok(ask)
    }
}

pub(crate) fn answer(root: &Node<'_>, model: &str, base: &str, streamed: bool) -> Result<Outcome, Refusal> {
    let unknown = || Refusal::new(400, format!("the simulator does not play InvokeModel for {base}; use Converse"));
    let family = Family::of(base).ok_or_else(unknown)?;
    let ask = Ask { model: model.to_owned(), streamed, ..family.read(root)? };
    Ok(Outcome::Chat(Box::new(ask), Box::new(Writer::new(family))))
}

#[derive(Default)]
struct Reading {
    ask: Ask,
    talk: Talk,
}

impl Reading {
    fn nova(&mut self, root: &Node<'_>) -> Result<(), Flaw> {
        root.only(&["schemaVersion", "system", "messages", "inferenceConfig"])?;
        if let Some(version) = root.get("schemaVersion") {
            version.one_of(&["messages-v1"])?;
        }
        if let Some(config) = root.get("inferenceConfig") {
            config.only(&["maxTokens", "max_new_tokens", "temperature", "topP", "topK", "stopSequences"])?;
            self.limit(&config, &["maxTokens", "max_new_tokens"])?;
            ranges(&config, &["temperature", "topP"])?;
            self.stops(&config, "stopSequences")?;
        }
        for block in root.get("system").map_or(Ok(Vec::new()), |n| n.items())? {
            block.only(&["text"])?;
            self.ask.meter.text(block.need("text")?.text()?);
        }
        for turn in root.need("messages")?.items()? {
            turn.only(&["role", "content"])?;
            let role = turn.need("role")?.one_of(&["user", "assistant"])?;
            for block in turn.need("content")?.items()? {
                match sole_member(&block)? {
                    ("text", text) => self.says(role, text.text()?),
                    _ => return Err(block.flaw("the simulator takes text only")),
                }
            }
        }
        Ok(())
    }

    fn llama(&mut self, root: &Node<'_>) -> Result<(), Flaw> {
        root.only(&["prompt", "max_gen_len", "temperature", "top_p"])?;
        self.limit(root, &["max_gen_len"])?;
        ranges(root, &["temperature", "top_p"])?;
        self.says("user", root.need("prompt")?.text()?);
        Ok(())
    }

    fn cohere(&mut self, root: &Node<'_>) -> Result<(), Flaw> {
        root.only(&["message", "chat_history", "preamble", "max_tokens", "temperature", "p", "k", "stop_sequences"])?;
        self.limit(root, &["max_tokens"])?;
        ranges(root, &["temperature", "p"])?;
        self.stops(root, "stop_sequences")?;
        if let Some(preamble) = root.get("preamble") {
            self.ask.meter.text(preamble.text()?);
        }
        for turn in root.get("chat_history").map_or(Ok(Vec::new()), |n| n.items())? {
            turn.only(&["role", "message"])?;
            let role = turn.need("role")?.one_of(&["USER", "CHATBOT"])?;
            self.says(if role == "USER" { "user" } else { "assistant" }, turn.need("message")?.text()?);
        }
        self.says("user", root.need("message")?.text()?);
        Ok(())
    }

    fn chat(&mut self, root: &Node<'_>) -> Result<(), Flaw> {
        root.only(&["messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop"])?;
        self.limit(root, &["max_tokens", "max_completion_tokens"])?;
        ranges(root, &["temperature", "top_p"])?;
        self.stops(root, "stop")?;
        for turn in root.need("messages")?.items()? {
            turn.only(&["role", "content"])?;
            let role = turn.need("role")?.one_of(&["system", "user", "assistant"])?;
            self.says(role, turn.need("content")?.text()?);
        }
        Ok(())
    }

    fn says(&mut self, role: &str, text: &str) {
        self.ask.meter.text(text);
        match role {
            "user" => self.talk.user(text),
            "assistant" => self.talk.assistant(),
            _ => {}
        }
    }

    fn limit(&mut self, node: &Node<'_>, names: &[&str]) -> Result<(), Flaw> {
        for limit in names.iter().filter_map(|name| node.get(name)) {
            if limit.whole()? == 0 {
                return Err(limit.flaw("0 is not greater or equal to 1"));
            }
            self.ask.output_max = Some(limit.whole()?);
        }
        Ok(())
    }

    fn stops(&mut self, node: &Node<'_>, name: &str) -> Result<(), Flaw> {
        for stop in node.get(name).map_or(Ok(Vec::new()), |n| n.items())? {
            self.ask.stops.push(stop.text()?.to_owned());
        }
        Ok(())
    }
}

fn ranges(node: &Node<'_>, names: &[&str]) -> Result<(), Flaw> {
    names.iter().filter_map(|name| node.get(name)).try_for_each(|number| number.number_within(0.0, 1.0).map(drop))
}
