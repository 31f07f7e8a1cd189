//! Pictures that go with a request: services are asked about them where a set says so, and nothing of them can be changed.

use super::files::{Files, unreadable};
use super::inquiry::Inquiry;
use super::judge::Guard;
use super::rule::Weight;
use super::{Block, Opinion, Verdict, Way};
use std::borrow::Cow;
use std::sync::Arc;
use tg_kernel::passage::Channel;

/// A picture about which no service can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The set that would have asked.
    pub set: Arc<str>,
    /// Why not: a name for operators.
    pub name: &'static str,
    /// Why not, for callers.
    pub told: &'static str,
}

impl Guard {
    /// Why a request is refused because of a picture, whatever services would say.
    pub(super) fn refusal_of_images(&self, files: &Files<'_>) -> Option<Block> {
        if let Some(Unseen { set, name, told }) = &files.unseen {
            return Some(unreadable(set, Cow::Owned(format!("image_{name}")), &format!("image: {told}")));
        }
        // What stands in a file is not put to services.
        let set = self.asking().iter().find(|set| files.has_pictures && self.reading().contains(set))?;
        let what = "image in a document, about which no service is asked";
        Some(unreadable(set, Cow::Borrowed("document_image"), what))
    }

    /// What follows from what a service says of pictures on this channel. A rule that would take something out of them stops
    /// the call.
    pub fn hear_of_images(&self, rule: usize, channel: Channel, opinion: Opinion, inquiry: &mut Inquiry) -> Verdict {
        let is_flagged = matches!(opinion, Opinion::Flagged { .. });
        let mut verdict = self.hear(Way::Input, rule, channel, opinion, inquiry);
        let changes = self.rules().get(rule).is_some_and(|ready| ready.weight() == Weight::Redact);
        if let Some(block) = verdict.block.as_mut().filter(|_| changes && is_flagged) {
            block.message =
                format!("{} It was found in a picture, and a picture is not changed.", block.message).into();
        }
        verdict
    }
}
