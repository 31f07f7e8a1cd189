//! Our event-stream writer against botocore's and the JavaScript SDK's decoders, and our reader against the latter's
//! encoder.

use crate::prove::findings::Findings;
use crate::setup;
use crate::shell::{root, sheltered};
use crate::suite::Tally;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::process::Command;
use tg_dialect::framing::eventstream::{self, Frame, FrameDecoder, HeaderValue};

/// Frames with headers of every type that the SDK's encoder makes.
const THEIRS: usize = 2_000;

/// How many bytes of them come at a time.
const PIECE: usize = 7;

/// Frames of our writer with names, values and payloads of many sizes, beside those of the protocol.
const SIZES: usize = 500;

const EVENTS: [&str; 7] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "chunk"];

const EXCEPTIONS: [&str; 6] = [
    "internalServerException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
    "throttlingException",
    "validationException",
];

/// Compares them.
///
/// # Errors
/// When a script fails.
pub(super) fn prove() -> Result<Tally> {
    let mut findings = Findings::new();
    let (bytes, written) = ours();
    let folder = tempfile::Builder::new().prefix("tallygate-frames-").tempdir()?;
    let path = folder.path().join("frames.bin");
    std::fs::write(&path, &bytes)?;
    let mut python = sheltered(setup::python(), ["frames.py"]);
    python.current_dir(root().join("tests/sdk/python"));
    let mut node = sheltered("node", ["frames.mjs", "decode"]);
    node.current_dir(setup::node_folder());
    for (decoder, mut program) in [("botocore", python), ("the JavaScript SDK", node)] {
        let read = lines(program.stdin(File::open(&path)?))?;
        let differ: Vec<String> = written
            .iter()
            .enumerate()
            .filter(|(number, frame)| read.get(*number) != Some(frame))
            .map(|(number, frame)| format!("{frame} became {:?}", read.get(number)))
            .collect();
        let claim = format!("{decoder} reads our frames: every event, exception and error, padded, of every size");
        findings.none(claim, written.len(), &differ);
        ensure!(read.len() == written.len(), "{decoder} reads {} of {} frames", read.len(), written.len());
    }
    let mut encoder = sheltered("node", ["frames.mjs", "encode", &THEIRS.to_string()]);
    let made = lines(encoder.current_dir(setup::node_folder()))?;
    ensure!(made.len() == THEIRS, "frames.mjs made {} of {THEIRS} frames", made.len());
    let mut differ = Vec::new();
    for line in &made {
        let seen = theirs(line)?;
        if seen != json!([line["headers"], line["payload"]]) {
            differ.push(format!("{line} became {seen}"));
        }
    }
    findings.none("we read the JavaScript SDK's frames: headers of every type, torn", THEIRS, &differ);
    Ok(findings.show())
}

/// Frames as we write them, and what must be read from them.
fn ours() -> (BytesMut, Vec<Value>) {
    let (mut out, mut written) = (BytesMut::new(), Vec::new());
    let mut note = |headers: &[(&str, &str)], payload: &[u8]| {
        let headers: Map<String, Value> = headers.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))).collect();
        written.push(json!({ "headers": headers, "payload": STANDARD.encode(payload) }));
    };
    for (number, kind) in EVENTS.iter().cycle().take(10 * EVENTS.len()).enumerate() {
        let payload = json!({ "text": "wörld", "p": "abcdefghijklmnop".repeat(number % 5) }).to_string();
        eventstream::write_event(kind, payload.as_bytes(), &mut out);
        let headers = [(":event-type", *kind), (":content-type", "application/json"), (":message-type", "event")];
        note(&headers, payload.as_bytes());
    }
    for kind in EXCEPTIONS {
        let payload = json!({ "message": "It did not work." }).to_string();
        eventstream::write_exception(kind, payload.as_bytes(), &mut out);
        let headers =
            [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")];
        note(&headers, payload.as_bytes());
    }
    let error =
        [(":message-type", "error"), (":error-code", "InternalError"), (":error-message", "It did → not work.")];
    eventstream::write(&error, b"", &mut out);
    note(&error, b"");
    for size in 0..SIZES {
        let (name, value) = ("n".repeat(1 + size % 255), "𝛼".repeat(size * 7 % 4000));
        let payload: Vec<u8> = (0..size * 131 % 60_000).map(|at| u8::try_from(at % 251).unwrap_or_default()).collect();
        eventstream::write(&[(&name, &value)], &payload, &mut out);
        note(&[(&name, &value)], &payload);
    }
    (out, written)
}

/// What we read from a frame of theirs that comes in pieces.
fn theirs(line: &Value) -> Result<Value> {
    let bytes = STANDARD.decode(line["frame"].as_str().unwrap_or_default())?;
    let mut decoder = FrameDecoder::new();
    let mut read = json!("nothing");
    for (number, piece) in bytes.chunks(PIECE).enumerate() {
        decoder.push(piece);
        let is_last = (number + 1) * PIECE >= bytes.len();
        read = match decoder.next_frame() {
            Ok(Some(frame)) if is_last => shown(&frame),
            Ok(None) if !is_last => continue,
            Ok(Some(_)) => json!("a frame before its last piece"),
            Ok(None) => json!("half a frame"),
            Err(fault) => json!(fault.to_string()),
        };
        break;
    }
    Ok(if decoder.is_torn() { json!(["bytes are left over", read]) } else { read })
}

fn shown(frame: &Frame) -> Value {
    let headers = frame.headers.iter().map(|(name, value)| {
        let (kind, value) = match value {
            HeaderValue::Bool(value) => ("boolean", json!(value)),
            HeaderValue::Byte(value) => ("byte", json!(value)),
            HeaderValue::Short(value) => ("short", json!(value)),
            HeaderValue::Integer(value) => ("integer", json!(value)),
            HeaderValue::Long(value) => ("long", json!(value)),
            HeaderValue::Bytes(value) => ("binary", json!(hex::encode(value))),
            HeaderValue::String(value) => ("string", json!(value)),
            HeaderValue::Timestamp(value) => ("timestamp", json!(value)),
            HeaderValue::Uuid(value) => ("uuid", json!(hex::encode(value))),
        };
        json!([name, kind, value])
    });
    json!([headers.collect::<Vec<_>>(), STANDARD.encode(&frame.payload)])
}

/// What a program prints, a JSON value on each line.
fn lines(program: &mut Command) -> Result<Vec<Value>> {
    let output = program.output()?;
    ensure!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}
