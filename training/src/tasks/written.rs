//! Our own calls that were written one by one, in `texts/tasks/written`.
//!
//! A file has sections (`!CLASS KIN`) and then calls, one a line; `\n` stands for a line end, and `§§` parts an application's
//! instructions from what its user says. Calls of one kin (a subject, a manner) are held out together, whatever their class.

use super::own::{reading, split};
use super::pile::{FOLDS, Row};
use crate::dice::seed;
use crate::written::each;
use anyhow::{Context as _, Result};
use std::path::Path;
use tg_text::task::TaskClass;

/// What stands for their source.
pub const SOURCE: &str = "written";

/// All of them.
pub fn rows() -> Result<Vec<Row>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("texts/tasks/written");
    let mut rows = Vec::new();
    each(&folder, |class, kin, line| {
        let class = TaskClass::named(class).with_context(|| format!("what is the class `{class}`?"))?;
        let (parts, fold) = (split(&unescaped(line)), (seed(kin) % FOLDS as u64) as usize);
        rows.push(Row { reading: reading(&parts), parts, source: SOURCE.to_owned(), class, fold: Some(fold) });
        Ok(())
    })?;
    Ok(rows)
}

/// With line ends; what has two backslashes (formulas, code) means them.
fn unescaped(line: &str) -> String {
    line.replace("\\\\", "\u{e003}").replace("\\n", "\n").replace('\u{e003}', "\\\\")
}
