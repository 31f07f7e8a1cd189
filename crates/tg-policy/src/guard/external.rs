//! Services outside that are asked about a text: which are to be asked, and what follows from their opinions.

use super::inquiry::{Doing, Inquiry};
use super::judge::Guard;
use super::rule::{Ready, Weight};
use super::set::WhenAway;
use super::{Channels, Verdict, Way};
use std::borrow::Cow;
use std::sync::Arc;
use tg_kernel::passage::Channel;

/// What stands in evidence of a service that could not be asked.
pub(super) const UNANSWERED: &str = "unanswered";

/// A rule that asks a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalRule {
    /// Which rule of its guard: for [`Guard::hear`].
    pub rule: usize,
    /// The set that it stands in.
    pub set: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The service, as it is named in the configuration.
    pub service: Arc<str>,
    /// Which texts it is asked about.
    pub channels: Channels,
    /// Whether it is asked about the texts in files.
    pub reads_documents: bool,
    /// Whether it is asked about pictures.
    pub asks_about_images: bool,
    /// Whether an answer is kept until its opinion is known; else it is only counted.
    pub is_enforced: bool,
    /// When its opinion has to be known.
    pub timing: Timing,
    /// Characters of a streamed answer about which it is asked at a time; `None`: all of it at once.
    pub pieces: Option<usize>,
}

/// When an opinion has to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Before the text goes on.
    Before,
    /// The text goes on beside the question; before its call is answered.
    Beside,
    /// The text goes on, and so does the answer: it is only counted.
    Aside,
}

/// What a service says of the texts that it was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// Nothing.
    Clear,
    /// It found something.
    Flagged {
        /// What, in its own words; never a value.
        categories: Vec<String>,
        /// What it would have stand instead, by the index of what was said.
        texts: Vec<(usize, String)>,
    },
    /// It could not be asked, or gave no sense.
    Failed,
}

impl Guard {
    /// The rules that ask services about texts of this way.
    #[must_use]
    pub fn externals(&self, way: Way) -> Vec<ExternalRule> {
        let asked = |(rule, ready): (usize, &Arc<Ready>)| {
            let (service, _) = ready.external.as_ref()?;
            let channels = ready.channels(way);
            (!channels.is_empty()).then(|| ExternalRule {
                rule,
                set: ready.set.clone(),
                name: ready.name.clone(),
                service: service.clone(),
                channels,
                reads_documents: self.reading().contains(&ready.set),
                asks_about_images: way == Way::Input && self.asking().contains(&ready.set),
                is_enforced: ready.weight() > Weight::None,
                timing: ready.timing(way),
                pieces: ready.pieces,
            })
        };
        self.rules().iter().enumerate().filter_map(asked).collect()
    }

    /// A rule's service was asked about a request, and nobody has waited for what it says.
    pub fn leaves_unheard(&self, rule: usize, channel: Channel, inquiry: &mut Inquiry) {
        if let Some(ready) = self.rules().get(rule) {
            inquiry.begin(self);
            inquiry.note(ready, Way::Input, channel, Cow::Borrowed(UNANSWERED), Doing::Unanswered);
        }
    }

    /// What follows from an opinion. `channel` is that of the texts that the service was asked about (of several, the first).
    /// A rule that redacts and is given nothing to put in place blocks.
    pub fn hear(&self, way: Way, rule: usize, channel: Channel, opinion: Opinion, inquiry: &mut Inquiry) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(ready) = self.rules().get(rule) else { return verdict };
        inquiry.begin(self);
        if let Some((service, _)) = &ready.external {
            inquiry.heard.says(service, way, &opinion);
        }
        let (categories, texts) = match opinion {
            Opinion::Clear => return verdict,
            Opinion::Flagged { categories, texts } => (categories, texts),
            Opinion::Failed => {
                let away = Cow::Borrowed(UNANSWERED);
                let blocks = matches!(ready.external, Some((_, WhenAway::Block))) && ready.weight() > Weight::None;
                let doing = if blocks { Doing::Blocked } else { Doing::Unanswered };
                inquiry.note(ready, way, channel, away.clone(), doing);
                verdict.block = blocks.then(|| ready.block(away));
                return verdict;
            }
        };
        let first = categories.first().map_or(Cow::Borrowed(ready.check), |first| Cow::Owned(first.clone()));
        let blocks = match ready.weight() {
            Weight::Block => true,
            Weight::Route => inquiry.is_bound,
            Weight::Redact | Weight::Restore => texts.is_empty(),
            Weight::None => false,
        };
        let doing = if blocks { Doing::Blocked } else { Doing::of(ready) };
        if categories.is_empty() {
            inquiry.note(ready, way, channel, first.clone(), doing);
        }
        for category in categories {
            inquiry.note(ready, way, channel, Cow::Owned(category), doing);
        }
        if blocks {
            verdict.block = Some(ready.block(first));
        } else if ready.weight() == Weight::Route {
            verdict.route = ready.route(rule, first);
        } else if ready.weight() > Weight::Route {
            verdict.edits = texts;
        } else if ready.annotates() {
            verdict.annotations.push(ready.annotation(first));
        }
        verdict
    }
}
