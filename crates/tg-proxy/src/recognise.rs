//! Which dialect and operation a request is, from its method, path and headers alone.

use http::{HeaderMap, Method};
use tg_dialect::dialect::RequestFacts;
use tg_dialect::dialects::bedrock_converse::Guardrail;
use tg_kernel::dialect::{Dialect, Family, Operation};
use tg_kernel::fault::{Class, Fault, Origin};

/// What a request turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Recognised {
    /// A call that may reach a provider.
    Call(Head),
    /// The list of models, or one of it, in the dialect of a family.
    Models(Family, Option<String>),
    /// Asynchronous invocations of Bedrock: one by what shall be its ARN, or all of the caller's.
    Invocations(Option<String>),
    /// `HEAD /`: a client looks whether anybody is there.
    Probe,
    /// `GET /healthz`: the process lives.
    Live,
    /// `GET /readyz`: it takes calls.
    Ready,
}

/// The head of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The caller's dialect.
    pub dialect: Dialect,
    /// What is asked for.
    pub operation: Operation,
    /// What path and headers say about the body.
    pub facts: RequestFacts,
}

/// A request that is nothing we know: the fault, and the dialect to say it in.
#[derive(Debug)]
pub struct Unrecognised {
    /// The dialect that the caller most likely reads.
    pub dialect: Dialect,
    /// What is wrong.
    pub fault: Fault,
}

/// Reads method, path and headers. Queries are ignored: clients add what they like (`?beta=true`).
///
/// # Errors
/// An unknown path, or a known path with another method; never an unknown model.
pub fn recognise(method: &Method, path: &str, headers: &HeaderMap) -> Result<Recognised, Unrecognised> {
    if let Some(recognised) = bedrock(method, path.strip_prefix("/bedrock").unwrap_or(path)) {
        return recognised;
    }
    let anthropic = headers.contains_key("anthropic-version");
    let (dialect, operation) = match path {
        "/v1/chat/completions" => (Dialect::OpenaiChat, Operation::Chat),
        "/v1/responses" => (Dialect::OpenaiResponses, Operation::Chat),
        "/v1/embeddings" => (Dialect::OpenaiEmbeddings, Operation::Embeddings),
        "/v1/messages" => (Dialect::AnthropicMessages, Operation::Chat),
        "/v1/messages/count_tokens" => (Dialect::AnthropicMessages, Operation::CountTokens),
        _ => return not_a_call(method, path, anthropic),
    };
    if *method != Method::POST {
        return Err(wrong_method(dialect, method, path, "POST"));
    }
    let facts = if dialect == Dialect::AnthropicMessages { anthropic_facts(headers) } else { RequestFacts::default() };
    Ok(Recognised::Call(Head { dialect, operation, facts }))
}

fn not_a_call(method: &Method, path: &str, anthropic: bool) -> Result<Recognised, Unrecognised> {
    let (family, dialect) =
        if anthropic { (Family::Anthropic, Dialect::AnthropicMessages) } else { (Family::Openai, Dialect::OpenaiChat) };
    let reading = *method == Method::GET || *method == Method::HEAD;
    let models = path.strip_prefix("/v1/models").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (path, models) {
        ("/", _) if reading => Ok(Recognised::Probe),
        ("/healthz", _) if reading => Ok(Recognised::Live),
        ("/readyz", _) if reading => Ok(Recognised::Ready),
        (_, Some(rest)) if *method == Method::GET => {
            let id = rest.strip_prefix('/').filter(|id| !id.is_empty());
            let decoded = id.map(|id| decode_segment(id).ok_or_else(|| unknown_path(dialect, method, path)));
            Ok(Recognised::Models(family, decoded.transpose()?))
        }
        ("/" | "/healthz" | "/readyz", _) | (_, Some(_)) => Err(wrong_method(dialect, method, path, "GET")),
        _ => Err(unknown_path(dialect, method, path)),
    }
}

/// The paths of Bedrock's runtime, and the one of its control plane that clients ask at their start; `None` for others.
fn bedrock(method: &Method, path: &str) -> Option<Result<Recognised, Unrecognised>> {
    if let Some(rest) = path.strip_prefix("/model/") {
        return Some(model_call(method, rest));
    }
    if let Some(rest) = path.strip_prefix("/guardrail/") {
        return Some(guardrail_call(method, rest));
    }
    if path == "/guardrail-checks/invoke" {
        return Some(guardrail(method, path, Guardrail::Checks));
    }
    if let Some(rest) = path.strip_prefix("/async-invoke").filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Some(asynchronous(method, path, rest.strip_prefix('/')));
    }
    let profiles = path.strip_prefix("/inference-profiles").filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    if *method != Method::GET {
        return Some(Err(wrong_method(Dialect::BedrockConverse, method, path, "GET")));
    }
    let id = profiles.strip_prefix('/').filter(|id| !id.is_empty());
    Some(match id.map(decode_segment) {
        None => Ok(Recognised::Models(Family::Bedrock, None)),
        Some(Some(id)) => Ok(Recognised::Models(Family::Bedrock, Some(id))),
        Some(None) => Err(unknown_path(Dialect::BedrockConverse, method, path)),
    })
}

/// `rest` is what follows `/model/`: `{id}/converse`. The id may be percent-encoded, or raw with colons and (an
/// un-encoded ARN) slashes, so the action is what follows the *last* slash.
fn model_call(method: &Method, rest: &str) -> Result<Recognised, Unrecognised> {
    let dialect = Dialect::BedrockConverse;
    let unknown = || unknown_path(dialect, method, "/model/…");
    let (id, action) = rest.rsplit_once('/').ok_or_else(unknown)?;
    let (dialect, operation, path_stream) = match action {
        "converse" => (Dialect::BedrockConverse, Operation::Chat, false),
        "converse-stream" => (Dialect::BedrockConverse, Operation::Chat, true),
        "invoke" => (Dialect::BedrockInvoke, Operation::Chat, false),
        "invoke-with-response-stream" => (Dialect::BedrockInvoke, Operation::Chat, true),
        "count-tokens" => (Dialect::BedrockConverse, Operation::CountTokens, false),
        "invoke-with-bidirectional-stream" => {
            let message = "Streams in both directions are not offered by this gateway. Use \
                           invoke-with-response-stream or converse-stream.";
            return Err(not_offered(Dialect::BedrockInvoke, message));
        }
        _ => return Err(unknown()),
    };
    if *method != Method::POST {
        return Err(wrong_method(dialect, method, "/model/…", "POST"));
    }
    let model = decode_segment(id).filter(|id| !id.is_empty()).ok_or_else(|| Unrecognised {
        dialect,
        fault: Fault::malformed_at("modelId", "The model id in the path is not valid percent-encoded UTF-8."),
    })?;
    let facts = RequestFacts { path_model: Some(model), path_stream, ..RequestFacts::default() };
    Ok(Recognised::Call(Head { dialect, operation, facts }))
}

/// `rest` is what follows `/guardrail/`: `{id}/version/{version}/apply`. As a model's, the id may be an ARN.
fn guardrail_call(method: &Method, rest: &str) -> Result<Recognised, Unrecognised> {
    let named = rest.strip_suffix("/apply").and_then(|rest| rest.rsplit_once("/version/"));
    let decoded = |text| decode_segment(text).filter(|text| !text.is_empty());
    let named = named.and_then(|(id, version)| Some((decoded(id)?, decoded(version)?)));
    let Some((id, version)) = named.filter(|(_, version)| !version.contains('/')) else {
        return Err(unknown_path(Dialect::BedrockConverse, method, "/guardrail/…"));
    };
    guardrail(method, "/guardrail/…", Guardrail::Applied { id: &id, version: &version })
}

/// `arn` is what follows `/async-invoke/`: an ARN, percent-encoded or raw.
fn asynchronous(method: &Method, path: &str, arn: Option<&str>) -> Result<Recognised, Unrecognised> {
    let dialect = Dialect::BedrockInvoke;
    match (method, arn) {
        (&Method::POST, None) => {
            let (operation, facts) = (Operation::AsyncInvoke, RequestFacts::default());
            Ok(Recognised::Call(Head { dialect, operation, facts }))
        }
        (&Method::GET, None) => Ok(Recognised::Invocations(None)),
        (_, None) => Err(wrong_method(dialect, method, path, "POST or GET")),
        (&Method::GET, Some(arn)) => {
            let arn = decode_segment(arn).filter(|arn| !arn.is_empty());
            arn.map(|arn| Recognised::Invocations(Some(arn))).ok_or_else(|| unknown_path(dialect, method, path))
        }
        (_, Some(_)) => Err(wrong_method(dialect, method, path, "GET")),
    }
}

fn guardrail(method: &Method, path: &str, guardrail: Guardrail<'_>) -> Result<Recognised, Unrecognised> {
    let dialect = Dialect::BedrockConverse;
    if *method != Method::POST {
        return Err(wrong_method(dialect, method, path, "POST"));
    }
    let facts = RequestFacts { path_model: Some(guardrail.name()), ..RequestFacts::default() };
    Ok(Recognised::Call(Head { dialect, operation: Operation::Guardrail, facts }))
}

/// A path that is known, and will not be served.
fn not_offered(dialect: Dialect, message: &'static str) -> Unrecognised {
    Unrecognised { dialect, fault: Fault::new(Class::Unsupported, Origin::Caller, "operation_unsupported", message) }
}

fn anthropic_facts(headers: &HeaderMap) -> RequestFacts {
    let text = |value: &http::HeaderValue| value.to_str().ok().map(str::trim).map(str::to_owned);
    RequestFacts {
        api_version: headers.get("anthropic-version").and_then(text),
        betas: headers
            .get_all("anthropic-beta")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(|beta| beta.trim().to_owned())
            .filter(|beta| !beta.is_empty())
            .collect(),
        ..RequestFacts::default()
    }
}

fn unknown_path(dialect: Dialect, method: &Method, path: &str) -> Unrecognised {
    let message = format!("Unknown request URL: {method} {}. Check the path against docs/dialects.md.", shown(path));
    Unrecognised { dialect, fault: Fault::new(Class::NotFound, Origin::Caller, "unknown_url", message) }
}

fn wrong_method(dialect: Dialect, method: &Method, path: &str, right: &str) -> Unrecognised {
    let message = format!("Not allowed to {method} on {}: use {right}.", shown(path));
    Unrecognised { dialect, fault: Fault::new(Class::MethodNotAllowed, Origin::Caller, "method_not_allowed", message) }
}

/// A path fit for a message: bounded.
fn shown(path: &str) -> String {
    path.chars().take(120).collect()
}

/// Decodes `%XX`. `None` where the outcome is not UTF-8, holds control characters, or a `%` stands alone.
pub(crate) fn decode_segment(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let [high, low, after @ ..] = tail else { return None };
            let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok());
            bytes.push(digit(high)? * 16 + digit(low)?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str) -> Option<(Dialect, Operation, Option<String>, bool)> {
        match recognise(&Method::POST, path, &HeaderMap::new()) {
            Ok(Recognised::Call(head)) => {
                Some((head.dialect, head.operation, head.facts.path_model, head.facts.path_stream))
            }
            _ => None,
        }
    }

    #[test]
    fn bedrock_model_ids_in_every_form() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-5";
        for (path, model) in [
            ("/model/anthropic.claude-v2%3A1/converse", "anthropic.claude-v2:1"),
            ("/model/anthropic.claude-v2:1/converse", "anthropic.claude-v2:1"),
            ("/bedrock/model/anthropic.claude-v2:1/converse", "anthropic.claude-v2:1"),
            (&format!("/model/{arn}/converse"), arn),
            (&format!("/model/{}/converse", arn.replace(':', "%3A").replace('/', "%2F")), arn),
        ] {
            let expected = (Dialect::BedrockConverse, Operation::Chat, Some(model.to_owned()), false);
            assert_eq!(call(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn guardrails_are_named_as_models_are() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1";
        for (path, name) in [
            ("/guardrail/gr1/version/DRAFT/apply", "guardrail/gr1/DRAFT".to_owned()),
            ("/bedrock/guardrail/gr1/version/12/apply", "guardrail/gr1/12".to_owned()),
            (&format!("/guardrail/{arn}/version/1/apply"), format!("guardrail/{arn}/1")),
            (
                &format!("/guardrail/{}/version/1/apply", arn.replace(':', "%3A").replace('/', "%2F")),
                format!("guardrail/{arn}/1"),
            ),
            ("/guardrail-checks/invoke", "guardrail-checks".to_owned()),
            ("/bedrock/guardrail-checks/invoke", "guardrail-checks".to_owned()),
        ] {
            assert_eq!(call(path), Some((Dialect::BedrockConverse, Operation::Guardrail, Some(name), false)), "{path}");
        }
        for path in ["/guardrail/gr1/apply", "/guardrail//version/1/apply", "/guardrail/g/version/1%2F2/apply"] {
            assert_eq!(call(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_not_offered_is_said_in_bedrocks_shape() {
        let path = "/model/amazon.nova-sonic-v1%3A0/invoke-with-bidirectional-stream";
        let refused = recognise(&Method::POST, path, &HeaderMap::new()).unwrap_err();
        assert_eq!(refused.dialect.family(), Family::Bedrock);
        assert_eq!((refused.fault.class, refused.fault.code), (Class::Unsupported, "operation_unsupported"));
    }

    #[test]
    fn invocations_are_started_by_a_call_and_looked_at_beside_calls() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abc123def456";
        let encoded = arn.replace(':', "%3A").replace('/', "%2F");
        let found = |method, path: &str| recognise(&method, path, &HeaderMap::new());
        for prefix in ["", "/bedrock"] {
            let start = Recognised::Call(Head {
                dialect: Dialect::BedrockInvoke,
                operation: Operation::AsyncInvoke,
                facts: RequestFacts::default(),
            });
            assert_eq!(found(Method::POST, &format!("{prefix}/async-invoke")).unwrap(), start);
            let all = found(Method::GET, &format!("{prefix}/async-invoke")).unwrap();
            assert_eq!(all, Recognised::Invocations(None));
            for form in [arn, &encoded] {
                let one = found(Method::GET, &format!("{prefix}/async-invoke/{form}")).unwrap();
                assert_eq!(one, Recognised::Invocations(Some(arn.to_owned())), "{form}");
            }
        }
        for (method, path, class) in [
            (Method::DELETE, "/async-invoke", Class::MethodNotAllowed),
            (Method::POST, "/async-invoke/x", Class::MethodNotAllowed),
            (Method::GET, "/async-invoke/", Class::NotFound),
            (Method::GET, "/async-invoke/%ff", Class::NotFound),
            (Method::GET, "/async-invokes", Class::NotFound),
        ] {
            assert_eq!(found(method, path).unwrap_err().fault.class, class, "{path}");
        }
    }

    #[test]
    fn what_is_no_call() {
        for path in ["/", "/v1", "/v1/chat/completions/", "/model/x", "/model//converse", "/model/%ff/converse", "/x"] {
            assert_eq!(call(path), None, "{path}");
        }
        assert!(recognise(&Method::GET, "/v1/models/%ff", &HeaderMap::new()).is_err());
        let wrong = recognise(&Method::GET, "/v1/messages", &HeaderMap::new()).unwrap_err();
        assert_eq!(wrong.fault.class, Class::MethodNotAllowed);
        assert_eq!(wrong.dialect, Dialect::AnthropicMessages);
    }

    #[test]
    fn models_are_told_apart_by_anthropic_version_and_path() {
        let mut headers = HeaderMap::new();
        let openai = recognise(&Method::GET, "/v1/models/gpt-5", &headers).unwrap();
        assert_eq!(openai, Recognised::Models(Family::Openai, Some("gpt-5".to_owned())));
        headers.insert("anthropic-version", http::HeaderValue::from_static("2026-10-21"));
        let anthropic = recognise(&Method::GET, "/v1/models", &headers).unwrap();
        assert_eq!(anthropic, Recognised::Models(Family::Anthropic, None));
        let profiles = recognise(&Method::GET, "/bedrock/inference-profiles", &headers).unwrap();
        assert_eq!(profiles, Recognised::Models(Family::Bedrock, None));
        let profile = recognise(&Method::GET, "/inference-profiles/us.x%3A0", &headers).unwrap();
        assert_eq!(profile, Recognised::Models(Family::Bedrock, Some("us.x:0".to_owned())));
    }
}
