//! Log files and their entries: lines of JSON, plain or packed, as Bedrock lays them down in S3.

use super::ENTRIES_MAX;
use crate::files::{lines, under};
use crate::input::{BadInput, shown};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::{BufRead, Read as _};
use std::path::Path;
use tg_kernel::clock::Timestamp;

/// Longest entry. Bodies over 100 kB lie in files of their own; a list of images may still be long.
const LINE_BYTES_MAX: u64 = 32 << 20;

/// One call as Bedrock logged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When.
    pub at: Timestamp,
    /// The provider's id of the request.
    pub request_id: String,
    /// The ARN of who called; empty where the log has none.
    pub identity: String,
    /// Where it was called.
    pub region: String,
    /// The model, as the caller named it.
    pub model: String,
    /// Input tokens outside any cache.
    pub input_tokens: u64,
    /// Input tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to a cache.
    pub cache_write_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Whether the call failed.
    pub failed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    schema_type: Option<String>,
    timestamp: Option<String>,
    request_id: Option<String>,
    identity: Option<Identity>,
    region: Option<String>,
    model_id: Option<String>,
    error_code: Option<IgnoredAny>,
    input: Option<Input>,
    output: Option<Output>,
}

#[derive(Deserialize)]
struct Identity {
    arn: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    input_token_count: Option<u64>,
    cache_read_input_token_count: Option<u64>,
    cache_write_input_token_count: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    output_token_count: Option<u64>,
}

/// Reads every log beneath a folder, or one file, and gives each entry to `take`.
///
/// # Errors
/// The first file or line that cannot be used, and how to mend it.
pub fn read(path: &Path, take: &mut dyn FnMut(Heard)) -> Result<u64, BadInput> {
    let mut entries = 0;
    let files = if path.is_dir() { under(path, &is_log)? } else { vec![path.to_owned()] };
    for file in files {
        let mut lines = lines(&file)?;
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            let length = read.map_err(|error| BadInput::unreadable(&file, &error))?;
            if length == 0 {
                break;
            }
            let wrong = |problem: String| BadInput::at(&file, "line", number, problem);
            if length as u64 == LINE_BYTES_MAX {
                return Err(wrong(format!("longer than {LINE_BYTES_MAX} bytes; this is no invocation log")));
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if let Some(heard) = entry(&line).map_err(wrong)? {
                entries += 1;
                take(heard);
            }
            if entries > ENTRIES_MAX as u64 {
                return Err(BadInput::of(path, format!("more than {ENTRIES_MAX} calls; compare a day at a time")));
            }
        }
    }
    if entries == 0 {
        return Err(BadInput::of(path, "there is no entry of a model invocation log (schemaType ModelInvocationLog)"));
    }
    Ok(entries)
}

/// The entry in a line; `None` where it is of another kind of log.
fn entry(line: &[u8]) -> Result<Option<Heard>, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| format!("it is not an entry ({error})"))?;
    if line.schema_type.as_deref() != Some("ModelInvocationLog") {
        return Ok(None);
    }
    let missing = |name: &str| format!("the entry has no {name}");
    let time = line.timestamp.ok_or_else(|| missing("timestamp"))?;
    let at = Timestamp::parse(&time).ok_or_else(|| format!("timestamp is {}, which is no time", shown(&time)))?;
    let input = line.input.unwrap_or_default();
    Ok(Some(Heard {
        at,
        request_id: line.request_id.ok_or_else(|| missing("requestId"))?,
        identity: line.identity.and_then(|identity| identity.arn).unwrap_or_default(),
        region: line.region.unwrap_or_default(),
        model: line.model_id.ok_or_else(|| missing("modelId"))?,
        input_tokens: input.input_token_count.unwrap_or_default(),
        cache_read_tokens: input.cache_read_input_token_count.unwrap_or_default(),
        cache_write_tokens: input.cache_write_input_token_count.unwrap_or_default(),
        output_tokens: line.output.and_then(|output| output.output_token_count).unwrap_or_default(),
        failed: line.error_code.is_some(),
    }))
}

/// Whether a path is a log, rather than a body beside it or the mark that Bedrock leaves of its permission.
fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let in_data = path.parent().is_some_and(|folder| folder.file_name().is_some_and(|name| name == "data"));
    let is_json = [".json", ".jsonl", ".json.gz", ".jsonl.gz", ".gz"].iter().any(|end| name.ends_with(end));
    is_json && !in_data
}
