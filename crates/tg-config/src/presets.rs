//! Known servers that speak OpenAI's protocol: data, no code.

use crate::document::{AuthScheme, OutputLimitMember, Provider, ProviderKind};
use crate::grammar::BaseUrl;
use OutputLimitMember::{MaxCompletionTokens, MaxTokens};

/// A known server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// What `preset` says; also the scope of its prices.
    pub name: &'static str,
    /// Where it is reached. `None` where each customer has an address of their own.
    pub base_url: Option<&'static str>,
    /// Where the API key goes.
    pub auth: AuthScheme,
    /// Whether a call without an API key is refused.
    pub key_required: bool,
    /// Whether it serves `/responses` as a finished feature.
    pub responses: bool,
    /// Whether it serves `/embeddings`.
    pub embeddings: bool,
    /// Which member of a chat request limits the output.
    pub output_limit_member: OutputLimitMember,
}

const HOSTED: Preset = Preset {
    name: "",
    base_url: None,
    auth: AuthScheme::Bearer,
    key_required: true,
    responses: false,
    embeddings: true,
    output_limit_member: MaxTokens,
};
const LOCAL: Preset = Preset { key_required: false, ..HOSTED };

/// What is assumed of a server without a preset.
pub const UNKNOWN_SERVER: Preset = LOCAL;

/// Every preset, by name.
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "azure",
        auth: AuthScheme::ApiKeyHeader,
        responses: true,
        output_limit_member: MaxCompletionTokens,
        ..HOSTED
    },
    Preset {
        name: "cerebras",
        base_url: Some("https://api.cerebras.ai/v1"),
        embeddings: false,
        output_limit_member: MaxCompletionTokens,
        ..HOSTED
    },
    Preset { name: "deepinfra", base_url: Some("https://api.deepinfra.com/v1/openai"), ..HOSTED },
    Preset { name: "deepseek", base_url: Some("https://api.deepseek.com/v1"), embeddings: false, ..HOSTED },
    Preset { name: "fireworks", base_url: Some("https://api.fireworks.ai/inference/v1"), ..HOSTED },
    Preset {
        name: "groq",
        base_url: Some("https://api.groq.com/openai/v1"),
        embeddings: false,
        output_limit_member: MaxCompletionTokens,
        ..HOSTED
    },
    // Its usual port, 8080, is that of our own listener, so the address must be stated.
    Preset { name: "llama_cpp", ..LOCAL },
    Preset { name: "lm_studio", base_url: Some("http://127.0.0.1:1234/v1"), ..LOCAL },
    Preset { name: "mistral", base_url: Some("https://api.mistral.ai/v1"), ..HOSTED },
    Preset { name: "moonshot", base_url: Some("https://api.moonshot.ai/v1"), embeddings: false, ..HOSTED },
    Preset { name: "nvidia", base_url: Some("https://integrate.api.nvidia.com/v1"), ..HOSTED },
    Preset { name: "ollama", base_url: Some("http://127.0.0.1:11434/v1"), ..LOCAL },
    Preset { name: "openrouter", base_url: Some("https://openrouter.ai/api/v1"), ..HOSTED },
    Preset { name: "perplexity", base_url: Some("https://api.perplexity.ai"), embeddings: false, ..HOSTED },
    Preset { name: "sglang", base_url: Some("http://127.0.0.1:30000/v1"), ..LOCAL },
    Preset { name: "together", base_url: Some("https://api.together.xyz/v1"), ..HOSTED },
    Preset { name: "vllm", base_url: Some("http://127.0.0.1:8000/v1"), responses: true, ..LOCAL },
    Preset {
        name: "xai",
        base_url: Some("https://api.x.ai/v1"),
        responses: true,
        embeddings: false,
        output_limit_member: MaxCompletionTokens,
        ..HOSTED
    },
];

/// The preset of this name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.name == name)
}

/// What is known of a server that speaks OpenAI's protocol: its preset, overruled by what the document states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compatible {
    /// Where it is reached, version path included.
    pub base_url: BaseUrl,
    /// Where the API key goes, if there is one.
    pub auth: AuthScheme,
    /// Whether it serves `/responses`.
    pub responses: bool,
    /// Whether it serves `/embeddings`.
    pub embeddings: bool,
    /// Which member of a chat request limits the output.
    pub output_limit_member: OutputLimitMember,
}

impl Provider {
    /// What is known of an `openai_compatible` provider. `None` for another kind, or without any `base_url` (which
    /// the check refuses).
    #[must_use]
    pub fn compatible(&self) -> Option<Compatible> {
        if self.kind != ProviderKind::OpenaiCompatible {
            return None;
        }
        let preset = self.preset.as_deref().and_then(preset).unwrap_or(&UNKNOWN_SERVER);
        Some(Compatible {
            base_url: self.effective_base_url()?,
            auth: self.quirks.auth.unwrap_or(preset.auth),
            responses: self.quirks.responses.unwrap_or(preset.responses),
            embeddings: self.quirks.embeddings.unwrap_or(preset.embeddings),
            output_limit_member: self.quirks.output_limit_member.unwrap_or(preset.output_limit_member),
        })
    }

    /// Whether the provider's address names this machine literally, so that loopback addresses may be dialled for it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let own = self.effective_base_url();
        own.iter().chain(&self.mantle_url).any(|url| url.host().is_loopback())
    }

    /// The stated address, else the preset's.
    pub(crate) fn effective_base_url(&self) -> Option<BaseUrl> {
        self.base_url.clone().or_else(|| self.preset.as_deref().and_then(preset)?.base_url?.parse().ok())
    }
}

/// The schema of `preset`: an editor offers the names, and the loader proposes the nearest.
pub(crate) fn preset_names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
    schemars::json_schema!({ "type": "string", "enum": names })
}
