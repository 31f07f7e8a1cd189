//! By what an answer is found again: a digest of all that could have made it another one.

use super::Share;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::principal::Attribution;
use tg_kernel::target::Target;

/// How keys are made. A change of what is put into one, or of how, is another number.
const FORM: u8 = 1;

/// Finds an answer again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

impl Key {
    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// All of a call that its answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// On whose account.
    pub booked: &'a Attribution,
    /// Who may be given the answer.
    pub share: Share,
    /// Of the caller, whose frames the answer is made of.
    pub dialect: Dialect,
    /// What is asked for.
    pub operation: Operation,
    /// Whether as a stream: the two are kept apart, so that each is handed over as it was made.
    pub stream: bool,
    /// The model that the caller names.
    pub model: &'a str,
    /// Headers that go on to providers of the dialect, but for those that only name the client.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, after the checks.
    pub body: &'a Value,
    /// Where the call may go.
    pub targets: &'a [Target],
    /// The version of the guardrails that apply; `None` where none does.
    pub guard: Option<&'a str>,
    /// [`super::Rules::revision`].
    pub revision: &'a [u8; 32],
}

/// The key of a call's answer.
///
/// Neither the order of members nor white space matters; but under `properties` the order does, as models write the members of
/// an object in the order in which its schema has them. Of the body all counts that is there, known or not, but for what
/// [`has_no_say`] names.
#[must_use]
pub fn key(request: &Request<'_>) -> Key {
    let mut sum = Sum(Sha256::new());
    sum.number(u64::from(FORM));
    sum.part(request.revision);
    let Attribution { team, project, key_id, .. } = request.booked;
    sum.text(team);
    match request.share {
        Share::Team => sum.number(0),
        Share::Project => {
            sum.number(1);
            sum.option(project.as_deref());
        }
        Share::Key => {
            sum.number(2);
            sum.text(key_id);
        }
    }
    sum.text(request.dialect.as_str());
    sum.text(request.operation.as_str());
    sum.number(u64::from(request.stream));
    sum.text(request.model);
    sum.option(request.guard);
    // In which order they are tried may differ from call to call.
    let mut targets: Vec<(&str, &str)> = request.targets.iter().map(|to| (&*to.provider, &*to.model)).collect();
    targets.sort_unstable();
    sum.number(targets.len() as u64);
    for (provider, model) in targets {
        sum.text(provider);
        sum.text(model);
    }
    let mut headers = request.headers.to_vec();
    headers.sort_unstable();
    sum.number(headers.len() as u64);
    for (name, value) in headers {
        sum.text(name);
        sum.part(value);
    }
    match request.body {
        Value::Object(members) => {
            let told = members.iter().filter(|(name, _)| !has_no_say(request.dialect, name));
            sum.members(told.map(|(name, value)| (name.as_str(), value)).collect(), Order::Any);
        }
        other => sum.value(other, Order::Any),
    }
    Key(sum.0.finalize().into())
}

/// What calls have in common of which the one may be given the other's answer if their last questions are alike: all that is
/// in a [`key`], but for the text of the last question; the facts of that text, which its vector may not tell apart; and by
/// whose vectors they are compared. `request` is without the text.
#[must_use]
pub fn partition(request: &Request<'_>, facts: &[String], by: &Target) -> Key {
    let mut sum = Sum(Sha256::new());
    sum.text("alike");
    sum.part(key(request).as_bytes());
    sum.text(&by.provider);
    sum.text(&by.model);
    sum.number(facts.len() as u64);
    facts.iter().for_each(|fact| sum.text(fact));
    Key(sum.0.finalize().into())
}

/// Whether a top-level member changes nothing of an answer: how it is handed over (which has its own place in the key), what
/// the caller says of its users and for its own books, and by which name a provider keeps the prompt.
pub(super) fn has_no_say(dialect: Dialect, member: &str) -> bool {
    let names: &[&str] = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            &["stream", "user", "safety_identifier", "metadata", "prompt_cache_key", "prompt_cache_retention"]
        }
        Dialect::OpenaiEmbeddings => &["user"],
        Dialect::AnthropicMessages => &["stream", "metadata"],
        Dialect::BedrockConverse => &["requestMetadata"],
        Dialect::BedrockInvoke => &[],
    };
    names.contains(&member)
}

/// Whether the order of members counts.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Any,
    Kept,
}

/// A digest of parts, each with its kind and its length, so that no two lists of parts look alike.
struct Sum(Sha256);

impl Sum {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    fn part(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.part(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn value(&mut self, value: &Value, order: Order) {
        match value {
            Value::Null => self.0.update(b"n"),
            Value::Bool(value) => self.0.update(if *value { b"t" } else { b"f" }),
            Value::Number(number) => {
                self.0.update(b"#");
                self.text(&number.to_string());
            }
            Value::String(text) => {
                self.0.update(b"s");
                self.text(text);
            }
            Value::Array(values) => {
                self.0.update(b"a");
                self.number(values.len() as u64);
                values.iter().for_each(|value| self.value(value, Order::Any));
            }
            Value::Object(members) => {
                self.members(members.iter().map(|(name, value)| (name.as_str(), value)).collect(), order);
            }
        }
    }

    fn members(&mut self, mut members: Vec<(&str, &Value)>, order: Order) {
        self.0.update(b"o");
        self.number(members.len() as u64);
        if order == Order::Any {
            members.sort_unstable_by_key(|(name, _)| *name);
        }
        for (name, value) in members {
            self.text(name);
            self.value(value, if name == "properties" { Order::Kept } else { Order::Any });
        }
    }
}
