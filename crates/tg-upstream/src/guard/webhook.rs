//! A service of the operator's own: a signed POST of a text, and its verdict.

use super::opinion::{Answer, Failure, FailureKind, Way};
use super::{Asker, post};
use crate::signature;
use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tg_kernel::secret::Secret;
use tg_net::client::{ClientOptions, SendError, SendErrorKind};
use tg_net::egress::EgressPolicy;

/// Where a text is posted.
pub struct Webhook {
    /// What stands in its path may be a secret: it is never shown.
    address: Uri,
    secret: Secret,
    egress: EgressPolicy,
}

/// What the service answers.
#[derive(Deserialize)]
struct Verdict {
    verdict: Word,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Allow,
    Block,
    Redact,
}

impl Webhook {
    /// The service at `address`, which knows the gateway by `secret`.
    #[must_use]
    pub const fn new(address: Uri, secret: Secret, egress: EgressPolicy) -> Self {
        Self { address, secret, egress }
    }

    pub(super) async fn ask(
        &self,
        name: &Arc<str>,
        asker: &Asker<'_>,
        way: Way,
        text: &str,
    ) -> Result<Answer, Failure> {
        let body = json!({ "guard": &**name, "way": way.as_str(), "text": text }).to_string();
        let signature = signature::signature(&self.secret, asker.clock.now(), body.as_bytes());
        let mut request = post::request(self.address.clone(), body).map(Full::<Bytes>::new);
        request.headers_mut().insert(signature::HEADER, signature);
        let options = ClientOptions { egress: self.egress, ..ClientOptions::default() };
        let client = asker.pools.guard(name, options).map_err(post::unanswered)?;
        let response = client.send(request).await.map_err(|error| unsent(&error))?;
        read(&post::read(response).await?)
    }
}

fn unsent(error: &SendError) -> Failure {
    let kind = if error.kind() == SendErrorKind::Protocol { FailureKind::Unreadable } else { FailureKind::Unreachable };
    Failure::new(kind, error.kind().as_str())
}

fn read(body: &[u8]) -> Result<Answer, Failure> {
    // What the parser says of it would show some of it.
    let verdict: Verdict = serde_json::from_slice(body).map_err(|_| Failure::unreadable("its answer is no verdict"))?;
    let categories = match verdict.verdict {
        Word::Allow => return Ok(Answer::Clear),
        _ if verdict.categories.is_empty() => vec!["webhook".to_owned()],
        _ => verdict.categories,
    };
    let Answer::Flagged { categories, .. } = Answer::flagged(categories) else { return Ok(Answer::Clear) };
    match (verdict.verdict, verdict.text) {
        (Word::Redact, Some(text)) => Ok(Answer::Flagged { categories, text: Some(Arc::from(text)) }),
        (Word::Redact, None) => Err(Failure::unreadable("it redacts, and gives no text")),
        _ => Ok(Answer::Flagged { categories, text: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::guard::opinion::Answer;

    #[test]
    fn a_verdict_is_one_of_three() {
        for (body, expected) in [
            (r#"{"verdict":"allow"}"#, "clear"),
            (r#"{"verdict":"allow","categories":["x"],"text":"y","more":1}"#, "clear"),
            (r#"{"verdict":"block"}"#, "webhook -"),
            (r#"{"verdict":"block","categories":["b","a"],"text":"y"}"#, "a,b -"),
            (r#"{"verdict":"redact","categories":["a"],"text":"y"}"#, "a y"),
            (r#"{"verdict":"redact","categories":["a"],"text":""}"#, "a "),
            (r#"{"verdict":"redact"}"#, "unreadable: it redacts, and gives no text"),
            (r#"{"verdict":"perhaps"}"#, "unreadable: its answer is no verdict"),
            ("", "unreadable: its answer is no verdict"),
            ("<html>", "unreadable: its answer is no verdict"),
        ] {
            let shown = match read(body.as_bytes()) {
                Ok(Answer::Clear) => "clear".to_owned(),
                Ok(Answer::Flagged { categories, text }) => {
                    format!("{} {}", categories.join(","), text.as_deref().unwrap_or("-"))
                }
                Err(failure) => failure.to_string(),
            };
            assert_eq!(shown, expected, "{body}");
        }
    }
}
