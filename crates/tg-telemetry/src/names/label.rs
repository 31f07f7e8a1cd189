//! Label and attribute keys.

pub use super::cache::label::*;
pub use super::guards::label::*;
pub use super::shadows::label::*;
/// `gen_ai.operation.name`.
pub const GEN_AI_OPERATION: &str = "gen_ai_operation_name";
/// `gen_ai.provider.name`.
pub const GEN_AI_PROVIDER: &str = "gen_ai_provider_name";
/// `gen_ai.request.model`.
pub const GEN_AI_MODEL: &str = "gen_ai_request_model";
/// `gen_ai.token.type`: `input` or `output`.
pub const GEN_AI_TOKEN_TYPE: &str = "gen_ai_token_type";
/// `gen_ai.token.modality`: `text` or `audio`.
pub const GEN_AI_MODALITY: &str = "gen_ai_token_modality";
/// `error.type`: the fault's code; absent (own metrics: `none`) where there was no fault.
pub const ERROR: &str = "error_type";
/// How the call ended.
pub const ENDING: &str = "ending";
/// The caller's dialect.
pub const DIALECT: &str = "dialect";
/// The dialect spoken to the provider.
pub const PROVIDER_DIALECT: &str = "provider_dialect";
/// The provider's name in the configuration.
pub const PROVIDER: &str = "provider";
/// The model as sent to the provider; `other` for models that neither configuration nor catalogue names.
pub const MODEL: &str = "model";
/// The operation.
pub const OPERATION: &str = "operation";
/// The team; `other` past the limit, `none` where no caller was identified.
pub const TEAM: &str = "team";
/// The limit's name in the configuration.
pub const LIMIT: &str = "limit";
/// The budget's name in the configuration.
pub const BUDGET: &str = "budget";
/// The pool's name in the configuration.
pub const POOL: &str = "pool";
/// The target whose pool it is (`provider/model`); empty where targets share one, `other` past the limit.
pub const TARGET: &str = "target";
/// Whose fault it was: `credential`, `quota`, `model`, `absent` (the provider does not have the model), `provider`, `slow` or
/// `probe` (it failed its probes).
pub const CULPRIT: &str = "culprit";
/// The kind of token.
pub const KIND: &str = "kind";
