//! Answers of which nothing may leave yet: read on meanwhile, and counted where they never do.

use super::{Delivery, Pending};
use crate::linger::Absence;
use crate::outcome::Counts;
use crate::settle::Settlement;
use std::sync::Arc;
use tg_dialect::tap::Summary;

impl Delivery {
    /// Reads on, a whole answer to its end, a stream as far as there is room. What came stays in its place; of a stream, also
    /// when this is dropped.
    pub(crate) async fn read_ahead(&mut self, absence: Option<Arc<Absence>>) {
        match self {
            Self::Whole(pending) => pending.whole = Some(pending.read(absence).await),
            Self::Stream(pending, ..) => pending.body.read_ahead().await,
            Self::Refused(_) | Self::Own(..) | Self::Stopped(_) => {}
        }
    }

    /// What an answer has used that never leaves, as far as it has been read; `None` where there is none.
    pub(crate) fn used(self, settlement: &mut Settlement) -> Option<Counts> {
        let summary = match self {
            Self::Whole(pending) => pending.whole?.ok()?.summary,
            Self::Stream(pending, mut lane, _) => {
                let Pending { body, .. } = *pending;
                let (came, is_all) = body.come();
                let mut sink = Vec::new();
                let read = came.into_iter().try_for_each(|bytes| {
                    sink.clear();
                    lane.pass(bytes, &mut sink)
                });
                if is_all && read.is_ok() {
                    // Whether it was whole is nobody's concern any more.
                    drop(lane.close(&mut sink));
                }
                lane.summary().clone()
            }
            Self::Refused(_) | Self::Own(..) | Self::Stopped(_) => return None,
        };
        let Summary { stop, tier, .. } = summary;
        settlement.learned(stop, tier);
        Some(Counts::of(&summary, settlement.weight()))
    }
}
