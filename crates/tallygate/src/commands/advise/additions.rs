//! Sections of the configuration that would do what is advised beside its models: rules of `cache`, entries of `prompt_cache`.
//! What is there already stays, and comes first: new entries are for calls that none of it is for.

use super::super::table::printable;
use super::Page;
use super::yaml::scalar;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tg_config::document::{Cache, Document};
use tg_finops::advise::{Addition, Advice};
use tg_kernel::principal::Attribution;
use tg_proxy::snapshot::Snapshot;

/// Most rules of `cache`, and most letters of a rule's name.
const RULES_MAX: usize = 128;
const NAME_BYTES_MAX: usize = 64;

/// Begins the names of new rules.
const NAMED: &str = "advised";

/// The sections, each with comments; empty where nothing is advised that belongs there.
pub(super) fn write(document: &Document, snapshot: &Snapshot, page: &Page) -> String {
    let mut lists = Lists { document, snapshot, rules: Vec::new(), entries: Vec::new(), notes: Vec::new() };
    let mut done = BTreeSet::new();
    for one in &page.advice {
        if let Some(addition) = one.addition.as_ref().filter(|addition| done.insert(key(addition))) {
            lists.add(one, addition);
        }
    }
    lists.finish()
}

/// What makes an addition another one: team, project, model, and the section that it belongs to.
fn key(addition: &Addition) -> (&str, Option<&str>, &str, &'static str) {
    match addition {
        Addition::Cache { team, model, .. } => (team, None, model, "cache"),
        Addition::PromptCache { team, project, model } => (team, project.as_deref(), model, "prompt_cache"),
    }
}

struct Lists<'a> {
    document: &'a Document,
    snapshot: &'a Snapshot,
    /// Names and texts.
    rules: Vec<(String, String)>,
    entries: Vec<String>,
    notes: Vec<String>,
}

impl Lists<'_> {
    fn add(&mut self, one: &Advice, addition: &Addition) {
        let (team, project, model, section) = key(addition);
        let what = printable(&format!("{section}: team {team}, {model}"));
        if !model.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*') || model.is_empty() {
            self.notes
                .push(format!("# Left out, to be written by hand: {what}: it is no name that a rule can be for."));
            return;
        }
        let booked = Attribution { team: team.into(), project: project.map(Into::into), ..Attribution::default() };
        match addition {
            Addition::Cache { .. } if self.snapshot.cache.rules.of(&booked, model).is_some() => {
                self.notes.push(format!("# In force already: {what}"));
            }
            Addition::Cache { ttl, only_deterministic, .. } => {
                if self.document.cache.rules.len() + self.rules.len() >= RULES_MAX {
                    self.notes.push(format!("# Left out: {what}: `cache` would have more rules than it may."));
                    return;
                }
                let (name, number) = (named(team, model), self.rules.len() + 1);
                let name = self.unused(name, number);
                let any = if *only_deterministic { "" } else { ", only_deterministic: false" };
                let scope = format!("{{ team: {}, model: {} }}", scalar(team), scalar(model));
                let text = format!(
                    "    # {}\n    - {{ name: {name}, for: {scope}, ttl: {ttl}{any} }}\n",
                    printable(&comment(one))
                );
                self.rules.push((name, text));
            }
            Addition::PromptCache { .. } => match self.snapshot.prompt_cache.says(&booked, model) {
                Some(true) => self.notes.push(format!("# In force already: {what}")),
                Some(false) => self.notes.push(format!("# Left out: {what}: an entry says `points: off`.")),
                None => {
                    let of = project.map(|project| format!(", project: {}", scalar(project))).unwrap_or_default();
                    let scope = format!("{{ team: {}{of}, model: {} }}", scalar(team), scalar(model));
                    self.entries
                        .push(format!("  # {}\n  - {{ for: {scope}, points: auto }}\n", printable(&comment(one))));
                }
            },
        }
    }

    /// A name that no rule has.
    fn unused(&self, name: String, number: usize) -> String {
        let is_taken = |name: &str| {
            self.document.cache.rules.iter().any(|rule| rule.name.as_str() == name)
                || self.rules.iter().any(|(own, _)| own == name)
        };
        if !is_taken(&name) {
            return name;
        }
        let mut numbered = (number..).map(|number| {
            let end = format!("-{number}");
            format!("{}{end}", &name[..name.len().min(NAME_BYTES_MAX - end.len())])
        });
        numbered.find(|name| !is_taken(name)).unwrap_or(name)
    }

    fn finish(self) -> String {
        let mut text = String::new();
        for note in &self.notes {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{note}");
        }
        if !self.rules.is_empty() {
            let cache = &self.document.cache;
            if *cache != Cache::default() {
                text += "# In the place of `cache`: what was there, and new rules after it.\n";
            }
            text += "cache:\n";
            text += &members(cache);
            text += "  rules:\n";
            for rule in &cache.rules {
                let _ = writeln!(text, "    - {}", json(rule));
            }
            self.rules.iter().for_each(|(_, rule)| text += rule);
        }
        if !self.entries.is_empty() {
            let own = &self.document.prompt_cache;
            if !own.is_empty() {
                text += "# In the place of `prompt_cache`: what was there, and new entries after it.\n";
            }
            text += "prompt_cache:\n";
            for entry in own {
                let _ = writeln!(text, "  - {}", json(entry));
            }
            self.entries.iter().for_each(|entry| text += entry);
        }
        text
    }
}

/// What `cache` states beside its rules, where that is not the usual.
fn members(cache: &Cache) -> String {
    let (own, usual) = (serde_json::to_value(cache), serde_json::to_value(Cache::default()));
    let (Ok(Value::Object(own)), Ok(usual)) = (own, usual) else { return String::new() };
    let stated = own.iter().filter(|(name, value)| *name != "rules" && usual.get(name) != Some(value));
    stated.map(|(name, value)| format!("  {name}: {value}\n")).collect()
}

/// JSON is YAML.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// `advised-TEAM-MODEL`, in the letters that a name may have.
fn named(team: &str, model: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        letter @ ('a'..='z' | '0'..='9' | '_' | '-') => letter,
        _ => '-',
    };
    format!("{NAMED}-{team}-{model}").chars().map(letter).take(NAME_BYTES_MAX).collect()
}

fn comment(one: &Advice) -> String {
    let whose = match &one.project {
        Some(project) => format!("team {}, project {project}", one.teams.join(", ")),
        None => format!("team {}", one.teams.join(", ")),
    };
    let saving = one.saving.map_or_else(String::new, |saving| {
        let doubt = if saving.is_assumed { ", if that is so" } else { "" };
        format!(" Saves {} USD a month{doubt}.", saving.month)
    });
    format!("{whose}, {}: {}.{saving} Risk {}: {}.", one.subject, one.evidence, one.risk.as_str(), one.why)
}
