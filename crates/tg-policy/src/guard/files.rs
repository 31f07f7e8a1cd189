//! Files that go with a request: the rules of the sets that read them look at their texts, and nothing of them can be changed.

use super::found::Found;
use super::images::Unseen;
use super::inquiry::{Doing, Inquiry};
use super::joined::{Joined, groups};
use super::judge::Guard;
use super::rule::Weight;
use super::set::Medium;
use super::{Block, Route, Said, Verdict, Way};
use std::borrow::Cow;
use std::sync::Arc;
use tg_kernel::passage::Channel;

/// What was read of the files of a request.
#[derive(Clone, Debug, Default)]
pub struct Files<'a> {
    /// Their texts, each a turn of its own.
    pub said: Vec<Said<'a>>,
    /// Whether there are pictures in one of them.
    pub has_pictures: bool,
    /// Why one of them could not be read: a name for operators, and a reason for callers.
    pub unread: Option<(&'static str, &'static str)>,
    /// Why no service can be asked about a picture that goes with the request.
    pub unseen: Option<Unseen>,
}

/// Why a file is not changed.
const IN_FILE: &str = "It was found in a file, and a file is not changed.";

impl Guard {
    /// Whether texts are to be taken out of files.
    #[must_use]
    pub fn reads_documents(&self) -> bool {
        !self.reading().is_empty()
    }

    /// Why a request is refused whatever its files say.
    pub(super) fn refusal_of(&self, files: &Files<'_>) -> Option<Block> {
        if let (Some((name, told)), Some(set)) = (files.unread, self.reading().first()) {
            return Some(unreadable(set, Cow::Owned(format!("document_{name}")), &format!("document: {told}")));
        }
        if let Some((_, set)) = self.of_reading(Medium::Image).filter(|_| files.has_pictures) {
            return Some(unreadable(set, Cow::Borrowed("document_image"), "image in a document"));
        }
        self.refusal_of_images(files)
    }

    /// The first of the sets that read files which does not let this through.
    fn of_reading(&self, medium: Medium) -> Option<&(Medium, Arc<str>)> {
        self.blocked_media().iter().find(|(own, set)| *own == medium && self.reading().contains(set))
    }

    /// Judges the texts in files; whether one of them is stopped. A rule that would change what a file says stops it.
    pub(super) fn judge_files(&self, files: &Files<'_>, verdict: &mut Verdict, inquiry: &mut Inquiry) -> bool {
        for group in groups(&files.said) {
            let plan = self.in_files(group.channel);
            if plan.is_empty() {
                continue;
            }
            let joined = Joined::of(&files.said, &group.members, "\n");
            let (found, is_complete) = self.look(&files.said, &group, &joined, plan, inquiry);
            verdict.block = self.note_fixed((group.channel, IN_FILE), &found, verdict, inquiry);
            if let Some((medium, set)) = self.of_reading(Medium::Hidden).filter(|_| !is_complete)
                && verdict.block.is_none()
            {
                let block = unreadable(set, Cow::Borrowed(medium.as_str()), "hidden in a document");
                inquiry.note_refusal(&block);
                verdict.block = Some(block);
            }
            if verdict.block.is_some() {
                verdict.route = None;
                return true;
            }
        }
        false
    }

    /// Tells what was found where nothing can be changed, and `why` that is; the block of the first rule that blocks or would
    /// change it.
    pub(super) fn note_fixed(
        &self,
        (channel, why): (Channel, &str),
        found: &[Found],
        verdict: &mut Verdict,
        inquiry: &mut Inquiry,
    ) -> Option<Block> {
        for one in found {
            let Some(ready) = self.rules().get(one.rule) else { continue };
            let name = ready.found(&one.finding);
            if ready.annotates() {
                verdict.annotate(ready.annotation(name.clone()));
            }
            if !inquiry.is_bound {
                verdict.route = Route::first(verdict.route.take(), ready.route(one.rule, name.clone()));
            }
            let doing = if one.weight > Weight::Route { Doing::Blocked } else { Doing::on_request(ready, inquiry) };
            inquiry.note(ready, Way::Input, channel, name, doing);
        }
        let blocks = |one: &&Found| one.weight > Weight::Route || inquiry.is_bound && one.weight == Weight::Route;
        let blocking = found.iter().filter(blocks).min_by_key(|one| one.rule)?;
        let ready = self.rules().get(blocking.rule)?;
        let block = ready.block(ready.found(&blocking.finding));
        if matches!(blocking.weight, Weight::Block | Weight::Route) {
            return Some(block);
        }
        let message = format!("{} {why}", block.message);
        Some(Block { message: message.into(), ..block })
    }
}

/// What cannot be read, and goes to no model therefore.
pub(super) fn unreadable(set: &Arc<str>, found: Cow<'static, str>, what: &str) -> Block {
    let message = format!("Blocked by the guardrail `{set}`: it does not let through what it cannot read ({what}).");
    let (set, rule) = (set.clone(), Arc::from("unreadable"));
    Block { set, rule, check: "unreadable", found, message: message.into() }
}
