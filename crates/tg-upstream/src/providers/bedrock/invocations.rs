//! Asynchronous invocations: where their output may go, and what is known of whose they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_dialect::dialects::bedrock_invoke::Owner;
use tg_kernel::principal::{Attribution, Principal};
use tokio::sync::Semaphore;

/// How long it is believed whose an invocation is. The gateway never changes its tags; an operator may.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

/// How long it is believed that an invocation is nobody's.
const NOBODYS_FOR: Duration = Duration::from_secs(60);

/// Most invocations that are remembered. Beyond it all are forgotten, and asked for again.
const REMEMBERED_MAX: usize = 16_384;

/// How long it is believed that there is no such invocation. One that was started elsewhere may take a moment to be seen.
const ABSENT_FOR: Duration = Duration::from_secs(10);

/// How long it is believed that AWS does not say, since the gateway's identity may not ask or the account is another.
const DENIED_FOR: Duration = Duration::from_secs(30);

/// Most invocations of which it is remembered that they were not found. Apart from the others: callers may guess at them.
const NOT_FOUND_MAX: usize = 4_096;

/// Most questions that are open at once. The others wait: AWS limits its control plane for the whole account.
const QUESTIONS_MAX: usize = 8;

/// The asynchronous invocations of one provider.
#[derive(Debug)]
pub struct Invocations {
    region: Arc<str>,
    /// Where output may go, as configured, without slashes at the end.
    folders: Vec<String>,
    known: Mutex<HashMap<Arc<str>, (Known, Duration)>>,
    not_found: Mutex<HashMap<Arc<str>, (Judgement, Duration)>>,
    /// The account, once an invocation has told it: of which others have nothing to say.
    account: Mutex<Option<Arc<str>>>,
    /// A permit for each question that may be open.
    pub questions: Semaphore,
}

/// What is known of an invocation, until a time.
#[derive(Clone, Debug)]
enum Known {
    /// It was started here for this owner. AWS may have answered a repetition with somebody's earlier invocation, so that
    /// it says nothing about others.
    Started(Owner),
    /// Its tags say so.
    Tagged(Option<Owner>),
}

/// What AWS says of whose an invocation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Its tags name this owner, or nobody.
    Tagged(Option<Owner>),
    /// There is no such one.
    Absent,
    /// Nothing: the question is not allowed.
    Denied,
}

impl Said {
    /// What that means for a caller.
    #[must_use]
    pub fn for_caller(&self, caller: &Principal) -> Judgement {
        match self {
            Self::Tagged(Some(owner)) if owner.admits(caller) => Judgement::Theirs,
            Self::Tagged(_) => Judgement::Anothers,
            Self::Absent => Judgement::Absent,
            Self::Denied => Judgement::Denied,
        }
    }
}

/// Whether an invocation is a caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is.
    Theirs,
    /// It is not.
    Anothers,
    /// There is no such one here.
    Absent,
    /// AWS does not say.
    Denied,
}

impl Invocations {
    /// Those of `region`, with output in these folders of S3: each `s3://BUCKET` or `s3://BUCKET/PREFIX`, in which
    /// `{team}` and `{project}` stand for the names of whose the invocation is.
    #[must_use]
    pub fn new(region: &str, folders: &[String]) -> Self {
        Self {
            region: Arc::from(region),
            folders: folders.iter().map(|folder| folder.trim_end_matches('/').to_owned()).collect(),
            known: Mutex::default(),
            not_found: Mutex::default(),
            account: Mutex::default(),
            questions: Semaphore::new(QUESTIONS_MAX),
        }
    }

    /// Whether an ARN is one of this region's, and of this account's as far as it is known.
    #[must_use]
    pub fn may_have(&self, arn: &str) -> bool {
        let Some((region, account)) = place_of(arn) else { return false };
        let is_own = |known: &Arc<str>| **known == *account;
        *region == *self.region && lock(&self.account).as_ref().is_none_or(is_own)
    }

    /// An invocation was started or listed here: it tells the account.
    pub fn seen(&self, arn: &str) {
        if let Some((_, account)) = place_of(arn) {
            let mut known = lock(&self.account);
            if known.as_deref() != Some(account) {
                *known = Some(Arc::from(account));
            }
        }
    }

    /// The folders in which output of invocations that are booked so may be written, or beneath them.
    #[must_use]
    pub fn folders(&self, booked: &Attribution) -> Vec<String> {
        self.folders.iter().filter_map(|folder| named(folder, booked)).collect()
    }

    /// Whether output of invocations that are booked so may be written to `uri`.
    #[must_use]
    pub fn may_write(&self, booked: &Attribution, uri: &str) -> bool {
        let beneath = |folder: String| {
            uri.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        is_plain(uri) && self.folders(booked).into_iter().any(beneath)
    }

    /// Whether an invocation is a caller's, as far as it is known; `None` where AWS has to be asked, and what it says told
    /// by [`Invocations::learn`]. `now` is the monotonic time.
    pub fn judge(&self, arn: &str, caller: &Principal, now: Duration) -> Option<Judgement> {
        match lock(&self.known).get(arn) {
            Some((Known::Started(owner), until)) if now < *until && owner.admits(caller) => {
                return Some(Judgement::Theirs);
            }
            Some((Known::Tagged(owner), until)) if now < *until => {
                let theirs = owner.as_ref().is_some_and(|owner| owner.admits(caller));
                return Some(if theirs { Judgement::Theirs } else { Judgement::Anothers });
            }
            _ => {}
        }
        lock(&self.not_found).get(arn).filter(|(_, until)| now < *until).map(|(judgement, _)| *judgement)
    }

    /// An invocation was started for this owner: its first question need not be asked. `None`: AWS may have answered with
    /// one that is somebody else's, and its tags decide.
    pub fn started(&self, arn: &str, owner: Option<Owner>, now: Duration) {
        if region_of(arn).is_none() {
            return;
        }
        self.seen(arn);
        lock(&self.not_found).remove(arn);
        if let Some(owner) = owner {
            self.remember(arn, Known::Started(owner), now + KNOWN_FOR, now);
        }
    }

    /// What AWS says of an invocation.
    pub fn learn(&self, arn: &str, said: Said, now: Duration) {
        let (judgement, until) = match said {
            Said::Tagged(owner) => {
                let until = now + if owner.is_some() { KNOWN_FOR } else { NOBODYS_FOR };
                return self.remember(arn, Known::Tagged(owner), until, now);
            }
            Said::Absent => (Judgement::Absent, now + ABSENT_FOR),
            Said::Denied => (Judgement::Denied, now + DENIED_FOR),
        };
        let mut not_found = lock(&self.not_found);
        make_room(&mut not_found, NOT_FOUND_MAX, now);
        not_found.insert(Arc::from(arn), (judgement, until));
    }

    fn remember(&self, arn: &str, what: Known, until: Duration, now: Duration) {
        let mut known = lock(&self.known);
        make_room(&mut known, REMEMBERED_MAX, now);
        // What tags have said is better than what a start says.
        let said = matches!(known.get(arn), Some((Known::Tagged(Some(_)), until)) if now < *until);
        if !said || matches!(what, Known::Tagged(_)) {
            known.insert(Arc::from(arn), (what, until));
        }
    }
}

/// Room for one more: what has ended makes it, else all are forgotten.
fn make_room<T>(map: &mut HashMap<Arc<str>, (T, Duration)>, most: usize, now: Duration) {
    if map.len() >= most {
        map.retain(|_, (_, until)| now < *until);
    }
    if map.len() >= most {
        map.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The region of an asynchronous invocation; `None` where `arn` names something else. What it lets through has only
/// lower-case letters, digits, `-`, `:` and one `/`.
#[must_use]
pub fn region_of(arn: &str) -> Option<&str> {
    place_of(arn).map(|(region, _)| region)
}

/// Region and account.
fn place_of(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "bedrock", region, account, resource] = parts[..] else { return None };
    let id = resource.strip_prefix("async-invoke/")?;
    let lower = |text: &str, also: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || also.contains(&byte))
    };
    let sound = (partition == "aws" || partition.starts_with("aws-"))
        && lower(partition, b"-")
        && (1..=20).contains(&region.len())
        && lower(region, b"-")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && id.len() == 12
        && lower(id, b"");
    sound.then_some((region, account))
}

/// A folder with the names of whose the invocation is. `None` where it wants a name that is not there, or that has more
/// than letters, digits, `-`, `_` and `.`: it could name another's folder.
fn named(folder: &str, booked: &Attribution) -> Option<String> {
    let mut folder = folder.to_owned();
    for (place, name) in [("{team}", Some(&*booked.team)), ("{project}", booked.project.as_deref())] {
        if folder.contains(place) {
            let plain = |name: &&str| {
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                    && !name.is_empty()
                    && !name.starts_with('.')
            };
            folder = folder.replace(place, name.filter(plain)?);
        }
    }
    Some(folder)
}

/// Whether a URI says literally where it leads: no steps upwards, no empty steps, nothing that somebody may decode.
fn is_plain(uri: &str) -> bool {
    let Some(path) = uri.strip_prefix("s3://") else { return false };
    let path = path.strip_suffix('/').unwrap_or(path);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!_.*'()=+@:,/-".contains(&byte);
    path.bytes().all(allowed) && path.split('/').all(|step| !matches!(step, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abc123def456";

    fn booked(team: &str, project: Option<&str>) -> Attribution {
        Attribution { team: team.into(), project: project.map(Into::into), ..Attribution::default() }
    }

    fn principal(team: &str) -> Principal {
        let models = Vec::new().into();
        Principal { key_id: "k".into(), team: team.into(), project: None, environment: None, models }
    }

    #[test]
    fn output_goes_to_the_folders_of_the_caller_only() {
        let folders = ["s3://shared/in/", "s3://ml/{team}/", "s3://p-{team}/{project}/out"].map(str::to_owned);
        let invocations = Invocations::new("us-east-1", &folders);
        for (team, project, uri, allowed) in [
            ("red", None, "s3://shared/in", true),
            ("red", None, "s3://shared/in/", true),
            ("red", None, "s3://shared/in/a/b", true),
            ("red", None, "s3://shared/inner", false),
            ("red", None, "s3://shared", false),
            ("red", None, "s3://ml/red/x", true),
            ("red", None, "s3://ml/reddish/x", false),
            ("red", None, "s3://ml/blue/x", false),
            ("red", None, "s3://ml/{team}/x", false),
            ("red", Some("a"), "s3://p-red/a/out/1", true),
            ("red", Some("a"), "s3://p-red/b/out/1", false),
            ("red", None, "s3://p-red//out", false),
            ("red", None, "s3://ml/red/../blue", false),
            ("red", None, "s3://ml/red/./x", false),
            ("red", None, "s3://ml/red//x", false),
            ("red", None, "s3://ml/red/%2e%2e/blue", false),
            ("red", None, "s3://ml/red/x?y", false),
            ("red", None, "S3://ml/red/x", false),
            ("red", None, "https://ml/red/x", false),
            ("red/../blue", None, "s3://ml/red/../blue/x", false),
            ("..", None, "s3://ml/../x", false),
            ("", None, "s3://ml/", false),
        ] {
            assert_eq!(invocations.may_write(&booked(team, project), uri), allowed, "{team} {project:?} {uri}");
        }
        assert_eq!(invocations.folders(&booked("R&D", None)), ["s3://shared/in"]);
    }

    #[test]
    fn tags_decide_and_a_start_speaks_for_its_owner_alone() {
        let invocations = Invocations::new("us-east-1", &[]);
        let at = Duration::from_secs;
        let owner = |team: &str| Some(Owner::of(&booked(team, None)));
        let judge = |team: &str, now| invocations.judge(ARN, &principal(team), at(now));
        let (theirs, anothers) = (Some(Judgement::Theirs), Some(Judgement::Anothers));
        assert_eq!(judge("red", 0), None);
        invocations.started(ARN, None, at(0));
        assert_eq!(judge("red", 1), None, "an answer to a repetition says nothing");
        invocations.started(ARN, owner("red"), at(0));
        assert_eq!((judge("red", 1), judge("blue", 1)), (theirs, None));
        assert_eq!(judge("red", 3600), None);
        let tags = json!([{"key": "tallygate:team", "value": "blue"}]);
        invocations.learn(ARN, Said::Tagged(Owner::tagged(&tags)), at(10));
        invocations.started(ARN, owner("red"), at(11));
        assert_eq!((judge("red", 12), judge("blue", 12)), (anothers, theirs));
        invocations.learn(ARN, Said::Tagged(None), at(20));
        assert_eq!((judge("blue", 79), judge("blue", 80)), (anothers, None));
        invocations.started("arn:aws:s3:::x", owner("red"), at(0));
        assert_eq!(invocations.judge("arn:aws:s3:::x", &principal("red"), at(1)), None);
    }

    #[test]
    fn what_was_not_found_is_asked_for_again_after_a_while() {
        let invocations = Invocations::new("us-east-1", &[]);
        let at = Duration::from_secs;
        let judge = |now| invocations.judge(ARN, &principal("red"), at(now));
        invocations.learn(ARN, Said::Absent, at(0));
        assert_eq!((judge(9), judge(10)), (Some(Judgement::Absent), None));
        invocations.learn(ARN, Said::Denied, at(10));
        assert_eq!((judge(39), judge(40)), (Some(Judgement::Denied), None));
        invocations.learn(ARN, Said::Absent, at(50));
        invocations.started(ARN, Some(Owner::of(&booked("red", None))), at(51));
        assert_eq!(judge(52), Some(Judgement::Theirs), "what has begun is there");
    }

    #[test]
    fn an_account_that_is_known_has_nothing_of_others() {
        let invocations = Invocations::new("us-east-1", &[]);
        let other = ARN.replace("123456789012", "210987654321");
        invocations.seen("arn:aws:s3:::x");
        assert!(invocations.may_have(ARN) && invocations.may_have(&other));
        invocations.seen(ARN);
        assert!(invocations.may_have(ARN) && !invocations.may_have(&other));
        invocations.started(&other, None, Duration::ZERO);
        assert!(!invocations.may_have(ARN) && invocations.may_have(&other), "the last one counts");
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let invocations = Invocations::new("us-east-1", &[]);
        for number in 0..=REMEMBERED_MAX {
            invocations.learn(&number.to_string(), Said::Tagged(None), Duration::ZERO);
        }
        for number in 0..=NOT_FOUND_MAX {
            invocations.learn(&number.to_string(), Said::Absent, Duration::ZERO);
        }
        assert_eq!((lock(&invocations.known).len(), lock(&invocations.not_found).len()), (1, 1));
    }

    #[test]
    fn an_arn_is_that_of_an_invocation_or_nothing() {
        for (arn, region) in [
            (ARN, Some("us-east-1")),
            ("arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:async-invoke/abc123def456", Some("us-gov-west-1")),
            ("arn:aws:bedrock:us-east-1:123456789012:async-invoke/abc123def45", None),
            ("arn:aws:bedrock:us-east-1:123456789012:async-invoke/abc123def456/", None),
            ("arn:aws:bedrock:us-east-1:123456789012:async-invoke/../def456xyz", None),
            ("arn:aws:bedrock:us-east-1:123456789012:async-invoke/ABC123def456", None),
            ("arn:aws:bedrock:us-east-1:12345678901:async-invoke/abc123def456", None),
            ("arn:aws:bedrock:us-east-1:123456789012:foundation-model/abc123def456", None),
            ("arn:aws:sagemaker:us-east-1:123456789012:async-invoke/abc123def456", None),
            ("arn:awsx:bedrock:us-east-1:123456789012:async-invoke/abc123def456", None),
            ("../model/x", None),
            ("", None),
        ] {
            assert_eq!(region_of(arn), region, "{arn}");
        }
        assert!(!Invocations::new("eu-west-1", &[]).may_have(ARN));
    }
}
