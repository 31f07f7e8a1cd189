//! Guard services: who outside the gateway is asked about texts, and how.

use super::{BedrockGuardrail, Egress};
use crate::grammar::{BaseUrl, Keepalive, Name, Period, Ratio, SecretRef, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// A service outside that rules ask about texts (`external` of a rule in `guardrails`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardService {
    /// How rules name it; unique.
    pub name: Name,
    /// What it is, and how it is asked.
    pub kind: GuardServiceKind,
    /// All but `webhook`, required there: the provider in `providers` by which it is asked, with that provider's address,
    /// credentials and permissions to dial. It needs no model of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Name>,
    /// Only `bedrock_guardrail`, required there: the guardrail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<BedrockGuardrail>,
    /// `judge`, required there: the model that judges. `moderation`: the model that scores; absent:
    /// `omni-moderation-latest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub model: Option<String>,
    /// Only `judge`: what it shall flag, in words for a model. Absent: the model was made to judge (Llama Guard and its
    /// kind), and answers `safe`, or `unsafe` and categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub question: Option<String>,
    /// From which score on a category counts. `bedrock_checks`, required there: which categories and entities are checked
    /// for. `moderation`: a category without one counts where the model itself says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub thresholds: BTreeMap<String, Ratio>,
    /// Only `webhook`, required there: where texts are posted, `https://` unless `egress` allows more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<BaseUrl>,
    /// Only `webhook`, required there: with what each question is signed (header `x-tallygate-signature`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// Only `webhook`: which addresses may be dialled, beyond public ones.
    #[serde(default)]
    pub egress: Egress,
    /// Longest wait for an opinion on all texts of a call, at most a minute.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// Most questions at a time, of all calls together. Others wait, within `timeout`.
    #[serde(default = "questions_max")]
    pub questions_max: NonZeroU32,
    /// Most characters of one question: from 1000 to 100000. Longer texts are asked about in pieces that overlap.
    #[serde(default = "characters_max")]
    #[schemars(range(min = 1000, max = 100_000))]
    pub characters_max: u32,
    /// For how long an opinion on a text is remembered, so that a conversation's earlier turns are not asked about again;
    /// `off`: not at all.
    #[serde(default = "remember")]
    pub remember: Keepalive,
    /// Most memory of what is remembered, at most 1 GiB.
    #[serde(default = "remember_size")]
    pub remember_size: Size,
}

/// The moderation model that is asked where none is named.
pub const MODERATION_MODEL: &str = "omni-moderation-latest";

/// What the names of moderation models have in them that see pictures.
const SEEING: &str = "omni-moderation";

impl GuardService {
    /// Whether it sees pictures: a guardrail of an account, or a moderation model that was made for them.
    #[must_use]
    pub fn sees_images(&self) -> bool {
        match self.kind {
            GuardServiceKind::BedrockGuardrail => true,
            GuardServiceKind::Moderation => self.model.as_deref().unwrap_or(MODERATION_MODEL).contains(SEEING),
            GuardServiceKind::BedrockChecks | GuardServiceKind::Judge | GuardServiceKind::Webhook => false,
        }
    }
}

const fn timeout() -> Period {
    Period::seconds(3)
}

const fn questions_max() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(63)
}

const fn characters_max() -> u32 {
    20_000
}

const fn remember() -> Keepalive {
    Keepalive::Every(Period::seconds(300))
}

const fn remember_size() -> Size {
    Size::mebibytes(16)
}

/// What a guard service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardServiceKind {
    /// A guardrail of the AWS account of a provider of the kind `bedrock` (`ApplyGuardrail`).
    BedrockGuardrail,
    /// Bedrock's checks that need no guardrail (`InvokeGuardrailChecks`).
    BedrockChecks,
    /// OpenAI's moderation, or that of a server that speaks its API (`/moderations`).
    Moderation,
    /// A chat model.
    Judge,
    /// A service of your own.
    Webhook,
}

impl GuardServiceKind {
    /// The name in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BedrockGuardrail => "bedrock_guardrail",
            Self::BedrockChecks => "bedrock_checks",
            Self::Moderation => "moderation",
            Self::Judge => "judge",
            Self::Webhook => "webhook",
        }
    }
}

/// What happens with a call while a service cannot be asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardAway {
    /// It is refused, or its answer withheld.
    Block,
    /// It goes on; the ledger and the metrics tell that the rule was not answered.
    Allow,
}
