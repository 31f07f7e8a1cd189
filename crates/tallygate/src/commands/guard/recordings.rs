//! The files of a recording, read: calls, and what people have marked in them.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use tg_kernel::clock::Timestamp;
use tg_policy::guard::{RECORD_FORMAT, Recorded};

/// The file of marks in the folder of a recording.
const MARKS: &str = "marks.jsonl";

/// Longest line: of a call, whose texts have at most 1 MiB, and may be escaped.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Largest file of marks.
const MARKS_BYTES_MAX: u64 = 16 << 20;

/// That a rule was wrong about a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marked {
    /// The call, as answers and the ledger show it.
    pub(super) id: String,
    /// The rule, as `SET/RULE`.
    pub(super) rule: String,
    /// That it found what is not there. False takes a mark back.
    pub(super) false_positive: bool,
    /// What who marked it had to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    /// When.
    pub(super) at: Timestamp,
}

/// The files with calls in a folder, oldest first.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || format!("cannot read the folder of the recording, {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(read)? {
        let path = entry.with_context(read)?.path();
        let is_one = path.extension().is_some_and(|end| end == "jsonl") && !path.ends_with(MARKS);
        if is_one {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the calls of a file, or of standard input (`-`), one after the other.
pub(super) fn each_call(path: &Path, mut each: impl FnMut(Recorded) -> Result<()>) -> Result<()> {
    let name = path.display();
    let input: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot read {name}"))?)
    };
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if length.with_context(|| format!("cannot read {name}"))? == 0 {
            break;
        }
        // What a process that is gone had begun to write, or one that still is has.
        if !line.ends_with(b"\n") && serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_err() {
            if line.len() as u64 == LINE_BYTES_MAX {
                bail!("{name}: line {number} is longer than {} MiB", LINE_BYTES_MAX >> 20);
            }
            break;
        }
        // What the parser says would show some of the line.
        let call: Recorded = serde_json::from_slice(&line)
            .map_err(|_| anyhow::anyhow!("{name}: line {number} is no recorded call of the form {RECORD_FORMAT}"))?;
        if call.format != RECORD_FORMAT {
            bail!("{name}: line {number} is of the form {}, and this program reads {RECORD_FORMAT}", call.format);
        }
        each(call)?;
    }
    Ok(())
}

/// Which rules were wrong about which calls: the last word on each counts.
pub(super) fn marks(folder: &Path) -> Result<BTreeSet<(String, String)>> {
    let path = folder.join(MARKS);
    let text = match File::open(&path) {
        Ok(file) => {
            let mut text = String::new();
            file.take(MARKS_BYTES_MAX)
                .read_to_string(&mut text)
                .with_context(|| format!("cannot read {}", path.display()))?;
            text
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut marks = BTreeSet::new();
    for (line, number) in text.lines().zip(1..) {
        let marked: Marked =
            serde_json::from_str(line).with_context(|| format!("{}: line {number} is no mark", path.display()))?;
        let about = (marked.id, marked.rule);
        if marked.false_positive {
            marks.insert(about);
        } else {
            marks.remove(&about);
        }
    }
    Ok(marks)
}

/// Adds a mark.
pub(super) fn mark(folder: &Path, marked: &Marked) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = folder.join(MARKS);
    let name = || format!("cannot write {}", path.display());
    let mut file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path).with_context(name)?;
    let mut line = serde_json::to_vec(marked)?;
    line.push(b'\n');
    if file.metadata().with_context(name)?.len() + line.len() as u64 > MARKS_BYTES_MAX {
        bail!("{} would have more than {} MiB; put it aside", path.display(), MARKS_BYTES_MAX >> 20);
    }
    file.write_all(&line).with_context(name)
}
