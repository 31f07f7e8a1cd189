//! Guard services: from the document to what is asked.

use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tg_config::document::{GuardService, GuardServiceKind, MODERATION_MODEL};
use tg_config::grammar::Keepalive;
use tg_config::secrets::Secrets;
use tg_net::egress::EgressPolicy;
use tg_proxy::snapshot::Outside;
use tg_upstream::guard::{
    AppliedGuardrail, Bounds, Checks, Guard, Judge, Moderation, Remembering, Service, Template, Webhook,
};
use tg_upstream::provider::Upstream;

/// Compiles the services of a checked document.
///
/// # Errors
/// When an address or a secret cannot be used. The document's own check has found all else.
pub(crate) fn compile(
    declared: &[GuardService],
    upstreams: &HashMap<Arc<str>, Arc<Upstream>>,
    secrets: &Secrets,
) -> Result<Outside> {
    let one = |declared: &GuardService| {
        let service = service(declared, upstreams, secrets)
            .with_context(|| format!("guard '{}' cannot be set up", declared.name.as_str()))?;
        Ok(Guard::new(declared.name.shared(), service, bounds(declared)))
    };
    declared.iter().map(one).collect::<Result<Vec<_>>>().map(Outside::new)
}

fn service(
    declared: &GuardService,
    upstreams: &HashMap<Arc<str>, Arc<Upstream>>,
    secrets: &Secrets,
) -> Result<Service> {
    let upstream = || {
        let name = declared.provider.as_ref().context("it needs a provider")?;
        upstreams.get(name.as_str()).cloned().context("its provider is not there")
    };
    let model = |usual: Option<&str>| declared.model.as_deref().or(usual).map(Arc::from).context("it needs a model");
    let thresholds = || -> BTreeMap<Arc<str>, f64> {
        declared.thresholds.iter().map(|(name, score)| (Arc::from(name.as_str()), score.get())).collect()
    };
    Ok(match declared.kind {
        GuardServiceKind::BedrockGuardrail => {
            let guardrail = declared.guardrail.as_ref().context("it needs a guardrail")?;
            Service::AppliedGuardrail(AppliedGuardrail::new(upstream()?, &guardrail.id, &guardrail.version))
        }
        GuardServiceKind::BedrockChecks => Service::Checks(Checks::new(upstream()?, thresholds())),
        GuardServiceKind::Moderation => {
            let moderation = Moderation::new(upstream()?, model(Some(MODERATION_MODEL))?, thresholds());
            Service::Moderation(moderation.seeing(declared.sees_images()))
        }
        GuardServiceKind::Judge => {
            let template = declared
                .question
                .as_deref()
                .map_or(Template::LlamaGuard, |question| Template::Question(Arc::from(question)));
            Service::Judge(Judge::new(upstream()?, model(None)?, template))
        }
        GuardServiceKind::Webhook => Service::Webhook(webhook(declared, secrets)?),
    })
}

fn webhook(declared: &GuardService, secrets: &Secrets) -> Result<Webhook> {
    let url = declared.url.as_ref().context("it needs a url")?;
    let secret = declared.secret.as_ref().and_then(|reference| secrets.get(reference)).context("it needs a secret")?;
    let loopback = url.host().is_loopback();
    let egress = EgressPolicy {
        allow_http: declared.egress.allow_http || loopback,
        allow_private: declared.egress.allow_private,
        allow_loopback: loopback,
    };
    // What stands in the path may be a secret: the address is not part of the error.
    let address = url.as_str().parse().ok().context("its url cannot be called")?;
    Ok(Webhook::new(address, secret.clone(), egress))
}

fn bounds(declared: &GuardService) -> Bounds {
    let as_usize = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Bounds {
        timeout: declared.timeout.get(),
        questions_max: as_usize(declared.questions_max.get()),
        characters_max: as_usize(declared.characters_max),
        remembering: match declared.remember {
            Keepalive::Off => None,
            Keepalive::Every(period) => {
                Some(Remembering { period: period.get(), bytes_max: declared.remember_size.as_usize() })
            }
        },
    }
}
