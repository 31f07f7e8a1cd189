//! How a streamed answer ends: whole, at its length, stopped by a guardrail, or by a failure; told, and settled.

use super::{Ended, Flow, Last};
use crate::answer;
use crate::deliver::lane::{Lane, truncated};
use crate::guarding::failure::wordless;
use crate::guarding::keeping::Keeping;
use crate::guarding::watching::Watching;
use crate::guarding::{CONTENT_BLOCKED, Guarding};
use crate::outcome::Counts;
use crate::settle::{Closing, Settlement};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tg_dialect::gate::Passing;
use tg_kernel::chat::StopReason;
use tg_kernel::fault::Fault;
use tg_kernel::record::{Cost, Ending};

/// Booked for an answer that was ended at its length.
const OUTPUT_CUT: &str = "output_cut";

impl Flow {
    /// Ends an answer that may use no more, and lets go what the checks let go of it.
    pub(super) fn cut(&mut self, out: &mut Vec<Bytes>) -> Result<Ended, Fault> {
        let (Some(bounded), Some(settlement)) = (&mut self.bounded, &self.settlement) else {
            return Ok(Ended::Cut { told: true });
        };
        let (weight, mut made) = (settlement.weight(), Vec::new());
        let told = bounded.end(&mut self.lane, weight, &self.end, &mut made);
        match self.check(made, true, out)? {
            Passing::Blocked => Ok(Ended::Blocked),
            Passing::Open if told || self.watching.is_none() => Ok(Ended::Cut { told }),
            Passing::Open => Err(truncated()),
        }
    }

    /// Settles an answer that was ended at its length: the provider is left with the flow.
    fn settle_cut(&mut self, told: bool) -> (bool, Option<Cost>) {
        self.tells_recording();
        let (Some(bounded), Some(mut settlement)) = (&self.bounded, self.settlement.take()) else {
            return (told, None);
        };
        let summary = self.lane.summary();
        let counts = bounded.counts(summary, settlement.weight());
        settlement.learned(Some(StopReason::MaxTokens), summary.tier);
        let closing = Closing { ending: Ending::Truncated, status: 200, fault: Some(OUTPUT_CUT), counts };
        (told, Some(settlement.close(closing)))
    }

    /// Ends an answer of which nothing more may go on: the provider is left with the flow.
    fn block(&mut self, out: &mut Vec<Bytes>) -> (bool, Option<Cost>) {
        let (Some(watching), Some(settlement)) = (&mut self.watching, &mut self.settlement) else {
            return (true, None);
        };
        let summary = self.lane.summary();
        let usage = Counts::of(summary, settlement.weight()).usage;
        let said = settlement.guarding().and_then(Guarding::message).unwrap_or_default();
        // Of an answer that was judged in pieces the caller has what was let go of them.
        if !self.keeping.as_mut().is_some_and(|keeping| keeping.end(&usage, out)) {
            watching.end(said, self.keeping.as_ref().is_some_and(Keeping::holds), &usage, out);
        }
        (true, self.settle(Ending::Truncated, Some(CONTENT_BLOCKED)))
    }

    /// Says that the answer has failed, after all of it that may leave.
    fn last_words(&mut self, fault: Fault, out: &mut Vec<Bytes>) -> Passing {
        let mut made = Vec::new();
        let is_said = match &mut self.lane {
            // It knows what it has said, and its frames are whole.
            Lane::Transcode(_) => self.lane.fault(&fault, &self.end, &mut made),
            // The provider's own words stand at the gate, if they could be read.
            Lane::Relay(relay) => relay.has_told() && !self.watching.as_ref().is_some_and(Watching::has_dropped),
            Lane::Rewrap(_) => false,
        };
        match self.check(made, true, out) {
            Ok(Passing::Blocked) => return Passing::Blocked,
            Ok(Passing::Open) if is_said && !self.keeping.as_ref().is_some_and(Keeping::holds) => {}
            // What cannot be checked does not leave.
            Ok(Passing::Open) | Err(_) => {
                let mut last = BytesMut::new();
                self.end.dialect.encode_stream_fault(&wordless(fault), self.end.id, &mut last);
                out.push(last.freeze());
            }
        }
        Passing::Open
    }

    /// Ends the flow: what is left to send goes to `out`, the call is settled.
    pub(super) fn finish(mut self, end: Result<Ended, Fault>, out: &mut Vec<Bytes>) -> Option<Last> {
        let (told, cost) = match end {
            Ok(Ended::Cut { told }) => self.settle_cut(told),
            Ok(Ended::Blocked) => self.block(out),
            Ok(Ended::Whole) => self.conclude(None, out),
            Err(fault) => self.conclude(Some(fault), out),
        };
        if !told {
            return Some(Last::Break);
        }
        let cost = cost.filter(|_| self.wants_trailers)?;
        let mut trailers = HeaderMap::new();
        answer::put_cost(&mut trailers, &cost);
        Some(Last::Trailers(trailers))
    }

    /// Settles an answer that has ended by itself, or failed. Answers whether the caller could be told of it.
    fn conclude(&mut self, fault: Option<Fault>, out: &mut Vec<Bytes>) -> (bool, Option<Cost>) {
        let code = fault.as_ref().map(|fault| fault.code);
        let told = match fault {
            None => true,
            Some(fault) if self.watching.is_none() => self.lane.fault(&fault, &self.end, out),
            Some(fault) => match self.last_words(fault, out) {
                Passing::Open => true,
                Passing::Blocked => return self.block(out),
            },
        };
        let cut = code.is_some() || self.lane.summary().failed;
        let ending = if cut { Ending::Truncated } else { Ending::Ok };
        (told, self.settle(ending, code.or(cut.then_some("upstream_error_event"))))
    }

    /// What services took out of an answer is not in what is recorded of it.
    pub(super) fn tells_recording(&self) {
        let guarding = self.settlement.as_ref().and_then(Settlement::guarding);
        if let (Some(keeping), Some(heard)) = (&self.keeping, guarding.and_then(Guarding::heard)) {
            keeping.tells(heard);
        }
    }

    /// Settles with what was seen so far; only the first time counts.
    pub(super) fn settle(&mut self, ending: Ending, fault: Option<&'static str>) -> Option<Cost> {
        self.tells_recording();
        let mut settlement = self.settlement.take()?;
        let summary = self.lane.summary();
        let mut counts = Counts::of(summary, settlement.weight());
        if let Some(bounded) = &self.bounded {
            counts = bounded.bound(counts, summary);
        }
        let stop = if fault == Some(CONTENT_BLOCKED) { Some(StopReason::Guardrail) } else { summary.stop };
        settlement.learned(stop, summary.tier);
        Some(settlement.close(Closing { ending, status: 200, fault, counts }))
    }
}
