//! From the declared models to routes: aliases resolved, conditions compiled.

mod by_task;
mod residency;
mod targets;

use anyhow::{Result, anyhow};
use std::sync::Arc;
use tg_config::document::{self, Document, Model, ProviderKind};
use tg_config::grammar::Patience;
use tg_kernel::target::Target;
use tg_policy::health::SlowSettings;
use tg_policy::route::hedge::{After, Hedge};
use tg_policy::route::{Mirror, OnLoss, OnUnable, Routes, Rule, RuleTarget, Strategy, UnknownPrice};

/// Compiles the models of a checked document, or the usual ones where it has none.
///
/// # Errors
/// When a condition cannot be read, or an alias leads nowhere: the document's check finds that with its place.
pub(crate) fn compile(document: &Document) -> Result<Routes> {
    let usual;
    let models = if document.models.is_empty() {
        usual = tg_config::routes::usual_models(&document.providers);
        &usual
    } else {
        &document.models
    };
    let rules = models.iter().map(|model| rule(document, model)).collect::<Result<Vec<_>>>()?;
    let routes = Routes::new(guardrails(document).into_iter().chain(rules));
    let zone = document.routing.time_zone.as_ref().map(|zone| zone.zone().clone()).unwrap_or_default();
    Ok(routes.bound_to(residency::compile(document)).by_clock_of(zone))
}

fn rule(document: &Document, model: &Model) -> Result<Rule> {
    let unaliased = document.unaliased(model);
    let (served, alias) = unaliased.map_err(|name| anyhow!("models: the alias `{name}` leads nowhere"))?;
    let (targets, entries) = targets::compile(document, served, alias)?;
    Ok(Rule {
        name: model.name.as_str().to_owned(),
        targets,
        entries,
        strategy: strategy(served.strategy),
        on_unable: match served.on_unable {
            document::OnUnable::Refuse => OnUnable::Refuse,
            document::OnUnable::Last => OnUnable::Last,
        },
        on_loss: match served.on_loss {
            document::OnLoss::Report => OnLoss::Report,
            document::OnLoss::Reject => OnLoss::Reject,
        },
        unknown_price: unknown_price(served.unknown_price.unwrap_or(document.pricing.unknown_price)),
        mirror: served.mirror.as_ref().map(mirror),
        hedge: served.hedge.as_ref().map(hedge).map(Arc::new),
        slow: served.slow.and_then(|declared| slow(declared, &document.resilience.breaker)),
        tasks: served.task_routing.as_ref().map(|declared| by_task::compile(document, served, declared)).transpose()?,
    })
}

fn mirror(declared: &document::Mirror) -> Mirror {
    let target = Target { provider: declared.provider.shared(), model: declared.model.as_str().into() };
    Mirror { target, millionths: declared.share.millionths() }
}

fn hedge(declared: &document::Hedge) -> Hedge {
    let after = match declared.after {
        Patience::Fixed(period) => After::Fixed(period.get()),
        Patience::Seen(percent) => After::Seen(percent),
    };
    Hedge::new(after, declared.share_max.millionths())
}

/// `None` where nobody is passed over.
fn slow(declared: document::Slow, breaker: &document::Breaker) -> Option<SlowSettings> {
    breaker.enabled.then(|| SlowSettings {
        times: u32::from(declared.times),
        calls_min: usize::from(declared.calls_min),
        rest: breaker.rest.get(),
        rest_max: breaker.rest_max.get(),
    })
}

const fn strategy(declared: document::Strategy) -> Strategy {
    match declared {
        document::Strategy::Ordered => Strategy::Ordered,
        document::Strategy::Weighted => Strategy::Weighted,
        document::Strategy::Cheapest => Strategy::Cheapest,
        document::Strategy::Fastest => Strategy::Fastest,
        document::Strategy::LeastInFlight => Strategy::LeastInFlight,
    }
}

/// Where guardrails go that are asked for apart from a model, unless a route says so: to the only Bedrock provider.
/// Among several the gateway does not guess whose guardrail it is.
fn guardrails(document: &Document) -> Option<Rule> {
    let mut providers = document.providers.iter().filter(|provider| provider.kind == ProviderKind::Bedrock);
    let (only, None) = (providers.next()?, providers.next()) else { return None };
    let routed = document.models.iter().any(|model| model.name.as_str().starts_with("guardrail"));
    (!routed).then(|| Rule {
        name: "guardrail*".to_owned(),
        targets: vec![RuleTarget::new(only.name.shared(), None)],
        strategy: Strategy::Ordered,
        entries: Vec::new(),
        on_unable: OnUnable::Last,
        on_loss: OnLoss::Report,
        unknown_price: unknown_price(document.pricing.unknown_price),
        mirror: None,
        hedge: None,
        slow: None,
        tasks: None,
    })
}

const fn unknown_price(declared: document::UnknownPrice) -> UnknownPrice {
    match declared {
        document::UnknownPrice::Deny => UnknownPrice::Deny,
        document::UnknownPrice::Ceiling => UnknownPrice::Ceiling,
        document::UnknownPrice::AllowAndFlag => UnknownPrice::AllowAndFlag,
    }
}
