//! How a call ended, as the step that saw the end tells it to the settlement.

use std::time::Duration;
use tg_dialect::tap::Summary;
use tg_kernel::chat::StopReason;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::peek::{BYTES_PER_TOKEN, Weight};
use tg_kernel::record::Ending;
use tg_kernel::usage::{Usage, UsageSource};
use tg_store::journal::JournalError;

/// When it is worth asking again whether calls can be written down: an operator has to free space or mend a disk.
const JOURNAL_WAIT: Duration = Duration::from_secs(5);

/// The counts to book for a call, and how far to trust them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) usage: Usage,
    pub(crate) source: UsageSource,
    /// What of it the provider itself has said, also where that was not its last word: it is owed in any case.
    pub(crate) reported: Usage,
}

const NOTHING: Usage = Usage {
    input_tokens: 0,
    cache_read_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    output_tokens: 0,
    reasoning_tokens: 0,
    audio_input_tokens: 0,
    audio_output_tokens: 0,
    images: 0,
};

impl Counts {
    /// Nothing was used.
    pub(crate) const NONE: Self = Self { usage: NOTHING, source: UsageSource::None, reported: NOTHING };

    /// The provider took the request and was never heard of again: it may bill the input.
    pub(crate) fn input_only(weight: Weight) -> Self {
        let usage = Usage { input_tokens: weight.tokens(), ..Usage::default() };
        Self { usage, source: UsageSource::Estimated, reported: NOTHING }
    }

    /// What a summary says; where it is silent, an estimate from the bytes that went in and came out. A report of
    /// nothing at all beside generated content is silence too: some servers fill in zeros.
    pub(crate) fn of(summary: &Summary, weight: Weight) -> Self {
        let empty = summary.usage.total_tokens() == 0 && summary.content_bytes > 0;
        // What a guardrail wrote in the model's place costs no tokens.
        let guarded = summary.stop == Some(StopReason::Guardrail);
        if summary.usage_final && (!empty || guarded) {
            return Self { usage: summary.usage, source: UsageSource::Reported, reported: summary.usage };
        }
        let mut usage = summary.usage;
        if usage.total_input_tokens() == 0 {
            usage.input_tokens = weight.tokens();
        }
        usage.output_tokens = usage.output_tokens.max(summary.content_bytes.div_ceil(BYTES_PER_TOKEN));
        Self { usage, source: UsageSource::Estimated, reported: summary.usage }
    }

    /// Lowers what was only estimated to what the call can have used at most; what was reported stays.
    pub(crate) fn cap(&mut self, input_max: Option<u64>, output_max: Option<u64>) {
        if self.source != UsageSource::Estimated {
            return;
        }
        let Usage { input_tokens, output_tokens, .. } = &mut self.usage;
        for (count, most, reported) in [
            (input_tokens, input_max, self.reported.input_tokens),
            (output_tokens, output_max, self.reported.output_tokens),
        ] {
            *count = most.map_or(*count, |most| (*count).min(most.max(reported)));
        }
    }
}

/// The ending of a call that failed: what was never sent to a provider was refused by the gateway, whatever it lacked.
pub(crate) const fn ending_of(sent: bool) -> Ending {
    if sent { Ending::ProviderError } else { Ending::Refused }
}

/// The gateway ends before the call did.
pub(crate) fn draining() -> Fault {
    let message = "The gateway is being stopped, and the answer took too long to wait for. Send the call again.";
    Fault::new(Class::Overloaded, Origin::Gateway, "gateway_draining", message)
}

/// The call cannot be written down, so it is not sent.
pub(crate) fn unbookable(error: JournalError) -> Fault {
    // The entry of this very call is at fault, and would be the next time.
    if matches!(error, JournalError::TooLarge { .. }) {
        return Fault::internal(error);
    }
    let message = "The gateway cannot write down what is spent at the moment, and sends no call that it could not book. \
                   Nothing was sent. Try again later.";
    let fault = Fault::new(Class::Overloaded, Origin::Store, "journal_unavailable", message);
    fault.retry(Retry::After(JOURNAL_WAIT)).caused_by(error)
}

/// Whether a provider may bill a call that ended with this fault: it took the request, and did not say no.
pub(crate) fn may_be_billed(fault: &Fault) -> bool {
    fault.upstream_status.is_none()
        && matches!(
            fault.code,
            "first_byte_timeout" | "upstream_reset" | "upstream_garbage" | "upstream_truncated" | "idle_timeout"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text_bytes: u64) -> Weight {
        Weight { text_bytes, media: 0 }
    }

    #[test]
    fn final_counts_are_taken_as_they_are() {
        let usage = Usage { input_tokens: 1, ..Usage::default() };
        let summary = Summary { usage, usage_final: true, usage_seen: true, content_bytes: 999, ..Summary::default() };
        assert_eq!(Counts::of(&summary, text(4_000)), Counts { usage, source: UsageSource::Reported, reported: usage });
    }

    #[test]
    fn estimates_are_capped_and_reports_never() {
        let usage = Usage { input_tokens: 900, output_tokens: 70, ..Usage::default() };
        let cut = Summary { usage, content_bytes: 4_000, ..Summary::default() };
        for (summary, source, left) in [
            (cut.clone(), UsageSource::Estimated, (900, 100)),
            (Summary { usage: Usage::default(), ..cut.clone() }, UsageSource::Estimated, (500, 100)),
            (
                Summary { usage: Usage { output_tokens: 3_000, ..usage }, ..cut.clone() },
                UsageSource::Estimated,
                (900, 3_000),
            ),
            (Summary { usage_final: true, ..cut }, UsageSource::Reported, (900, 70)),
        ] {
            let mut counts = Counts::of(&summary, text(40_000));
            counts.cap(Some(500), Some(100));
            assert_eq!((counts.usage.input_tokens, counts.usage.output_tokens), left, "{summary:?}");
            assert_eq!(counts.source, source);
        }
    }

    #[test]
    fn a_report_of_zeros_is_believed_only_where_nothing_was_generated() {
        for (content_bytes, stop, source) in [
            (0, None, UsageSource::Reported),
            (9, Some(StopReason::Guardrail), UsageSource::Reported),
            (9, Some(StopReason::EndTurn), UsageSource::Estimated),
        ] {
            let summary = Summary { usage_final: true, usage_seen: true, content_bytes, stop, ..Summary::default() };
            assert_eq!(Counts::of(&summary, text(40)).source, source, "{content_bytes} {stop:?}");
        }
    }

    #[test]
    fn what_was_not_reported_is_estimated() {
        let summary = Summary { content_bytes: 10, ..Summary::default() };
        let counts = Counts::of(&summary, text(401));
        assert_eq!((counts.usage.input_tokens, counts.usage.output_tokens), (101, 3));
        assert_eq!(counts.source, UsageSource::Estimated);
        let picture = Counts::input_only(Weight { text_bytes: 400, media: 2 });
        assert_eq!(picture.usage.input_tokens, 3_300);
    }
}
