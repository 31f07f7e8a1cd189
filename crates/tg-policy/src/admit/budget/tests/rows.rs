//! Rows of the ledger, for tests of budgets: these and those in `tests`.

use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Pricing, Record, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{Usage, UsageSource};

/// A call of the model `m` that cost so many nano-dollars.
pub(crate) fn record(id: CallId, booked: &Attribution, arrived: Timestamp, cost: i64) -> Record {
    Record {
        id,
        started_at: arrived,
        attribution: booked.clone(),
        asked: Asked {
            dialect: tg_kernel::dialect::Dialect::OpenaiChat,
            operation: tg_kernel::dialect::Operation::Chat,
            model: "m".into(),
            stream: false,
        },
        served: None,
        earlier: Vec::new(),
        ending: Ending::Ok,
        status: 200,
        fault: None,
        usage: Usage::default(),
        usage_source: UsageSource::Reported,
        cost: Cost::at_list(Money::from_nanos(cost), Pricing::Priced, "p"),
        losses: Vec::new(),
        guarded: None,
        decided: None,
        timing: Timing::default(),
    }
}
