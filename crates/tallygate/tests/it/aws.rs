//! Signing with sessions of a role: one AssumeRole for each session, tags for the bill, the session's name in the ledger.

use crate::process::{Process, prepared};
use crate::speak::{CHAT, MANNERS, Manner, ask, error};
use crate::world::{HAIKU, Setup, World, document, nobody, put_in_force};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::Ending;
use tg_sim::{Assumed, DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY};
use tg_store::key::{IssuedKey, NewKey};
use tg_store::ledger::{Dimension, ReportQuery};

const TEAMS: &str = "- { name: red, projects: [alpha, beta], environments: [prod, dev], cost_centre: 'CC 4711' }\n\
                     - { name: blue, projects: [gamma] }\n";

const ROLE: &str = "arn:aws:iam::123456789012:role/calls";

/// `on-roles` is signed by sessions of a role with these settings; `role-first` has a second target.
pub(crate) fn setup(role: &str) -> Setup {
    Setup {
        providers: format!(
            "- {{ name: roles, kind: bedrock, region: us-east-1, base_url: 'BEDROCK_URL', \
             credentials: {{ access_key_id: 'env:SIM_ID', secret_access_key: 'env:SIM_SECRET' }}, \
             assume_role: {{ role_arn: '{ROLE}', sts_url: 'STS_URL'{role} }} }}\n"
        ),
        models: format!(
            "- {{ name: on-roles, targets: [{{ provider: roles, model: '{HAIKU}' }}] }}\n\
             - {{ name: role-first, targets: [{{ provider: roles, model: '{HAIKU}' }}, \
             {{ provider: anthropic, model: claude-haiku-4-5 }}] }}\n"
        ),
        teams: TEAMS.to_owned(),
        ..Setup::default()
    }
}

fn key(world: &World, team: &str, project: &str, environment: &str) -> IssuedKey {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    world.issue(&NewKey { project: some(project), environment: some(environment), ..world.new_key(team) })
}

/// The session under which a call with this key is booked.
fn session(world: &World, key: &IssuedKey, prompt: &str) -> String {
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-roles", prompt).bearer(key.secret.expose());
    let answer = call.send(world.address);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let row = world.row(&answer);
    let session = row.served.as_ref().unwrap().session.as_deref().unwrap().to_owned();
    assert_eq!(world.entry(&row).aws_session.as_deref(), Some(&*session), "what signed is what is booked");
    session
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn each_session_is_assumed_once_with_the_tags_of_its_callers() {
    let world = World::with(setup(", external_id: ex-7, duration: 30m, tags: { owner: platform }"));
    world.sim.sts.demand_external_id("ex-7");
    world.sim.sts.delay(Duration::from_millis(200));
    let keys = [
        (key(&world, "red", "alpha", "prod"), "tg-red.alpha.prod"),
        (key(&world, "red", "beta", ""), "tg-red.beta"),
        (key(&world, "blue", "gamma", ""), "tg-blue.gamma"),
    ];
    assert!(world.sim.sts.assumed().is_empty(), "nothing is fetched before a call needs it");
    std::thread::scope(|scope| {
        for number in 0..24 {
            let (world, (key, name)) = (&world, &keys[number % keys.len()]);
            scope.spawn(move || assert_eq!(session(world, key, &format!("call {number}")), *name));
        }
    });
    let mut assumed = world.sim.sts.assumed();
    assumed.sort_by(|a, b| a.session.cmp(&b.session));
    let one = |session: &str, of: &[(&str, &str)]| Assumed {
        role_arn: ROLE.to_owned(),
        session: session.to_owned(),
        seconds: 1800,
        external_id: Some("ex-7".to_owned()),
        tags: tags(of),
        caller: DEFAULT_ACCESS_KEY_ID.to_owned(),
    };
    let red = [("team", "red"), ("cost-centre", "CC 4711"), ("owner", "platform")];
    assert_eq!(
        assumed,
        [
            one("tg-blue.gamma", &[("team", "blue"), ("project", "gamma"), ("owner", "platform")]),
            one("tg-red.alpha.prod", &[&red[..], &[("project", "alpha"), ("environment", "prod")]].concat()),
            one("tg-red.beta", &[&red[..], &[("project", "beta")]].concat()),
        ]
    );
    the_report_agrees(&world);
}

/// The ledger by session has as many calls as the provider saw with each session's signature.
fn the_report_agrees(world: &World) {
    let query = ReportQuery { by: vec![Dimension::AwsSession], ..ReportQuery::default() };
    let report = world.gateway().store.ledger().unwrap().report(&query).unwrap();
    let booked: HashMap<_, _> = report.rows.into_iter().map(|row| (row.group[0].clone(), row.figures.calls)).collect();
    let mut seen = HashMap::new();
    for entry in world.sim.books.entries() {
        *seen.entry(entry.aws_session).or_insert(0) += 1;
    }
    assert_eq!(booked, seen);
}

#[test]
fn sessions_are_kept_over_a_reload_and_made_anew_for_other_settings() {
    let world = World::with(setup(""));
    let key = key(&world, "red", "alpha", "prod");
    session(&world, &key, "before");
    let reload = |setup: &Setup| {
        let text = document(setup, &world.sim, world.folder.path());
        put_in_force(world.gateway(), &text);
    };
    reload(&Setup { streams: "{ keepalive: 3s }".to_owned(), ..setup("") });
    session(&world, &key, "the same settings");
    assert_eq!(world.sim.sts.assumed().len(), 1);
    reload(&setup(", tags: { owner: platform }"));
    session(&world, &key, "another tag");
    let assumed = world.sim.sts.assumed();
    assert_eq!((assumed.len(), assumed[1].tags.get("owner").map(String::as_str)), (2, Some("platform")));
}

#[test]
fn what_a_session_stands_for_is_configured_and_bounded() {
    let world = World::with(setup(", per: team"));
    let (alpha, beta) = (key(&world, "red", "alpha", "prod"), key(&world, "red", "beta", ""));
    assert_eq!((&*session(&world, &alpha, "a"), &*session(&world, &beta, "b")), ("tg-red", "tg-red"));
    let assumed = world.sim.sts.assumed();
    assert_eq!(assumed.len(), 1);
    assert_eq!(assumed[0].tags, tags(&[("team", "red"), ("cost-centre", "CC 4711")]));

    let world = World::with(setup(", sessions_max: 1"));
    let (alpha, beta) = (key(&world, "red", "alpha", "prod"), key(&world, "red", "beta", ""));
    let gamma = key(&world, "blue", "gamma", "");
    for (key, name) in [(&alpha, "tg-red.alpha.prod"), (&beta, "tg-red"), (&gamma, "tg-blue"), (&beta, "tg-red")] {
        assert_eq!(session(&world, key, "hi"), name);
    }
    let team_only = world.sim.sts.assumed().into_iter().find(|assumed| assumed.session == "tg-red").unwrap();
    assert_eq!(team_only.tags, tags(&[("team", "red"), ("cost-centre", "CC 4711")]));

    let world = World::with(setup(", per: key"));
    let alpha = key(&world, "red", "alpha", "prod");
    let session = session(&world, &alpha, "hi");
    assert!(session.starts_with(&format!("tg-red.alpha.prod.{}", alpha.record.id)), "{session}");
}

#[test]
fn without_credentials_nothing_is_sent_and_the_caller_is_told_in_its_dialect() {
    let world = World::with(setup(""));
    world.sim.sts.refuse(true);
    let key = key(&world, "red", "alpha", "prod");
    for dialect in CHAT {
        for manner in MANNERS {
            let call = ask(dialect, manner, "on-roles", "hi").bearer(key.secret.expose());
            let answer = call.send(world.address);
            let (status, kind) = match dialect.family() {
                Family::Openai => (502, "aws_credentials_unavailable"),
                Family::Anthropic => (502, "api_error"),
                Family::Bedrock => (424, "ModelErrorException"),
            };
            let (found, message) = error(dialect, &answer);
            assert_eq!((answer.status, &*found), (status, kind), "{dialect:?}: {}", answer.text());
            assert!(message.contains("no AWS credentials"), "{message}");
            let row = world.row(&answer);
            assert_eq!(row.fault.as_deref(), Some("aws_credentials_unavailable"));
            assert!(row.served.is_none() && row.ending == Ending::Refused, "{row:?}");
        }
    }
    assert!(world.sim.books.entries().is_empty());
    assert!((1..4).contains(&world.sim.sts.refused()), "one try, and few after it");
    let answer = ask(Dialect::OpenaiChat, Manner::Plain, "role-first", "hi").bearer(key.secret.expose());
    assert_eq!(answer.send(world.address).header("x-tallygate-provider"), "anthropic");
}

#[test]
fn an_sts_that_cannot_be_reached_is_one_of_many_failures_of_a_provider() {
    let mut setup = setup("");
    setup.providers = setup.providers.replace("STS_URL", &format!("http://{}", nobody()));
    let world = World::with(setup);
    let key = key(&world, "red", "alpha", "prod");
    let answer = ask(Dialect::OpenaiChat, Manner::Plain, "role-first", "hi").bearer(key.secret.expose());
    let answer = answer.send(world.address);
    assert_eq!((answer.status, answer.header("x-tallygate-provider")), (200, "anthropic"), "{}", answer.text());
}

#[test]
fn the_default_chain_signs_with_what_profiles_and_programs_hold() {
    let mut setup = Setup { teams: String::new(), ..Setup::default() };
    for name in ["stated", "program", "failing", "absent"] {
        setup.providers += &format!(
            "- {{ name: {name}, kind: bedrock, region: us-east-1, base_url: 'BEDROCK_URL', credentials: {{ profile: {name} }} }}\n"
        );
        setup.models += &format!("- {{ name: on-{name}, targets: [{{ provider: {name}, model: '{HAIKU}' }}] }}\n");
    }
    let (folder, _sim) = prepared(&setup);
    let (id, secret) = (DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY);
    let (made, config) = (folder.path().join("made.json"), folder.path().join("aws-config"));
    let program = serde_json::json!({
        "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret, "Expiration": "2999-01-01T00:00:00Z",
    });
    std::fs::write(&made, program.to_string()).unwrap();
    let profiles = format!(
        "[profile stated]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n\
         [profile program]\ncredential_process = cat {}\n\
         [profile failing]\ncredential_process = echo hunter2 >&2; exit 1\n",
        made.display()
    );
    std::fs::write(&config, profiles).unwrap();
    let config = config.display().to_string();
    let process = Process::start_among(
        folder.path(),
        &[
            ("AWS_CONFIG_FILE", &config),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("PATH", "/usr/bin:/bin"),
        ],
    );
    let key = process.key.clone().unwrap();
    for (name, status) in [("stated", 200), ("program", 200), ("failing", 502), ("absent", 502)] {
        let call = ask(Dialect::OpenaiChat, Manner::Plain, &format!("on-{name}"), "hi").bearer(&key);
        let answer = call.send(process.address);
        assert_eq!(answer.status, status, "{name}: {}\n{}", answer.text(), process.log());
        assert!(status == 200 || answer.text().contains("aws_credentials_unavailable"), "{}", answer.text());
    }
    let log = process.log();
    assert!(log.contains("`credential_process` failed") && !log.contains("hunter2"), "{log}");
}
