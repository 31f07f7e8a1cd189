//! What is known of a call without reading its text, and what that says of its task.

use super::TaskClass;
use super::model::CLASSES;

/// What is known of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It offers tools.
    pub tools: bool,
    /// It wants an answer by a JSON schema.
    pub schema: bool,
    /// Images that it holds.
    pub images: u32,
    /// Turns of the conversation so far, results of tools included; 1 where there is but a question.
    pub turns: u32,
    /// Bytes of all that it says.
    pub input_bytes: u64,
    /// It has instructions of the application.
    pub has_system: bool,
    /// Most tokens that it wants back.
    pub output_tokens_max: Option<u64>,
}

/// Turns from which on a conversation with tools is one in which tools are used: question, call, result.
const AGENTIC_TURNS: u32 = 3;
/// A call of more bytes is no short question and no sum.
const LONG_INPUT: u64 = 16 * 1024;
/// How much a text counts where the application's instructions, which often hold the task, were not read.
const UNREAD: f32 = 0.7;
/// Answers of so few tokens are labels, numbers or names.
const SHORT_ANSWER: u64 = 16;
/// Answers of fewer tokens are no long texts.
const LONG_ANSWER: u64 = 128;

impl Facts {
    /// The class that the facts alone make sure of.
    pub(super) fn certain(&self) -> Option<TaskClass> {
        (self.tools && self.turns >= AGENTIC_TURNS).then_some(TaskClass::Agentic)
    }

    /// How much of what the call says is known from its last turn alone.
    pub(super) fn known(&self) -> f32 {
        if self.has_system { UNREAD } else { 1.0 }
    }

    /// What the facts add to the logit of each class. Set by hand: no public calls with such facts and a class are known.
    pub(super) fn leanings(&self) -> [f32; CLASSES] {
        TaskClass::ALL.map(|class| self.leaning(class))
    }

    fn leaning(&self, class: TaskClass) -> f32 {
        use TaskClass::{
            Agentic, Chat, Classification, Code, Extraction, LongWriting, MathematicsAndReasoning, QuestionOnContext,
            ShortQuestion, Summarisation, Translation,
        };
        let mut sum = 0.0;
        let mut lean = |holds: bool, weight: f32| {
            if holds {
                sum += weight;
            }
        };
        lean(self.tools && class == Agentic, 2.5);
        lean(!self.tools && self.turns >= AGENTIC_TURNS && class == Chat, 0.5);
        lean(self.schema && matches!(class, Extraction | Classification), 1.0);
        lean(self.schema && matches!(class, Chat | LongWriting | Translation), -1.0);
        lean(self.images > 0 && matches!(class, QuestionOnContext | Extraction), 1.0);
        lean(self.input_bytes > LONG_INPUT && matches!(class, ShortQuestion | MathematicsAndReasoning), -1.0);
        let most = self.output_tokens_max.unwrap_or(u64::MAX);
        lean(most <= SHORT_ANSWER && matches!(class, Classification | ShortQuestion), 1.0);
        lean(most <= SHORT_ANSWER && matches!(class, Summarisation | Code), -1.5);
        lean(most <= LONG_ANSWER && class == LongWriting, -1.5);
        sum
    }
}
