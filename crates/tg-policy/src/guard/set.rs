//! Guardrail sets as plain data, before they are compiled.

use super::{Channels, Way};
use crate::admit::{Mode, Scope};
use std::sync::Arc;
use tg_text::pii::custom::Definition;
pub use tg_text::redact::Style;

/// Highest score from which on a check can find anything: hardly a text has more.
pub const THRESHOLD_MAX: f32 = 0.99;

/// Rules that go together, and for which calls they are. Sets only add up: none takes another's rules away.
#[derive(Clone, Debug)]
pub struct Set {
    /// Its name: unique, shown to callers, in ledger and metrics.
    pub name: Arc<str>,
    /// For which calls it is; the provider is not looked at.
    pub scope: Scope,
    /// The rules, in the order in which they decide.
    pub rules: Vec<Rule>,
    /// What nobody can read, and does not go to the model therefore.
    pub blocked_media: Vec<Medium>,
    /// Whether its rules look at the texts in files, and what cannot be read of these does not go to the model.
    pub reads_documents: bool,
    /// Whether services are asked about pictures, and those about which none is asked do not go to the model.
    pub asks_about_images: bool,
    /// Whether an answer with pictures, sound or files does not go on where a rule of it is in force for answers.
    pub blocks_unread_answers: bool,
    /// Characters of a streamed answer that are held back at least; see [`super::HOLD_BACK_DEFAULT`].
    pub hold_back: Option<usize>,
}

impl Set {
    /// A set of these rules for all calls that says nothing else: what no check can read goes on, and is not looked into.
    #[must_use]
    pub fn of(name: &str, rules: Vec<Rule>) -> Self {
        Self {
            name: name.into(),
            scope: Scope::default(),
            rules,
            blocked_media: Vec::new(),
            reads_documents: false,
            asks_about_images: false,
            blocks_unread_answers: false,
            hold_back: None,
        }
    }
}

/// One check, and what happens when it finds something.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name: unique within its set, shown to callers.
    pub name: Arc<str>,
    /// What is looked for.
    pub check: Check,
    /// What happens then.
    pub action: Action,
    /// Whether it happens, or is only counted.
    pub mode: Mode,
    /// Which ways; `None`: all that make sense for the check and the action.
    pub on: Option<On>,
    /// Where; `None`: see [`Channels::usual`].
    pub channels: Option<Channels>,
    /// What a caller is told who is blocked; `None`: which rule it was.
    pub message: Option<Arc<str>>,
    /// Of what a service outside says of streamed answers: it is asked when so many characters are there, and they go on
    /// when it has let them go. `None`: when all of the answer is.
    pub pieces: Option<usize>,
}

impl Rule {
    /// A rule in force, on all ways and channels that make sense for its check and action.
    #[must_use]
    pub fn of(name: &str, check: Check, action: Action) -> Self {
        let (name, mode) = (name.into(), Mode::Enforce);
        Self { name, check, action, mode, on: None, channels: None, message: None, pieces: None }
    }
}

/// Ways that a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// What goes to the model.
    Input,
    /// What comes from it.
    Output,
    /// Both.
    Both,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Check {
    /// Credentials: all forms, or those of these names.
    Secrets(Option<Vec<String>>),
    /// Personal data.
    Pii(Pii),
    /// Entities of the configuration.
    Entities(Vec<Definition>),
    /// Attacks on the model's instructions, from this score on.
    Injection(f32),
    /// Instructions in what nobody vouches for, from this score on.
    IndirectInjection(f32),
    /// Harmful content: from which score on, by category, in the order of [`tg_text::score::Harm::ALL`].
    Harm([Option<f32>; 7]),
    /// Topics: name, examples, how near a text may come.
    Topics(Vec<(String, Vec<String>, f32)>),
    /// Words and phrases, and how many letters of a word may be wrong.
    Words {
        /// The words.
        list: Vec<String>,
        /// Letters that may be wrong: 0, 1, 2.
        fuzzy: u8,
    },
    /// A regular expression.
    Pattern(String),
    /// Most characters of a text.
    CharactersMax(usize),
    /// What a text has to be, as JSON.
    JsonSchema(serde_json::Value),
    /// Strings that must not come out.
    Canaries(Vec<String>),
    /// So many words of the system text in a row, in an answer.
    SystemPrompt {
        /// How many.
        words: usize,
    },
    /// What a service outside says.
    External {
        /// Its name in the configuration.
        service: Arc<str>,
        /// What happens while it cannot be asked.
        when_away: WhenAway,
        /// Whether the call leaves while it is asked, and its answer alone waits. Of requests only.
        beside: bool,
    },
}

/// Which personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pii {
    /// All entities, names and addresses among them.
    All,
    /// All but names and addresses.
    Structured,
    /// Those of these names.
    Named(Vec<String>),
}

/// What happens while a service outside cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenAway {
    /// It is as if it had found something.
    Block,
    /// It is as if it had found nothing; counted.
    Allow,
}

/// What happens when something is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The call is refused, or its answer withheld.
    Block,
    /// Something else stands in its place.
    Redact(Style),
    /// Something else stands in its place on the way to the model, and what was there comes back in the answer.
    Restore(Style),
    /// It goes on, and is told.
    Annotate,
    /// The call goes to this model, and to no other; on the way to the model alone.
    RouteTo(Arc<str>),
}

impl Action {
    /// The name in configuration, logs and the ledger.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Redact(_) => "redact",
            Self::Restore(_) => "restore",
            Self::Annotate => "annotate",
            Self::RouteTo(_) => "route_to",
        }
    }
}

/// What no text can be read of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Medium {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A file.
    Document,
    /// What stands elsewhere.
    Reference,
    /// A text as token ids.
    Tokens,
    /// A text in which more is hidden than is decoded.
    Hidden,
}

impl Medium {
    /// All, in the order in which docs list them.
    pub const ALL: [Self; 7] =
        [Self::Image, Self::Audio, Self::Video, Self::Document, Self::Reference, Self::Tokens, Self::Hidden];

    /// The name in configuration, logs and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
            Self::Reference => "reference",
            Self::Tokens => "tokens",
            Self::Hidden => "hidden",
        }
    }

    /// The medium of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|medium| medium.as_str() == name)
    }
}

impl Rule {
    /// Whether it is for a way.
    #[must_use]
    pub const fn on(&self, way: Way) -> bool {
        // What is put back was found on the way in, and what is on the way out is there.
        if matches!(self.action, Action::Restore(_) | Action::RouteTo(_)) {
            return matches!(way, Way::Input);
        }
        match (self.on, way) {
            (None | Some(On::Both), _) | (Some(On::Input), Way::Input) | (Some(On::Output), Way::Output) => true,
            (Some(On::Input), Way::Output) | (Some(On::Output), Way::Input) => false,
        }
    }

    /// Whether it does more than count.
    #[must_use]
    pub const fn is_enforced(&self) -> bool {
        matches!(self.mode, Mode::Enforce) && !matches!(self.action, Action::Annotate)
    }
}

/// A check without what it looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the checks are described by `Check`")]
pub enum CheckKind {
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

impl CheckKind {
    /// The name in configuration, logs and the ledger.
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

    /// Whether what it looks for is what its rule says, and may be anything: the name of the check tells nothing of it.
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(
            self,
            Self::Entities
                | Self::Topics
                | Self::Words
                | Self::Pattern
                | Self::CharactersMax
                | Self::JsonSchema
                | Self::Canaries
                | Self::External
        )
    }
}

impl Check {
    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> CheckKind {
        match self {
            Self::Secrets(_) => CheckKind::Secrets,
            Self::Pii(_) => CheckKind::Pii,
            Self::Entities(_) => CheckKind::Entities,
            Self::Injection(_) => CheckKind::Injection,
            Self::IndirectInjection(_) => CheckKind::IndirectInjection,
            Self::Harm(_) => CheckKind::Harm,
            Self::Topics(_) => CheckKind::Topics,
            Self::Words { .. } => CheckKind::Words,
            Self::Pattern(_) => CheckKind::Pattern,
            Self::CharactersMax(_) => CheckKind::CharactersMax,
            Self::JsonSchema(_) => CheckKind::JsonSchema,
            Self::Canaries(_) => CheckKind::Canaries,
            Self::SystemPrompt { .. } => CheckKind::SystemPrompt,
            Self::External { .. } => CheckKind::External,
        }
    }

    /// The name in configuration, logs and the ledger.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.kind().as_str()
    }

    /// Whether it looks for all that there is of its kind, not for a part, and whatever happens: only then it is the check
    /// that is required.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Secrets(forms) => forms.is_none(),
            Self::Pii(which) => !matches!(which, Pii::Named(_)),
            Self::Injection(threshold) | Self::IndirectInjection(threshold) => *threshold <= THRESHOLD_MAX,
            Self::Harm(thresholds) => {
                thresholds.iter().all(|one| one.is_some_and(|threshold| threshold <= THRESHOLD_MAX))
            }
            // What is known when a text has left does not keep it in.
            Self::External { when_away, beside, .. } => *when_away == WhenAway::Block && !beside,
            _ => true,
        }
    }

    /// Whether what it finds is a stretch that can be taken out of a text.
    #[must_use]
    pub const fn finds_stretches(&self) -> bool {
        matches!(
            self,
            Self::Secrets(_)
                | Self::Pii(_)
                | Self::Entities(_)
                | Self::Words { .. }
                | Self::Pattern(_)
                | Self::Canaries(_)
        )
    }
}
