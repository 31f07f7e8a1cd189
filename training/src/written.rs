//! Our own texts that were written one by one, in `texts/written/`.
//!
//! A file has sections (`!KIND KIN`) and then texts, one a line, in which `\n` stands for a line end. What is of one kin (a
//! subject, a manner) is held out together, whatever its kind.

use crate::example::{Example, UNKNOWN, Use, attack, harm, harmless, number, safe};
use crate::folder::sorted;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;
use tg_text::score::model::{INDIRECT, INJECTION, OUTPUTS};

/// All texts of a folder.
pub fn read(folder: &Path) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    each(folder, |kind, kin, line| {
        let (name, used, targets) = judged(kind)?;
        let (source, text) = (format!("written:{name}/{kin}"), line.replace("\\n", "\n"));
        examples.push(Example { text, source, used, targets, planted: used == Use::Planted });
        Ok(())
    })?;
    Ok(examples)
}

/// Tells the kind, the kin and the text of each line of all files of a folder.
pub fn each(folder: &Path, mut seen: impl FnMut(&str, &str, &str) -> Result<()>) -> Result<()> {
    for path in sorted(folder)? {
        let text = fs::read_to_string(&path)?;
        file(&text, &mut seen).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn file(text: &str, seen: &mut impl FnMut(&str, &str, &str) -> Result<()>) -> Result<()> {
    let mut section = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(head) = line.strip_prefix('!') {
            let (kind, kin) = head.split_once(' ').with_context(|| format!("a section without a kin: {line}"))?;
            section = Some((kind, kin.trim()));
        } else if let Some((kind, kin)) = section {
            seen(kind, kin, line)?;
        } else if !line.starts_with("# ") {
            bail!("a text before its section: {line}");
        }
    }
    Ok(())
}

/// What a kind is counted as, and what is known of it. Harmful and harmless texts of one sort are judged against each other.
fn judged(kind: &str) -> Result<(&'static str, Use, [f32; OUTPUTS])> {
    Ok(match kind.split_once(':').map_or((kind, None), |(kind, category)| (kind, Some(category))) {
        ("trigger", None) => ("trigger", Use::TriggerWords, harmless()),
        ("sensitive", None) => ("sensitive", Use::Sensitive, harmless()),
        ("attack", None) => ("attack", Use::Attack, attack()),
        ("planted", None) => {
            let mut planted = UNKNOWN;
            planted[INDIRECT] = 1.0;
            ("document", Use::Planted, planted)
        }
        ("document", None) => {
            let mut document = harmless();
            document[INDIRECT] = 0.0;
            ("document", Use::Document, document)
        }
        ("safe_text", None) => {
            let mut targets = safe();
            targets[INJECTION] = 0.0;
            ("text", Use::SafeText, targets)
        }
        ("harm_request", Some(category)) => ("request", Use::HarmRequest, harm(Some(number(category)?), 1.5)),
        ("harm_text", Some(category)) => {
            let gravity = [0.0, -0.5, -0.5, 0.3, 0.3, 0.3, 1.5];
            let at = number(category)?;
            ("text", Use::HarmText, harm(Some(at), gravity[at]))
        }
        _ => bail!("what is `{kind}`?"),
    })
}
