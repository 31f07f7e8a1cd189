//! The names under which a model may be asked for, in the order in which the catalogue tries them.

use crate::source::Factor;

/// Geographic prefixes of Bedrock's cross-Region profiles and the factor on the base row's rates where the catalogue
/// has no row for the profile itself. Longest first, so that `us-gov.` is not read as `us`.
const GEOGRAPHIES: [(&str, Factor); 8] = [
    GOVERNMENT,
    ("global", (1, 1)),
    ("apac", (11, 10)),
    ("us", (11, 10)),
    ("eu", (11, 10)),
    ("au", (11, 10)),
    ("jp", (11, 10)),
    ("in", (11, 10)),
];

/// The geography of AWS GovCloud.
pub(crate) const GOVERNMENT: (&str, Factor) = ("us-gov", (12, 10));

/// A Bedrock model as a call names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BedrockName<'a> {
    /// The Region in the ARN, if it was one.
    pub region: Option<&'a str>,
    /// The id with its geographic prefix.
    pub id: &'a str,
    /// The id without it.
    pub base: &'a str,
    /// The geography and the factor that goes with it.
    pub geography: Option<(&'a str, Factor)>,
}

impl<'a> BedrockName<'a> {
    /// Reads a model id, a system profile id, or the ARN of either. `None` for the ARN of anything else: an
    /// application profile, provisioned throughput or an imported model does not say which model it stands for.
    pub fn read(name: &'a str) -> Option<Self> {
        let (region, id) = match name.strip_prefix("arn:") {
            None => (None, name),
            Some(arn) => {
                let mut parts = arn.splitn(5, ':');
                let (_partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
                let (_account, resource) = (parts.next()?, parts.next()?);
                let (kind, id) = resource.split_once('/')?;
                if service != "bedrock" || !matches!(kind, "foundation-model" | "inference-profile") {
                    return None;
                }
                (Some(region).filter(|region| !region.is_empty()), id)
            }
        };
        // A second prefix behind the first makes no name of Bedrock's: the whole is taken as it stands.
        let geography = split_geography(id).filter(|(_, _, base)| split_geography(base).is_none());
        Some(match geography {
            Some((geo, factor, base)) => Self { region, id, base, geography: Some((geo, factor)) },
            None => Self { region, id, base: id, geography: None },
        })
    }
}

/// The geographic prefix of an id, its factor, and the id behind it.
fn split_geography(id: &str) -> Option<(&str, Factor, &str)> {
    GEOGRAPHIES.iter().find_map(|(geo, factor)| {
        let base = id.strip_prefix(geo)?.strip_prefix('.')?;
        Some((&id[..geo.len()], *factor, base))
    })
}

/// Where Bedrock works on a call for a model, beside the Region that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Nowhere else.
    Region,
    /// In any Region of this geography; `global`: in any.
    Geography(&'a str),
    /// The name does not say.
    Unknown,
}

/// Kinds of resources that are of one Region.
const REGIONAL: [&str; 3] = ["provisioned-model", "imported-model", "custom-model-deployment"];

/// Where Bedrock works on a call for a model of this id or ARN.
#[must_use]
pub fn reach(name: &str) -> Reach<'_> {
    match BedrockName::read(name) {
        Some(BedrockName { geography: Some((geography, _)), .. }) => Reach::Geography(geography),
        // A prefix of which nothing is known, or two of them.
        Some(BedrockName { id, .. }) if split_geography(id).is_some() => Reach::Unknown,
        // One of AWS's newer geographies.
        Some(BedrockName { id, .. }) if let Some(geography) = stranger(id) => Reach::Geography(geography),
        Some(_) => Reach::Region,
        None => {
            let kind = name.splitn(6, ':').nth(5).and_then(|resource| resource.split('/').next());
            if kind.is_some_and(|kind| REGIONAL.contains(&kind)) { Reach::Region } else { Reach::Unknown }
        }
    }
}

/// What stands before the maker of a model, as in `ca.amazon.nova-lite-v1:0`: makers have neither signs nor versions in
/// their names, as models do.
fn stranger(id: &str) -> Option<&str> {
    let (first, rest) = id.split_once('.')?;
    let (maker, _) = rest.split_once('.')?;
    let is_version = maker.strip_prefix('v').is_some_and(is_number);
    (!is_version && maker.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(first)
}

/// `id`, then `id` with its version cut off piece by piece: `:200k`, `:0`, `-v1`.
pub(crate) fn bedrock_versions(id: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(id), |id| {
        if let Some((rest, tail)) = id.rsplit_once(':') {
            return (is_number(tail) || tail.strip_suffix('k').is_some_and(is_number)).then_some(rest);
        }
        id.rsplit_once("-v").filter(|(_, tail)| is_number(tail)).map(|(rest, _)| rest)
    })
}

/// The names of a model of a provider other than Bedrock: as it stands, then the row that a snapshot of it goes by.
pub(crate) fn snapshots(name: &str) -> impl Iterator<Item = &str> {
    let name_of_tuned =
        name.strip_prefix("ft:").and_then(|rest| rest.find(':').map(|colon| &name[.."ft:".len() + colon]));
    let base = name_of_tuned.unwrap_or(name);
    let gemini = name.strip_prefix("models/");
    [Some(name), name_of_tuned, gemini, undated(gemini.unwrap_or(base))].into_iter().flatten()
}

/// A model's name without `-2026-11-23`, `-20261123` or `-latest`; `None` if it has none of these.
#[must_use]
pub fn undated(name: &str) -> Option<&str> {
    if let Some(base) = name.strip_suffix("-latest") {
        return Some(base);
    }
    let compact = |tail: &str| tail.len() == 8 && tail.starts_with("20") && is_number(tail);
    if let Some((base, tail)) = name.rsplit_once('-')
        && compact(tail)
    {
        return Some(base);
    }
    let at = name.len().checked_sub("-2026-11-23".len())?;
    let tail = name.get(at..)?.as_bytes();
    let dated = tail.iter().enumerate().all(|(i, byte)| match i {
        0 | 5 | 8 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    dated.then(|| &name[..at])
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The catalogue's name of a provider kind, where the word in use differs.
pub(crate) fn provider(kind: &str) -> &str {
    match kind {
        "aws_bedrock" | "aws.bedrock" | "bedrock_converse" => "bedrock",
        "azure_openai" | "azure.ai.openai" => "azure",
        "azure_foundry" | "azure.ai.inference" => "azure_ai",
        "together_ai" => "together",
        "fireworks_ai" => "fireworks",
        "mistral_ai" | "mistralai" => "mistral",
        "x_ai" => "xai",
        "google" | "gcp.gemini" => "gemini",
        other => other,
    }
}

/// The other surface on which the same seller offers models.
pub(crate) fn other_surface(provider: &str) -> Option<&'static str> {
    Some(match provider {
        "bedrock" => "bedrock_mantle",
        "bedrock_mantle" => "bedrock",
        "azure" => "azure_ai",
        "azure_ai" => "azure",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{BedrockName, Reach, bedrock_versions, reach, snapshots};

    #[test]
    fn a_name_says_where_bedrock_works_on_a_call() {
        for (name, expected) in [
            ("anthropic.claude-opus-5-5", Reach::Region),
            ("eu.anthropic.claude-opus-5-5", Reach::Geography("eu")),
            ("global.anthropic.claude-opus-5-5", Reach::Geography("global")),
            ("ca.amazon.nova-lite-v1:0", Reach::Geography("ca")),
            ("deepseek.v3.2", Reach::Region),
            ("openai.gpt-5.6", Reach::Region),
            ("eu.us.anthropic.claude-opus-5-5", Reach::Unknown),
            ("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0", Reach::Region),
            (
                "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
                Reach::Geography("eu"),
            ),
            ("arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abc123", Reach::Region),
            ("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123", Reach::Unknown),
            ("arn:aws:bedrock:eu-west-1:123456789012:default-prompt-router/x", Reach::Unknown),
            ("arn:", Reach::Unknown),
        ] {
            assert_eq!(reach(name), expected, "{name}");
        }
    }

    #[test]
    fn bedrock_names_give_geography_and_region() {
        for (name, region, base, geography) in [
            ("anthropic.claude-opus-5-5", None, "anthropic.claude-opus-5-5", None),
            ("us.anthropic.claude-opus-5-5", None, "anthropic.claude-opus-5-5", Some("us")),
            ("us-gov.anthropic.claude-opus-5", None, "anthropic.claude-opus-5", Some("us-gov")),
            (
                "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0",
                Some("eu-west-1"),
                "amazon.nova-pro-v1:0",
                None,
            ),
            (
                "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.amazon.nova-pro-v1:0",
                Some("us-gov-west-1"),
                "amazon.nova-pro-v1:0",
                Some("us-gov"),
            ),
        ] {
            let read = BedrockName::read(name).unwrap();
            assert_eq!((read.region, read.base, read.geography.map(|g| g.0)), (region, base, geography), "{name}");
        }
        for name in [
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
            "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123",
            "arn:aws:sagemaker:us-east-1:123456789012:foundation-model/x",
            "arn:aws:bedrock",
            "arn:",
        ] {
            assert_eq!(BedrockName::read(name), None, "{name}");
        }
    }

    #[test]
    fn versions_are_cut_piece_by_piece() {
        for (id, expected) in [
            ("a.b-v1:0:200k", &["a.b-v1:0:200k", "a.b-v1:0", "a.b-v1", "a.b"][..]),
            ("a.b-v1:0", &["a.b-v1:0", "a.b-v1", "a.b"]),
            ("a.b", &["a.b"]),
            ("a.b:beta", &["a.b:beta"]),
            ("a.b-vision", &["a.b-vision"]),
        ] {
            assert_eq!(bedrock_versions(id).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn snapshots_fall_back_to_the_undated_name() {
        for (name, expected) in [
            ("gpt-5", &["gpt-5"][..]),
            ("gpt-5-2025-08-07", &["gpt-5-2025-08-07", "gpt-5"]),
            ("claude-haiku-4-5-20251001", &["claude-haiku-4-5-20251001", "claude-haiku-4-5"]),
            ("mistral-large-latest", &["mistral-large-latest", "mistral-large"]),
            ("models/gemini-3-pro", &["models/gemini-3-pro", "gemini-3-pro"]),
            ("ft:gpt-4o-2024-08-06:org::id", &["ft:gpt-4o-2024-08-06:org::id", "ft:gpt-4o-2024-08-06", "ft:gpt-4o"]),
            ("codestral-2508", &["codestral-2508"]),
            ("x-99999999", &["x-99999999"]),
            ("é-2025-08-07", &["é-2025-08-07", "é"]),
            ("ééééééééééé", &["ééééééééééé"]),
        ] {
            assert_eq!(snapshots(name).collect::<Vec<_>>(), expected);
        }
    }
}
