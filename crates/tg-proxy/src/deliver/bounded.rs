//! A stream whose output is taken step by step: frames go on while there is room, then it is ended at its length.
//!
//! Steps are taken at once, from the memory of this process. Where counts stand elsewhere, they are asked ahead of time; only
//! where what comes next may need more than there is, the answer is awaited first, and nothing more of the upstream is read.

use crate::deliver::allowance::Allowance;
use crate::deliver::lane::{InboundEnd, Lane};
use crate::outcome::Counts;
use crate::settle::Settlement;
use bytes::{Bytes, BytesMut};
use std::time::Duration;
use tg_dialect::cut::{Cutter, weigh_event};
use tg_dialect::tap::Summary;
use tg_kernel::fault::Fault;
use tg_kernel::peek::{BYTES_PER_TOKEN, Weight};
use tg_kernel::usage::{Usage, UsageSource};
use tokio::time::Instant;

/// How a stream goes on after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Open,
    /// There is no room for what comes next: it is to be ended.
    Cut,
}

/// The bound of one stream.
pub(super) struct Bounded {
    allowance: Allowance,
    /// Of streams that are not transcoded.
    cutter: Option<Cutter>,
    /// What the provider made that did not go on, as it was too much.
    dropped: u64,
    /// Where more is asked for elsewhere.
    elsewhere: Option<Elsewhere>,
}

/// What is asked for elsewhere.
#[derive(Default)]
struct Elsewhere {
    /// Most bytes that were taken in and not weighed yet.
    unweighed: u64,
    /// When less was granted than was asked for.
    short_at: Option<Instant>,
}

/// How long is waited until more is asked for again, after less was granted than was asked for.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

impl Bounded {
    /// Of a stream for which so many output tokens are taken as it begins.
    pub(super) fn new(granted: u64, cutter: Option<Cutter>) -> Self {
        Self { allowance: Allowance::new(granted), cutter, dropped: 0, elsewhere: None }
    }

    /// With more asked for elsewhere, by who polls the stream.
    pub(super) fn elsewhere(self) -> Self {
        Self { elsewhere: Some(Elsewhere::default()), ..self }
    }

    /// How many output tokens to ask for elsewhere, before so many bytes are taken in, and whether they must be waited for.
    pub(super) fn wants(&self, bytes: usize) -> Option<(u64, bool)> {
        let elsewhere = self.elsewhere.as_ref()?;
        let needed = if bytes == 0 { 0 } else { elsewhere.unweighed.saturating_add(bytes as u64) };
        let lacks = self.allowance.lacks(needed);
        if self.allowance.is_short() && elsewhere.short_at.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
            return None;
        }
        self.allowance.wants(needed).map(|wanted| (wanted, lacks))
    }

    /// So many of those that were asked for were granted.
    pub(super) fn grant(&mut self, got: u64, wanted: u64) {
        self.allowance.grant(got, wanted);
        if let Some(elsewhere) = &mut self.elsewhere {
            elsewhere.short_at = (got < wanted).then(Instant::now);
        }
    }

    /// Takes the next bytes of the upstream and appends the caller's, as far as there is room.
    ///
    /// # Errors
    /// As [`Lane::pass`].
    pub(super) fn pass(
        &mut self,
        chunk: Bytes,
        lane: &mut Lane,
        settlement: Option<&mut Settlement>,
        out: &mut Vec<Bytes>,
    ) -> Result<Passage, Fault> {
        let Self { allowance, cutter, dropped, elsewhere } = self;
        let mut weighed = false;
        let is_elsewhere = elsewhere.is_some();
        let taken_in = chunk.len() as u64;
        if let Some(elsewhere) = elsewhere {
            elsewhere.unweighed = elsewhere.unweighed.saturating_add(taken_in);
        }
        let mut settlement = settlement;
        let mut more = |wanted| settlement.as_deref_mut().map_or(0, |settlement| settlement.extend_output(wanted));
        let mut spend = |tokens, allowance: &mut Allowance| {
            weighed = true;
            let fits = if is_elsewhere { allowance.spend_own(tokens) } else { allowance.spend(tokens, &mut more) };
            if !fits {
                *dropped = tokens;
            }
            fits
        };
        if let Lane::Transcode(transcode) = lane {
            let whole = transcode.pass_while(&chunk, |event| spend(weigh_event(event), allowance), out)?;
            let summary = lane.summary();
            let reported = summary.usage.output_tokens;
            let is_kept = whole
                && (summary.stop.is_some()
                    || reported <= allowance.used()
                    || spend(reported - allowance.used(), allowance));
            weighs(elsewhere, weighed, taken_in);
            return Ok(if is_kept { Passage::Open } else { Passage::Cut });
        }
        let Some(cutter) = cutter else { return lane.pass(chunk, out).map(|()| Passage::Open) };
        cutter.push(&chunk);
        while let Some(piece) = cutter.next_piece()? {
            if !spend(piece.tokens, allowance) {
                return Ok(Passage::Cut);
            }
            cutter.passed();
            lane.pass(piece.bytes, out)?;
            // The provider's own counts hold where they are larger; once the answer is whole there is nothing to keep.
            let summary = lane.summary();
            let reported = summary.usage.output_tokens;
            if summary.stop.is_none() && reported > allowance.used() && !spend(reported - allowance.used(), allowance) {
                return Ok(Passage::Cut);
            }
        }
        weighs(elsewhere, weighed, taken_in);
        Ok(Passage::Open)
    }

    /// The upstream closed: what is left goes to the lane.
    ///
    /// # Errors
    /// As [`Lane::pass`].
    pub(super) fn close(&mut self, lane: &mut Lane, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let rest = self.cutter.as_mut().map(Cutter::rest).unwrap_or_default();
        if rest.is_empty() { Ok(()) } else { lane.pass(rest, out) }
    }

    /// Ends the stream at its length. False where the caller's framing cannot end what has begun.
    pub(super) fn end(&mut self, lane: &mut Lane, weight: Weight, end: &InboundEnd, out: &mut Vec<Bytes>) -> bool {
        let usage = self.usage(lane.summary(), weight);
        let mut buffer = BytesMut::new();
        if let Lane::Relay(relay) = lane
            && !relay.break_off(out)
        {
            return false;
        }
        match (&mut *lane, &mut self.cutter) {
            (Lane::Transcode(transcode), _) => transcode.end_at_length(&usage, &mut buffer),
            (_, Some(cutter)) => cutter.end(&usage, &mut buffer),
            (_, None) => end.dialect.encode_stream_fault(&crate::deliver::lane::truncated(), end.id, &mut buffer),
        }
        if !buffer.is_empty() {
            out.push(buffer.freeze());
        }
        true
    }

    /// What is booked for a stream that was cut: what the provider reported, else an estimate, which is no more than was
    /// taken.
    pub(super) fn counts(&self, summary: &Summary, weight: Weight) -> Counts {
        Counts { usage: self.usage(summary, weight), source: UsageSource::Estimated, reported: summary.usage }
    }

    /// An estimate of any other end, which is no more than was taken either.
    pub(super) fn bound(&self, counts: Counts, summary: &Summary) -> Counts {
        if counts.source != UsageSource::Estimated {
            return counts;
        }
        let estimated = counts.usage.output_tokens.min(self.allowance.granted());
        let output_tokens = estimated.max(summary.usage.output_tokens);
        Counts { usage: Usage { output_tokens, ..counts.usage }, ..counts }
    }

    fn usage(&self, summary: &Summary, weight: Weight) -> Usage {
        let mut usage = summary.usage;
        if usage.total_input_tokens() == 0 {
            usage.input_tokens = weight.tokens();
        }
        let made = self.allowance.used().saturating_add(self.dropped).div_ceil(BYTES_PER_TOKEN);
        usage.output_tokens = usage.output_tokens.max(made.min(self.allowance.granted()));
        usage
    }
}

/// Of what was taken in, no more is unweighed than came last, where anything was weighed.
fn weighs(elsewhere: &mut Option<Elsewhere>, weighed: bool, taken_in: u64) {
    if let Some(elsewhere) = elsewhere.as_mut().filter(|_| weighed) {
        elsewhere.unweighed = taken_in;
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounded, Passage};
    use crate::deliver::lane::{InboundEnd, Lane, Relay};
    use bytes::Bytes;
    use serde_json::json;
    use tg_dialect::cut::Cutter;
    use tg_dialect::dialect::ReplyFacts;
    use tg_dialect::dialects::{inbound, upstream};
    use tg_kernel::clock::Timestamp;
    use tg_kernel::dialect::Dialect;
    use tg_kernel::ids::CallId;
    use tg_kernel::peek::Weight;

    const CHAT: Dialect = Dialect::OpenaiChat;

    fn bounded(granted: u64) -> (Bounded, Lane, InboundEnd) {
        let id = CallId::from_bytes([1; 16]);
        let (model, created) = ("m".to_owned(), Timestamp::from_seconds(1));
        let facts = ReplyFacts { id, model, created, include_usage: true };
        let lane = Lane::Relay(Box::new(Relay::new(upstream(CHAT).tap(false), "text/event-stream")));
        let end = InboundEnd { dialect: inbound(CHAT), id };
        (Bounded::new(granted, Some(Cutter::new(CHAT, CHAT, &facts))), lane, end)
    }

    fn chunk(text: &str, counted: Option<u64>) -> Bytes {
        let usage = counted.map(|tokens| json!({"prompt_tokens": 9, "completion_tokens": tokens}));
        let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
        format!("data: {}\n\n", json!({"id": "c", "choices": [choice], "usage": usage})).into()
    }

    #[test]
    fn running_counts_of_the_provider_hold_where_they_are_larger() {
        let (mut bounded, mut lane, end) = bounded(100);
        let mut out = Vec::new();
        let mut pass = |bounded: &mut Bounded, lane: &mut Lane, counted| {
            bounded.pass(chunk("ten bytes.", counted), lane, None, &mut out).unwrap()
        };
        assert_eq!(pass(&mut bounded, &mut lane, Some(40)), Passage::Open);
        assert_eq!(pass(&mut bounded, &mut lane, None), Passage::Open);
        assert_eq!(pass(&mut bounded, &mut lane, Some(101)), Passage::Cut);
        let weight = Weight { text_bytes: 400, media: 0 };
        let counts = bounded.counts(lane.summary(), weight);
        assert_eq!((counts.usage.input_tokens, counts.usage.output_tokens), (9, 101), "what was reported is owed");
        assert!(bounded.end(&mut lane, weight, &end, &mut out));
        let text = String::from_utf8(out.concat()).unwrap();
        assert!(text.contains(r#""finish_reason":"length""#) && text.ends_with("data: [DONE]\n\n"), "{text}");
    }

    #[test]
    fn an_estimate_is_never_more_than_was_taken() {
        let (mut bounded, mut lane, _) = bounded(30);
        let mut out = Vec::new();
        let large = chunk(&"x".repeat(1_000), None);
        assert_eq!(bounded.pass(large, &mut lane, None, &mut out).unwrap(), Passage::Cut);
        assert!(out.is_empty(), "what is too much does not go on");
        assert_eq!(bounded.counts(lane.summary(), Weight::default()).usage.output_tokens, 30);
    }
}
