//! From the declared trust in IAM identities to the one by which callers are judged.

use std::sync::Arc;
use tg_config::document::{AwsRole, Document};
use tg_config::grammar::{BaseUrl, Name, Pattern};
use tg_net::egress::EgressPolicy;
use tg_policy::iam::{CallerIdentity, Place, RoleRule, Roles, Trust, WebIdentity};

/// Whom the document believes; nobody where it has nothing of it.
pub(crate) fn trust(document: &Document) -> Trust {
    let Some(aws) = &document.identity.aws else { return Trust::default() };
    Trust {
        roles: Roles::new(aws.roles.iter().map(rule).collect()),
        web_identity: aws.web_identity.as_ref().map(|web| WebIdentity {
            audience: web.audience.clone(),
            issuers: web.issuers.iter().map(|issuer| Arc::from(issuer.as_str())).collect(),
        }),
        caller_identity: aws.caller_identity.as_ref().map(|calls| CallerIdentity {
            server_id: calls.server_id.clone(),
            places: calls.places().into_iter().map(|(base, region)| Place { base, region }).collect(),
        }),
    }
}

fn rule(declared: &AwsRole) -> RoleRule {
    let models = match &declared.models {
        None => Vec::new(),
        // An empty list allows every model; the empty pattern matches no model's name.
        Some(none) if none.is_empty() => vec![String::new()],
        Some(some) => some.iter().map(|pattern: &Pattern| pattern.as_str().to_owned()).collect(),
    };
    RoleRule {
        arn: declared.arn.clone(),
        team: declared.team.shared(),
        project: declared.project.as_ref().map(Name::shared),
        environment: declared.environment.as_ref().map(Name::shared),
        models: models.into(),
        networks: declared.networks.iter().flatten().map(|network| network.get()).collect(),
    }
}

/// What may be dialled to find out who callers are. This machine only where the document names it, and only then without
/// encryption: its check has refused all else.
pub(crate) fn witnesses(document: &Document) -> EgressPolicy {
    let Some(aws) = &document.identity.aws else { return EgressPolicy::default() };
    let issuers = aws.web_identity.iter().flat_map(|web| &web.issuers);
    let mut named = issuers.chain(aws.caller_identity.iter().filter_map(|calls| calls.sts_url.as_ref()));
    let is_local = named.any(|url: &BaseUrl| url.host().is_loopback());
    EgressPolicy { allow_http: is_local, allow_private: aws.allow_private, allow_loopback: is_local }
}
