//! What a model's id says of it: where it is served, its family, its line in that (`claude-haiku`), and its version.

use tg_catalog::undated;

/// Geographies of Bedrock's profiles: a candidate must be served in the same.
const GEOGRAPHIES: [&str; 9] = ["us", "us-gov", "eu", "apac", "au", "ca", "jp", "in", "global"];

/// Words of models that are made for something else than talking, or that may change or go at any time.
const SPECIAL: [&str; 14] = [
    "preview",
    "latest",
    "search",
    "audio",
    "realtime",
    "codex",
    "cyber",
    "computer",
    "image",
    "research",
    "safeguard",
    "transcribe",
    "tts",
    "live",
];

/// An id, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Geography and maker, as in `us.anthropic`; empty where ids do not say.
    pub place: String,
    /// The first word, as in `claude`.
    pub family: String,
    /// All words that are no version, as in `claude haiku`.
    pub line: String,
    /// The numbers, in their order, without dates.
    pub version: Vec<u32>,
    /// Made for something special, tuned by somebody, or served in one Region only.
    pub is_special: bool,
}

impl Name {
    /// Reads an id. `None` for an ARN, which does not say which model it stands for, and for what has no words.
    pub fn read(id: &str) -> Option<Self> {
        if id.starts_with("arn:") || id.is_empty() {
            return None;
        }
        let is_special = id.starts_with("ft:") || id.contains('/');
        let (place, rest) = split_place(id);
        let rest = rest.split(':').next().unwrap_or(rest);
        let rest = undated(rest).unwrap_or(rest);
        let (mut words, mut version): (Vec<&str>, Vec<u32>) = (Vec::new(), Vec::new());
        for part in rest.split(['-', '.', '_']).filter(|part| !part.is_empty()) {
            let digits: String = part.chars().filter(char::is_ascii_digit).collect();
            let is_plain = digits.len() == part.len();
            if digits.is_empty() {
                words.push(part);
            } else if !(is_plain && part.len() == 8 || part.starts_with('v') && digits.len() + 1 == part.len()) {
                version.push(digits.parse().unwrap_or(u32::MAX));
                // `o4` and `4o` are versions of what their letter says; `8b` is a size and tells lines apart.
                if part.ends_with(['b', 'B']) {
                    words.push(part);
                }
            }
        }
        let first = words.first().copied().or_else(|| rest.split(|c: char| c.is_ascii_digit()).next())?;
        let is_special = is_special || words.iter().any(|word| SPECIAL.contains(word));
        let (family, line) = (first.to_owned(), words.join(" "));
        Some(Self { place: place.to_owned(), family, line, version, is_special })
    }

    /// Whether both are of one maker, served in the same place.
    pub fn is_kin(&self, other: &Self) -> bool {
        self.place == other.place && self.family == other.family
    }
}

/// Geography and maker, and the id behind them. A dot within a version parts nothing.
fn split_place(id: &str) -> (&str, &str) {
    let Some((first, behind)) = id.split_once('.') else { return ("", id) };
    let is_name = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(['-', ':']);
    let start = if GEOGRAPHIES.contains(&first) { first.len() + 1 } else { 0 };
    let rest = if start > 0 { behind } else { id };
    match rest.split_once('.') {
        Some((maker, _)) if is_name(maker) => (&id[..start + maker.len()], &rest[maker.len() + 1..]),
        _ => (&id[..start.saturating_sub(1)], rest),
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn ids_say_family_line_and_version() {
        for (id, place, line, version, is_special) in [
            ("claude-haiku-4-5", "", "claude haiku", &[4, 5][..], false),
            ("claude-opus-4-5-20251101", "", "claude opus", &[4, 5], false),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic", "claude sonnet", &[4, 5], false),
            ("us-gov.anthropic.claude-opus-5", "us-gov.anthropic", "claude opus", &[5], false),
            ("amazon.nova-2-lite-v1:0", "amazon", "nova lite", &[2], false),
            ("gpt-5.4-mini", "", "gpt mini", &[5, 4], false),
            ("gpt-4o-2024-08-06", "", "gpt", &[4], false),
            ("us.openai.gpt-5.6", "us.openai", "gpt", &[5, 6], false),
            ("ft:gpt-4o-mini", "", "", &[], true),
            ("us-east-1/amazon.nova-pro-v1:0", "", "us east", &[1], true),
            ("gpt-5-search-api", "", "gpt search api", &[5], true),
        ] {
            let Some(name) = Name::read(id) else { panic!("{id}") };
            assert_eq!(
                (name.is_special, name.place.as_str()),
                (is_special, if id.contains('/') { name.place.as_str() } else { place }),
                "{id}"
            );
            if !is_special || id.starts_with("gpt") {
                assert_eq!((name.line.as_str(), name.version.as_slice()), (line, version), "{id}");
            }
        }
        assert_eq!(Name::read("arn:aws:bedrock:us-east-1:1:application-inference-profile/x"), None);
        assert_eq!(Name::read(""), None);
    }

    #[test]
    fn kin_is_of_one_maker_in_one_place() {
        let kin = |a, b| Name::read(a).unwrap().is_kin(&Name::read(b).unwrap());
        assert!(kin("claude-opus-4-5", "claude-haiku-4-5"));
        assert!(!kin("claude-opus-4-5", "gpt-5"));
        assert!(!kin("us.anthropic.claude-opus-5", "eu.anthropic.claude-haiku-5-5"));
    }
}
