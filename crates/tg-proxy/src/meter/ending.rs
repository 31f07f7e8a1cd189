//! The end of a call, first in the journal and then in the queue.

use super::{Left, Settled, Till};
use tg_kernel::record::Record;
use tg_kernel::trace::TraceContext;
use tg_store::journal::Ticket;

/// A call whose end the journal has, as far as it could be written; it is yet to be queued.
pub(crate) struct Ended {
    left: Left,
    ticket: Option<Ticket>,
}

impl Till {
    /// Notes the end of a call, and queues it.
    pub(crate) fn close(&self, opened: Option<Ticket>, record: Record, trace: TraceContext) {
        if let Some(ended) = self.end(opened, &record) {
            self.hand_in(ended, record, trace);
        }
    }

    /// Notes the end of a call. Of a call that never left, the end is all that the journal gets, as far as there is room for its
    /// like: `None` where there is none.
    pub(crate) fn end(&self, opened: Option<Ticket>, record: &Record) -> Option<Ended> {
        if opened.is_none() && !self.queue.admits(record) {
            return None;
        }
        let left = if opened.is_some() { Left::Sent } else { Left::Never };
        let (ticket, noted) = match opened {
            Some(mut ticket) => {
                let noted = self.journal.end(&mut ticket, record);
                (Some(ticket), noted)
            }
            None => match self.journal.note(record) {
                Ok(ticket) => (Some(ticket), Ok(())),
                Err(error) => (None, Err(error)),
            },
        };
        if let Err(error) = noted {
            self.note_failure(&error);
        }
        Some(Ended { left, ticket })
    }

    /// Queues a call whose end has been noted.
    pub(crate) fn hand_in(&self, Ended { left, ticket }: Ended, record: Record, trace: TraceContext) {
        if let Some(settled) = self.queue.push(Settled { record, trace, left, ticket }) {
            self.defer(settled);
        }
    }
}
