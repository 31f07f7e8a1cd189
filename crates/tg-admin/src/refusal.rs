//! What is wrong with a request: a status, a word for programs, a sentence for people, and every single problem.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_config::problem::Problems;
use tg_store::{DirectoryError, StoreError};

/// Most problems told in one answer.
const PROBLEMS_MAX: usize = 50;

/// Why something was not done. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong, and how to mend it.
    pub message: String,
    /// Each problem, where there may be several.
    pub problems: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), problems: Vec::new() }
    }

    /// The request is wrong in these places.
    pub(crate) fn invalid(mut problems: Vec<String>) -> Self {
        let count = problems.len();
        problems.truncate(PROBLEMS_MAX);
        let message = match problems.as_slice() {
            [one] => one.clone(),
            _ => format!("the request has {count} problems"),
        };
        Self { status: StatusCode::BAD_REQUEST, code: "invalid_request", message, problems }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if self.problems.len() > 1 {
            for problem in &self.problems {
                write!(f, "\n  {problem}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Self {
        Self::invalid(problems.all.iter().map(ToString::to_string).collect())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", error.to_string())
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        let (status, code) = match &error {
            DirectoryError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_failed"),
            DirectoryError::NoSuchTeam { .. } => (StatusCode::NOT_FOUND, "team_not_found"),
            DirectoryError::NoSuchKey { .. } => (StatusCode::NOT_FOUND, "key_not_found"),
            DirectoryError::TeamExists { .. } => (StatusCode::CONFLICT, "team_exists"),
            DirectoryError::OwnedByFile { .. } => (StatusCode::CONFLICT, "owned_by_file"),
            DirectoryError::TeamNotActive { .. } => (StatusCode::CONFLICT, "team_not_active"),
            DirectoryError::NoSecretsKey => (StatusCode::CONFLICT, "no_secrets_key"),
            DirectoryError::KeyEnded { .. } => (StatusCode::CONFLICT, "key_ended"),
            DirectoryError::NotOfTeam { .. } => (StatusCode::BAD_REQUEST, "not_of_team"),
            DirectoryError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            DirectoryError::NoRandomness(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        };
        Self::new(status, code, error.to_string())
    }
}

/// The body of an answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What is wrong.
    pub error: ErrorDetail,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorDetail {
    /// A stable word for programs.
    pub code: String,
    /// What is wrong, and how to mend it.
    pub message: String,
    /// Each problem, where there may be several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

impl From<Refusal> for ErrorBody {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, message, problems, .. } = refusal;
        Self { error: ErrorDetail { code: code.to_owned(), message, problems } }
    }
}
