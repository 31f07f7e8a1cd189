//! What travels over the admin interface: one type for each thing, the same for the server and for its callers.

mod amount;
mod budget;
mod call;
mod decided;
mod guarded;
mod key;
mod report;
mod routing;
mod savings;
mod store;
mod target;
mod team;
pub mod time;

pub use amount::{Amount, Usage};
pub use budget::{Budget, BudgetPage, Forecast};
pub use call::{Asked, Attribution, Call, CallPage, Calls, Cost, Served, Timing};
pub use decided::{Decided, Reuse, Reused, Routed, Task, Verdict};
pub use guarded::{Guarded, Hit, OfService, OfSet};
pub use key::{IssuedKey, Key, KeyKind, KeyPage, KeyState, NewKey, Rotation};
pub(crate) use report::dimensions;
pub use report::{Figures, FixedCharge, Part, Report, ReportRequest, Row};
pub use routing::{RoutingPage, RoutingRule, SwitchError, SwitchedOff, TaskQuality};
pub use savings::{Moved, RouteSavings, Saved, Savings, SavingsRequest, TeamSavings};
pub use store::StoreSize;
pub use target::{PassedOver, PoolRoom, ProbeState, TargetPage};
pub use team::{NewTeam, Policy, Tags, Team, TeamPage};
pub use time::Time;
