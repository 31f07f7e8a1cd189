//! Our own calls that were written one by one, in `texts/tasks/written`.
//!
//! A file has sections (`!CLASS KIN`) and then calls, one a line; `\n` stands for a line end, and `§§` parts an application's
//! instructions from what its user says. Calls of one kin (a subject, a manner) are held out together, whatever their class.

use super::own::{reading, split};
use super::pile::{FOLDS, Row};
use crate::dice::seed;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;
use tg_text::task::TaskClass;

/// What stands for their source.
pub const SOURCE: &str = "written";

/// All of them.
pub fn rows() -> Result<Vec<Row>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("texts/tasks/written");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        file(&fs::read_to_string(&path)?, &mut rows).with_context(|| path.display().to_string())?;
    }
    Ok(rows)
}

fn file(text: &str, rows: &mut Vec<Row>) -> Result<()> {
    let mut section = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(head) = line.strip_prefix('!') {
            let (class, kin) = head.split_once(' ').with_context(|| format!("a section without a kin: {line}"))?;
            let class = TaskClass::named(class).with_context(|| format!("what is the class `{class}`?"))?;
            section = Some((class, (seed(kin.trim()) % FOLDS as u64) as usize));
        } else if let Some((class, fold)) = section {
            let parts = split(&unescaped(line));
            rows.push(Row { reading: reading(&parts), parts, source: SOURCE.to_owned(), class, fold: Some(fold) });
        } else if !line.starts_with("# ") {
            bail!("a call before its section: {line}");
        }
    }
    Ok(())
}

/// With line ends; what has two backslashes (formulas, code) means them.
fn unescaped(line: &str) -> String {
    line.replace("\\\\", "\u{e003}").replace("\\n", "\n").replace('\u{e003}', "\\\\")
}
