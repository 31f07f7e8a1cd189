//! Where calls must stay: on no way that a call, or a copy of it, can go does it leave the place.

use crate::budgets::bounded;
use crate::mirror::fated;
use crate::speak::{CHAT, MANNERS, Manner, ask};
use crate::world::{Setup, World, until};
use tg_kernel::decided::Purpose;
use tg_kernel::dialect::Dialect;
use tg_proxy::shadow::Fate;

/// A profile that spans Europe.
const EUROPEAN: &str = "eu.anthropic.claude-haiku-4-5-20251001-v1:0";

const LABEL: &str = "Classify the sentiment of this review as positive or negative. Answer with one word.\n\n\
                     Review: The food was cold and the staff were rude.";

/// A route with a target at home behind one elsewhere, a step, a mirror and a judge elsewhere; one that is elsewhere alone; and one
/// by which callers name what they like at home.
fn models() -> String {
    format!(
        "- name: both\n  targets:\n  - {{ provider: openai, model: gpt-5 }}\n  - {{ provider: home, model: '{EUROPEAN}' }}\n\
         \x20 mirror: {{ provider: anthropic, model: claude-haiku-4-5, share: 100% }}\n\
         \x20 task_routing:\n    mode: enforce\n\
         \x20   steps: [{{ provider: openai, model: gpt-5-nano, tasks: [classification] }}]\n\
         \x20   quality: {{ sample: 100%, judge: {{ provider: local, model: local-chat }} }}\n\
         - {{ name: away, targets: [{{ provider: openai, model: gpt-5-nano }}] }}\n\
         - {{ name: 'global.*', targets: [{{ provider: home }}] }}\n\
         - {{ name: 'eu.*', targets: [{{ provider: home }}] }}\n"
    )
}

fn world(rule: &str, budgets: &str) -> World {
    World::with(Setup {
        models: models(),
        more: format!("residency: [{rule}]\n"),
        bedrock: ", residency: us".to_owned(),
        // The simulated Bedrock is in one Region only; where a provider is, is what its operator says.
        providers: "- { name: home, kind: bedrock, region: us-east-1, base_url: 'BEDROCK_URL', residency: eu, \
                    credentials: { access_key_id: 'env:SIM_ID', secret_access_key: 'env:SIM_SECRET' } }\n"
            .to_owned(),
        teams: "- { name: red, projects: [alpha, beta], environments: [prod, dev] }\n- { name: blue }\n".to_owned(),
        budgets: budgets.to_owned(),
        ..Setup::default()
    })
}

#[test]
fn a_call_that_must_stay_leaves_by_no_target_step_mirror_or_sample() {
    let world = world("{ for: { team: red }, in: [eu] }", "");
    let mut calls = 0;
    for dialect in CHAT {
        for manner in MANNERS {
            let answer = world.send(&ask(dialect, manner, "both", LABEL));
            assert_eq!(answer.status, 200, "{dialect:?}: {}", answer.text());
            assert_eq!(answer.header("x-tallygate-model"), EUROPEAN, "{dialect:?}");
            let routed = world.row(&answer).decided.and_then(|decided| decided.routed);
            assert_eq!(routed.and_then(|routed| routed.to), None, "{dialect:?}: nor is it said that it should");
            calls += 1;
            let refused = world.send(&ask(dialect, manner, "away", "hi"));
            assert_eq!((refused.status, refused.header("x-tallygate-error-code")), (403, "residency"), "{dialect:?}");
            assert!(refused.text().contains("must stay in eu"), "{}", refused.text());
        }
    }
    until("no copy was made", || (fated(&world, Purpose::Mirror, Fate::Away) == calls).then_some(()));
    let failed = world.send(&ask(Dialect::OpenaiChat, Manner::Plain, "both", "[[sim: status=503]] hi"));
    assert_eq!(failed.status, 503, "rather not at all than elsewhere");
    world.row(&failed);
    assert!(world.sim.books.entries().iter().all(|entry| entry.model == EUROPEAN), "{:?}", world.sim.books.entries());
    // Who is not bound goes by the cheaper model, and is copied.
    let blue = world.issue(&world.new_key("blue"));
    let free = ask(Dialect::OpenaiChat, Manner::Plain, "both", LABEL).bearer(blue.secret.expose()).send(world.address);
    assert_eq!((free.status, free.header("x-tallygate-model")), (200, "gpt-5-nano"));
    until("it is copied", || (fated(&world, Purpose::Mirror, Fate::Sent) == 1).then_some(()));
}

#[test]
fn a_profile_of_the_whole_world_is_not_at_home_though_its_provider_is() {
    let world = world("{ in: [eu] }", "");
    for (model, status) in [(EUROPEAN, 200), ("global.anthropic.claude-haiku-4-5-20251001-v1:0", 403)] {
        let answer = world.send(&ask(Dialect::BedrockConverse, Manner::Plain, model, "hi"));
        assert_eq!(answer.status, status, "{model}: {}", answer.text());
    }
    assert_eq!(world.sim.books.entries().len(), 1);
}

#[test]
fn a_spent_budget_sends_no_call_elsewhere() {
    let thrift = "- { name: thrift, for: { team: red }, amount: 0.0010 USD, on_exhausted: { downgrade: away } }\n";
    let world = world("{ for: { model: both }, in: [eu] }", thrift);
    let refused = world.send(&bounded("both", 1_000, "hi"));
    assert_eq!((refused.status, refused.header("x-tallygate-error-code")), (429, "budget_exhausted"));
    assert!(world.sim.books.entries().is_empty(), "{:?}", world.sim.books.entries());
    assert_eq!(world.send(&bounded("away", 10, "hi")).status, 200, "by itself it may");
}
