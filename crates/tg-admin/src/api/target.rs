//! How targets fare and how full pools are, as they travel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is passed over, and what room pools have, at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetPage {
    /// Targets, and providers as a whole, that are passed over; those that are well are not here.
    pub passed_over: Vec<PassedOver>,
    /// The pools that calls came to, each target's by itself where it has one.
    pub pools: Vec<PoolRoom>,
    /// What probes say of the providers that are probed (`probe`), each once one succeeded or failed.
    #[serde(default)]
    pub probes: Vec<ProbeState>,
}

/// A target that is passed over where there is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassedOver {
    /// The provider.
    pub provider: String,
    /// The model; null for the provider as a whole.
    pub model: Option<String>,
    /// By whose fault: `credential`, `quota`, `model`, `absent`, `provider`, `slow`, or `probe` (its probes fail).
    pub why: String,
    /// How long, in milliseconds. Then a call looks. `probe`: until one succeeds; so long at most if no further one ends.
    pub for_ms: u64,
}

/// What probes say of a provider, in this gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeState {
    /// The provider.
    pub provider: String,
    /// Whether it is not passed over by them.
    pub up: bool,
    /// How many failed in a row, up to now.
    pub failures: u32,
}

/// How full a pool is, in this gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoolRoom {
    /// Its name.
    pub pool: String,
    /// `PROVIDER/MODEL` where it is that of one target; empty where it is that of all.
    pub target: String,
    /// How many calls may be under way; null: as many as come.
    pub limit: Option<u64>,
    /// How many are.
    pub under_way: u64,
    /// How many wait.
    pub waiting: u64,
}
