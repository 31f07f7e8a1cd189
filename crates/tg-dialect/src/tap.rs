//! Reading usage from a relayed answer in passing, without changing a byte of it.

use bytes::Bytes;
use tg_kernel::chat::StopReason;
use tg_kernel::event::{Delta, Event};
use tg_kernel::usage::{PartialUsage, ServiceTier, Usage};

/// What a tap (or a look at a whole answer) learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The counts, as last reported.
    pub usage: Usage,
    /// Whether the provider reported *final* counts.
    pub usage_final: bool,
    /// Whether any counts were reported at all.
    pub usage_seen: bool,
    /// Why the answer ended.
    pub stop: Option<StopReason>,
    /// The tier at which it was served.
    pub tier: Option<ServiceTier>,
    /// What the provider calls its answer, where later calls may name it.
    pub id: Option<String>,
    /// The model that the provider names, where it does.
    pub model: Option<String>,
    /// The stream reached its dialect's own clean end. Of a whole body: it is what its dialect calls an answer.
    pub complete: bool,
    /// The stream carried an error frame. Of a whole body: it tells of a failure.
    pub failed: bool,
    /// Bytes of generated content seen so far (text, arguments, reasoning): the base of an estimate when the counts
    /// never come.
    pub content_bytes: u64,
    /// Whether any generated content was seen yet (first token).
    pub content_seen: bool,
}

impl Summary {
    /// Takes note of the counts in a whole answer. They are final if they say both what went in and what came out.
    pub(crate) fn report(&mut self, counts: &PartialUsage) {
        self.usage.replace(counts);
        self.usage_seen |= !counts.is_silent();
        self.usage_final |= counts.input_tokens.is_some() && counts.output_tokens.is_some();
    }

    /// Takes note of a canonical event: how a transcoded stream is summed up.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::Start { model, .. } if !model.is_empty() => self.model = Some(model.clone()),
            Event::PartStart { .. } => self.content_seen = true,
            Event::Delta { delta, .. } => {
                self.content_seen = true;
                self.content_bytes += match delta {
                    Delta::Text(text) | Delta::Arguments(text) | Delta::Reasoning(text) => text.len() as u64,
                    Delta::Signature(_) | Delta::Redacted(_) => 0,
                };
            }
            Event::Usage(counts) => {
                self.usage.replace(counts);
                self.usage_seen = true;
            }
            Event::Tier(tier) => self.tier = Some(*tier),
            Event::Finish(stop) => self.stop = Some(stop.reason),
            Event::End => {
                self.complete = true;
                self.usage_final = self.usage_seen;
            }
            Event::Start { .. } | Event::PartStop { .. } | Event::Ping => {}
        }
    }
}

/// A passive reader of a relayed stream.
///
/// Bytes leave as they came, in the same order; a tap may *drop* a whole frame (a usage chunk that we asked for and the
/// caller did not), and may hold back a torn frame until it is whole when it must decide on that.
pub trait Tap: Send {
    /// Takes the next bytes of the upstream, and appends those that go on to the caller. The usual case is to
    /// append `chunk` itself, uncopied.
    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>);

    /// The upstream closed: appends what was held back.
    fn close(&mut self, out: &mut Vec<Bytes>);

    /// What was learned so far.
    fn summary(&self) -> &Summary;
}
