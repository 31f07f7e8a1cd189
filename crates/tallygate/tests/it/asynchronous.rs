//! Asynchronous invocations of Bedrock: booked when they start, and seen afterwards by those alone whose tags they have.

use crate::guarded::{SECRET, house, no_secrets};
use crate::recorder::Recorder;
use crate::signed::Signing;
use crate::speak::error;
use crate::wire::{Answer, Call};
use crate::world::{Setup, World, nobody};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::record::{Ending, Pricing};
use tg_policy::guard::{On, Rule};
use tg_sim::{Invocation, Sim, SimOptions};
use tg_store::key::{IssuedKey, KeyKind, NewKey};

const REEL: &str = "amazon.nova-reel-v1:1";
const OUTPUT: &str = ", async_output: ['s3://ml-output/{team}/', 's3://shared/videos']";

fn setup() -> Setup {
    Setup {
        bedrock: OUTPUT.to_owned(),
        models: format!(
            "- {{ name: reel, targets: [{{ provider: bedrock, model: '{REEL}' }}] }}\n\
             - {{ name: strict-reel, on_loss: reject, targets: [{{ provider: bedrock, model: '{REEL}' }}] }}\n\
             - {{ name: reel-later, targets: [{{ provider: anthropic }}, {{ provider: bedrock, model: '{REEL}' }}] }}\n\
             - {{ name: 'amazon.nova-*', targets: [{{ provider: bedrock }}] }}\n"
        ),
        teams: "- { name: red, projects: [alpha, beta], environments: [prod, dev] }\n\
                - { name: blue, projects: [alpha] }\n"
            .to_owned(),
        identity: "{ secrets_key: 'env:SECRETS_KEY' }".to_owned(),
        ..Setup::default()
    }
}

/// A body that starts an invocation.
fn body(model: &str, output: &str, prompt: &str) -> Value {
    json!({
        "modelId": model,
        "modelInput": {"taskType": "TEXT_VIDEO", "textToVideoParams": {"text": prompt}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": output}},
    })
}

fn start(body: &Value) -> Call {
    Call::post("/async-invoke", body.to_string())
}

fn by(world: &World, key: &IssuedKey, call: &Call) -> Answer {
    call.clone().bearer(key.secret.expose()).send(world.address)
}

/// Starts an invocation in the team's own folder; its ARN.
fn started(world: &World, key: &IssuedKey) -> String {
    let output = format!("s3://ml-output/{}/x", key.record.team);
    let answer = by(world, key, &start(&body("reel", &output, "a red bicycle")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["invocationArn"].as_str().unwrap().to_owned()
}

fn get(arn: &str) -> Call {
    Call::new("GET", format!("/async-invoke/{arn}"))
}

fn encoded(arn: &str) -> String {
    arn.replace(':', "%3A").replace('/', "%2F")
}

/// A refusal as AWS SDKs read it, and its code.
#[track_caller]
fn refused(answer: &Answer, status: u16, exception: &str, code: &str) -> String {
    let (found, message) = error(Dialect::BedrockInvoke, answer);
    let told = answer.header("x-tallygate-error-code");
    assert_eq!((answer.status, found.as_str(), told), (status, exception, code), "{message}");
    message
}

#[track_caller]
fn not_found(answer: &Answer) -> String {
    refused(answer, 400, "ValidationException", "invocation_not_found")
}

fn listed(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    let all = json["asyncInvokeSummaries"].as_array().unwrap();
    all.iter().map(|summary| summary["invocationArn"].as_str().unwrap().to_owned()).collect()
}

/// How often the control plane was asked.
fn questions(world: &World) -> usize {
    world.sim.books.entries().iter().filter(|entry| entry.operation == tg_sim::Operation::Control).count()
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_start_is_a_call_like_others_with_tags_that_say_whose_it_is() {
    let world = World::with(setup());
    let key = world.key.as_ref().unwrap();
    let text = r#"{ "modelInput":{"taskType":"TEXT_VIDEO" , "textToVideoParams":{"text":"hi","x":1.50}},"modelId": "reel","tags": [ {"key":"mine" ,"value":"\u0061"}], "outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3:\/\/ml-output/red/"}} }"#;
    let answer = world.send(&Call::post("/bedrock/async-invoke?x=y", text));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let arn = answer.json()["invocationArn"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("x-tallygate-model"), REEL);
    assert_eq!(answer.header("x-tallygate-cost-usd"), "unknown");
    let row = world.row(&answer);
    assert_eq!((row.asked.operation, &*row.asked.model, row.ending), (Operation::AsyncInvoke, "reel", Ending::Ok));
    assert_eq!((row.usage.total_tokens(), row.cost.pricing), (0, Pricing::Unpriced));
    assert_eq!((&*row.attribution.team, row.attribution.project.as_deref()), ("red", Some("alpha")));
    assert_eq!((&*row.served.as_ref().unwrap().model, row.losses.len()), (REEL, 0));
    let Invocation { tags: told, output, .. } = world.sim.invocations.all().remove(0);
    let own = [
        ("mine", "a"),
        ("tallygate:team", "red"),
        ("tallygate:project", "alpha"),
        ("tallygate:environment", "prod"),
        ("tallygate:key_id", &*key.record.id),
    ];
    assert_eq!((told, output.as_str()), (tags(&own), "s3://ml-output/red/"));
    let arrived = world.entry(&row).detail.unwrap().body;
    let (before, after) = text.split_once(r#"[ {"key":"mine" ,"value":"\u0061"}]"#).unwrap();
    assert!(arrived.starts_with(&before.replace("\"reel\"", &format!("\"{REEL}\""))), "{arrived}");
    assert!(arrived.ends_with(&format!(r#",{{"key":"mine" ,"value":"\u0061"}}]{after}"#)), "{arrived}");
    // A model with a price by the token is no cheaper for that.
    let embed = json!({
        "modelId": "amazon.nova-2-multimodal-embeddings-v1:0", "modelInput": {},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://shared/videos/1"}},
    });
    let answer = world.send(&start(&embed));
    let row = world.row(&answer);
    assert_eq!((answer.status, row.cost.pricing), (200, Pricing::Unpriced), "{}", answer.text());
    assert_eq!(row.asked.operation, Operation::AsyncInvoke);
    // Who has just started one need not be looked up.
    for (form, status) in [(arn.clone(), "InProgress"), (encoded(&arn), "Completed")] {
        let answer = world.send(&get(&form));
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!(status)), "{}", answer.text());
    }
    assert_eq!((questions(&world), world.rows().len()), (0, 2), "a look is no call");
}

#[test]
fn each_team_sees_its_own_and_each_bound_key_its_projects() {
    let world = World::with(setup());
    let of = |team: &str, project: Option<&str>| {
        world.issue(&NewKey { project: project.map(str::to_owned), ..world.new_key(team) })
    };
    let (red, blue) = (of("red", None), of("blue", None));
    let (alpha, beta, blue_alpha) = (of("red", Some("alpha")), of("red", Some("beta")), of("blue", Some("alpha")));
    let arns = [started(&world, &alpha), started(&world, &blue_alpha), started(&world, &beta), started(&world, &red)];
    for (key, seen) in
        [(&red, vec![0, 2, 3]), (&alpha, vec![0]), (&beta, vec![2]), (&blue, vec![1]), (&blue_alpha, vec![1])]
    {
        for (number, arn) in arns.iter().enumerate() {
            let answer = by(&world, key, &get(&encoded(arn)));
            if seen.contains(&number) {
                assert_eq!((answer.status, answer.json()["invocationArn"].as_str()), (200, Some(arn.as_str())));
            } else {
                let nothing = by(&world, key, &get("arn:aws:bedrock:us-east-1:123456789012:async-invoke/zzzzzzzzzzzz"));
                assert_eq!(not_found(&answer), not_found(&nothing), "what is another's is as what is not there");
            }
        }
        let mut found = listed(&by(&world, key, &Call::new("GET", "/async-invoke?sortOrder=Ascending&maxResults=50")));
        found.sort_unstable();
        let wanted: Vec<&String> = seen.iter().map(|number| &arns[*number]).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted);
    }
    let stranger = get(&arns[0]).send(world.address);
    refused(&stranger, 403, "UnrecognizedClientException", "missing_api_key");
}

#[test]
fn a_gateway_that_forgets_asks_the_tags_once() {
    let mut world = World::with(setup());
    let red = world.key.clone().unwrap();
    let blue = world.issue(&world.new_key("blue"));
    let (first, second) = (started(&world, &red), started(&world, &red));
    world.sim.invocations.tag(&second, "tallygate:team", "blue");
    world.restart();
    for _ in 0..3 {
        assert_eq!(by(&world, &red, &get(&first)).status, 200);
        not_found(&by(&world, &blue, &get(&first)));
        // What the tags say goes before what was once started here.
        not_found(&by(&world, &red, &get(&second)));
        assert_eq!(by(&world, &blue, &get(&second)).status, 200);
        let list = by(&world, &blue, &Call::new("GET", "/async-invoke"));
        assert_eq!(listed(&list), std::slice::from_ref(&second));
    }
    assert_eq!(questions(&world), 2, "one for each invocation");
}

#[test]
fn pages_stay_usable_and_summaries_stay_as_they_came() {
    let world = World::with(setup());
    let red = world.key.clone().unwrap();
    let blue = world.issue(&world.new_key("blue"));
    let arns: Vec<String> = (0..5).map(|n| started(&world, if n == 3 { &blue } else { &red })).collect();
    let (mut found, mut pages, mut query) = (Vec::new(), 0, String::new());
    loop {
        let call =
            Call::new("GET", format!("/async-invoke?maxResults=2&sortBy=SubmissionTime&sortOrder=Ascending{query}"));
        let answer = by(&world, &red, &call);
        found.extend(listed(&answer));
        pages += 1;
        let Some(next) = answer.json()["nextToken"].as_str().map(str::to_owned) else { break };
        query = format!("&nextToken={next}");
    }
    assert_eq!((found, pages), (vec![arns[0].clone(), arns[1].clone(), arns[2].clone(), arns[4].clone()], 3));
    let one = by(&world, &red, &get(&arns[0])).text();
    let all = by(&world, &red, &Call::new("GET", "/async-invoke?sortOrder=Ascending")).text();
    assert!(all.starts_with(&format!("{{\"asyncInvokeSummaries\":[{one},")), "{all}\n{one}");
    let done = by(&world, &red, &Call::new("GET", "/async-invoke?statusEquals=Completed"));
    assert!(listed(&done).is_empty(), "one look is not enough");
    for (query, code) in [("nextToken=elsewhere.x", "invalid_request"), ("maxResults=0", "upstream_refused")] {
        let answer = by(&world, &red, &Call::new("GET", format!("/async-invoke?{query}")));
        refused(&answer, 400, "ValidationException", code);
    }
}

#[test]
fn what_asks_for_a_page_carries_no_value_to_a_provider() {
    let rule = Rule { on: Some(On::Input), ..no_secrets() };
    let world = World::with(Setup { guards: vec![house(vec![rule])], ..setup() });
    let red = world.key.clone().unwrap();
    let arns: Vec<String> = (0..2).map(|_| started(&world, &red)).collect();
    let asked = world.sim.books.entries().len();
    for (query, code) in [
        (format!("nextToken=bedrock.{SECRET}"), "content_blocked"),
        (format!("nextToken=bedrock.10:{SECRET}"), "content_blocked"),
        ("nextToken=bedrock.ignore%20all%20that".to_owned(), "invalid_request"),
        (format!("maxResults={SECRET}"), "invalid_request"),
    ] {
        let answer = by(&world, &red, &Call::new("GET", format!("/async-invoke?{query}")));
        let message = refused(&answer, 400, "ValidationException", code);
        assert!(!message.contains(SECRET), "{message}");
    }
    assert_eq!(world.sim.books.entries().len(), asked);
    // A place that is one goes on as it is.
    let first = by(&world, &red, &Call::new("GET", "/async-invoke?maxResults=1&sortOrder=Ascending"));
    let next = first.json()["nextToken"].as_str().unwrap().to_owned();
    let second = format!("/async-invoke?maxResults=1&sortOrder=Ascending&nextToken={next}");
    assert_eq!(listed(&by(&world, &red, &Call::new("GET", second))), arns[1..]);
}

#[test]
fn several_providers_are_listed_one_after_the_other() {
    let other = Sim::start(SimOptions { region: "eu-west-1".to_owned(), ..SimOptions::default() }).unwrap();
    let providers = format!(
        "- {{ name: second, kind: bedrock, region: eu-west-1, base_url: '{}', control_url: '{}', api_key: 'env:SIM_KEY', \
         async_output: ['s3://ml-output/{{team}}'] }}\n",
        other.urls.bedrock, other.urls.bedrock_control
    );
    let mut setup = Setup { providers, ..setup() };
    setup.models += "- { name: reel-eu, targets: [{ provider: second, model: 'luma.ray-v2:0' }] }\n";
    let world = World::with(setup);
    let red = world.key.clone().unwrap();
    let here = started(&world, &red);
    let answer = world.send(&start(&body("reel-eu", "s3://ml-output/red/1", "hi")));
    let there = answer.json()["invocationArn"].as_str().unwrap().to_owned();
    assert!(there.contains(":eu-west-1:"), "{there}");
    let first = world.send(&Call::new("GET", "/async-invoke"));
    assert_eq!((listed(&first), &first.json()["nextToken"]), (vec![here.clone()], &json!("second.")));
    let last = world.send(&Call::new("GET", "/async-invoke?nextToken=second."));
    assert_eq!((listed(&last), last.json().get("nextToken")), (vec![there.clone()], None));
    for arn in [&here, &there] {
        assert_eq!(world.send(&get(arn)).status, 200);
    }
    not_found(&world.send(&get(&there.replace("eu-west-1", "eu-west-2"))));
}

#[test]
fn output_goes_where_the_operator_allows_it_only() {
    let world = World::with(setup());
    for output in [
        "s3://ml-output/blue/x",
        "s3://ml-output/redder",
        "s3://ml-output",
        "s3://ml-output/red/../blue/x",
        "s3://elsewhere/red/",
        "s3://shared/videos2",
        "s3://ml-output/{team}/",
    ] {
        let answer = world.send(&start(&body("reel", output, "hi")));
        let message = refused(&answer, 403, "AccessDeniedException", "output_not_allowed");
        assert!(message.contains("s3://ml-output/red, s3://shared/videos"), "{message}");
    }
    for config in [json!(null), json!({}), json!({"s3OutputDataConfig": {}}), json!({"httpOutput": {"url": "x"}})] {
        let mut body = body("reel", "", "hi");
        body["outputDataConfig"] = config;
        refused(&world.send(&start(&body)), 400, "ValidationException", "invalid_request");
    }
    refused(&world.send(&Call::post("/async-invoke", "{}")), 400, "ValidationException", "invalid_request");
    refused(
        &world.send(&start(&body("none", "s3://shared/videos", ""))),
        404,
        "ResourceNotFoundException",
        "model_not_found",
    );
    assert!(world.sim.books.entries().is_empty(), "nothing was sent");
    assert_eq!(world.finish().iter().filter(|row| row.ending == Ending::Refused).count(), 13);

    let none = World::with(Setup { bedrock: String::new(), ..setup() });
    let arn = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abc123def456";
    for call in [start(&body("reel", "s3://shared/videos", "")), Call::new("GET", "/async-invoke"), get(arn)] {
        let message = refused(&none.send(&call), 400, "ValidationException", "operation_unsupported");
        assert!(message.contains("async_output"), "{message}");
    }
    assert!(none.sim.books.entries().is_empty());
}

#[test]
fn policies_of_routes_hold() {
    let world = World::with(setup());
    let mut tagged = body("reel", "s3://shared/videos", "hi");
    tagged["tags"] = json!([{"key": "Tallygate:team", "value": "blue"}, {"key": "a", "value": "b"}]);
    let answer = world.send(&start(&tagged));
    assert_eq!((answer.status, answer.header("x-tallygate-losses")), (200, "tags"), "{}", answer.text());
    assert_eq!(world.row(&answer).losses, ["tags"]);
    assert_eq!(world.sim.invocations.all()[0].tags.get("tallygate:team").map(String::as_str), Some("red"));
    tagged["modelId"] = json!("strict-reel");
    refused(&world.send(&start(&tagged)), 400, "ValidationException", "not_expressible");
    tagged["tags"] = json!({"tallygate:team": "blue"});
    refused(&world.send(&start(&tagged)), 400, "ValidationException", "invalid_request");
    // Only Bedrock has such a thing: other targets are passed over.
    let later = world.send(&start(&body("reel-later", "s3://shared/videos", "hi")));
    assert_eq!((later.status, later.header("x-tallygate-provider")), (200, "bedrock"), "{}", later.text());
    let never = world.send(&start(&body("on-openai", "s3://shared/videos", "hi")));
    refused(&never, 400, "ValidationException", "operation_unsupported");
    // What the provider refuses is heard as it came.
    let limited = world.send(&start(&body("reel", "s3://shared/videos", "[[sim: status=429 retry_after=9]]")));
    refused(&limited, 429, "ThrottlingException", "upstream_limited");
    assert_eq!((limited.header("retry-after"), world.row(&limited).ending), ("9", Ending::ProviderError));

    let world = World::with(Setup { pricing: "{ unknown_price: deny }".to_owned(), ..setup() });
    for model in ["reel", "amazon.nova-2-multimodal-embeddings-v1:0"] {
        let answer = world.send(&start(&body(model, "s3://shared/videos", "hi")));
        let message = refused(&answer, 403, "AccessDeniedException", "price_unknown");
        assert!(
            message.contains("does not bill this operation by tokens") && !message.contains("add the price"),
            "{message}"
        );
    }
    let pricing =
        "{ unknown_price: ceiling, ceiling: { input: '1.00 USD per 1M tokens', output: '2.00 USD per 1M tokens' } }";
    let world = World::with(Setup { pricing: pricing.to_owned(), ..setup() });
    let answer = world.send(&start(&body("reel", "s3://shared/videos", "hi")));
    assert_eq!(world.row(&answer).cost.pricing, Pricing::Unpriced, "a ceiling is one per token");
}

#[test]
fn a_repeated_start_is_one_for_aws_and_two_teams_never_share_one() {
    let world = World::with(setup());
    let blue = world.issue(&world.new_key("blue"));
    let mut body = body("reel", "s3://shared/videos", "hi");
    body["clientRequestToken"] = json!("job-1");
    let first = world.send(&start(&body));
    let again = world.send(&start(&body));
    assert_eq!((again.status, again.text()), (200, first.text()));
    assert_eq!(world.sim.invocations.all().len(), 1);
    refused(&by(&world, &blue, &start(&body)), 400, "ConflictException", "upstream_refused");
    // AWS may have answered with an earlier one: its tags say whose it is.
    let arn = first.json()["invocationArn"].as_str().unwrap().to_owned();
    world.sim.invocations.tag(&arn, "tallygate:team", "blue");
    not_found(&world.send(&get(&arn)));
    assert_eq!(by(&world, &blue, &get(&arn)).status, 200);
}

/// A whole answer with this status.
fn answering(status: u16, exception: &str, body: &str) -> Recorder {
    let head = format!(
        "HTTP/1.1 {status} Why\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-amzn-errortype: {exception}\r\n\r\n",
        body.len()
    );
    Recorder::answering(vec![[head.as_bytes(), body.as_bytes()].concat()])
}

#[test]
fn a_start_that_may_have_begun_is_not_begun_again_elsewhere() {
    let quota = ("ThrottlingException", r#"{"message":"Too many requests"}"#);
    for (what, recorder, token, is_tried_elsewhere) in [
        ("reset", Recorder::answering(vec![]), false, false),
        ("garbage", Recorder::answering(vec![b"what?\r\n\r\n".to_vec()]), false, false),
        ("throttled", answering(429, quota.0, quota.1), false, true),
        ("throttled, with a token", answering(429, quota.0, quota.1), true, false),
        ("unavailable, with a token", answering(503, "ServiceUnavailableException", "{}"), true, false),
        ("absent, with a token", answering(404, "ResourceNotFoundException", "{}"), true, true),
        ("conflict", answering(400, "ConflictException", "{}"), true, false),
    ] {
        let providers = format!(
            "- {{ name: first, kind: bedrock, region: us-east-1, base_url: 'http://{}', api_key: 'env:SIM_KEY', \
             async_output: ['s3://shared'] }}\n",
            recorder.address
        );
        let mut setup = Setup { providers, ..setup() };
        setup.models += &format!(
            "- {{ name: twice, targets: [{{ provider: first, model: '{REEL}' }}, {{ provider: bedrock, model: '{REEL}' }}] }}\n"
        );
        let world = World::with(setup);
        let mut body = body("twice", "s3://shared/videos", "hi");
        if token {
            body["clientRequestToken"] = json!("job-1");
        }
        let answer = world.send(&start(&body));
        assert_eq!(answer.status == 200, is_tried_elsewhere, "{what}: {}", answer.text());
        let begun = world.sim.invocations.all().len();
        assert_eq!((recorder.seen().len(), begun), (1, usize::from(is_tried_elsewhere)), "{what}");
        let row = world.row(&answer);
        let used = row.earlier.iter().map(|earlier| earlier.usage.total_tokens()).sum::<u64>();
        assert_eq!((row.usage.total_tokens(), used), (0, 0), "{what}: what is not billed by tokens has none");
    }
}

#[test]
fn of_two_accounts_in_a_region_one_clear_answer_is_enough() {
    let denied = answering(403, "AccessDeniedException", r#"{"message":"no"}"#);
    let providers = format!(
        "- {{ name: another, kind: bedrock, region: us-east-1, base_url: 'http://{0}', control_url: 'http://{0}', \
         api_key: 'env:SIM_KEY', async_output: ['s3://b-1'] }}\n",
        denied.address
    );
    let mut world = World::with(Setup { providers, ..setup() });
    let red = world.key.clone().unwrap();
    let blue = world.issue(&world.new_key("blue"));
    let arn = started(&world, &red);
    assert_eq!((by(&world, &red, &get(&arn)).status, denied.seen().len()), (200, 0), "what is known is not asked");
    world.restart();
    let strange = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/zzzzzzzzzzzz";
    for _ in 0..3 {
        not_found(&by(&world, &red, &get(strange)));
        not_found(&by(&world, &blue, &get(strange)));
    }
    assert_eq!((questions(&world), denied.seen().len()), (1, 1), "both answers are remembered");
    assert_eq!(by(&world, &red, &get(&arn)).status, 200);
    not_found(&by(&world, &blue, &get(&arn)));
    assert_eq!((questions(&world), denied.seen().len()), (2, 2));
    // Its own list tells a provider its account: of others it is not asked any more.
    assert_eq!(listed(&by(&world, &red, &Call::new("GET", "/async-invoke?nextToken=bedrock."))), [arn.as_str()]);
    let elsewhere = arn.replace("123456789012", "210987654321");
    refused(&by(&world, &red, &get(&elsewhere)), 424, "ModelErrorException", "upstream_credential");
    assert_eq!((questions(&world), denied.seen().len()), (2, 3));
}

#[test]
fn equal_questions_are_asked_once() {
    let mut world = World::with(setup());
    let red = world.key.clone().unwrap();
    let arn = started(&world, &red);
    world.restart();
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| assert_eq!(by(&world, &red, &get(&arn)).status, 200));
        }
    });
    assert_eq!(questions(&world), 1);
    for query in ["statusEquals=%zz", "submitTimeAfter=%ff&statusEquals=Completed"] {
        let answer = world.send(&Call::new("GET", format!("/async-invoke?{query}")));
        let message = refused(&answer, 400, "ValidationException", "invalid_request");
        assert!(message.contains(query.split('=').next().unwrap()), "{message}");
    }
}

#[test]
fn a_profile_is_never_named_but_the_model_behind_it() {
    let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/reel1";
    let bedrock = format!("{OUTPUT}, inference_profiles: [{{ model: '{REEL}', team: red, arn: '{profile}' }}]");
    let world = World::with(Setup { bedrock, ..setup() });
    for named in ["reel", profile] {
        let answer = world.send(&start(&body(named, "s3://shared/videos", "hi")));
        assert_eq!((answer.status, answer.header("x-tallygate-model")), (200, REEL), "{named}: {}", answer.text());
        let row = world.row(&answer);
        assert_eq!((row.served.as_ref().unwrap().profile.as_deref(), &*row.asked.model), (None, named));
        assert_eq!(world.entry(&row).model, REEL, "{named}");
    }
}

/// A call that the gateway did not see end is booked as such, and has no price either.
#[test]
fn a_start_that_was_never_answered_is_unpriced_too() {
    let recorder = Recorder::answering(vec![]);
    let providers = format!(
        "- {{ name: rec, kind: bedrock, region: us-east-1, base_url: 'http://{}', api_key: 'env:SIM_KEY', \
         async_output: ['s3://shared'] }}\n",
        recorder.address
    );
    let models = "- { name: lost, targets: [{ provider: rec, model: 'amazon.nova-2-multimodal-embeddings-v1:0' }] }\n";
    let world = World::with(Setup { providers, models: models.to_owned(), ..Setup::default() });
    let answer = world.send(&start(&body("lost", "s3://shared/videos", "hi")));
    refused(&answer, 424, "ModelErrorException", "upstream_reset");
    let row = world.row(&answer);
    assert_eq!((row.ending, row.cost.pricing), (Ending::ProviderError, Pricing::Unpriced), "{row:?}");
    assert_eq!(row.usage.total_tokens(), 0, "it is not billed by tokens");
}

#[test]
fn signed_callers_start_and_look() {
    let world = World::with(setup());
    let key = world.issue(&NewKey { kind: KeyKind::Aws, ..world.new_key("red") });
    let sign = |call: Call| Signing::by(&key).sign(&call, world.address).send(world.address);
    let answer = sign(start(&body("reel", "s3://ml-output/red/", "hi")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(&*world.row(&answer).attribution.key_id, &*key.record.id);
    let arn = answer.json()["invocationArn"].as_str().unwrap().to_owned();
    assert_eq!(sign(get(&encoded(&arn))).status, 200);
    assert_eq!(sign(get(&arn)).status, 200);
    assert_eq!(
        listed(&sign(Call::new("GET", "/async-invoke?statusEquals=Completed&maxResults=9"))),
        std::slice::from_ref(&arn)
    );
    let mut forged = Signing::by(&key).sign(&get(&arn), world.address);
    forged.path = "/async-invoke".to_owned();
    assert_eq!(forged.send(world.address).status, 403);
}

#[test]
fn an_arn_leads_nowhere_else() {
    let world = World::with(setup());
    let arn = started(&world, world.key.as_ref().unwrap());
    let before = world.sim.books.entries().len();
    for tricked in [
        "..%2Fmodel%2Fx".to_owned(),
        format!("{arn}/../../model/x"),
        format!("{arn}%2F..%2F..%2Finference-profiles"),
        format!("{arn}%3Fx=y"),
        format!("{arn}%0d%0ax"),
        arn.to_uppercase(),
        arn.replace("async-invoke", "model-invocation-job"),
        arn.replace("bedrock", "s3"),
        "sim000000001".to_owned(),
    ] {
        let answer = world.send(&get(&tricked));
        let code = answer.header("x-tallygate-error-code").to_owned();
        assert!(
            [400, 404].contains(&answer.status) && ["invalid_request", "unknown_url"].contains(&&*code),
            "{tricked}"
        );
    }
    assert_eq!(world.sim.books.entries().len(), before, "nothing was asked");
}

#[test]
fn what_cannot_be_known_is_not_shown() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abc123def456";
    let with = |url: String, control: String| {
        let bedrock = "- { name: far, kind: bedrock, region: us-east-1, base_url: 'URL', control_url: 'CONTROL', \
                       api_key: 'env:SIM_KEY', async_output: ['s3://b-1'] }\n";
        World::with(Setup { providers: bedrock.replace("URL", &url).replace("CONTROL", &control), ..Setup::default() })
    };
    let away = format!("http://{}", nobody());
    let world = with(away.clone(), away.clone());
    for call in [get(arn), Call::new("GET", "/async-invoke")] {
        refused(&world.send(&call), 424, "ModelErrorException", "upstream_unreachable");
    }
    let answering = |status: u16, body: &str| answering(status, "ThrottlingException", body);
    let list = format!(r#"{{"asyncInvokeSummaries":[{{"invocationArn":"{arn}"}}]}}"#);
    let runtime = answering(200, &list);
    let listing = format!("http://{}", runtime.address);
    let denied = r#"{"message":"User: arn:aws:iam::123456789012:role/gateway may not"}"#;
    for (status, body, code) in [
        (429, r#"{"message":"Too many requests"}"#, "upstream_limited"),
        (403, denied, "upstream_credential"),
        (500, "{}", "upstream_error"),
    ] {
        let control = answering(status, body);
        let world = with(listing.clone(), format!("http://{}", control.address));
        for call in [get(arn), Call::new("GET", "/async-invoke")] {
            let answer = world.send(&call);
            assert!(answer.status >= 400 && !answer.text().contains("role/gateway"), "{}", answer.text());
            assert_eq!(answer.header("x-tallygate-error-code"), code, "{status}");
        }
        assert_eq!(control.last().text(), format!(r#"{{"resourceARN":"{arn}"}}"#));
    }
    // Tags of somebody else's making name nobody.
    let control = answering(200, r#"{"tags":[{"key":"team","value":"red"}]}"#);
    let world = with(listing, format!("http://{}", control.address));
    not_found(&world.send(&get(arn)));
    assert!(listed(&world.send(&Call::new("GET", "/async-invoke"))).is_empty());
}

#[test]
fn sessions_of_a_role_start_and_look_and_the_gateway_itself_asks() {
    let mut setup = crate::aws::setup("");
    setup.providers = setup.providers.replace(
        ", assume_role",
        ", control_url: 'BEDROCK_URL/control', async_output: ['s3://ml-output/{team}'], assume_role",
    );
    setup.models += &format!("- {{ name: reel, targets: [{{ provider: roles, model: '{REEL}' }}] }}\n");
    let mut world = World::with(setup);
    let key = world.issue(&NewKey { project: Some("alpha".to_owned()), ..world.new_key("red") });
    let arn = started(&world, &key);
    world.restart();
    assert_eq!(by(&world, &key, &get(&arn)).status, 200);
    let sessions: Vec<_> =
        world.sim.books.entries().into_iter().map(|entry| (entry.operation, entry.aws_session)).collect();
    let session = || Some("tg-red.alpha".to_owned());
    assert_eq!(
        sessions,
        [
            (tg_sim::Operation::AsyncInvoke, session()),
            (tg_sim::Operation::Control, None),
            (tg_sim::Operation::AsyncInvoke, session()),
        ]
    );
}
