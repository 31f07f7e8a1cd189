//! Metrics of revisions of the configuration, where a gateway follows them.

use super::{Kind, Metric, own};

/// The revision in force.
pub const CONFIG_REVISION: Metric = own(
    "tallygate_config_revision",
    Kind::Gauge,
    "",
    "Number of the revision of the configuration that is in force here; only with `store.revisions: follow`",
    &[],
);
/// The revision that cannot be used.
pub const CONFIG_REVISION_REFUSED: Metric = own(
    "tallygate_config_revision_refused",
    Kind::Gauge,
    "",
    "Number of the newest revision, while it cannot be put into force here and an older one stays; else 0",
    &[],
);
/// Whether new revisions would be seen.
pub const CONFIG_REVISION_BLIND: Metric = own(
    "tallygate_config_revision_blind",
    Kind::Gauge,
    "boolean",
    "1 while the store cannot be asked for new revisions, else 0",
    &[],
);
