//! Where a guardrail sends the call that is explained. Services outside are not asked.

use serde::Serialize;
use std::borrow::Cow;
use tg_dialect::passages::Passages;
use tg_dialect::scan::Members;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_policy::guard::{Guard, Inquiry, Said, Way};
use tg_proxy::recognise::Head;

/// A call that goes to another model than it names.
#[derive(Debug, Serialize)]
pub(super) struct Sent {
    /// The rule, as `SET/RULE`.
    pub(super) by: String,
    /// The model to whose targets it goes.
    pub(super) to: String,
}

impl Sent {
    /// What the rules of a guard make of a request; `None` where it goes where it wants to, or is stopped.
    pub(super) fn of(guard: &Guard, members: &Members<'_>, attribution: &Attribution, head: &Head) -> Option<Self> {
        if !head.operation.is_routable() {
            return None;
        }
        let passages = Passages::of_request(members);
        let turns = passages.texts.iter().map(|passage| passage.turn).max().unwrap_or_default();
        let texts = passages.texts.iter().map(|passage| Said {
            channel: passage.channel,
            turn: passage.turn,
            text: Cow::Borrowed(&*passage.text),
        });
        let labels = passages.labels.iter().map(|label| &*label.text);
        let beside = attribution.tags.iter().map(String::as_str).chain(labels).zip(1..).map(|(text, nth)| Said {
            channel: Channel::Metadata,
            turn: turns.saturating_add(nth),
            text: Cow::Borrowed(text),
        });
        let said: Vec<Said<'_>> = texts.chain(beside).collect();
        let route = guard.judge(Way::Input, &said, &[], &mut Inquiry::default()).route?;
        Some(Self { by: route.by(), to: route.model.to_string() })
    }
}
