//! Copies of a route's calls for another model, cheaper models by what calls ask for, and how their answers are compared.

use crate::grammar::{Name, Percent, Ratio};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Another model that gets copies of calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// The name of a provider in `providers`.
    pub provider: Name,
    /// The model's id as the provider knows it.
    #[schemars(length(min = 1, max = 2048))]
    pub model: String,
    /// Of the calls that ended well, how many are copied.
    pub share: Percent,
}

/// Cheaper models for what a route is asked, and what becomes of calls for which they would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskRouting {
    /// What becomes of them.
    #[serde(default)]
    pub mode: RoutingMode,
    /// The models, the weakest first; above the last stand the route's own targets. A call goes to the first that is for it.
    #[schemars(length(min = 1, max = 8))]
    pub steps: Vec<RoutingStep>,
    /// The weakest model of `steps` that may be used: calls for a weaker one go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub floor: Option<String>,
    /// The strongest model of `steps` that may be used, also for calls that no step is for. Absent: the route's own targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub ceiling: Option<String>,
    /// Whether a call may keep out of it by the header `x-tallygate-routing: off`.
    #[serde(default = "yes")]
    pub opt_out: bool,
    /// What is other for single teams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub teams: Vec<TeamRouting>,
    /// How it is found out whether the cheaper answers are good enough. Absent: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
}

const fn yes() -> bool {
    true
}

/// What becomes of calls for which a cheaper model would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoutingMode {
    /// The ledger notes where they would have gone.
    #[default]
    Observe,
    /// The caller is told, too: header `x-tallygate-advice`.
    Advise,
    /// They go there.
    Enforce,
}

/// A cheaper model, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutingStep {
    /// The name of a provider in `providers`.
    pub provider: Name,
    /// The model's id as the provider knows it; each once.
    #[schemars(length(min = 1, max = 2048))]
    pub model: String,
    /// The tasks that it is for.
    #[schemars(length(min = 1, max = 12))]
    pub tasks: Vec<TaskName>,
    /// Only for calls that are no harder: how likely it is that only a strong model gets them right, from 0 to 1. Absent: 1.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub difficulty_max: Ratio,
}

const fn all() -> Ratio {
    Ratio::ALL
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_all(ratio: &Ratio) -> bool {
    *ratio == Ratio::ALL
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskName {
    /// One of given labels.
    Classification,
    /// What stands in a text, in a form.
    Extraction,
    /// A text made short.
    Summarisation,
    /// A text in another language.
    Translation,
    /// A text in other words.
    Rewriting,
    /// A question that a sentence answers.
    ShortQuestion,
    /// A question on a text that stands there.
    QuestionOnContext,
    /// Talk.
    Chat,
    /// Programs.
    Code,
    /// Reckoning and proofs.
    MathematicsAndReasoning,
    /// A long text.
    LongWriting,
    /// Work with tools, in many turns.
    Agentic,
}

impl TaskName {
    /// The name in files, conditions and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Extraction => "extraction",
            Self::Summarisation => "summarisation",
            Self::Translation => "translation",
            Self::Rewriting => "rewriting",
            Self::ShortQuestion => "short_question",
            Self::QuestionOnContext => "question_on_context",
            Self::Chat => "chat",
            Self::Code => "code",
            Self::MathematicsAndReasoning => "mathematics_and_reasoning",
            Self::LongWriting => "long_writing",
            Self::Agentic => "agentic",
        }
    }

    /// Whether two good answers say the same, so that they can be compared without a model.
    #[must_use]
    pub const fn is_agreed_on(self) -> bool {
        matches!(self, Self::Classification | Self::Extraction)
    }
}

/// What is other for one team. What is not said is as for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamRouting {
    /// The team's name.
    pub team: Name,
    /// What becomes of its calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<RoutingMode>,
    /// The weakest model that may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub floor: Option<String>,
    /// The strongest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub ceiling: Option<String>,
    /// Whether its calls may keep out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out: Option<bool>,
}

/// How cheaper answers are compared with those of the route's own targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Of the calls that a step is for, how many go to both models.
    pub sample: Percent,
    /// Who compares the two answers.
    #[schemars(schema_with = "judge_schema")]
    pub judge: TaskJudge,
    /// In how many comparisons the cheaper answer must be as good. Where it is certain that it is not, the rule switches
    /// itself off until it is changed. Absent: it is only shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Percent>,
    /// The fewest comparisons of a task that switch it off: from 10 to 1000.
    #[serde(default = "samples_min")]
    #[schemars(range(min = 10, max = 1000))]
    pub samples_min: u32,
}

const fn samples_min() -> u32 {
    50
}

/// Who compares two answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TaskJudge {
    /// The gateway itself.
    Agreement(AgreementWord),
    /// A model.
    Model(JudgeModel),
}

/// The word for what the gateway itself can compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgreementWord {
    /// The only one.
    #[default]
    Agreement,
}

/// A model that compares answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgeModel {
    /// The name of a provider in `providers`.
    pub provider: Name,
    /// The model's id as the provider knows it.
    #[schemars(length(min = 1, max = 2048))]
    pub model: String,
    /// The team to which its calls are booked. Absent: that of the call whose answers it compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_to: Option<Name>,
}

/// A word, or a model.
fn judge_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut model = JudgeModel::json_schema(generator);
    model.insert("title".to_owned(), "model".into());
    json_schema!({
        "description": "Who compares the two answers.",
        "oneOf": [
            {
                "const": "agreement",
                "type": "string",
                "description": "The gateway: they must say the same, whatever their case, blanks and the order of members. \
                                Only for classification and extraction.",
            },
            model,
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::TaskName;
    use tg_text::task::TaskClass;

    /// Else a configuration could not name what the engine finds.
    #[test]
    fn every_kind_of_task_that_is_found_can_be_named() {
        for class in TaskClass::ALL {
            let named: TaskName = serde_json::from_value(class.as_str().into()).unwrap();
            assert_eq!(named.as_str(), class.as_str());
        }
    }
}
