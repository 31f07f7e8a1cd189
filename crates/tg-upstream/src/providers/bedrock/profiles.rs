//! Application inference profiles: which one is named for a model in whose calls, and which model stands behind one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::pattern;
use tg_kernel::principal::Attribution;

/// How long it is believed which model stands behind a profile. It cannot be changed; the profile can be deleted.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);

/// How long it is believed that AWS does not say.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);

/// Most ARNs that are remembered. Callers choose them.
const REMEMBERED_MAX: usize = 1024;

/// Most questions that are open at once.
const OPEN_MAX: usize = 4;

/// A profile of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The model's id, or a pattern of ids.
    pub model: Arc<str>,
    /// In whose calls it is named.
    pub team: Arc<str>,
    /// Only in calls of this project.
    pub project: Option<Arc<str>>,
    /// The profile.
    pub arn: Arc<str>,
}

impl Profile {
    /// Whether it is for calls that are booked so.
    fn is_for(&self, booked: &Attribution) -> bool {
        self.team == booked.team && (self.project.is_none() || self.project == booked.project)
    }
}

/// The profiles of one provider.
#[derive(Debug)]
pub struct Profiles {
    region: Arc<str>,
    /// The most specific first.
    declared: Vec<Profile>,
    learned: Mutex<HashMap<Arc<str>, Learned>>,
}

/// What is known of an ARN that callers have named.
#[derive(Clone, Debug)]
enum Learned {
    /// AWS is being asked.
    Open,
    /// What AWS said, and until when it is believed.
    Said(Option<Arc<str>>, Duration),
}

/// Which model stands behind a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// This one.
    Model(Arc<str>),
    /// Nobody knows; whoever is told so has to ask, and to tell by [`Profiles::learn`].
    Ask,
    /// Nobody knows, and there is no use in asking now.
    Unknown,
}

impl Profiles {
    /// These, in `region`.
    #[must_use]
    pub fn new(region: &str, mut declared: Vec<Profile>) -> Self {
        // Stable: of two that are alike the first in the file counts.
        declared.sort_by_key(|profile| {
            let exact = pattern::is_exact(&profile.model);
            std::cmp::Reverse((profile.project.is_some(), exact, profile.model.len()))
        });
        Self { region: Arc::from(region), declared, learned: Mutex::default() }
    }

    /// The profile that is named for `model` in calls that are booked so: the project's before the team's, an exact
    /// id before a pattern, a longer pattern before a shorter one.
    #[must_use]
    pub fn named_for(&self, booked: &Attribution, model: &str) -> Option<&Arc<str>> {
        let fits = |profile: &&Profile| profile.is_for(booked) && pattern::matches(&profile.model, model);
        self.declared.iter().find(fits).map(|profile| &profile.arn)
    }

    /// Whether a profile is declared, for whomever.
    #[must_use]
    pub fn declares(&self, arn: &str) -> bool {
        self.declared.iter().any(|profile| *profile.arn == *arn)
    }

    /// Whether a profile is declared for the team or project of these calls.
    #[must_use]
    pub fn declares_for(&self, booked: &Attribution, arn: &str) -> bool {
        self.declared.iter().any(|profile| *profile.arn == *arn && profile.is_for(booked))
    }

    /// Whether a name is the ARN of an application inference profile.
    #[must_use]
    pub fn is_profile(name: &str) -> bool {
        name.starts_with("arn:") && name.contains(":application-inference-profile/")
    }

    /// The model behind a profile, from the configuration or from what AWS said. `now` is the monotonic time.
    pub fn behind(&self, arn: &str, now: Duration) -> Behind {
        let declared = self.declared.iter().find(|profile| *profile.arn == *arn && pattern::is_exact(&profile.model));
        if let Some(profile) = declared {
            return Behind::Model(Arc::clone(&profile.model));
        }
        if !self.may_exist(arn) {
            return Behind::Unknown;
        }
        let mut learned = self.learned();
        match learned.get(arn) {
            Some(Learned::Said(Some(model), until)) if now < *until => return Behind::Model(Arc::clone(model)),
            Some(Learned::Said(None, until)) if now < *until => return Behind::Unknown,
            Some(Learned::Open) => return Behind::Unknown,
            _ => {}
        }
        if learned.len() >= REMEMBERED_MAX {
            learned.retain(|_, known| !matches!(known, Learned::Said(_, until) if *until <= now));
        }
        let open = learned.values().filter(|known| matches!(known, Learned::Open)).count();
        if learned.len() >= REMEMBERED_MAX || open >= OPEN_MAX {
            return Behind::Unknown;
        }
        learned.insert(Arc::from(arn), Learned::Open);
        Behind::Ask
    }

    /// What AWS said of a profile; `None` where it said nothing of use.
    pub fn learn(&self, arn: &str, model: Option<Arc<str>>, now: Duration) {
        let until = now + if model.is_some() { KNOWN_FOR } else { UNKNOWN_FOR };
        self.learned().insert(Arc::from(arn), Learned::Said(model, until));
    }

    /// Whether the name can be one of this region's: others are not asked for.
    fn may_exist(&self, arn: &str) -> bool {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, "bedrock", region, account, resource] = parts[..] else { return false };
        let id = resource.strip_prefix("application-inference-profile/").unwrap_or_default();
        region == &*self.region
            && account.len() == 12
            && (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:.".contains(&byte))
    }

    fn learned(&self) -> MutexGuard<'_, HashMap<Arc<str>, Learned>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The model that these ARNs of foundation models come to: what `GetInferenceProfile` says of a profile. Several Regions
/// mean a profile across Regions, whose price is that of its geography.
#[must_use]
pub fn model_of<'a>(arns: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut models = arns.into_iter().map(|arn| {
        let mut parts = arn.splitn(6, ':').skip(3);
        let (region, _account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        Some((region, resource.strip_prefix("foundation-model/")?))
    });
    let (first, id) = models.next()??;
    let mut geography = None;
    for model in models {
        let (region, other) = model?;
        if other != id {
            return None;
        }
        if region != first {
            let seen = geography.unwrap_or_else(|| geography_of(first));
            geography = Some(if seen == geography_of(region) { seen } else { "global" });
        }
    }
    match geography.or_else(|| first.is_empty().then_some("global")) {
        Some(geography) => Some(format!("{geography}.{id}")),
        None => Some(id.to_owned()),
    }
}

fn geography_of(region: &str) -> &'static str {
    const KNOWN: [(&str, &str); 4] = [("us-gov-", "us-gov"), ("us-", "us"), ("eu-", "eu"), ("ap-", "apac")];
    KNOWN.iter().find(|(start, _)| region.starts_with(start)).map_or("global", |(_, geography)| geography)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";

    fn profile(model: &str, project: Option<&str>, arn: &str) -> Profile {
        Profile { model: model.into(), team: "red".into(), project: project.map(Arc::from), arn: arn.into() }
    }

    fn booked(team: &str, project: Option<&str>) -> Attribution {
        Attribution { team: team.into(), project: project.map(Arc::from), ..Attribution::default() }
    }

    #[test]
    fn the_most_specific_profile_is_named() {
        let profiles = Profiles::new(
            "us-east-1",
            vec![
                profile("*claude*", None, "any"),
                profile("us.anthropic.claude*", None, "longer"),
                profile("us.anthropic.claude-a", None, "exact"),
                profile("*claude*", Some("alpha"), "project"),
            ],
        );
        for (team, project, model, expected) in [
            ("red", None, "us.anthropic.claude-a", Some("exact")),
            ("red", Some("beta"), "us.anthropic.claude-b", Some("longer")),
            ("red", None, "eu.anthropic.claude-b", Some("any")),
            ("red", Some("alpha"), "us.anthropic.claude-a", Some("project")),
            ("red", None, "amazon.nova-pro-v1:0", None),
            ("blue", None, "us.anthropic.claude-a", None),
        ] {
            let named = profiles.named_for(&booked(team, project), model);
            assert_eq!(named.map(|arn| &**arn), expected, "{team} {project:?} {model}");
        }
        for (team, project, arn, expected) in [
            ("red", None, "any", false),
            ("blue", None, "any", true),
            ("red", Some("alpha"), "project", false),
            ("red", Some("beta"), "project", true),
            ("blue", None, "of nobody", false),
        ] {
            assert_eq!(
                profiles.declares(arn) && !profiles.declares_for(&booked(team, project), arn),
                expected,
                "{team} {project:?} {arn}"
            );
        }
    }

    #[test]
    fn what_aws_said_is_believed_for_a_while() {
        let declared = vec![profile("a.model", None, "arn:declared"), profile("a.*", None, ARN)];
        let profiles = Profiles::new("us-east-1", declared);
        let at = Duration::from_secs;
        assert_eq!(profiles.behind("arn:declared", at(0)), Behind::Model("a.model".into()));
        // A pattern does not say which model it is. Only one asks.
        assert_eq!(profiles.behind(ARN, at(0)), Behind::Ask);
        assert_eq!(profiles.behind(ARN, at(0)), Behind::Unknown);
        profiles.learn(ARN, None, at(0));
        assert_eq!(profiles.behind(ARN, at(59)), Behind::Unknown);
        assert_eq!(profiles.behind(ARN, at(60)), Behind::Ask);
        profiles.learn(ARN, Some("a.other".into()), at(60));
        assert_eq!(profiles.behind(ARN, at(3600)), Behind::Model("a.other".into()));
        assert_eq!(profiles.behind(ARN, at(60 + 24 * 3600)), Behind::Ask);
    }

    #[test]
    fn callers_cannot_make_it_ask_without_end() {
        let profiles = Profiles::new("us-east-1", Vec::new());
        let named = |number: usize| ARN.replace("abc123", &format!("x{number}"));
        for number in 0..OPEN_MAX {
            assert_eq!(profiles.behind(&named(number), Duration::ZERO), Behind::Ask);
        }
        assert_eq!(profiles.behind(ARN, Duration::ZERO), Behind::Unknown);
        for number in 0..REMEMBERED_MAX {
            profiles.learn(&named(number), None, Duration::ZERO);
        }
        assert_eq!(profiles.behind(ARN, Duration::ZERO), Behind::Unknown);
        assert_eq!(profiles.behind(ARN, UNKNOWN_FOR), Behind::Ask);
        for elsewhere in [
            ARN.replace("us-east-1", "us-west-2"),
            ARN.replace("abc123", "a/../b"),
            ARN.replace("bedrock", "sagemaker"),
        ] {
            assert_eq!(profiles.behind(&elsewhere, UNKNOWN_FOR), Behind::Unknown, "{elsewhere}");
        }
    }

    #[test]
    fn the_models_of_a_profile_come_to_one_name() {
        let in_regions = |regions: &[&str]| {
            let arns: Vec<String> =
                regions.iter().map(|r| format!("arn:aws:bedrock:{r}::foundation-model/amazon.nova-pro-v1:0")).collect();
            model_of(arns.iter().map(String::as_str))
        };
        for (regions, expected) in [
            (&["us-east-1"][..], Some("amazon.nova-pro-v1:0")),
            (&["us-east-1", "us-west-2", "us-east-1"], Some("us.amazon.nova-pro-v1:0")),
            (&["us-gov-west-1", "us-gov-east-1"], Some("us-gov.amazon.nova-pro-v1:0")),
            (&["ap-south-1", "ap-south-2"], Some("apac.amazon.nova-pro-v1:0")),
            (&["us-east-1", "eu-west-1", "us-west-2"], Some("global.amazon.nova-pro-v1:0")),
            (&[""], Some("global.amazon.nova-pro-v1:0")),
            (&[], None),
        ] {
            assert_eq!(in_regions(regions).as_deref(), expected, "{regions:?}");
        }
        let two =
            ["arn:aws:bedrock:us-east-1::foundation-model/a.b", "arn:aws:bedrock:us-east-1::foundation-model/a.c"];
        assert_eq!((model_of(two), model_of(["arn:aws"])), (None, None));
    }
}
