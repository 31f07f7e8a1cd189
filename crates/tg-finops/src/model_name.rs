//! Whether two names mean one model: what a bill prints (`Claude4.6Sonnet`) and what a call names
//! (`us.anthropic.claude-sonnet-4-6-v1:0`) are compared by their words and their numbers.

/// Words that one side says and the other does not, and that tell no two models apart.
const SAID_BY_ONE_SIDE: [&str; 5] = ["instruct", "amazon", "bedrock", "edition", "latest"];

/// Geographies and vendors, which stand before a model's id.
fn without_prefixes(id: &str) -> &str {
    let mut rest = id;
    while let Some((first, tail)) = rest.split_once('.') {
        let is_name = !first.is_empty() && first.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
        if !(is_name || first == "ai21") || !tail.starts_with(|c: char| c.is_ascii_alphabetic()) {
            break;
        }
        rest = tail;
    }
    rest
}

/// An id without its version: `:0`, `-v1:0`, `-1:0`, `:0:200k`. A second version stays: it is another model.
fn without_version(id: &str) -> &str {
    let mut rest = id;
    while let Some((head, tail)) = rest.rsplit_once(':') {
        if !tail.trim_end_matches('k').bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        rest = head;
    }
    let bare = if rest.len() < id.len() { rest.strip_suffix("-1") } else { None };
    rest.strip_suffix("-v1").or(bare).unwrap_or(rest)
}

/// `20251001`: when a model was made, which only one side tells.
fn is_date(part: &str) -> bool {
    part.len() == 8 && part.starts_with("20") && part.bytes().all(|b| b.is_ascii_digit())
}

/// What a model's name comes to: equal for all names of one model. Empty for what has neither word nor number.
#[must_use]
pub fn signature(name: &str) -> String {
    let id = name.rsplit('/').next().unwrap_or(name);
    let id = without_version(without_prefixes(id));
    let (mut words, mut numbers): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for part in id.split(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '.') {
        if !is_date(part) {
            split(part, &mut words, &mut numbers);
        }
    }
    words.retain(|word| !SAID_BY_ONE_SIDE.contains(&word.as_str()));
    words.sort();
    if words.is_empty() && numbers.is_empty() {
        String::new()
    } else {
        format!("{} {}", words.join("-"), numbers.join("."))
    }
}

/// Splits `Nova2.0Lite` into words and numbers. A number's `.0` says nothing.
fn split(part: &str, words: &mut Vec<String>, numbers: &mut Vec<String>) {
    let mut word = String::new();
    let mut number = String::new();
    let mut after_point = false;
    let mut was_lower = false;
    for c in part.chars().chain(std::iter::once(' ')) {
        if !c.is_ascii_digit() && !number.is_empty() {
            let digits = std::mem::take(&mut number);
            if !(after_point && digits == "0") {
                numbers.push(digits);
            }
            after_point = false;
        }
        if (!c.is_ascii_alphabetic() || (c.is_ascii_uppercase() && was_lower)) && !word.is_empty() {
            words.push(ground(&std::mem::take(&mut word)));
        }
        match c {
            '.' => after_point = true,
            '+' => words.push("plus".to_owned()),
            c if c.is_ascii_digit() => number.push(c),
            c if c.is_ascii_alphabetic() => word.push(c.to_ascii_lowercase()),
            _ => {}
        }
        was_lower = c.is_ascii_lowercase();
    }
}

/// The ground form of a word that both sides use in another form.
fn ground(word: &str) -> String {
    match word {
        "embedding" | "embeddings" => "embed".to_owned(),
        other => other.to_owned(),
    }
}

/// A model's id as people know it: without geography and ARN.
#[must_use]
pub fn plain(name: &str) -> &str {
    let id = name.rsplit('/').next().unwrap_or(name);
    for geography in ["us-gov.", "global.", "apac.", "us.", "eu.", "au.", "jp.", "in."] {
        if let Some(rest) = id.strip_prefix(geography) {
            return rest;
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::{plain, signature};

    #[test]
    fn names_of_one_model_come_to_one_signature() {
        for (on_the_bill, in_the_ledger) in [
            ("Claude4.6Sonnet", "us.anthropic.claude-sonnet-4-6"),
            ("Claude4.5Haiku", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
            ("Claude Opus 5.5 (Amazon Bedrock Edition)", "global.anthropic.claude-opus-5-5"),
            ("anthropic.claude-opus-4-8", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-8"),
            ("Claude3Sonnet", "anthropic.claude-3-sonnet-20240229-v1:0:200k"),
            ("NovaLite", "amazon.nova-lite-v1:0"),
            ("Nova2.0Lite", "us.amazon.nova-2-lite-v1:0"),
            ("Llama3-1-70B", "us.meta.llama3-1-70b-instruct-v1:0"),
            ("gpt-oss-120b", "openai.gpt-oss-120b-1:0"),
            ("openai.gpt-5.5", "openai.gpt-5.5"),
            ("TitanEmbeddingV2-Text", "amazon.titan-embed-text-v2:0"),
        ] {
            assert_eq!(signature(on_the_bill), signature(in_the_ledger), "{on_the_bill}");
        }
    }

    #[test]
    fn other_models_come_to_other_signatures() {
        let models = [
            "anthropic.claude-sonnet-4-6",
            "anthropic.claude-sonnet-4-5",
            "anthropic.claude-sonnet-4",
            "anthropic.claude-opus-4-6",
            "anthropic.claude-3-5-sonnet-20241022-v2:0",
            "anthropic.claude-3-5-sonnet-20240620-v1:0",
            "amazon.nova-lite-v1:0",
            "amazon.nova-2-lite-v1:0",
            "amazon.nova-pro-v1:0",
            "meta.llama3-1-70b-instruct-v1:0",
            "meta.llama3-1-8b-instruct-v1:0",
            "openai.gpt-oss-20b-1:0",
            "openai.gpt-oss-120b-1:0",
        ];
        for (at, one) in models.iter().enumerate() {
            for other in &models[at + 1..] {
                assert_ne!(signature(one), signature(other), "{one} {other}");
            }
        }
        assert_eq!(signature("-"), "");
    }

    #[test]
    fn plain_names_have_no_geography() {
        for (name, expected) in [
            ("us.anthropic.claude-opus-5", "anthropic.claude-opus-5"),
            ("us-gov.anthropic.claude-opus-5", "anthropic.claude-opus-5"),
            ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
            ("gpt-5", "gpt-5"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }
}
