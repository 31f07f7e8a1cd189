//! From declared guardrails to compiled ones.

pub(crate) mod coverage;

use crate::scope::scope;
use anyhow::{Context as _, Result, bail};
use tg_config::document::{
    self, CheckDigit, CheckName, Document, GuardAway, GuardrailAction, GuardrailMode, GuardrailOn, GuardrailRule,
    HarmCategory, RedactAs, Unread, UnreadAnswer, Wanted, WantedWord,
};
use tg_config::secrets::Secrets;
use tg_policy::admit::Mode;
use tg_policy::guard::{
    Action, Channels, Check, CheckKind, Guards, Medium, On, Pii, Required, Rule, Set, Style, Way, WhenAway,
};
use tg_text::pii::custom::{self, Definition};
use tg_text::redact::{KEEP_MAX, Key};
use tg_text::score::Harm;

/// Fewest characters of the key of hashes and tokens.
const KEY_CHARACTERS_MIN: usize = 32;

/// Compiles guardrails that have been checked.
///
/// # Errors
/// When the key is too short. The document's own check has found all else.
pub(crate) fn compile(document: &Document, secrets: &Secrets) -> Result<Guards> {
    let key = document.redaction_key.as_ref().and_then(|reference| secrets.get(reference));
    if let Some(short) = key.map(|key| key.expose().len()).filter(|length| *length < KEY_CHARACTERS_MIN) {
        bail!(
            "redaction_key: it has {short} characters, and values could be guessed from their hashes; use \
             {KEY_CHARACTERS_MIN} random ones and more, as of `openssl rand -base64 32`"
        );
    }
    let key = key.map(|key| Key::new(key.expose().as_bytes()));
    let sets: Vec<Set> = document.guardrails.iter().map(|declared| set(document, declared)).collect::<Result<_>>()?;
    let guards = Guards::compile(&sets, key).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(all.join("\n"))
    })?;
    Ok(guards.requiring(required(document)))
}

/// What every call must meet.
fn required(document: &Document) -> Vec<Required> {
    let of =
        |checks: &[CheckName], way| checks.iter().map(move |check| Required { check: kind(*check), way }).collect();
    let declared = &document.required_checks;
    let mut all: Vec<Required> = of(&declared.input, Way::Input);
    all.extend::<Vec<Required>>(of(&declared.output, Way::Output));
    all
}

const fn kind(check: CheckName) -> CheckKind {
    match check {
        CheckName::Secrets => CheckKind::Secrets,
        CheckName::Pii => CheckKind::Pii,
        CheckName::Entities => CheckKind::Entities,
        CheckName::Injection => CheckKind::Injection,
        CheckName::IndirectInjection => CheckKind::IndirectInjection,
        CheckName::Harm => CheckKind::Harm,
        CheckName::Topics => CheckKind::Topics,
        CheckName::Words => CheckKind::Words,
        CheckName::Pattern => CheckKind::Pattern,
        CheckName::CharactersMax => CheckKind::CharactersMax,
        CheckName::JsonSchema => CheckKind::JsonSchema,
        CheckName::Canaries => CheckKind::Canaries,
        CheckName::SystemPrompt => CheckKind::SystemPrompt,
        CheckName::External => CheckKind::External,
    }
}

fn set(document: &Document, declared: &document::Guardrail) -> Result<Set> {
    let blocked = declared.unreadable.map(document::Unreadable::each).unwrap_or([("", Unread::Allow); 7]);
    let blocked = blocked.into_iter().filter(|(_, unread)| *unread == Unread::Block);
    Ok(Set {
        name: declared.name.shared(),
        scope: scope(document, &declared.scope),
        rules: declared.rules.iter().map(rule).collect::<Result<_>>()?,
        blocked_media: blocked.filter_map(|(name, _)| Medium::named(name)).collect(),
        reads_documents: declared.unreadable.is_some_and(document::Unreadable::reads_documents),
        asks_about_images: declared.unreadable.is_some_and(document::Unreadable::asks_about_images),
        blocks_unread_answers: declared.unreadable.and_then(document::Unreadable::of_answers)
            == Some(UnreadAnswer::Block),
        hold_back: declared.hold_back.and_then(|characters| usize::try_from(characters).ok()),
    })
}

fn rule(declared: &GuardrailRule) -> Result<Rule> {
    let style = match declared.style.unwrap_or_default() {
        RedactAs::Mask => Style::Mask,
        RedactAs::KeepLast => Style::KeepLast(KEEP_MAX),
        RedactAs::Tag => Style::Tag,
        RedactAs::Hash => Style::Hash,
        RedactAs::Token => Style::Token,
    };
    Ok(Rule {
        name: declared.name.shared(),
        check: check(declared).with_context(|| format!("the rule `{}` looks for nothing", declared.name))?,
        action: match declared.action {
            GuardrailAction::Block => Action::Block,
            GuardrailAction::Redact => Action::Redact(style),
            GuardrailAction::Restore => Action::Restore(style),
            GuardrailAction::Annotate => Action::Annotate,
            GuardrailAction::RouteTo => {
                let model = declared.model.as_ref();
                let model = model.with_context(|| format!("the rule `{}` sends calls nowhere", declared.name))?;
                Action::RouteTo(model.as_str().into())
            }
        },
        mode: match declared.mode {
            GuardrailMode::Enforce => Mode::Enforce,
            GuardrailMode::Observe => Mode::Observe,
        },
        on: declared.on.map(|on| match on {
            GuardrailOn::Input => On::Input,
            GuardrailOn::Output => On::Output,
            GuardrailOn::Both => On::Both,
        }),
        channels: declared.channels.as_deref().map(Channels::of),
        message: declared.message.as_deref().map(Into::into),
        pieces: declared.pieces.and_then(|characters| usize::try_from(characters).ok()),
    })
}

/// The one check of a rule.
fn check(declared: &GuardrailRule) -> Option<Check> {
    let threshold = |ratio: tg_config::grammar::Ratio| ratio.get() as f32;
    Some(match declared.checks().first()? {
        CheckName::Secrets => Check::Secrets(match declared.secrets.as_ref()? {
            Wanted::Word(_) => None,
            Wanted::These(forms) => Some(forms.clone()),
        }),
        CheckName::Pii => Check::Pii(match declared.pii.as_ref()? {
            Wanted::Word(WantedWord::All) => Pii::All,
            Wanted::Word(WantedWord::Structured) => Pii::Structured,
            Wanted::These(entities) => Pii::Named(entities.clone()),
        }),
        CheckName::Entities => Check::Entities(declared.entities.as_ref()?.iter().map(entity).collect()),
        CheckName::Injection => Check::Injection(threshold(declared.injection?)),
        CheckName::IndirectInjection => Check::IndirectInjection(threshold(declared.indirect_injection?)),
        CheckName::Harm => {
            let harm = declared.harm.as_ref()?;
            let is_wanted =
                |one| harm.categories.is_empty() || harm.categories.iter().any(|wanted| category(*wanted) == one);
            Check::Harm(Harm::ALL.map(|one| is_wanted(one).then(|| threshold(harm.threshold))))
        }
        CheckName::Topics => {
            let topics = declared.topics.as_ref()?.iter();
            let one = |topic: &document::Topic| {
                (topic.name.as_str().to_owned(), topic.examples.clone(), threshold(topic.threshold))
            };
            Check::Topics(topics.map(one).collect())
        }
        CheckName::Words => {
            let words = declared.words.as_ref()?;
            Check::Words { list: words.list.clone(), fuzzy: words.fuzzy }
        }
        CheckName::Pattern => Check::Pattern(declared.pattern.clone()?),
        CheckName::CharactersMax => Check::CharactersMax(usize::try_from(declared.characters_max?.get()).ok()?),
        CheckName::JsonSchema => Check::JsonSchema(declared.json_schema.clone()?),
        CheckName::Canaries => Check::Canaries(declared.canaries.clone()?),
        CheckName::SystemPrompt => Check::SystemPrompt { words: usize::from(declared.system_prompt?.words) },
        CheckName::External => Check::External {
            service: declared.external.as_ref()?.shared(),
            when_away: match declared.when_away? {
                GuardAway::Block => WhenAway::Block,
                GuardAway::Allow => WhenAway::Allow,
            },
            beside: declared.beside,
        },
    })
}

fn entity(declared: &document::Entity) -> Definition {
    Definition {
        name: declared.name.as_str().to_owned(),
        pattern: declared.pattern.clone(),
        words: declared.near.clone(),
        check: declared.check_digit.map(|digit| match digit {
            CheckDigit::Luhn => custom::Check::Luhn,
            CheckDigit::Mod97 => custom::Check::Mod97,
            CheckDigit::Verhoeff => custom::Check::Verhoeff,
            CheckDigit::Mod11 => custom::Check::Mod11_10,
        }),
    }
}

pub(crate) const fn category(declared: HarmCategory) -> Harm {
    match declared {
        HarmCategory::Hate => Harm::Hate,
        HarmCategory::Harassment => Harm::Harassment,
        HarmCategory::Sexual => Harm::Sexual,
        HarmCategory::Violence => Harm::Violence,
        HarmCategory::SelfHarm => Harm::SelfHarm,
        HarmCategory::Crime => Harm::Crime,
        HarmCategory::ChildSafety => Harm::ChildSafety,
    }
}
