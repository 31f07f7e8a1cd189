//! Guardrails: rules that can do what they say, and names that there are.

mod beside;
mod compiled;
mod images;
mod pieces;
mod sent;
mod unread;

use super::Findings;
use super::limits::{Named, check_named};
use super::served::Served;
use crate::document::{
    CheckName, Document, Guardrail, GuardrailAction, GuardrailOn, GuardrailRule, RedactAs, Wanted, WantedWord,
};
use crate::nearest::{nearest, propose};
use crate::problem::{Path, Problem};
use tg_kernel::passage::Channel;

/// Most names that a hint lists.
const NAMES_SHOWN: usize = 8;

pub(super) fn check(document: &Document, served: &Served, found: &mut Findings) {
    let list = Path::root().member("guardrails");
    let names = document.guardrails.iter().enumerate();
    found.add_repeated(names.map(|(number, set)| (list.element(number).member("name"), set.name.as_str())));
    for (number, set) in document.guardrails.iter().enumerate() {
        one((document, served), set, &list.element(number), found);
    }
    required(document, found);
}

fn one((document, served): (&Document, &Served), set: &Guardrail, path: &Path, found: &mut Findings) {
    let rules = path.member("rules");
    let names = set.rules.iter().enumerate();
    found.add_repeated(names.map(|(number, rule)| (rules.element(number).member("name"), rule.name.as_str())));
    check_named((document, served), &Named::of(&set.scope, &[]), path, found);
    let holds =
        |rule: &GuardrailRule| rule.checks().iter().any(|check| check.finds_stretches()) && rule.external.is_none();
    if set.hold_back.is_some() && !set.rules.iter().any(holds) {
        let hint = "remove it, or add a rule of secrets, pii, entities, words, pattern or canaries";
        found.add(path.member("hold_back"), "has nothing to hold back for: no rule finds stretches of answers", hint);
    }
    unread::check(set, path, found);
    images::check(document, set, path, found);
    for (number, rule) in set.rules.iter().enumerate() {
        let path = rules.element(number);
        match rule.checks().as_slice() {
            [check] => {
                action(document, rule, *check, &path, found);
                sent::check(served, rule, &path, found);
                ways(rule, *check, &path, found);
                wanted(rule, &path, found);
                external(document, rule, *check, &path, found);
                compiled::check(rule, &path, found);
            }
            [] => {
                let hint = "add one of secrets, pii, entities, injection, indirect_injection, harm, topics, words, \
                            pattern, characters_max, json_schema, canaries, system_prompt, external";
                found.add(path, "looks for nothing", hint);
            }
            [_, second, ..] => {
                let hint = "make a rule of its own for each";
                found.add(path.member(second.as_str()), "is a second check in one rule", hint);
            }
        }
    }
}

/// Whether what is found can be treated as it is to be.
fn action(document: &Document, rule: &GuardrailRule, check: CheckName, path: &Path, found: &mut Findings) {
    let takes_out = matches!(rule.action, GuardrailAction::Redact | GuardrailAction::Restore);
    if takes_out && !check.finds_stretches() {
        let message = format!("`{}` finds no stretch of a text that could be taken out", check.as_str());
        found.add(path.member("action"), message, "write `block` or `annotate`");
    }
    if rule.style.is_some() && !takes_out {
        found.add(path.member("as"), "has nothing to stand in place of", "remove it, or write `action: redact`");
    }
    let style = rule.style.unwrap_or_default();
    if rule.action == GuardrailAction::Restore && !matches!(style, RedactAs::Tag | RedactAs::Token) {
        let message = "leaves nothing by which a value could be put back";
        found.add(path.member("as"), message, "write `tag` or `token`, or `action: redact`");
    }
    if takes_out && matches!(style, RedactAs::Hash | RedactAs::Token) && document.redaction_key.is_none() {
        let hint = "add `redaction_key: env:TALLYGATE_REDACTION_KEY` (openssl rand -base64 32), or write `tag`";
        let problem = Problem::new(path.member("as"), "needs a key, and there is no `redaction_key`", hint);
        found.add_resting_on(vec![Path::root().member("redaction_key")], problem);
    }
    // A service that flags a text and takes nothing out of it blocks, whatever it is asked for.
    let blocks = matches!(rule.action, GuardrailAction::Block | GuardrailAction::RouteTo)
        || rule.external.is_some() && rule.action == GuardrailAction::Redact;
    if rule.message.is_some() && !blocks {
        found.add(
            path.member("message"),
            "is shown to nobody: the rule blocks nothing",
            "remove it, or write `action: block`",
        );
    }
}

/// Whether a rule that asks a service can, and says what happens where it cannot.
fn external(document: &Document, rule: &GuardrailRule, check: CheckName, path: &Path, found: &mut Findings) {
    let away = path.member("when_away");
    beside::check(rule, path, found);
    pieces::check(document, rule, path, found);
    let Some(service) = &rule.external else {
        if rule.when_away.is_some() {
            found.add(away, format!("has no meaning: `{}` is never away", check.as_str()), "remove it");
        }
        return;
    };
    if !document.guards.iter().any(|guard| guard.name == *service) {
        let hint = propose(service.as_str(), document.guards.iter().map(|guard| guard.name.as_str()));
        let problem = Problem::new(path.member("external"), format!("there is no guard `{service}`"), hint);
        found.add_resting_on(vec![Path::root().member("guards")], problem);
    }
    if rule.when_away.is_none() {
        let hint = "write `block` to refuse calls then, or `allow` to let them go on unchecked";
        let problem = Problem::new(away.clone(), "is missing: what happens while the service cannot be asked?", hint);
        found.add_resting_on(vec![away], problem);
    }
    if rule.action == GuardrailAction::Restore {
        let message = "is nothing that a service can do: what it puts in place leads back to nothing";
        found.add(path.member("action"), message, "write `redact`");
    }
    if rule.style.is_some() {
        found.add(path.member("as"), "is the service's to choose", "remove it");
    }
}

/// Whether there is anything to look at where it is to look.
fn ways(rule: &GuardrailRule, check: CheckName, path: &Path, found: &mut Findings) {
    let on = path.member("on");
    // Where it looks if nothing is said of that: wherever its check means something.
    let of_input = !matches!(rule.on, Some(GuardrailOn::Output)) && check.is_of_input();
    let output = matches!(rule.on, Some(GuardrailOn::Output | GuardrailOn::Both));
    if rule.action == GuardrailAction::RouteTo && output {
        let hint = "remove it, and add a rule with `action: block` and `on: output` for what answers have of their own";
        found.add(on, "is no way to another model: an answer is there already", hint);
    } else if rule.action == GuardrailAction::Restore {
        if !check.is_of_input() {
            let message = "is found on the way to the caller, where nothing can be put back";
            found.add(path.member("action"), message, "write `redact`");
        } else if output {
            let hint =
                "remove it, and add a rule with `action: redact` and `on: output` for what answers have of their own";
            found.add(on, "is no way to put back: what is found in a request comes back in its answer", hint);
        }
    } else if matches!(rule.on, Some(GuardrailOn::Input | GuardrailOn::Both)) && !check.is_of_input() {
        let message = format!("`{}` means nothing for what goes to the model", check.as_str());
        found.add(on, message, "remove it, or write `output`");
    } else if output && !check.is_of_output() {
        let message = format!("`{}` means nothing for what comes from the model", check.as_str());
        found.add(on, message, "remove it, or write `input`");
    }
    if check == CheckName::CharactersMax && rule.on.is_none() {
        let hint = "write `on: input` for requests, `on: output` for answers, or `on: both`";
        found.add(path.member("on"), "is missing: a length may be meant for requests or for answers", hint);
    }
    let Some(channels) = &rule.channels else { return };
    let path = path.member("channels");
    for (number, channel) in channels.iter().enumerate() {
        if channels.iter().take(number).any(|earlier| earlier == channel) {
            found.add(path.element(number), "stands there twice", "remove one of the two");
        }
    }
    if !of_input && channels.iter().all(is_only_asked) {
        let hint = "write `assistant`, `reasoning`, `tool_arguments`, or `on: input`";
        found.add(path, "names no text that an answer has", hint);
    }
}

/// Whether no model says what stands in a channel.
fn is_only_asked(channel: &Channel) -> bool {
    matches!(channel, Channel::System | Channel::User | Channel::Definition | Channel::Metadata)
}

/// Whether what is named is there.
fn wanted(rule: &GuardrailRule, path: &Path, found: &mut Findings) {
    let entities: Vec<&str> = tg_text::pii::entity::Entity::ALL.iter().map(|entity| entity.id()).collect();
    let forms: Vec<&str> = tg_text::secrets::entries().map(|entry| entry.id).collect();
    let lists = [("secrets", &rule.secrets, &forms, "form of credentials"), ("pii", &rule.pii, &entities, "entity")];
    for (member, wanted, known, noun) in lists {
        let path = path.member(member);
        let names = match wanted {
            Some(Wanted::These(names)) => names,
            Some(Wanted::Word(WantedWord::Structured)) if member == "secrets" => {
                found.add(path, "`structured` is a word for personal data", "write `all`");
                continue;
            }
            _ => continue,
        };
        for (number, name) in names.iter().enumerate() {
            let path = path.element(number);
            if names.iter().take(number).any(|earlier| earlier == name) {
                found.add(path, "stands there twice", "remove one of the two");
            } else if !known.contains(&name.as_str()) {
                let hint = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        let some: Vec<&str> = known.iter().take(NAMES_SHOWN).copied().collect();
                        format!(
                            "there are {}, among them {}; `tallygate guard names` lists them",
                            known.len(),
                            some.join(", ")
                        )
                    }
                };
                found.add(path, format!("`{name}` is no {noun}"), hint);
            }
        }
    }
}

fn required(document: &Document, found: &mut Findings) {
    let path = Path::root().member("required_checks");
    type Meaning = fn(CheckName) -> bool;
    let ways: [(&str, &[CheckName], Meaning); 2] = [
        ("input", &document.required_checks.input, CheckName::is_of_input),
        ("output", &document.required_checks.output, CheckName::is_of_output),
    ];
    for (way, checks, means_something) in ways {
        let path = path.member(way);
        for (number, check) in checks.iter().enumerate() {
            if checks.iter().take(number).any(|earlier| earlier == check) {
                found.add(path.element(number), "stands there twice", "remove one of the two");
            } else if !means_something(*check) {
                let message = format!("`{}` means nothing on this way", check.as_str());
                found.add(path.element(number), message, "remove it, or ask for it on the other way");
            }
        }
    }
}
