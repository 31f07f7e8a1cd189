//! Application inference profiles: named to Bedrock in the model's place, priced and booked as the model.

use crate::speak::{CHAT, Manner, ask};
use crate::wire::Call;
use crate::world::{HAIKU, Setup, World};
use serde_json::json;
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Pricing;
use tg_sim::Sim;
use tg_store::ledger::{Dimension, ReportQuery};

const OF_TEAM: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/team000001";
const OF_PROJECT: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/project001";
const OF_BLUE: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/blue000001";

fn world() -> World {
    let bedrock = format!(
        ", inference_profiles: [{{ model: '*anthropic.claude*', team: red, arn: '{OF_TEAM}' }}, \
           {{ model: '{HAIKU}', team: red, project: alpha, arn: '{OF_PROJECT}' }}, \
           {{ model: 'amazon.nova-lite-v1:0', team: red }}, \
           {{ model: 'amazon.nova-lite-v1:0', team: blue, arn: '{OF_BLUE}' }}]"
    );
    World::with(Setup { bedrock, ..Setup::default() })
}

#[test]
fn a_profile_is_named_and_the_model_is_priced() {
    let world = world();
    let other = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    for dialect in CHAT {
        for (name, model, profile) in [
            ("on-bedrock", HAIKU, Some(OF_PROJECT)),
            (other, other, Some(OF_TEAM)),
            ("on-nova", "amazon.nova-lite-v1:0", None),
        ] {
            if dialect == Dialect::BedrockInvoke && name == "on-nova" {
                continue;
            }
            let answer = world.send(&ask(dialect, Manner::Plain, name, "hi"));
            assert_eq!(answer.status, 200, "{dialect:?} {name}: {}", answer.text());
            let row = world.row(&answer);
            let served = row.served.as_ref().unwrap();
            assert_eq!((&*served.model, served.profile.as_deref()), (model, profile), "{dialect:?} {name}");
            assert_eq!(row.cost.pricing, Pricing::Priced, "{dialect:?} {name}");
            assert_eq!(answer.header("x-tallygate-model"), model, "{dialect:?} {name}");
            assert_eq!(world.entry(&row).model, profile.unwrap_or(model), "{dialect:?} {name}");
        }
    }
    let query = ReportQuery { by: vec![Dimension::Profile], ..ReportQuery::default() };
    let report = world.gateway().store.ledger().unwrap().report(&query).unwrap();
    let mut groups: Vec<_> = report.rows.iter().map(|row| (row.group[0].as_deref(), row.figures.calls)).collect();
    groups.sort_unstable();
    assert_eq!(groups, [(None, 4), (Some(OF_PROJECT), 5), (Some(OF_TEAM), 5)]);
}

#[test]
fn a_profile_that_a_caller_names_is_priced_as_its_model() {
    let world = world();
    let model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let arn = &make(&world.sim, "caller", &format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{model}"));
    let unknown = OF_TEAM.replace("team", "none");
    for (named, model, pricing) in [
        // By the configuration, and by what the control plane says.
        (OF_PROJECT, HAIKU, Pricing::Priced),
        (arn.as_str(), model, Pricing::Priced),
        (arn.as_str(), model, Pricing::Priced),
        (unknown.as_str(), unknown.as_str(), Pricing::Unpriced),
        (unknown.as_str(), unknown.as_str(), Pricing::Unpriced),
    ] {
        let answer = world.send(&ask(Dialect::BedrockConverse, Manner::Plain, named, "hi"));
        assert_eq!(answer.status, 200, "{named}: {}", answer.text());
        let row = world.row(&answer);
        let served = row.served.as_ref().unwrap();
        assert_eq!((&*served.model, served.profile.as_deref()), (model, Some(named)));
        assert_eq!((row.cost.pricing, world.entry(&row).model.as_str()), (pricing, named));
    }
    let answer = world.send(&ask(Dialect::BedrockConverse, Manner::Plain, OF_BLUE, "hi"));
    assert_eq!((answer.status, answer.header("x-tallygate-error-code")), (403, "model_not_allowed"));
    // Once for each.
    let asked = world.sim.books.entries().into_iter().filter(|entry| entry.operation == tg_sim::Operation::Control);
    let paths: Vec<String> =
        asked.map(|entry| entry.detail.unwrap().path).filter(|path| path.contains("arn")).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
}

#[test]
fn a_profile_of_others_is_refused_wherever_it_is_declared() {
    let bedrock = format!(", inference_profiles: [{{ model: 'amazon.nova-lite-v1:0', team: blue, arn: '{OF_BLUE}' }}]");
    let providers = "- { name: elsewhere, kind: bedrock, region: us-east-1, base_url: 'BEDROCK_URL', \
                     credentials: { access_key_id: 'env:SIM_ID', secret_access_key: 'env:SIM_SECRET' } }\n";
    let models = format!(
        "- {{ name: '{OF_BLUE}', targets: [{{ provider: elsewhere }}] }}\n\
         - {{ name: '{OF_TEAM}', targets: [{{ provider: elsewhere }}] }}\n"
    );
    let world = World::with(Setup { bedrock, providers: providers.to_owned(), models, ..Setup::default() });
    for (named, status) in [(OF_BLUE, 403), (OF_TEAM, 200)] {
        let answer = world.send(&ask(Dialect::BedrockConverse, Manner::Plain, named, "hi"));
        assert_eq!(answer.status, status, "{named}: {}", answer.text());
    }
}

/// Makes a profile as AWS's own client would.
fn make(sim: &Sim, name: &str, source: &str) -> String {
    let body = json!({ "inferenceProfileName": name, "modelSource": { "copyFrom": source }, "tags": [] });
    let call = Call::post("/control/inference-profiles", body.to_string())
        .header("content-type", "application/json")
        .bearer(tg_sim::DEFAULT_KEY);
    let answer = call.send(sim.urls.bedrock.strip_prefix("http://").unwrap().parse().unwrap());
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["inferenceProfileArn"].as_str().unwrap().to_owned()
}
