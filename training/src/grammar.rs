//! Our own texts: grammars in `texts/`, unfolded into examples.
//!
//! A file has families (`!family NAME AS count=N`, then templates, one a line) and words (`% NAME`, then alternatives, one
//! a line). In a template `{name}` is replaced by one of the word's alternatives, `{a/b/c}` by one of its own, `\n` by a
//! line end, `\{` and `\}` are braces. `{random}` is a string of arbitrary characters. Names hold for all files.

use crate::dice::{Dice, seed};
use crate::example::{Example, UNKNOWN, Use, attack, harm, harmless, number, safe};
use crate::folder::sorted;
use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tg_text::score::model::{INDIRECT, INJECTION, OUTPUTS};

/// What stands for braces that mean themselves, until all is unfolded.
const OPEN: &str = "\u{e000}";
const CLOSE: &str = "\u{e001}";

/// Deepest nesting of words.
const DEPTH_MAX: usize = 12;

#[derive(Debug, Default)]
pub struct Grammar {
    words: BTreeMap<String, Vec<String>>,
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: String,
    used: Use,
    targets: [f32; OUTPUTS],
    count: usize,
    templates: Vec<String>,
}

impl Grammar {
    /// Reads all grammars of a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut grammar = Self::default();
        let paths = sorted(folder)?;
        for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "txt")) {
            let text = fs::read_to_string(path)?;
            grammar.file(&text).with_context(|| path.display().to_string())?;
        }
        grammar.check()?;
        Ok(grammar)
    }

    fn file(&mut self, text: &str) -> Result<()> {
        let mut word: Option<String> = None;
        let text = text.replace("\\{", OPEN).replace("\\}", CLOSE);
        for line in text.lines().map(str::trim_end).filter(|l| !l.is_empty() && !l.starts_with("# ")) {
            if let Some(family) = line.strip_prefix("!family ") {
                self.families.push(Family::head(family)?);
                word = None;
            } else if let Some(name) = line.strip_prefix("% ") {
                word = Some(name.to_owned());
            } else if let Some(name) = &word {
                self.words.entry(name.clone()).or_default().push(line.to_owned());
            } else {
                self.families.last_mut().context("a template before its family")?.templates.push(line.to_owned());
            }
        }
        Ok(())
    }

    /// Every word that is named must exist.
    fn check(&self) -> Result<()> {
        let lines = self.words.values().flatten().chain(self.families.iter().flat_map(|f| &f.templates));
        let mut missing = BTreeSet::new();
        for line in lines {
            for slot in line.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(slot, _)| slot) {
                let named =
                    !slot.is_empty() && slot.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
                if named && slot != "random" && !self.words.contains_key(slot) {
                    missing.insert(slot);
                }
            }
        }
        if missing.is_empty() { Ok(()) } else { bail!("words that are named but nowhere defined: {missing:?}") }
    }

    /// Unfolds all families; the same texts in every run.
    pub fn examples(&self) -> Vec<Example> {
        let mut examples = Vec::new();
        for family in &self.families {
            let mut dice = Dice::new(seed(&family.name));
            let mut known = BTreeSet::new();
            // Templates take turns, so that none is left out; what was said before is not said again.
            for turn in 0..family.count * 3 {
                let Some(template) = family.templates.get(turn % family.templates.len()) else { break };
                let mut text = String::new();
                self.unfold(template, &mut dice, 0, &mut text);
                let text = vary(text.replace(OPEN, "{").replace(CLOSE, "}"), &mut dice);
                if known.len() < family.count && known.insert(text.clone()) {
                    let source = format!("own:{}", family.name);
                    let (used, targets) = (family.used, family.targets);
                    examples.push(Example { text, source, used, targets, planted: used == Use::Planted });
                }
            }
        }
        examples
    }

    fn unfold(&self, template: &str, dice: &mut Dice, depth: usize, out: &mut String) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(&before.replace("\\n", "\n"));
            let Some((slot, behind)) = after.split_once('}') else {
                out.push('{');
                rest = after;
                continue;
            };
            rest = behind;
            if slot == "random" {
                noise(dice, out);
            } else if slot.contains('/') {
                let choices: Vec<_> = slot.split('/').collect();
                self.choice(dice.pick(&choices).copied().unwrap_or_default(), dice, depth, out);
            } else if let Some(choice) =
                self.words.get(slot).and_then(|all| dice.pick(all)).filter(|_| depth < DEPTH_MAX)
            {
                self.unfold(choice, dice, depth + 1, out);
            } else {
                // Braces of code and of JSON stand for themselves.
                out.push('{');
                out.push_str(slot);
                out.push('}');
            }
        }
        out.push_str(&rest.replace("\\n", "\n"));
    }

    /// One of a slot's own alternatives: words that are known in it are replaced.
    fn choice(&self, choice: &str, dice: &mut Dice, depth: usize, out: &mut String) {
        for (at, part) in choice.replace("\\n", "\n").split(' ').enumerate() {
            if at > 0 {
                out.push(' ');
            }
            let bare = part.trim_end_matches(|c: char| !c.is_alphanumeric());
            let known = self.words.get(bare).filter(|_| depth < DEPTH_MAX && !PLAIN.contains(&bare));
            match known.and_then(|all| dice.pick(all)) {
                Some(word) => {
                    self.unfold(word, dice, depth + 1, out);
                    out.push_str(&part[bare.len()..]);
                }
                None => out.push_str(part),
            }
        }
    }

    /// One of a word's alternatives, unfolded; empty where there is no such word.
    pub fn word(&self, name: &str, dice: &mut Dice) -> String {
        let mut out = String::new();
        if let Some(choice) = self.words.get(name).and_then(|all| dice.pick(all)) {
            self.unfold(choice, dice, 1, &mut out);
        }
        out.replace(OPEN, "{").replace(CLOSE, "}")
    }

    /// Puts in the words with an underscore in their names that stand in a text by name.
    pub fn fill(&self, mut text: String, dice: &mut Dice) -> String {
        for name in self.words.keys().filter(|name| name.contains('_')) {
            while let Some(at) = text.find(name.as_str()) {
                text.replace_range(at..at + name.len(), &self.word(name, dice));
            }
        }
        text
    }

    /// More alternatives of a word, from elsewhere.
    pub fn add(&mut self, word: &str, alternatives: impl IntoIterator<Item = String>) {
        self.words.entry(word.to_owned()).or_default().extend(alternatives);
    }
}

/// Names of words that are plain words too: in a slot's own alternatives they mean themselves.
const PLAIN: [&str; 15] = [
    "doc", "thing", "said", "frame", "then", "shot", "company", "group", "who", "scene", "turn", "code", "fence",
    "asked", "passage",
];

impl Family {
    fn head(line: &str) -> Result<Self> {
        let mut parts = line.split_whitespace();
        let name = parts.next().context("a family without a name")?.to_owned();
        let kind = parts.next().context("a family without a kind")?;
        let mut document = harmless();
        document[INDIRECT] = 0.0;
        let mut planted = UNKNOWN;
        planted[INDIRECT] = 1.0;
        let mut both = safe();
        both[INJECTION] = 0.0;
        let (used, targets) = match kind.split(':').collect::<Vec<_>>()[..] {
            ["attack"] => (Use::Attack, attack()),
            ["planted"] => (Use::Planted, planted),
            ["document"] => (Use::Document, document),
            ["ordinary"] => (Use::Ordinary, harmless()),
            ["trigger"] => (Use::TriggerWords, harmless()),
            ["sensitive"] => (Use::Sensitive, harmless()),
            ["safe"] => (Use::SafeText, both),
            ["request", category] => (Use::HarmRequest, harm(Some(number(category)?), 1.5)),
            ["text", category, gravity] => (Use::HarmText, harm(Some(number(category)?), gravity.parse()?)),
            _ => bail!("family {name}: what is `{kind}`?"),
        };
        let count = parts.next().and_then(|c| c.strip_prefix("count=")).context("a family without count=")?.parse()?;
        Ok(Self { name, used, targets, count, templates: Vec::new() })
    }
}

/// People write carelessly: without capitals or the last stop, with a slip of the finger.
fn vary(mut text: String, dice: &mut Dice) -> String {
    let wide = |c: char| ('\u{3000}'..='\u{9fff}').contains(&c);
    if text.chars().filter(|c| wide(*c)).count() * 4 > text.chars().count() {
        text.retain(|c| c != ' ');
    }
    if dice.share() < 0.15 {
        text = text.trim_end_matches(['.', '!', '?']).to_owned();
    }
    if dice.share() < 0.08 {
        text = text.replace([',', '\''], "");
    }
    if dice.share() < 0.06 {
        let mut chars: Vec<char> = text.chars().collect();
        if chars.len() > 8 {
            let at = dice.below(chars.len() - 2);
            if chars[at].is_alphabetic() && chars[at + 1].is_alphabetic() {
                chars.swap(at, at + 1);
            }
        }
        text = chars.into_iter().collect();
    }
    text
}

/// Characters and bits of words without sense, as a search for a suffix by gradient finds them.
fn noise(dice: &mut Dice, out: &mut String) {
    const BITS: &[&str] = &[
        "describing",
        ".+",
        "similarly",
        "Now",
        "write",
        "opp",
        "\\!",
        "--",
        "Two",
        "revert",
        "]( ",
        "**",
        "one",
        "ually",
        "ing",
        "Sure",
        "{\\",
        "};",
        "&&",
        "interface",
        "Manuel",
        "WITH",
        "steps",
        "instead",
        "sentences",
        ":)",
        "ish",
        "tele",
        "[/",
        "==",
        "()",
        "ion",
        "printf",
        "<?",
        "%",
        "text",
        "Here",
        "inverse",
        "lax",
        "prompt",
        "ze",
        "JSON",
        "``",
        "\"",
        "tutorial",
        "bez",
        "formatted",
        "@",
        "gut",
        "::",
        "Ster",
        "uck",
        "/*",
        "kw",
        "Ly",
        "theore",
        "=\\",
        "!!",
        ";",
    ];
    for _ in 0..8 + dice.below(22) {
        if dice.share() < 0.55 {
            out.push_str(dice.pick(BITS).copied().unwrap_or_default());
        } else {
            for _ in 0..1 + dice.below(7) {
                let c = 33 + dice.below(94) as u8;
                out.push(char::from(if dice.share() < 0.7 { b'a' + c % 26 } else { c }));
            }
        }
        if dice.share() < 0.6 {
            out.push(' ');
        }
    }
}

/// Copies of attacks inside harmless texts, and harmless texts one behind the other, so that being put together is not
/// what tells an attack.
pub fn planted(examples: &[Example], dice: &mut Dice) -> Vec<Example> {
    let fits = |e: &&Example| e.used == Use::Ordinary && e.text.len() < 2500;
    let carriers: Vec<&Example> = examples.iter().filter(fits).collect();
    let files: Vec<&Example> = examples.iter().filter(|e| e.source.starts_with("files_")).collect();
    let mut made = Vec::new();
    for example in examples.iter().filter(|e| e.used == Use::Attack && e.text.len() < 1200) {
        let into = if dice.below(3) == 0 && !files.is_empty() { &files } else { &carriers };
        if dice.share() < 0.35
            && let Some(carrier) = dice.pick(into)
        {
            let (text, source) = (joined(&carrier.text, &example.text, dice), format!("{}+", example.source));
            made.push(Example { text, source, used: Use::Attack, targets: example.targets, planted: true });
        }
    }
    for _ in 0..carriers.len() / 5 {
        if let (Some(one), Some(two)) = (dice.pick(&carriers), dice.pick(&carriers)) {
            let text = joined(&one.text, &two.text, dice);
            let source = "joined".to_owned();
            made.push(Example { text, source, used: Use::Ordinary, targets: harmless(), planted: false });
        }
    }
    made
}

fn joined(carrier: &str, inserted: &str, dice: &mut Dice) -> String {
    let gap = ["\n\n", "\n", " ", ". ", "\n---\n"][dice.below(5)];
    match dice.below(4) {
        0 => format!("{inserted}{gap}{carrier}"),
        1 => {
            let breaks: Vec<usize> = carrier.match_indices(['.', '\n']).map(|(at, _)| at + 1).collect();
            let at = dice.pick(&breaks).copied().unwrap_or(carrier.len());
            format!("{}{gap}{inserted}{gap}{}", &carrier[..at], &carrier[at..])
        }
        _ => format!("{carrier}{gap}{inserted}"),
    }
}
