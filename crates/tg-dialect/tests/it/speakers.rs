//! Every dialect of chat, from both sides, with the facts that a call brings along.

use bytes::BytesMut;
use tg_dialect::dialect::{InboundDialect, ReplyFacts, RequestFacts, StreamDecoder, UpstreamDialect};
use tg_dialect::dialects::anthropic_messages::AnthropicMessages;
use tg_dialect::dialects::bedrock_converse::BedrockConverse;
use tg_dialect::dialects::bedrock_invoke::BedrockInvoke;
use tg_dialect::dialects::openai_chat::OpenaiChat;
use tg_dialect::dialects::openai_responses::OpenaiResponses;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Dialect;
use tg_kernel::event::Event;
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;

/// One dialect.
pub struct Speaker {
    pub dialect: Dialect,
    pub inbound: &'static dyn InboundDialect,
    pub upstream: &'static dyn UpstreamDialect,
    /// A model of a provider that speaks it.
    pub model: &'static str,
}

pub const SPEAKERS: [Speaker; 5] = [
    Speaker {
        dialect: Dialect::OpenaiChat,
        inbound: &OpenaiChat::OPENAI,
        upstream: &OpenaiChat::OPENAI,
        model: "gpt-5.1",
    },
    Speaker {
        dialect: Dialect::OpenaiResponses,
        inbound: &OpenaiResponses,
        upstream: &OpenaiResponses,
        model: "gpt-5.1",
    },
    Speaker {
        dialect: Dialect::AnthropicMessages,
        inbound: &AnthropicMessages,
        upstream: &AnthropicMessages,
        model: "claude-sonnet-4-6",
    },
    Speaker {
        dialect: Dialect::BedrockConverse,
        inbound: &BedrockConverse,
        upstream: &BedrockConverse,
        model: "eu.anthropic.claude-sonnet-4-6",
    },
    Speaker {
        dialect: Dialect::BedrockInvoke,
        inbound: &BedrockInvoke,
        upstream: &BedrockInvoke,
        model: "eu.anthropic.claude-sonnet-4-6",
    },
];

impl Speaker {
    pub fn named(name: &str) -> &'static Self {
        SPEAKERS.iter().find(|speaker| speaker.dialect.as_str() == name).expect("a dialect of chat")
    }

    pub fn name(&self) -> &'static str {
        self.dialect.as_str()
    }

    /// What the request line and headers of a plain call say.
    pub fn request_facts(&self) -> RequestFacts {
        let bedrock = matches!(self.dialect, Dialect::BedrockConverse | Dialect::BedrockInvoke);
        RequestFacts {
            path_model: bedrock.then(|| self.model.to_owned()),
            path_stream: false,
            api_version: (self.dialect == Dialect::AnthropicMessages).then(|| "2023-06-01".to_owned()),
            betas: Vec::new(),
        }
    }

    /// Writes events as a stream.
    pub fn write(&self, events: &[Event], end: Option<&Fault>) -> BytesMut {
        let (mut encoder, mut out) = (self.inbound.encoder(reply_facts()), BytesMut::new());
        events.iter().for_each(|event| encoder.encode(event, &mut out));
        if let Some(fault) = end {
            encoder.fault(fault, &mut out);
        }
        out
    }

    /// Reads a stream as events, and how it ended.
    pub fn read<'a>(&self, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<Fault>) {
        let (mut decoder, mut events) = (self.upstream.decoder(), Vec::new());
        let fault = read_all(&mut *decoder, chunks, &mut events).err();
        (events, fault)
    }
}

fn read_all<'a>(
    decoder: &mut dyn StreamDecoder,
    chunks: impl Iterator<Item = &'a [u8]>,
    events: &mut Vec<Event>,
) -> Result<(), Fault> {
    for chunk in chunks {
        decoder.decode(chunk, events)?;
    }
    decoder.finish(events)
}

/// The call whose answers are written.
pub fn reply_facts() -> ReplyFacts {
    ReplyFacts {
        id: CallId::from_bytes([0x5a; 16]),
        model: "asked-model".into(),
        created: Timestamp::from_seconds(1_790_000_000),
        include_usage: true,
    }
}
