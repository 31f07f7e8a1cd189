//! A rule, compiled: what it looks for, where, and what it does.

use super::detector::Detector;
use super::external::Timing;
use super::hold;
use super::set::{self, Action, Check, CheckKind, WhenAway};
use super::{Annotation, Block, Channels, Route, Way};
use std::borrow::Cow;
use std::sync::Arc;
use tg_text::finding::{Finding, Kind};
use tg_text::redact::Style;

/// A rule of a set.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) set: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) check: &'static str,
    pub(super) kind: CheckKind,
    is_whole: bool,
    /// Whether its set is for all calls.
    is_for_all: bool,
    pub(super) detector: Arc<Detector>,
    pub(super) action: Action,
    is_observed: bool,
    input: Channels,
    output: Channels,
    message: Arc<str>,
    /// Of a service outside: its name, and what happens while it is away.
    pub(super) external: Option<(Arc<str>, WhenAway)>,
    /// Calls leave while it is asked.
    is_beside: bool,
    /// Characters of a streamed answer about which it is asked at a time.
    pub(super) pieces: Option<usize>,
    /// Characters that are held back for it in a stream.
    pub(super) hold_back: usize,
}

/// A rule as it is in force, for who asks what calls meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruled {
    /// The set that it stands in.
    pub set: Arc<str>,
    /// Its name.
    pub rule: Arc<str>,
    /// What it checks.
    pub check: CheckKind,
    /// What it does.
    pub action: Action,
    /// Whether it changes or ends anything, and does not only count or tell.
    pub is_in_force: bool,
    /// Whether it only counts.
    pub is_observed: bool,
    /// Whether it looks for all of its kind.
    pub is_whole: bool,
    /// Whether its set is for all calls.
    pub is_for_all: bool,
    /// Whether calls leave while its service is asked.
    pub is_beside: bool,
    /// Where it looks on the way to the model.
    pub input: Channels,
    /// And on the way to the caller.
    pub output: Channels,
}

/// How much an action weighs against others on the same stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It changes nothing.
    None,
    /// It changes where the call goes, and nothing of the text.
    Route,
    Restore,
    Redact,
    Block,
}

impl Ready {
    pub(super) fn new(set: &set::Set, rule: &set::Rule, detector: Arc<Detector>) -> Self {
        let usual = || Arc::from(format!("Blocked by the guardrail `{}/{}`.", set.name, rule.name));
        let external = match &rule.check {
            Check::External { service, when_away, .. } => Some((service.clone(), *when_away)),
            _ => None,
        };
        Self {
            set: set.name.clone(),
            name: rule.name.clone(),
            check: rule.check.as_str(),
            kind: rule.check.kind(),
            is_whole: rule.check.is_whole(),
            is_for_all: set.scope == crate::admit::Scope::default(),
            detector,
            action: rule.action.clone(),
            is_observed: rule.mode == crate::admit::Mode::Observe,
            input: Channels::of_rule(rule, Way::Input),
            output: Channels::of_rule(rule, Way::Output),
            message: rule.message.clone().unwrap_or_else(usual),
            external,
            is_beside: matches!(rule.check, Check::External { beside: true, .. }),
            pieces: rule.pieces,
            hold_back: hold::of_check(&rule.check).max(set.hold_back.unwrap_or_default()),
        }
    }

    pub(super) const fn channels(&self, way: Way) -> Channels {
        match way {
            Way::Input => self.input,
            Way::Output => self.output,
        }
    }

    pub(super) const fn weight(&self) -> Weight {
        match self.action {
            _ if self.is_observed => Weight::None,
            Action::Block => Weight::Block,
            Action::Redact(_) => Weight::Redact,
            Action::Restore(_) => Weight::Restore,
            Action::RouteTo(_) => Weight::Route,
            Action::Annotate => Weight::None,
        }
    }

    /// Whether it changes or ends an answer, where it finds something in one.
    pub(super) fn is_in_force_on_answers(&self) -> bool {
        self.weight() > Weight::None && !self.output.and(Channels::OF_ANSWERS).is_empty()
    }

    /// Whether it is the check of its kind, in force and for all that there is of it. What looks for content of its own is,
    /// if it stands in a set of the organisation's: elsewhere it may look for anything.
    pub(super) fn is_met(&self) -> bool {
        self.is_whole && self.weight() > Weight::None && (!self.kind.is_own() || self.is_for_all)
    }

    /// What it is, for people.
    pub(super) fn told(&self) -> Ruled {
        Ruled {
            set: self.set.clone(),
            rule: self.name.clone(),
            check: self.kind,
            action: self.action.clone(),
            is_in_force: self.weight() > Weight::None,
            is_observed: self.is_observed,
            is_whole: self.is_whole,
            is_for_all: self.is_for_all,
            is_beside: self.is_beside,
            input: self.input,
            output: self.output,
        }
    }

    /// Whether callers are told what it finds.
    pub(super) const fn annotates(&self) -> bool {
        matches!(self.action, Action::Annotate) && !self.is_observed
    }

    /// When its service is asked about texts of this way.
    pub(super) const fn timing(&self, way: Way) -> Timing {
        match (self.is_beside, way) {
            (true, Way::Input) if self.is_observed => Timing::Aside,
            (true, Way::Input) => Timing::Beside,
            _ => Timing::Before,
        }
    }

    pub(super) const fn is_observed(&self) -> bool {
        self.is_observed
    }

    pub(super) const fn style(&self) -> Style {
        match self.action {
            Action::Redact(style) | Action::Restore(style) => style,
            Action::Block | Action::Annotate | Action::RouteTo(_) => Style::Mask,
        }
    }

    /// What evidence calls a finding of it: the entity, the form, the category; of rules of the configuration, the check.
    pub(super) fn found(&self, finding: &Finding) -> Cow<'static, str> {
        match finding.kind {
            Kind::Custom => Cow::Borrowed(self.check),
            _ => finding.rule.clone(),
        }
    }

    pub(super) fn block(&self, found: Cow<'static, str>) -> Block {
        let Self { set, name, check, message, .. } = self;
        Block { set: set.clone(), rule: name.clone(), check, found, message: message.clone() }
    }

    /// Where it sends a call in which it finds something, if it is in force.
    pub(super) fn route(&self, nth: usize, found: Cow<'static, str>) -> Option<Route> {
        match &self.action {
            Action::RouteTo(model) if !self.is_observed => {
                Some(Route { model: model.clone(), nth, instead: self.block(found) })
            }
            _ => None,
        }
    }

    pub(super) fn annotation(&self, found: Cow<'static, str>) -> Annotation {
        Annotation { set: self.set.clone(), rule: self.name.clone(), found }
    }
}
