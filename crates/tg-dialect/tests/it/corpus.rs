//! The cases under `corpus/<dialect>/<case>/`: a request, an answer, a streamed answer, each where the case needs it.

use crate::speakers::Speaker;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tg_dialect::framing::eventstream::{self, FrameDecoder};

pub struct Case {
    pub speaker: &'static Speaker,
    pub name: String,
    pub folder: PathBuf,
}

/// Every case, in order.
pub fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut cases = Vec::new();
    for dialect in folders(&root) {
        for case in folders(&root.join(&dialect)) {
            let folder = root.join(&dialect).join(&case);
            cases.push(Case { speaker: Speaker::named(&dialect), name: format!("{dialect}/{case}"), folder });
        }
    }
    cases
}

fn folders(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    let mut names: Vec<String> =
        entries.filter(|e| e.path().is_dir()).map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

impl Case {
    pub fn request(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.join("request.json")).ok()
    }

    pub fn reply(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.join("reply.json")).ok()
    }

    /// The streamed answer as bytes on the wire. Binary frames stand in the corpus as lines of JSON.
    pub fn stream(&self) -> Option<Vec<u8>> {
        let lines = self.folder.join("stream.jsonl");
        if !lines.exists() {
            return fs::read(self.folder.join("stream.sse")).ok();
        }
        let mut out = BytesMut::new();
        for line in fs::read_to_string(lines).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let payload = line["payload"].to_string();
            if let Some(kind) = line["event"].as_str() {
                eventstream::write_event(kind, payload.as_bytes(), &mut out);
            } else if let Some(kind) = line["exception"].as_str() {
                eventstream::write_exception(kind, payload.as_bytes(), &mut out);
            } else {
                let chunk = json!({ "bytes": STANDARD.encode(line["chunk"].to_string()), "p": "abc" });
                eventstream::write_event("chunk", chunk.to_string().as_bytes(), &mut out);
            }
        }
        Some(out.to_vec())
    }
}

/// A stream in a form that can be read: text as it is, binary frames as lines of JSON without their padding.
pub fn readable(stream: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(stream) {
        return text.to_owned();
    }
    let mut frames = FrameDecoder::new();
    frames.push(stream);
    let mut out = String::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        let kind = frame.header(":event-type").or_else(|| frame.header(":exception-type")).unwrap();
        let mut payload: Value = serde_json::from_slice(&frame.payload).unwrap();
        payload.as_object_mut().unwrap().shift_remove("p");
        if let Some(bytes) = payload["bytes"].as_str() {
            payload = serde_json::from_slice(&STANDARD.decode(bytes).unwrap()).unwrap();
        }
        out.push_str(&format!("{kind} {payload}\n"));
    }
    assert!(!frames.is_torn());
    out
}
