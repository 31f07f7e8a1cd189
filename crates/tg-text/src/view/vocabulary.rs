//! Common English words, and those of attacks: enough to tell whether a decoded text is one.

use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

const WORDS: &str = "the and you your for that this with have not are was but all can will what there when which \
    their said if do about how up out many then them these some her would make like him into time has look two more \
    write see number way could people my than first water been call who its now find long down day did get come made \
    may part over new sound take only little work know place year live me back give most very after thing our just \
    name good sentence man think say great where help through much before line right too means old any same tell boy \
    follow want show also around form three small set put end does another well large must big even such because turn \
    here why ask went men read need land different home us move try kind hand picture again change off play spell air \
    away animal house point page letter mother answer found study still learn should world high every near add food \
    between own below country plant last school father keep tree never start city earth eye light thought head under \
    story saw left few while along might close something seem next hard open example begin life always those both \
    paper together got group often run important until children side feet car mile night walk white sea began grow \
    took river four carry state once book hear stop without second later miss idea enough eat face watch far really \
    almost let above girl sometimes mountain cut young talk soon list song being leave family ignore ignored ignoring \
    disregard forget override bypass previous prior earlier preceding above instruction instructions directive \
    directives command commands prompt prompts system rules rule guidelines guideline restriction restrictions limit \
    limits limitation limitations policy policies safety filter filters filtered developer mode debug admin \
    administrator root access reveal print output repeat display secret secrets password passwords key keys token \
    tokens credential credentials confidential private hidden message messages initial original assistant chatbot \
    model language user pretend act role roleplay character persona jailbreak jailbroken unrestricted unfiltered \
    uncensored dan anything everything nothing free freedom obey comply respond response reply execute code script \
    shell bash python decode encode decoded encoded base translate english french german spanish text following \
    context conversation chat email address phone send delete file files database download upload link url website \
    click visit step steps detailed explain describe create generate provide build explosive explosives bomb bombs \
    weapon weapons gun guns drug drugs meth methamphetamine cocaine heroin poison kill murder suicide attack attacks \
    hack hacking hacker hackers malware virus ransomware exploit exploits phishing steal stealing stolen fraud illegal \
    illegally crime criminal hate racist racism sex sexual porn nude naked child abuse violence violent terrorist \
    terrorism nazi shit fuck fucking bitch asshole bastard cunt dick whore slut idiot stupid hello hi please thanks \
    sorry money bank account card credit number social security insult insulting offensive harmful dangerous ethical \
    unethical moral morals evil human humans computer internet network server login authentication cannot dont doesnt \
    wont true false yes no question questions information data details task tasks sure here's sudo enable enabled \
    disable disabled activate activated entire full complete completely exactly verbatim word words begin beginning \
    instead allow allowed answerable of to in is it on as at be or by an we he so am";

/// Shortest words that count.
pub(super) const WORD_MIN: usize = 3;

/// Spreads short words; they are ours, so that nobody can make them collide.
#[derive(Clone, Copy, Debug)]
struct Spread(u64);

impl Default for Spread {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

type Words = HashSet<&'static str, BuildHasherDefault<Spread>>;

fn words() -> &'static Words {
    static TABLE: OnceLock<Words> = OnceLock::new();
    TABLE.get_or_init(|| WORDS.split_ascii_whitespace().collect())
}

/// Whether it is one of the words; in lower case.
pub(super) fn knows(word: &str) -> bool {
    words().contains(word)
}

/// How many of a text's words, of three letters and more, are known; and how many there are.
pub(super) fn known(text: &str) -> (usize, usize) {
    let all = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() >= WORD_MIN);
    all.fold((0, 0), |(known, all), word| (known + usize::from(knows(word)), all + 1))
}

/// Puts spaces between the known words of letters that have none; `None` if most of them are of no known word.
pub(super) fn spaced(letters: &str) -> Option<(String, Vec<usize>)> {
    static FINDER: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let finder = FINDER.get_or_init(|| {
        AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(WORDS.split_ascii_whitespace()).ok()
    });
    let mut out = String::with_capacity(letters.len() * 2);
    let mut places = Vec::new(); // of each byte of the new text, in the old one
    let (mut last, mut covered) = (0, 0);
    let mut copy = |from: usize, to: usize| {
        if !out.is_empty() {
            out.push(' ');
            places.push(from);
        }
        out.push_str(letters.get(from..to).unwrap_or_default());
        places.extend(from..to);
    };
    for found in finder.as_ref()?.find_iter(letters) {
        if found.start() > last {
            copy(last, found.start());
        }
        copy(found.start(), found.end());
        last = found.end();
        covered += if found.len() >= WORD_MIN { found.len() } else { 0 };
    }
    if last < letters.len() {
        copy(last, letters.len());
    }
    (covered * 3 >= letters.len() * 2).then_some((out, places))
}

/// Words that are read from their ends: those of the words that are none themselves when they are turned round.
fn turned() -> &'static HashSet<String, BuildHasherDefault<Spread>> {
    static TABLE: OnceLock<HashSet<String, BuildHasherDefault<Spread>>> = OnceLock::new();
    TABLE.get_or_init(|| TURNED.split_ascii_whitespace().map(|word| word.chars().rev().collect()).collect())
}

/// For each byte that such a word begins with, a bit for each length that one has.
static TURNED_LENGTHS: [u32; 256] = turned_lengths();

const fn turned_lengths() -> [u32; 256] {
    let words = TURNED.as_bytes();
    let mut table = [0; 256];
    let (mut at, mut length) = (0, 0);
    while at < words.len() {
        length = if words[at].is_ascii_whitespace() { 0 } else { length + 1 };
        // They begin with what stands last.
        if length > 0 && (at + 1 == words.len() || words[at + 1].is_ascii_whitespace()) {
            table[words[at] as usize] |= 1 << (length % 32);
        }
        at += 1;
    }
    table
}

/// Whether a stretch of a text is a whole word that is read from its end. Most are none by their first letter and their length.
#[inline]
pub(super) fn is_turned(text: &str, start: usize, end: usize) -> bool {
    let first = text.as_bytes().get(start).copied().unwrap_or(0);
    let length = end.saturating_sub(start);
    let lengths = TURNED_LENGTHS.get(usize::from(first)).copied().unwrap_or(0);
    length < 32 && lengths >> length & 1 == 1 && is_turned_word(text, start, end)
}

fn is_turned_word(text: &str, start: usize, end: usize) -> bool {
    text.get(start..end).is_some_and(|word| turned().contains(word)) && is_whole(text, start, end)
}

/// Whether a text has so many words that are read from their ends.
pub(super) fn has_turned_words(text: &str, fewest: usize) -> bool {
    let words = text.split(|c: char| !c.is_ascii_lowercase()).filter(|word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        is_turned(text, start, start + word.len())
    });
    words.take(fewest).count() == fewest
}

/// Long words that, turned round, are no word of any language, but for chance.
const TURNED: &str = "ignore disregard forget override bypass previous prior instruction instructions prompt system \
    rules guidelines restrictions developer reveal password secret message assistant pretend jailbreak unrestricted \
    respond execute following explain describe create generate provide explosive bomb weapon drugs illegal \
    murder suicide malware exploit phishing information people about which their would write make with what \
    should because please repeat everything anything print the your could between without";

fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let letter = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
    !letter(start.checked_sub(1).and_then(|at| bytes.get(at))) && !letter(bytes.get(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The words found by looking for each of them everywhere.
    fn slowly(text: &str) -> usize {
        let turned = TURNED.split_ascii_whitespace().map(|word| word.chars().rev().collect::<String>());
        let places = turned
            .flat_map(|word| text.match_indices(&word).map(|(at, found)| (at, at + found.len())).collect::<Vec<_>>());
        places.filter(|(start, end)| is_whole(text, *start, *end)).count()
    }

    proptest! {
        #[test]
        fn words_read_from_their_ends_are_found_whole(
            text in "(erongi|metsys|tuohtiw|htiw|snoitcurtsni|noitcurtsni|[a-z]{0,3}|[ .!@$|_1é\n]){0,12}"
        ) {
            let all = slowly(&text);
            for fewest in 1..4 {
                prop_assert_eq!(has_turned_words(&text, fewest), all >= fewest);
            }
        }
    }
}
