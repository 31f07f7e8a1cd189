//! A try that is on its way without its call's settlement: what it takes along, and what becomes of it.

use super::Trial;
use crate::deliver::{Delivery, Early, Heard};
use crate::linger::Absence;
use crate::prepare::Prepared;
use crate::settle::Settlement;
use std::sync::Arc;
use tg_kernel::fault::Fault;
use tg_kernel::usage::Usage;
use tg_upstream::aws::Proof;
use tg_upstream::headers;

/// What a try that has left takes along.
pub(super) struct Departure {
    pub(super) prepared: Prepared,
    pub(super) proof: Proof,
}

/// Why a try came to nothing.
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// What its provider had reported, where it had begun to answer.
    pub(super) began: Option<Usage>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, began: None }
    }
}

impl From<Box<Early>> for Failure {
    fn from(early: Box<Early>) -> Self {
        Self { fault: early.fault, began: Some(early.reported) }
    }
}

impl Failure {
    /// The fault. What is owed for it is told to the call's settlement.
    pub(super) fn told(self, settlement: &mut Settlement) -> Fault {
        if let Some(reported) = self.began {
            settlement.had_begun(reported);
        }
        self.fault
    }
}

impl Trial<'_> {
    /// One try, from its leaving to its answer's beginning, beside which the call's settlement may do something else. What is
    /// known of it until it ends is in `heard`.
    pub(super) async fn fly(
        &self,
        departure: Departure,
        absence: Option<Arc<Absence>>,
        heard: &Heard,
    ) -> Result<Delivery, Failure> {
        let Departure { mut prepared, proof } = departure;
        let response = self.ask(&mut prepared, &proof).await?;
        heard.answers_as(headers::request_id(response.headers()));
        self.open(prepared, response, absence, heard).await
    }

    /// Tells the call's settlement what became of a try that is its last.
    pub(super) fn arrive(
        &self,
        ended: Result<Delivery, Failure>,
        heard: &Heard,
        settlement: &mut Settlement,
    ) -> Result<Delivery, Fault> {
        settlement.answered(heard.request_id());
        let mut answered = ended.map_err(|failure| failure.told(settlement));
        self.note_failure(&mut answered, settlement);
        answered
    }
}
