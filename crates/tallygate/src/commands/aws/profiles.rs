//! `tallygate aws profiles`: the application inference profiles that the configuration wants, held against the account.

mod account;

use crate::commands::ConfigArg;
use crate::commands::table::{Listing, or_dash, printable};
use crate::commands::terminal::say;
use crate::process::roots;
use crate::source::{Loaded, Source};
use account::{Account, Profile};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tg_config::document::{self, InferenceProfile, ProviderKind};

/// The longest name that AWS takes.
const NAME_CHARS_MAX: usize = 64;

/// The longest value of a tag.
const TAG_CHARS_MAX: usize = 256;

/// The profiles of `inference_profiles` in the configuration. Entries without `arn` are those to be made.
#[derive(Debug, Args)]
pub(crate) struct Profiles {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Show which profiles exist and which would be made or tagged anew; changes nothing
    Plan(Scope),
    /// Make the missing profiles, mend their tags, and print the lines for the configuration
    Apply(Scope),
}

#[derive(Debug, Args)]
struct Scope {
    #[command(flatten)]
    config: ConfigArg,
    /// Only the profiles of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
}

impl Profiles {
    pub(super) fn run(self) -> Result<()> {
        let (scope, apply) = match self.act {
            Act::Plan(scope) => (scope, false),
            Act::Apply(scope) => (scope, true),
        };
        let loaded = Source::choose(scope.config.config).load()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let text = runtime.block_on(compare(&loaded, scope.provider.as_deref(), apply))?;
        say(text)
    }
}

/// The table, and after a change the lines for the configuration.
async fn compare(loaded: &Loaded, only: Option<&str>, apply: bool) -> Result<String> {
    let mut listing = Listing::new(&["provider", "team", "project", "model", "state", "arn"]);
    let mut lines = String::new();
    let mut some = false;
    for provider in chosen(loaded, only)? {
        let upstream = loaded.snapshot.upstreams.get(provider.name.as_str()).context("a provider is missing")?;
        let account = Account::new(upstream, roots()?);
        let known = account.profiles().await.with_context(|| format!("provider '{}'", provider.name))?;
        let mut entries = Vec::new();
        for entry in &provider.inference_profiles {
            let wanted = Wanted::of(entry);
            let (state, arn) = settle(&account, &wanted, &known, apply).await.with_context(|| {
                format!("provider '{}', model '{}', team '{}'", provider.name, entry.model, entry.team)
            })?;
            let project = entry.project.as_ref().map(ToString::to_string).unwrap_or_default();
            let (name, team, model) = (provider.name.to_string(), entry.team.to_string(), entry.model.to_string());
            let shown = arn.clone().unwrap_or_default();
            listing.row([name, team, or_dash(&project), model, state.to_owned(), or_dash(&shown)]);
            entries.push(InferenceProfile { arn, ..entry.clone() });
            some = true;
        }
        if apply && !entries.is_empty() {
            write_lines(&mut lines, provider, &entries)?;
        }
    }
    if !some {
        bail!("no provider has `inference_profiles`; add the pairs of team and model that shall have one");
    }
    Ok(if lines.is_empty() { listing.finish() } else { format!("{}\n\n{}", listing.finish(), lines.trim_end()) })
}

fn chosen<'a>(loaded: &'a Loaded, only: Option<&str>) -> Result<Vec<&'a document::Provider>> {
    if let Some(name) = only {
        let provider = loaded.document.provider(name).with_context(|| format!("there is no provider '{name}'"))?;
        if provider.kind != ProviderKind::Bedrock {
            bail!("provider '{name}' is not Bedrock");
        }
        return Ok(vec![provider]);
    }
    let all = loaded.document.providers.iter();
    Ok(all.filter(|provider| !provider.inference_profiles.is_empty()).collect())
}

/// What is to be done for one entry, and its ARN if it has one now; done if `apply`.
async fn settle(
    account: &Account<'_>,
    wanted: &Wanted<'_>,
    known: &[Profile],
    apply: bool,
) -> Result<(&'static str, Option<String>)> {
    let stated = wanted.entry.arn.as_deref();
    let found = known.iter().find(|profile| match stated {
        Some(arn) => profile.arn == arn,
        None => profile.name == wanted.name,
    });
    let Some(found) = found else {
        return match (stated, apply) {
            // An ARN cannot be made to order.
            (Some(arn), _) => Ok(("gone", Some(arn.to_owned()))),
            (None, false) => Ok(("missing", None)),
            (None, true) => {
                let source = account.source_of(wanted.entry.model.as_str()).await?;
                let token = digest(&[&wanted.name, &source], 16);
                let arn = account.create(&wanted.name, &source, &wanted.tags, &token).await?;
                Ok(("made", Some(arn)))
            }
        };
    };
    let tags = account.tags(&found.arn).await?;
    let arn = Some(found.arn.clone());
    if wanted.tags.iter().all(|(key, value)| tags.get(*key) == Some(value)) {
        return Ok(("exists", arn));
    }
    if !apply {
        return Ok(("tags differ", arn));
    }
    account.tag(&found.arn, &wanted.tags).await?;
    Ok(("tagged anew", arn))
}

/// A profile as it shall be.
struct Wanted<'a> {
    entry: &'a InferenceProfile,
    /// Says whose it is, and ends in a digest of just that, by which it is found again.
    name: String,
    tags: BTreeMap<&'static str, String>,
}

impl<'a> Wanted<'a> {
    fn of(entry: &'a InferenceProfile) -> Self {
        let project = entry.project.as_ref().map(|name| name.as_str()).unwrap_or_default();
        let (team, model) = (entry.team.as_str(), entry.model.as_str());
        let digest = digest(&[team, project, model], 4);
        let words = format!("tallygate {team} {project} {model}");
        let words: Vec<&str> = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
        let mut name = words.join("-");
        name.truncate(NAME_CHARS_MAX - digest.len() - 1);
        let name = format!("{}-{digest}", name.trim_end_matches('-'));
        let mut tags = BTreeMap::from([("managed-by", "tallygate".to_owned()), ("team", tag_value(team))]);
        if !project.is_empty() {
            tags.insert("project", tag_value(project));
        }
        Self { entry, name, tags }
    }
}

fn tag_value(text: &str) -> String {
    text.chars().take(TAG_CHARS_MAX).collect()
}

/// The first bytes of a digest of these texts, in hexadecimal.
fn digest(texts: &[&str], bytes: usize) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(bytes).fold(String::new(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The whole list of a provider, to be put in the place of the present one.
fn write_lines(out: &mut String, provider: &document::Provider, entries: &[InferenceProfile]) -> Result<()> {
    writeln!(out, "# provider {}", provider.name)?;
    writeln!(out, "inference_profiles:")?;
    for InferenceProfile { model, team, project, arn } in entries {
        // Patterns have characters that YAML would read in its own way.
        write!(out, "- {{ model: '{}', team: {team}", printable(&model.as_str().replace('\'', "''")))?;
        if let Some(project) = project {
            write!(out, ", project: {project}")?;
        }
        if let Some(arn) = arn {
            write!(out, ", arn: '{}'", printable(&arn.replace('\'', "''")))?;
        }
        writeln!(out, " }}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Wanted;
    use tg_config::document::InferenceProfile;

    #[test]
    fn names_are_within_the_rules_and_differ() {
        let entry = |team: &str, project: Option<&str>, model: &str| InferenceProfile {
            model: model.parse().unwrap(),
            team: team.parse().unwrap(),
            project: project.map(|name| name.parse().unwrap()),
            arn: None,
        };
        let long = "t".repeat(64);
        let entries = [
            entry("red", None, "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
            entry("red", Some("us"), "anthropic.claude-haiku-4-5-20251001-v1:0"),
            entry("red_", None, "amazon.nova-lite-v1:0"),
            entry("red-", None, "amazon.nova-lite-v1:0"),
            entry(&long, Some(&long), "amazon.nova-lite-v1:0"),
            entry(&long, None, "amazon.nova-lite-v1:0"),
        ];
        let mut names: Vec<String> = entries.iter().map(|entry| Wanted::of(entry).name).collect();
        assert!(names[2].starts_with("tallygate-red-amazon-nova-lite-v1-0-"), "{}", names[2]);
        for name in &names {
            assert!(name.len() <= 64 && !name.contains("--"), "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), entries.len());
    }
}
