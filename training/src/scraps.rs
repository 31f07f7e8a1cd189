//! Scraps of ordinary prompts, of one word to three. Names of members and short values are such, and no word is harmful or an
//! attack by itself for being common in texts that are.

use crate::dice::Dice;
use crate::example::{Example, Use, harmless};
use tg_text::score::model::INDIRECT;

/// `count` of them.
pub fn scraps(examples: &[Example], count: usize, dice: &mut Dice) -> Vec<Example> {
    let carriers: Vec<&Example> =
        examples.iter().filter(|e| matches!(e.used, Use::Ordinary | Use::TriggerWords)).collect();
    let mut made = Vec::new();
    for _ in 0..count {
        let Some(carrier) = dice.pick(&carriers) else { break };
        let words: Vec<&str> = carrier.text.split_whitespace().collect();
        let some = 1 + dice.below(3);
        let from = dice.below(words.len().saturating_sub(some) + 1);
        let text = words.get(from..(from + some).min(words.len())).unwrap_or_default().join(" ");
        let text = text.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        let mut targets = harmless();
        if some == 1 {
            targets[INDIRECT] = 0.0;
        }
        made.push(Example { text, source: "scraps".to_owned(), used: Use::Ordinary, targets, planted: false });
    }
    made
}
