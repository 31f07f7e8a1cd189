//! Bedrock's OpenAI- and Anthropic-compatible surfaces: which calls go by one, to which address, and to whom they count.

use crate::provider::{Asked, Grouping};
use crate::providers::base::join;
use crate::road::Road;
use http::{HeaderName, Uri};
use std::sync::Arc;
use tg_kernel::dialect::{Dialect, Family, Operation};
use tg_kernel::fault::Fault;
use tg_kernel::pattern;
use tg_kernel::principal::Attribution;

/// The service name in SigV4 scopes of the mantle endpoint.
const MANTLE_SERVICE: &str = "bedrock-mantle";

/// The path of Anthropic's API.
const ANTHROPIC_PATH: &str = "/anthropic/v1";

/// One of Bedrock's endpoints for inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `bedrock-runtime`.
    Runtime,
    /// `bedrock-mantle`.
    Mantle,
}

/// A surface: the endpoint, and the path before that of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surface {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// As in `/openai/v1`.
    pub path: &'static str,
}

/// Which models are called by a surface, and in which dialects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurfaceRule {
    /// Ids of models, or patterns of ids.
    pub models: Vec<Arc<str>>,
    /// The dialects, of which the first that fits is spoken for callers of others.
    pub dialects: Vec<Dialect>,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The path of OpenAI's APIs.
    pub openai_path: &'static str,
    /// The models are to be had in no other way.
    pub only: bool,
}

/// A project of the mantle endpoint, and in whose calls it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MantleProject {
    /// In whose calls it is named.
    pub team: Arc<str>,
    /// Only in calls of this project of the team.
    pub project: Option<Arc<str>>,
    /// Its id, as in `proj_abc`.
    pub id: Arc<str>,
}

/// How a call gets to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By a surface.
    Surface(Road),
    /// By Converse and InvokeModel.
    Native,
    /// By nothing.
    None,
}

/// The surfaces of one provider.
#[derive(Clone, Debug, Default)]
pub struct Surfaces {
    rules: Vec<SurfaceRule>,
    mantle: Option<String>,
    projects: Vec<MantleProject>,
}

/// The public address of the mantle endpoint in `region`, which is one of the commercial partition: of others none is
/// known.
#[must_use]
pub fn mantle_url(region: &str) -> String {
    format!("https://bedrock-mantle.{region}.api.aws")
}

impl SurfaceRule {
    fn is_for(&self, model: &str) -> bool {
        self.models.iter().any(|name| pattern::matches(name, model))
    }

    fn surface(&self, dialect: Dialect) -> Surface {
        let path = if dialect.family() == Family::Anthropic { ANTHROPIC_PATH } else { self.openai_path };
        Surface { endpoint: self.endpoint, path }
    }

    /// Only mantle's Messages count tokens.
    fn counts(&self) -> bool {
        self.endpoint == Endpoint::Mantle && self.dialects.contains(&Dialect::AnthropicMessages)
    }
}

impl Surface {
    /// Whether it is that of Anthropic's API.
    pub(super) fn is_anthropics(self) -> bool {
        self.path == ANTHROPIC_PATH
    }

    /// The service name in SigV4 scopes.
    pub(super) const fn service(self) -> &'static str {
        match self.endpoint {
            Endpoint::Runtime => super::SERVICE,
            Endpoint::Mantle => MANTLE_SERVICE,
        }
    }
}

impl Surfaces {
    /// These rules, of which the first that fits counts; `mantle` is the base address of the mantle endpoint, and
    /// `projects` are those of calls to it.
    #[must_use]
    pub fn new(rules: Vec<SurfaceRule>, mantle: Option<String>, mut projects: Vec<MantleProject>) -> Self {
        // Stable: of two that are alike the first in the file counts.
        projects.sort_by_key(|entry| entry.project.is_none());
        Self { rules, mantle, projects }
    }

    /// How a call gets to its model. No surface is known to take an ARN in the model's place, whatever it names.
    pub(super) fn way(&self, asked: &Asked<'_>) -> Way {
        let &Asked { operation, inbound, model, by_profile } = asked;
        if by_profile || model.starts_with("arn:") || !matches!(operation, Operation::Chat | Operation::CountTokens) {
            return Way::Native;
        }
        let mut rules = self.rules.iter().filter(|rule| rule.is_for(model));
        let same = rules.clone().find(|rule| rule.dialects.contains(&inbound));
        if let Some(rule) = same.filter(|rule| operation == Operation::Chat || rule.counts()) {
            return Way::Surface(Road::relay(inbound).by(rule.surface(inbound)));
        }
        let Some(rule) = rules.find(|rule| rule.only) else { return Way::Native };
        let messages = Some(Dialect::AnthropicMessages).filter(|dialect| rule.dialects.contains(dialect));
        let road = match (operation, messages) {
            (Operation::CountTokens, _) if !rule.counts() => None,
            (Operation::CountTokens, messages) => messages.map(Road::transcode),
            (_, Some(messages)) if inbound == Dialect::BedrockInvoke => Some(Road::rewrap(messages)),
            _ => rule.dialects.first().copied().map(Road::transcode),
        };
        road.map_or(Way::None, |road| Way::Surface(road.by(rule.surface(road.dialect))))
    }

    /// The address of a call by a surface; `runtime` is the base address of that endpoint.
    ///
    /// # Errors
    /// `Class::Internal` where there is no mantle endpoint; the configuration check has looked for it before.
    pub(super) fn address(
        &self,
        runtime: &str,
        surface: Surface,
        dialect: Dialect,
        operation: Operation,
    ) -> Result<Uri, Fault> {
        let base = match surface.endpoint {
            Endpoint::Runtime => Some(runtime),
            Endpoint::Mantle => self.mantle.as_deref(),
        };
        let base = base.ok_or_else(|| Fault::internal("there is no address of the mantle endpoint"))?;
        let end = match (dialect, operation) {
            (Dialect::OpenaiResponses, _) => "responses",
            (Dialect::AnthropicMessages, Operation::CountTokens) => "messages/count_tokens",
            (Dialect::AnthropicMessages, _) => "messages",
            _ => "chat/completions",
        };
        join(base, &format!("{}/{end}", surface.path))
    }

    /// Whether calls for `model` may go to the mantle endpoint.
    pub(super) fn reach_by_mantle(&self, model: &str) -> bool {
        self.rules.iter().any(|rule| rule.endpoint == Endpoint::Mantle && rule.is_for(model))
    }

    /// The project of mantle to which a call counts: its project's entry before its team's.
    pub(super) fn grouping(&self, road: Road, booked: &Attribution) -> Option<Grouping> {
        road.surface.filter(|surface| surface.endpoint == Endpoint::Mantle)?;
        let fits = |entry: &&MantleProject| {
            entry.team == booked.team && (entry.project.is_none() || entry.project == booked.project)
        };
        let entry = self.projects.iter().find(fits)?;
        let header = match road.dialect.family() {
            Family::Anthropic => HeaderName::from_static("anthropic-workspace-id"),
            Family::Openai | Family::Bedrock => HeaderName::from_static("openai-project"),
        };
        Some(Grouping { header, id: Arc::clone(&entry.id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::road::Mode;

    fn rule(models: &str, dialects: &[Dialect], endpoint: Endpoint, only: bool) -> SurfaceRule {
        let models = models.split(' ').map(Arc::from).collect();
        SurfaceRule { models, dialects: dialects.to_vec(), endpoint, openai_path: "/openai/v1", only }
    }

    fn surfaces() -> Surfaces {
        use Dialect::{AnthropicMessages as Messages, OpenaiChat as Chat, OpenaiResponses as Responses};
        let rules = vec![
            SurfaceRule { openai_path: "/v1", ..rule("openai.gpt-oss*", &[Chat], Endpoint::Mantle, false) },
            rule("openai.* us.openai.*", &[Chat, Responses], Endpoint::Runtime, false),
            rule("anthropic.new", &[Messages], Endpoint::Mantle, true),
            rule("anthropic.both", &[Chat, Messages], Endpoint::Mantle, true),
            rule("google.*", &[Responses], Endpoint::Runtime, true),
        ];
        Surfaces::new(rules, Some("https://mantle".to_owned()), Vec::new())
    }

    /// As `mode address`, or `native` or `none`.
    fn shown(asked: &Asked<'_>) -> String {
        let surfaces = surfaces();
        match surfaces.way(asked) {
            Way::Native => "native".to_owned(),
            Way::None => "none".to_owned(),
            Way::Surface(road) => {
                let address = surfaces.address("https://run", road.surface.unwrap(), road.dialect, asked.operation);
                let mode = match road.mode {
                    Mode::Relay => "relay",
                    Mode::Rewrap => "rewrap",
                    Mode::Transcode => "transcode",
                };
                format!("{mode} {}", address.unwrap())
            }
        }
    }

    #[test]
    fn the_first_rule_for_model_and_dialect_counts() {
        use Dialect::{AnthropicMessages, BedrockConverse, BedrockInvoke, OpenaiChat, OpenaiResponses};
        for (inbound, model, expected) in [
            (OpenaiChat, "openai.gpt-oss-20b", "relay https://mantle/v1/chat/completions"),
            (OpenaiResponses, "openai.gpt-oss-20b", "relay https://run/openai/v1/responses"),
            (OpenaiChat, "us.openai.gpt-6", "relay https://run/openai/v1/chat/completions"),
            (AnthropicMessages, "us.openai.gpt-6", "native"),
            (OpenaiChat, "amazon.nova", "native"),
            (AnthropicMessages, "anthropic.new", "relay https://mantle/anthropic/v1/messages"),
            (BedrockInvoke, "anthropic.new", "rewrap https://mantle/anthropic/v1/messages"),
            (BedrockConverse, "anthropic.new", "transcode https://mantle/anthropic/v1/messages"),
            (OpenaiResponses, "anthropic.both", "transcode https://mantle/openai/v1/chat/completions"),
            (BedrockInvoke, "anthropic.both", "rewrap https://mantle/anthropic/v1/messages"),
            (BedrockConverse, "google.gemma", "transcode https://run/openai/v1/responses"),
        ] {
            let asked = Asked { operation: Operation::Chat, inbound, model, by_profile: false };
            assert_eq!(shown(&asked), expected, "{inbound:?} {model}");
            assert_eq!(shown(&Asked { by_profile: true, ..asked }), "native", "{inbound:?} {model}");
        }
    }

    #[test]
    fn an_arn_never_goes_by_a_surface() {
        let rules = vec![rule("*openai.*", &[Dialect::OpenaiChat], Endpoint::Runtime, true)];
        let surfaces = Surfaces::new(rules, None, Vec::new());
        let (operation, inbound, by_profile) = (Operation::Chat, Dialect::OpenaiChat, false);
        let way = |model: &str| surfaces.way(&Asked { operation, inbound, model, by_profile });
        assert!(matches!(way("us.openai.gpt-6"), Way::Surface(_)));
        for kind in ["inference-profile/us.openai.gpt-6", "foundation-model/openai.gpt-6"] {
            assert_eq!(way(&format!("arn:aws:bedrock:us-east-1:123456789012:{kind}")), Way::Native, "{kind}");
        }
    }

    #[test]
    fn only_mantles_messages_count_tokens() {
        use Dialect::{AnthropicMessages, BedrockConverse};
        let count = "https://mantle/anthropic/v1/messages/count_tokens";
        for (inbound, model, expected) in [
            (AnthropicMessages, "anthropic.new", format!("relay {count}")),
            (BedrockConverse, "anthropic.both", format!("transcode {count}")),
            (AnthropicMessages, "google.gemma", "none".to_owned()),
            (AnthropicMessages, "us.openai.gpt-6", "native".to_owned()),
        ] {
            let asked = Asked { operation: Operation::CountTokens, inbound, model, by_profile: false };
            assert_eq!(shown(&asked), expected, "{inbound:?} {model}");
        }
        for operation in [Operation::Embeddings, Operation::Guardrail] {
            let asked = Asked { operation, inbound: BedrockConverse, model: "anthropic.new", by_profile: false };
            assert_eq!(shown(&asked), "native");
        }
    }

    #[test]
    fn calls_to_mantle_count_to_the_most_specific_project() {
        let entry = |project: Option<&str>, id: &str| MantleProject {
            team: "red".into(),
            project: project.map(Arc::from),
            id: id.into(),
        };
        let surfaces = Surfaces::new(Vec::new(), None, vec![entry(None, "team"), entry(Some("alpha"), "project")]);
        let at = |endpoint, dialect| Road::relay(dialect).by(Surface { endpoint, path: "/v1" });
        let mantle = |dialect| at(Endpoint::Mantle, dialect);
        for (road, team, project, expected) in [
            (mantle(Dialect::OpenaiChat), "red", Some("alpha"), Some(("openai-project", "project"))),
            (mantle(Dialect::AnthropicMessages), "red", Some("beta"), Some(("anthropic-workspace-id", "team"))),
            (mantle(Dialect::OpenaiResponses), "red", None, Some(("openai-project", "team"))),
            (mantle(Dialect::OpenaiChat), "blue", Some("alpha"), None),
            (at(Endpoint::Runtime, Dialect::OpenaiChat), "red", None, None),
            (Road::relay(Dialect::BedrockConverse), "red", None, None),
        ] {
            let booked = Attribution { team: team.into(), project: project.map(Arc::from), ..Attribution::default() };
            let found = surfaces.grouping(road, &booked);
            let found = found.as_ref().map(|grouping| (grouping.header.as_str(), &*grouping.id));
            assert_eq!(found, expected, "{road:?} {team} {project:?}");
        }
    }
}
