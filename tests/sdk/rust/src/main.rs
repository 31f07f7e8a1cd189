//! Runs cells of the compatibility matrix with the AWS SDK for Rust, unmodified. The plan and the output are those of
//! `../python/client.py`; address, region and credentials come from the environment alone, as in an application.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::types::error::{ConverseStreamOutputError, ResponseStreamError};
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseStreamOutput, ConverseTokensRequest, CountTokensInput, GuardrailAction,
    GuardrailContentBlock, GuardrailContentSource, GuardrailTextBlock, Message, ResponseStream, StopReason,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use serde_json::{Value, json};
use std::error::Error;
use std::io::Read as _;
use std::time::Instant;

type Done<T = ()> = Result<T, Box<dyn Error>>;

const SDK: &str = "aws-rust";
const PROMPT: &str = "Hello, wörld";
const EXCEPTIONS: [&str; 5] = [
    "internalServerException",
    "modelStreamErrorException",
    "validationException",
    "throttlingException",
    "serviceUnavailableException",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    if std::env::args().any(|argument| argument == "--list") {
        let chat = ["plain", "stream", "stream_exceptions", "count_tokens"];
        println!("{}", json!({ SDK: { "converse": chat, "invoke": chat, "guardrail": ["guardrail"] } }));
        return Ok(());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let plan: Value = serde_json::from_str(&text)?;
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).retry_config(RetryConfig::disabled());
    let config = config.load().await;
    for cell in plan["cells"].as_array().into_iter().flatten() {
        let began = Instant::now();
        let detail = run(&config, cell).await.err().map(|error| error.to_string()).unwrap_or_default();
        let ms = u64::try_from(began.elapsed().as_millis())?;
        println!("{}", json!({ "id": cell["id"], "ok": detail.is_empty(), "detail": detail, "ms": ms }));
    }
    Ok(())
}

async fn run(config: &SdkConfig, cell: &Value) -> Done {
    let (client, model) = (Client::new(config), cell["model"].as_str().unwrap_or_default());
    match (cell["dialect"].as_str().unwrap_or_default(), cell["feature"].as_str().unwrap_or_default()) {
        ("converse", "plain") => converse(&client, model).await,
        ("converse", "stream") => converse_stream(&client, model).await,
        ("converse", "stream_exceptions") => converse_exceptions(&client, model).await,
        ("converse", "count_tokens") => {
            let turns = ConverseTokensRequest::builder().messages(user(PROMPT)?).build();
            count(&client, model, CountTokensInput::Converse(turns)).await
        }
        ("invoke", "plain") => invoke(&client, model).await,
        ("invoke", "stream") => invoke_stream(&client, model).await,
        ("invoke", "stream_exceptions") => invoke_exceptions(&client, model).await,
        ("invoke", "count_tokens") => {
            let request = aws_sdk_bedrockruntime::types::InvokeModelTokensRequest::builder();
            count(&client, model, CountTokensInput::InvokeModel(request.body(claude(PROMPT)).build()?)).await
        }
        ("guardrail", "guardrail") => guardrail(&client).await,
        (dialect, feature) => Err(format!("{dialect} {feature} is not known here").into()),
    }
}

/// The simulator's answer: the prompt, repeated to thirty tokens of four bytes.
fn echo() -> String {
    let mut bytes = format!("echo: {PROMPT} ").repeat(20).into_bytes();
    bytes.truncate(120);
    String::from_utf8_lossy(&bytes).trim_end_matches('\u{fffd}').to_owned()
}

fn same<T: PartialEq + std::fmt::Debug>(got: T, want: T, what: &str) -> Done {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:?}, want {want:?}").into()) }
}

fn shown<E: Error + Send + Sync + 'static>(error: E) -> Box<dyn Error> {
    DisplayErrorContext(error).to_string().into()
}

fn user(text: &str) -> Done<Message> {
    Ok(Message::builder().role(ConversationRole::User).content(ContentBlock::Text(text.to_owned())).build()?)
}

fn claude(text: &str) -> Blob {
    let turns = json!([{ "role": "user", "content": text }]);
    let body = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, "messages": turns });
    Blob::new(body.to_string())
}

async fn converse(client: &Client, model: &str) -> Done {
    let answer = client.converse().model_id(model).messages(user(PROMPT)?).send().await.map_err(shown)?;
    let message = answer.output().and_then(|output| output.as_message().ok()).ok_or("no message")?;
    let text =
        message.content().iter().filter_map(|block| block.as_text().ok()).map(String::as_str).collect::<String>();
    same(text, echo(), "text")?;
    same(answer.stop_reason(), &StopReason::EndTurn, "stop reason")?;
    same(answer.usage().map(|usage| usage.output_tokens()), Some(30), "output tokens")
}

async fn converse_stream(client: &Client, model: &str) -> Done {
    let mut answer = client.converse_stream().model_id(model).messages(user(PROMPT)?).send().await.map_err(shown)?;
    let (mut text, mut pieces, mut stop, mut output) = (String::new(), 0, None, None);
    while let Some(event) = answer.stream.recv().await.map_err(shown)? {
        match event {
            ConverseStreamOutput::ContentBlockDelta(event) => {
                pieces += 1;
                text += event.delta().and_then(|delta| delta.as_text().ok()).map_or("", String::as_str);
            }
            ConverseStreamOutput::MessageStop(event) => stop = Some(event.stop_reason().clone()),
            ConverseStreamOutput::Metadata(event) => output = event.usage().map(|usage| usage.output_tokens()),
            ConverseStreamOutput::MessageStart(_)
            | ConverseStreamOutput::ContentBlockStart(_)
            | ConverseStreamOutput::ContentBlockStop(_) => {}
            other => return Err(format!("an event that the SDK does not know: {other:?}").into()),
        }
    }
    same(text, echo(), "text")?;
    same(pieces > 5, true, "comes in pieces")?;
    same((stop, output), (Some(StopReason::EndTurn), Some(30)), "stop reason and output tokens")
}

async fn invoke(client: &Client, model: &str) -> Done {
    let answer = client.invoke_model().model_id(model).body(claude(PROMPT)).send().await.map_err(shown)?;
    let message: Value = serde_json::from_slice(answer.body().as_ref())?;
    same(message["content"][0]["text"].as_str(), Some(&*echo()), "text")?;
    same(message["stop_reason"].as_str(), Some("end_turn"), "stop reason")?;
    same(message["usage"]["output_tokens"].as_u64(), Some(30), "output tokens")
}

async fn invoke_stream(client: &Client, model: &str) -> Done {
    let request = client.invoke_model_with_response_stream().model_id(model).body(claude(PROMPT));
    let mut answer = request.send().await.map_err(shown)?;
    let (mut text, mut pieces, mut last) = (String::new(), 0, Value::Null);
    while let Some(event) = answer.body.recv().await.map_err(shown)? {
        let ResponseStream::Chunk(part) = event else { return Err("an event that the SDK does not know".into()) };
        last = serde_json::from_slice(part.bytes().ok_or("no bytes")?.as_ref())?;
        if last["type"] == "content_block_delta" {
            pieces += 1;
            text += last["delta"]["text"].as_str().unwrap_or_default();
        }
    }
    same(text, echo(), "text")?;
    same(pieces > 5, true, "comes in pieces")?;
    same(last["amazon-bedrock-invocationMetrics"]["outputTokenCount"].as_u64(), Some(30), "output tokens")
}

async fn count(client: &Client, model: &str, input: CountTokensInput) -> Done {
    let answer = client.count_tokens().model_id(model).input(input).send().await.map_err(shown)?;
    same(answer.input_tokens(), 4, "input tokens")
}

async fn guardrail(client: &Client) -> Done {
    for (text, action) in [("hello", GuardrailAction::None), ("a forbidden word", GuardrailAction::GuardrailIntervened)]
    {
        let text = GuardrailTextBlock::builder().text(text).build()?;
        let request = client.apply_guardrail().guardrail_identifier("grsimulated").guardrail_version("1");
        let request = request.source(GuardrailContentSource::Input).content(GuardrailContentBlock::Text(text));
        same(request.send().await.map_err(shown)?.action(), &action, "action")?;
    }
    Ok(())
}

/// A prompt whose stream ends so.
fn ending(kind: &str) -> String {
    format!("Go on [[sim: tokens=40 fail_after=6 fail_as={kind}]]")
}

async fn converse_exceptions(client: &Client, model: &str) -> Done {
    for kind in EXCEPTIONS.into_iter().chain(["error"]) {
        let request = client.converse_stream().model_id(model).messages(user(&ending(kind))?);
        let mut stream = request.send().await.map_err(shown)?.stream;
        let error = loop {
            match stream.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => return Err(format!("{kind}: the stream ended without an error").into()),
                Err(error) => break error,
            }
        };
        let Some(error) = service(kind, &error)? else { continue };
        let typed = match error {
            ConverseStreamOutputError::InternalServerException(_) => "internalServerException",
            ConverseStreamOutputError::ModelStreamErrorException(_) => "modelStreamErrorException",
            ConverseStreamOutputError::ValidationException(_) => "validationException",
            ConverseStreamOutputError::ThrottlingException(_) => "throttlingException",
            ConverseStreamOutputError::ServiceUnavailableException(_) => "serviceUnavailableException",
            other => other.code().unwrap_or("no exception that the SDK knows"),
        };
        same(typed, kind, "exception")?;
    }
    Ok(())
}

async fn invoke_exceptions(client: &Client, model: &str) -> Done {
    for kind in EXCEPTIONS.into_iter().chain(["modelTimeoutException", "error"]) {
        let request = client.invoke_model_with_response_stream().model_id(model).body(claude(&ending(kind)));
        let mut stream = request.send().await.map_err(shown)?.body;
        let error = loop {
            match stream.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => return Err(format!("{kind}: the stream ended without an error").into()),
                Err(error) => break error,
            }
        };
        let Some(error) = service(kind, &error)? else { continue };
        let typed = match error {
            ResponseStreamError::InternalServerException(_) => "internalServerException",
            ResponseStreamError::ModelStreamErrorException(_) => "modelStreamErrorException",
            ResponseStreamError::ValidationException(_) => "validationException",
            ResponseStreamError::ThrottlingException(_) => "throttlingException",
            ResponseStreamError::ModelTimeoutException(_) => "modelTimeoutException",
            ResponseStreamError::ServiceUnavailableException(_) => "serviceUnavailableException",
            other => other.code().unwrap_or("no exception that the SDK knows"),
        };
        same(typed, kind, "exception")?;
    }
    Ok(())
}

/// The service's error; `None` for a frame of the kind `error`, for which the SDK has no type: it must still be told.
fn service<'a, E, R>(kind: &str, error: &'a SdkError<E, R>) -> Done<Option<&'a E>>
where
    E: Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    if kind == "error" {
        return Ok(None);
    }
    let error = error.as_service_error().ok_or_else(|| format!("{kind}: {error:?}"))?;
    if error.message().is_none_or(str::is_empty) {
        return Err(format!("{kind}: without a message: {error:?}").into());
    }
    Ok(Some(error))
}
