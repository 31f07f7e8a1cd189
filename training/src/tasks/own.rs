//! Our own texts that ask for something: grammars in `texts/tasks`, unfolded, with texts to work on put in.

use super::pile::{Row, lines};
use crate::dice::{Dice, seed};
use crate::grammar::Grammar;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::Path;
use tg_text::task::TaskClass;
use tg_text::task::read::{self, Reading};
use tg_text::view::View;

/// What stands between the application's instructions and the text.
const TURN: &str = "§§";
/// Longest text of a collected source that is put in, in bytes.
const TEXT_MAX: usize = 2500;

/// Texts to work on, by the mark that stands for them.
struct Stock {
    marks: [(&'static str, &'static str); 6],
    mails: Vec<String>,
    shorts: Vec<String>,
    longs: Vec<String>,
}

/// What is read of a call's parts, as the product reads them.
pub fn reading(parts: &[String]) -> Reading {
    match parts {
        [text] => tg_text::task::reading_of(text),
        parts => {
            let folded: Vec<String> = parts.iter().map(|p| View::open_only(p).folded().text().to_owned()).collect();
            read::read(&folded.iter().map(String::as_str).collect::<Vec<_>>())
        }
    }
}

/// All of our own.
pub fn rows(data: &Path) -> Result<Vec<Row>> {
    let grammar = Grammar::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("texts/tasks"))?;
    let stock = Stock::read(data)?;
    let mut rows = Vec::new();
    for example in grammar.examples() {
        let mut dice = Dice::new(seed(&example.text));
        let text = stock.put_in(example.text, &grammar, &mut dice);
        let parts = dress(split(&text), &mut dice);
        let name = example.source.split('.').nth(1).unwrap_or_default();
        let class = TaskClass::named(name).with_context(|| format!("what is the class `{name}`?"))?;
        rows.push(Row { reading: reading(&parts), parts, source: example.source, class, fold: None });
    }
    Ok(rows)
}

/// The parts of a call.
pub fn split(text: &str) -> Vec<String> {
    let text = text.replace("§§§", &format!("{TURN}\u{e002}"));
    text.split(TURN)
        .map(|part| part.replace('\u{e002}', "").trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

impl Stock {
    /// Texts that ask for nothing: documents, mails, posts. None of them is of a source that tasks are judged on.
    fn read(data: &Path) -> Result<Self> {
        let marks = [
            ("§long§", "x_long"),
            ("§short§", "x_short"),
            ("§sent§", "x_sent"),
            ("§mail§", "x_mail"),
            ("§talk§", "x_talk"),
            ("§code§", "x_code"),
        ];
        let mut stock = Self { marks, mails: Vec::new(), shorts: Vec::new(), longs: Vec::new() };
        lines(data, "injection_bipia_indirect", |row| stock.take(row, "benign", 200, |s| &mut s.mails))?;
        lines(data, "harm_pyrit_outputs", |row| stock.take(row, "safe", 300, |s| &mut s.longs))?;
        lines(data, "pii_presidio_research", |row| stock.take(row, "", 60, |s| &mut s.shorts))?;
        lines(data, "harm_davidson", |row| stock.take(row, "safe", 40, |s| &mut s.shorts))?;
        Ok(stock)
    }

    fn take(
        &mut self,
        row: &Value,
        label: &str,
        least: usize,
        to: impl Fn(&mut Self) -> &mut Vec<String>,
    ) -> Option<()> {
        let text = row.get("text")?.as_str()?;
        let fits = label.is_empty() || row.get("label").and_then(Value::as_str) == Some(label);
        if fits && (least..TEXT_MAX).contains(&text.len()) {
            to(self).push(crate::pile::plain(text.trim()));
        }
        Some(())
    }

    fn put_in(&self, mut text: String, grammar: &Grammar, dice: &mut Dice) -> String {
        for (mark, word) in self.marks {
            while let Some((before, after)) = text.split_once(mark) {
                let stock = match mark {
                    "§long§" => &self.longs,
                    "§mail§" => &self.mails,
                    "§short§" => &self.shorts,
                    _ => &Vec::new(),
                };
                let borrowed = dice.pick(stock).filter(|_| dice.clone().share() < 0.4).cloned();
                let put = borrowed.unwrap_or_else(|| grammar.word(word, dice));
                text = format!("{before}{put}{after}");
            }
        }
        grammar.fill(text, dice)
    }
}

/// What applications put around what they ask.
const AROUND: [(&str, &str); 12] = [
    ("You are a helpful assistant.\n\n", ""),
    ("You are an expert assistant. Be concise.\n", ""),
    ("### Instruction:\n", "\n\n### Response:"),
    ("Below is an instruction that describes a task. Write a response.\n\n### Instruction:\n", "\n\n### Response:\n"),
    ("User: ", "\nAssistant:"),
    ("Human: ", "\n\nAssistant:"),
    ("[INST] ", " [/INST]"),
    ("Hi, ", " Thanks!"),
    ("Hello! ", ""),
    ("", "\n\nThank you."),
    ("Task: ", ""),
    ("Instructions: ", "\n"),
];

fn dress(mut parts: Vec<String>, dice: &mut Dice) -> Vec<String> {
    if dice.share() < 0.15
        && let [text] = &mut parts[..]
        && let Some((front, back)) = dice.pick(&AROUND)
    {
        *text = format!("{front}{text}{back}");
    } else if parts.len() == 1 && dice.share() < 0.08 {
        parts.insert(0, "You are a helpful assistant.".to_owned());
    }
    if parts.len() == 2 && dice.share() < 0.3 {
        parts = vec![parts.join("\n\n")];
    }
    if dice.share() < 0.06 {
        parts = parts.into_iter().map(|part| part.to_lowercase()).collect();
    }
    parts
}
