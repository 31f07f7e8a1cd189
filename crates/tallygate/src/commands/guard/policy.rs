//! `tallygate guard test --config`: what the rules of a configuration make of a text.

use super::Of;
use super::table::indented;
use crate::commands::table::{Listing, or_dash};
use crate::guardrails;
use crate::source::Source;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tg_config::document::{Document, GuardrailRule};
use tg_config::secrets::Secrets;
use tg_kernel::guarded::Verdict;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_policy::guard::{Action, CheckKind, Guard, Inquiry, Ruled, Said, Subject, Way};
use tg_text::score::{Harm, Scores};
use tg_text::view::View;

/// Whose rules are tried.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// Try the rules of this configuration in place of the built-in checks: of all sets that are for the call. Services
    /// outside are not asked
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The team that calls
    #[arg(long, requires = "config")]
    team: Option<String>,
    /// The project to which the call is booked
    #[arg(long, requires = "config")]
    project: Option<String>,
    /// The environment to which it is booked
    #[arg(long, requires = "config")]
    environment: Option<String>,
    /// The model that it names
    #[arg(long, requires = "config")]
    model: Option<String>,
    /// Try this set, whichever calls it is for, and no other; may be repeated
    #[arg(long = "set", value_name = "NAME", requires = "config",
          conflicts_with_all = ["team", "project", "environment", "model"])]
    sets: Vec<String>,
}

/// What is told.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    /// The sets that were tried.
    sets: Vec<Arc<str>>,
    way: &'static str,
    channel: &'static str,
    /// What comes of the text, as in the ledger.
    verdict: Verdict,
    rules: Vec<Row>,
    /// What the caller is told whose call or answer is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Arc<str>>,
    /// Where a rule sends the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Arc<str>>,
    /// The text as it goes on, where it is asked for and goes on at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What the configuration does not know of such a call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// A rule that looks at such a text.
#[derive(Debug, Serialize)]
struct Row {
    set: Arc<str>,
    rule: Arc<str>,
    check: &'static str,
    action: &'static str,
    mode: &'static str,
    /// From which score, or how many characters, on it finds something.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<String>,
    /// The text's score, where the rule has a threshold for one. Answers are scored in pieces, and have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    /// What it found, and how often.
    found: BTreeMap<String, u64>,
    /// It asks a service outside, and was not tried.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    not_asked: bool,
}

impl PolicyArgs {
    /// Tries the rules on a text; `None` where the built-in checks are meant.
    pub(super) fn attempt(&self, text: &str, of: Of, explain: bool) -> Result<Option<Tried>> {
        let Some(file) = &self.config else { return Ok(None) };
        let document = Source::choose(Some(file.clone())).document()?;
        let guard = self.guard(&document)?;
        let (way, channel) = place(of);
        let mut inquiry = Inquiry::default();
        let said = [Said { channel, turn: 0, text: Cow::Borrowed(text) }];
        let verdict = guard.judge(way, &said, &[], &mut inquiry);
        let (changed, route) = (verdict.edits.into_iter().next().map(|(_, text)| text), verdict.route);
        let outcome = match (&verdict.block, &route, &changed) {
            (Some(_), _, _) => Verdict::Blocked,
            (None, Some(_), _) => Verdict::Rerouted,
            (None, None, Some(_)) => Verdict::Changed,
            (None, None, None) => Verdict::Passed,
        };
        let goes_on = explain && verdict.block.is_none();
        Ok(Some(Tried {
            sets: guard.sets().to_vec(),
            way: way.as_str(),
            channel: channel.as_str(),
            verdict: outcome,
            rules: rows(&document, &guard, (way, channel), &inquiry, text),
            message: verdict.block.map(|block| block.message),
            model: route.map(|route| route.model),
            text: goes_on.then(|| changed.unwrap_or_else(|| text.to_owned())),
            notes: self.notes(&document),
        }))
    }

    /// Names that are perhaps misspelt: sets that are for what is meant are not tried then.
    fn notes(&self, document: &Document) -> Vec<String> {
        let is_team = |name: &str| document.teams.iter().any(|team| team.name.as_str() == name);
        let is_model = |name: &str| document.models.iter().any(|model| model.name.matches(name));
        let team = self.team.iter().filter(|team| !document.teams.is_empty() && !is_team(team));
        let model = self.model.iter().filter(|model| !document.models.is_empty() && !is_model(model));
        let teams = team.map(|team| format!("the configuration declares no team `{team}`"));
        teams.chain(model.map(|model| format!("no route of the configuration is for the model `{model}`"))).collect()
    }

    /// The sets that are meant, joined.
    fn guard(&self, document: &Document) -> Result<Arc<Guard>> {
        let guards = guardrails::compile(document, &Secrets::standing_in(document))?;
        let names: Vec<&str> = document.guardrails.iter().map(|set| set.name.as_str()).collect();
        if let Some(unknown) = self.sets.iter().find(|set| !names.contains(&set.as_str())) {
            bail!("there is no guardrail set '{unknown}'; there are: {}", names.join(", "));
        }
        if !self.sets.is_empty() {
            // What is required of all sets together is not required of some.
            return Ok(guards.requiring(Vec::new()).joined(|set| self.sets.iter().any(|wanted| wanted == set)));
        }
        let shared = |name: Option<&str>| name.map(Arc::<str>::from);
        let attribution = Attribution {
            team: shared(self.team.as_deref()).unwrap_or_default(),
            project: shared(self.project.as_deref()),
            environment: shared(self.environment.as_deref()),
            ..Attribution::default()
        };
        let model = self.model.as_deref().unwrap_or_default();
        match guards.of(&Subject { attribution: &attribution, model }) {
            Some(guard) => Ok(guard),
            None if names.is_empty() => bail!("the configuration has no guardrails: every call is unguarded"),
            None => bail!(
                "no guardrail set is for such a call, which is unguarded; say whose it is (--team, --project, --environment, \
                 --model), or name a set (--set): {}",
                names.join(", ")
            ),
        }
    }
}

impl Tried {
    /// Whether no rule found anything.
    pub(super) fn is_clean(&self) -> bool {
        self.rules.iter().all(|row| row.found.is_empty())
    }

    /// The page.
    pub(super) fn table(&self) -> String {
        let mut listing = Listing::new(&["rule", "check", "action", "mode", "threshold", "score", "found"]);
        for row in &self.rules {
            let found: Vec<String> = row.found.iter().map(|(what, count)| format!("{what} {count}")).collect();
            listing.row([
                format!("{}/{}", row.set, row.rule),
                row.check.to_owned(),
                row.action.to_owned(),
                row.mode.to_owned(),
                or_dash(row.threshold.as_deref().unwrap_or_default()),
                or_dash(&row.score.map(|score| format!("{score:.2}")).unwrap_or_default()),
                if row.not_asked { "not asked".to_owned() } else { or_dash(&found.join(", ")) },
            ]);
        }
        let looked = format!("as `{}` on the way {}: {}", self.channel, self.to(), self.verdict.as_str());
        let table = if self.rules.is_empty() { "no rule looks at such a text".to_owned() } else { listing.finish() };
        let mut parts = vec![table, looked];
        parts.extend(self.message.as_ref().map(|message| format!("The caller is told: {message}")));
        parts.extend(self.model.as_ref().map(|model| format!("It goes to the model `{model}`.")));
        parts.extend(self.text.as_ref().map(|text| {
            format!("What goes on (hashes and tokens are made with a key that stands in):\n{}", indented(text))
        }));
        parts.extend(self.notes.iter().map(|note| format!("note: {note}")));
        parts.join("\n\n")
    }

    fn to(&self) -> &'static str {
        if self.way == Way::Input.as_str() { "to the model" } else { "to the caller" }
    }
}

/// Where such a text stands in a call.
const fn place(of: Of) -> (Way, Channel) {
    match of {
        Of::User => (Way::Input, Channel::User),
        Of::System => (Way::Input, Channel::System),
        Of::Document => (Way::Input, Channel::Document),
        Of::Arguments => (Way::Output, Channel::ToolArguments),
        Of::Answer => (Way::Output, Channel::Assistant),
    }
}

/// The rules that look at such a text, and what they found.
fn rows(document: &Document, guard: &Guard, (way, channel): (Way, Channel), inquiry: &Inquiry, text: &str) -> Vec<Row> {
    let mut hits = inquiry.hits().to_vec();
    let mut scores = None;
    let looks = |ruled: &Ruled| match way {
        Way::Input => ruled.input.has(channel),
        Way::Output => ruled.output.has(channel),
    };
    let mut rows: Vec<Row> = Vec::new();
    for ruled in guard.ruled().into_iter().filter(looks) {
        let sets = document.guardrails.iter().filter(|set| *set.name.as_str() == *ruled.set);
        let declared = sets.flat_map(|set| &set.rules).find(|rule| *rule.name.as_str() == *ruled.rule);
        let is_own = |hit: &mut tg_policy::guard::Hit| hit.set == ruled.set && hit.rule == ruled.rule;
        let found = hits.extract_if(.., is_own).map(|hit| (hit.found.into_owned(), hit.count)).collect();
        let scored = declared.filter(|_| way == Way::Input);
        rows.push(Row {
            threshold: declared.and_then(threshold),
            score: scored.and_then(|rule| score(rule, || *scores.get_or_insert_with(|| Scores::of(&View::of(text))))),
            mode: if ruled.is_observed { "observe" } else { "enforce" },
            check: ruled.check.as_str(),
            action: ruled.action.as_str(),
            not_asked: ruled.check == CheckKind::External,
            set: ruled.set,
            rule: ruled.rule,
            found,
        });
    }
    // What no rule says: what cannot be read, or a check that is required and missing.
    rows.extend(hits.into_iter().map(|hit| Row {
        set: hit.set,
        rule: hit.rule,
        check: hit.check,
        action: Action::Block.as_str(),
        mode: "enforce",
        threshold: None,
        score: None,
        found: BTreeMap::from([(hit.found.into_owned(), hit.count)]),
        not_asked: false,
    }));
    rows
}

/// From where on a rule finds something.
fn threshold(rule: &GuardrailRule) -> Option<String> {
    let score = rule.injection.or(rule.indirect_injection).or(rule.harm.as_ref().map(|harm| harm.threshold));
    let topics = rule.topics.iter().flatten().map(|topic| format!("{} {}", topic.name, topic.threshold.get()));
    let topics: Vec<String> = topics.collect();
    score
        .map(|score| score.get().to_string())
        .or_else(|| rule.characters_max.map(|most| format!("{most} characters")))
        .or_else(|| (!topics.is_empty()).then(|| topics.join(", ")))
}

/// How the text scores, where a rule asks for that.
fn score(rule: &GuardrailRule, mut scores: impl FnMut() -> Scores) -> Option<f32> {
    if rule.injection.is_some() {
        return Some(scores().injection.value);
    }
    if rule.indirect_injection.is_some() {
        return Some(scores().indirect.value);
    }
    let harm = rule.harm.as_ref()?;
    let is_wanted =
        |one: Harm| harm.categories.is_empty() || harm.categories.iter().any(|it| guardrails::category(*it) == one);
    let all = Harm::ALL.into_iter().zip(scores().harm).filter(|(one, _)| is_wanted(*one));
    all.map(|(_, score)| score.value).reduce(f32::max)
}
