//! Guardrails: what calls may say and be told, for whom.

use super::CallScope;
use super::guard_service::GuardAway;
use super::unreadable::{Unreadable, unreadable_schema};
use super::wanted::{Wanted, pii_schema, secrets_schema};
use crate::grammar::{Name, Pattern, Ratio};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use tg_kernel::passage::Channel;

/// A set of rules. A call meets the rules of every set that is for it: sets only add up, and none takes another's rules
/// away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// The set's name; unique, and shown to callers whose calls it changes or refuses.
    pub name: Name,
    /// For which calls it is. Absent: for all, so that no team is without it.
    #[serde(default, rename = "for", skip_serializing_if = "CallScope::is_everything")]
    pub scope: CallScope,
    /// What is looked for, and what happens then.
    #[schemars(length(min = 1, max = 64))]
    pub rules: Vec<GuardrailRule>,
    /// What happens with what no text can be read of. Must be said where a rule is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "unreadable_schema")]
    pub unreadable: Option<Unreadable>,
    /// Characters of a streamed answer that are held back at least, so that what is longer than 64 characters (a match
    /// of `pattern`) is found before its beginning has left. Absent: 64, or the longest of `words` and `canaries`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16, max = 4096))]
    pub hold_back: Option<u32>,
}

/// One check, and what happens when it finds something. Exactly one of the checks stands in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardrailRule {
    /// The rule's name; unique in its set, and shown to callers.
    pub name: Name,
    /// Credentials: `all`, or forms by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "secrets_schema")]
    pub secrets: Option<Wanted>,
    /// Personal data: `all`, `structured` (all but names and addresses, which are best effort), or entities by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "pii_schema")]
    pub pii: Option<Wanted>,
    /// Entities of your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub entities: Option<Vec<Entity>>,
    /// Attacks on the model's instructions, from this score on: 1 % of ordinary texts exceed 0.5, 0.1 % exceed 0.9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injection: Option<Ratio>,
    /// Instructions in results of tools and documents, from this score on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indirect_injection: Option<Ratio>,
    /// Harmful content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<Harm>,
    /// Topics that are denied, told by examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub topics: Option<Vec<Topic>>,
    /// Words and phrases, in any case, spacing and script that looks like them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// A regular expression (RE2's syntax, searched in linear time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub pattern: Option<String>,
    /// Most characters of a text: of what one turn says in one channel, or of one text of an answer. `on` must be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters_max: Option<NonZeroU32>,
    /// A JSON Schema that answers must be valid under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_schema")]
    pub json_schema: Option<serde_json::Value>,
    /// Strings of eight letters and digits and more that are planted where only a leak can bring them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub canaries: Option<Vec<String>>,
    /// The call's own system text, repeated in its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<SystemPrompt>,
    /// A service in `guards` that is asked. It sees texts as the rules of the gateway's own have left them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<Name>,
    /// Only with `external`, required there: what happens with a call while the service cannot be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_away: Option<GuardAway>,
    /// Only with `external`, `on: input`, and `block` or `annotate`: the call leaves while the service is asked, and nothing of
    /// its answer reaches the caller before the service has said what it thinks. The text has reached the model's provider by
    /// then, and a call that is blocked costs what it has used: it is no check that is `required`. With `mode: observe`
    /// nobody waits for the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
    /// Only with `external`, `block` or `redact`, for streamed answers: how many characters are gathered before the service is
    /// asked about them, with some of what came before; what it lets go leaves then, while the next are gathered. Absent: the
    /// answer is kept until all of it is there. Of several rules in force the smallest holds, and none where one of them has
    /// no such number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 200, max = 50_000))]
    pub pieces: Option<u32>,
    /// What happens when something is found.
    pub action: GuardrailAction,
    /// Only with `route_to`, required there: the model, by a name in `models`, to whose targets the call goes. Callers need
    /// not be allowed to use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Pattern>,
    /// What stands in place of what is taken out. Absent: `tag`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub style: Option<RedactAs>,
    /// Whether it happens, or is only counted.
    #[serde(default)]
    pub mode: GuardrailMode,
    /// Which way texts go that are looked at. Absent: every way that makes sense for the check and the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<GuardrailOn>,
    /// Which texts are looked at. Absent: all that make sense for the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "channels_schema")]
    pub channels: Option<Vec<Channel>>,
    /// What callers are told who are blocked; with `route_to`, those whose call can go to no other model. Absent: which rule it
    /// was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub message: Option<String>,
}

/// An entity of your own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// Its name in placeholders and evidence.
    pub name: Name,
    /// How it is written: a regular expression (RE2's syntax).
    #[schemars(length(min = 1, max = 4096))]
    pub pattern: String,
    /// Words of which one has to stand within 40 characters. Absent: none has to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub near: Vec<String>,
    /// A check digit that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_digit: Option<CheckDigit>,
}

/// A check digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckDigit {
    /// Luhn's formula, as on cards.
    Luhn,
    /// MOD 97-10, as in IBAN.
    Mod97,
    /// Verhoeff's formula.
    Verhoeff,
    /// MOD 11,10.
    #[serde(rename = "mod11_10")]
    Mod11,
}

/// Harmful content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Harm {
    /// From which score on.
    pub threshold: Ratio,
    /// Of these categories. Absent: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    pub categories: Vec<HarmCategory>,
}

/// A category of harmful content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HarmCategory {
    /// Contempt for people for what they are.
    Hate,
    /// Abuse, insults and threats against a person.
    Harassment,
    /// Sexual content.
    Sexual,
    /// Violence, its praise and its planning.
    Violence,
    /// Suicide and self-harm.
    SelfHarm,
    /// Crime, fraud, weapons, drugs, attacks on computers.
    Crime,
    /// Sexual or other abuse of children.
    ChildSafety,
}

/// A topic that is denied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its name in evidence.
    pub name: Name,
    /// Sentences that belong to it, in English, as users would write them.
    #[schemars(length(min = 1, max = 64))]
    pub examples: Vec<String>,
    /// How near a text may come to one of them: 0.6 finds paraphrases, 0.8 nearly the same words.
    pub threshold: Ratio,
}

/// Words and phrases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The words.
    #[schemars(length(min = 1, max = 20000))]
    pub list: Vec<String>,
    /// How many letters may be wrong, missing, too many or swapped, in single words of six letters (a to z) and more: two only
    /// in those of nine and more. Phrases and shorter words are found as they are written.
    #[serde(default)]
    #[schemars(range(max = 2))]
    pub fuzzy: u8,
}

/// The call's own system text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemPrompt {
    /// How many of its words in a row an answer may not repeat.
    #[serde(default = "leak_words")]
    #[schemars(range(min = 6, max = 64))]
    pub words: u8,
}

const fn leak_words() -> u8 {
    12
}

/// What happens when something is found. Of several rules on one stretch, the gravest decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailAction {
    /// The call is refused, or its answer withheld; a stream is ended.
    Block,
    /// Something else stands in its place.
    Redact,
    /// On the way to the model a placeholder stands in its place; in the answer, the value comes back.
    Restore,
    /// It goes on, and is told in a header and in evidence.
    Annotate,
    /// The call goes to the rule's `model` in place of the one that it names, and to no other. Only requests.
    RouteTo,
}

/// What stands in place of what is taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedactAs {
    /// `****`.
    Mask,
    /// `****1234`: the last four characters stay, and never more than a third.
    KeepLast,
    /// `[EMAIL_1]`: in one call, the same value has the same tag.
    #[default]
    Tag,
    /// `[EMAIL:9f86d081884c7d65]`: under one `redaction_key`, the same value has the same hash in all calls.
    Hash,
    /// Letters for letters and digits for digits, by `redaction_key`; check digits are wrong.
    Token,
}

/// Whether a rule is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailMode {
    /// What it says happens.
    #[default]
    Enforce,
    /// Nothing happens; what it finds is counted.
    Observe,
}

/// Which way texts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailOn {
    /// To the model.
    Input,
    /// To the caller.
    Output,
    /// Both.
    Both,
}

/// Checks that every call must meet, in force and without gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequiredChecks {
    /// On what goes to the model.
    #[schemars(length(max = 16))]
    pub input: Vec<CheckName>,
    /// On what comes from it.
    #[schemars(length(max = 16))]
    pub output: Vec<CheckName>,
}

impl RequiredChecks {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The name of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of a rule's checks")]
pub enum CheckName {
    Secrets,
    Pii,
    Entities,
    Injection,
    IndirectInjection,
    Harm,
    Topics,
    Words,
    Pattern,
    CharactersMax,
    JsonSchema,
    Canaries,
    SystemPrompt,
    External,
}

impl CheckName {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Pii => "pii",
            Self::Entities => "entities",
            Self::Injection => "injection",
            Self::IndirectInjection => "indirect_injection",
            Self::Harm => "harm",
            Self::Topics => "topics",
            Self::Words => "words",
            Self::Pattern => "pattern",
            Self::CharactersMax => "characters_max",
            Self::JsonSchema => "json_schema",
            Self::Canaries => "canaries",
            Self::SystemPrompt => "system_prompt",
            Self::External => "external",
        }
    }

    /// Whether it means something for texts that go to the model.
    #[must_use]
    pub const fn is_of_input(self) -> bool {
        !matches!(self, Self::Canaries | Self::SystemPrompt | Self::JsonSchema)
    }

    /// Whether it means something for texts that come from it.
    #[must_use]
    pub const fn is_of_output(self) -> bool {
        !matches!(self, Self::Injection | Self::IndirectInjection)
    }

    /// Whether it finds stretches of a text, which can be taken out.
    #[must_use]
    pub const fn finds_stretches(self) -> bool {
        matches!(
            self,
            Self::Secrets | Self::Pii | Self::Entities | Self::Words | Self::Pattern | Self::Canaries | Self::External
        )
    }
}

impl GuardrailRule {
    /// The checks that stand in it: exactly one, where it has been checked.
    #[must_use]
    pub fn checks(&self) -> Vec<CheckName> {
        let stated = [
            (CheckName::Secrets, self.secrets.is_some()),
            (CheckName::Pii, self.pii.is_some()),
            (CheckName::Entities, self.entities.is_some()),
            (CheckName::Injection, self.injection.is_some()),
            (CheckName::IndirectInjection, self.indirect_injection.is_some()),
            (CheckName::Harm, self.harm.is_some()),
            (CheckName::Topics, self.topics.is_some()),
            (CheckName::Words, self.words.is_some()),
            (CheckName::Pattern, self.pattern.is_some()),
            (CheckName::CharactersMax, self.characters_max.is_some()),
            (CheckName::JsonSchema, self.json_schema.is_some()),
            (CheckName::Canaries, self.canaries.is_some()),
            (CheckName::SystemPrompt, self.system_prompt.is_some()),
            (CheckName::External, self.external.is_some()),
        ];
        stated.into_iter().filter_map(|(check, is_stated)| is_stated.then_some(check)).collect()
    }

    /// Whether it changes or refuses what goes to the model.
    #[must_use]
    pub fn is_in_force_on_input(&self) -> bool {
        self.mode == GuardrailMode::Enforce
            && self.action != GuardrailAction::Annotate
            && self.on != Some(GuardrailOn::Output)
            && self.checks().iter().any(|check| check.is_of_input())
    }

    /// Whether it changes or ends answers, where it finds something in one.
    #[must_use]
    pub fn is_in_force_on_output(&self) -> bool {
        let asked_only = [Channel::System, Channel::User, Channel::Definition, Channel::Metadata];
        let channels = self.channels.as_deref();
        self.mode == GuardrailMode::Enforce
            && matches!(self.action, GuardrailAction::Block | GuardrailAction::Redact)
            && self.on != Some(GuardrailOn::Input)
            && self.checks().iter().any(|check| check.is_of_output())
            && channels.is_none_or(|all| !all.iter().all(|channel| asked_only.contains(channel)))
    }
}

fn channels_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = Channel::ALL.iter().map(|channel| channel.as_str()).collect();
    json_schema!({
        "description": "Which texts are looked at. Absent: all that make sense for the check.",
        "type": "array",
        "items": { "type": "string", "enum": names },
        "minItems": 1,
        "maxItems": 9,
    })
}

fn free_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "A JSON Schema that answers must be valid under.",
        "type": "object",
        (crate::shape::FREE_KEY): true,
    })
}
