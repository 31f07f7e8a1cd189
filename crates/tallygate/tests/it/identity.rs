//! Who may call, and to whom a call is booked: every refusal in the caller's own dialect, and nothing sent for it.

use crate::speak::{CHAT, MANNERS, Manner, ask, error};
use crate::wire::{Answer, Call};
use crate::world::{HAIKU, Setup, World, until};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::record::Ending;
use tg_store::key::NewKey;
use tg_store::team::TeamState;

/// The status and the kind of error that a dialect has for something.
type Shape = fn(Family) -> (u16, &'static str);

const NO_KEY: Shape = |family| match family {
    Family::Openai => (401, "invalid_api_key"),
    Family::Anthropic => (401, "authentication_error"),
    Family::Bedrock => (403, "UnrecognizedClientException"),
};
const FORBIDDEN_MODEL: Shape = |family| match family {
    Family::Openai => (403, "model_not_allowed"),
    Family::Anthropic => (403, "permission_error"),
    Family::Bedrock => (403, "AccessDeniedException"),
};
const NO_MODEL: Shape = |family| match family {
    Family::Openai => (404, "model_not_found"),
    Family::Anthropic => (404, "not_found_error"),
    Family::Bedrock => (404, "ResourceNotFoundException"),
};
const FORBIDDEN_PROJECT: Shape = |family| match family {
    Family::Openai => (403, "project_not_allowed"),
    Family::Anthropic => (403, "permission_error"),
    Family::Bedrock => (403, "AccessDeniedException"),
};

fn dialects() -> Vec<Dialect> {
    let mut all = CHAT.to_vec();
    all.push(Dialect::OpenaiEmbeddings);
    all
}

#[track_caller]
fn refused(dialect: Dialect, answer: &Answer, shape: Shape, word: &str) {
    let (status, kind) = shape(dialect.family());
    assert_eq!(answer.status, status, "{dialect:?}: {}", answer.text());
    let (found, message) = error(dialect, answer);
    assert_eq!(found, kind, "{dialect:?}");
    assert!(message.to_lowercase().contains(word), "{dialect:?}: '{message}' does not say '{word}'");
}

#[test]
fn a_key_is_taken_in_every_dialects_own_place() {
    let world = World::start();
    let key = world.secret().expose();
    let places = [
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("bearer {key}")),
        ("x-api-key", key.to_owned()),
        ("api-key", key.to_owned()),
    ];
    for dialect in CHAT {
        for (name, value) in &places {
            let call = ask(dialect, Manner::Plain, "on-anthropic", "hi").header(name, value);
            assert_eq!(call.send(world.address).status, 200, "{dialect:?} {name}");
        }
    }
    assert_eq!(world.finish().len(), CHAT.len() * places.len());
}

#[test]
fn without_a_good_key_nothing_is_sent_and_each_dialect_says_so() {
    let world = World::start();
    let directory = &world.gateway().living.directory;
    let now = || world.gateway().living.clock.now();
    let revoked = world.issue(&world.new_key("red"));
    directory.revoke(&revoked.record.id, now()).unwrap();
    let short =
        world.issue(&NewKey { expires_at: Some(now().after(Duration::from_millis(30))), ..world.new_key("red") });
    until("the key has expired", || (now() > short.record.expires_at.unwrap()).then_some(()));
    let rotated = world.issue(&world.new_key("red"));
    let successor = directory.rotate(&rotated.record.id, Duration::ZERO, now()).unwrap();
    let far = world.issue(&NewKey { networks: vec!["10.0.0.0/8".parse().unwrap()], ..world.new_key("red") });
    directory.create_team("gone", Default::default(), now()).unwrap();
    let gone = world.issue(&world.new_key("gone"));
    directory.set_team_state("gone", TeamState::Disabled, now()).unwrap();

    let key = world.secret().expose().to_owned();
    let mut near = key.clone();
    let last = near.pop().unwrap();
    near.push(if last == 'x' { 'y' } else { 'x' });
    let cases = [
        (None, "no api key"),
        (Some("authorization: Bearer sk-something-else".to_owned()), "incorrect"),
        (Some(format!("authorization: Bearer {near}")), "incorrect"),
        (Some(format!("authorization: Bearer {}", key.to_uppercase())), "incorrect"),
        (Some(format!("authorization: Basic {key}")), "no api key"),
        (Some("authorization: Bearer ".to_owned()), "no api key"),
        (Some(format!("x-api-key: {}", "k".repeat(20_000))), "incorrect"),
        (Some(format!("authorization: Bearer {}", revoked.secret.expose())), "revoked"),
        (Some(format!("authorization: Bearer {}", short.secret.expose())), "expired"),
        (Some(format!("authorization: Bearer {}", rotated.secret.expose())), "expired"),
        (Some(format!("authorization: Bearer {}", far.secret.expose())), "address"),
        (Some(format!("authorization: Bearer {}", gone.secret.expose())), "switched off"),
    ];
    let mut calls = 0;
    for dialect in dialects() {
        for (header, word) in &cases {
            for manner in MANNERS {
                let mut call = ask(dialect, manner, "on-anthropic", "hi");
                if let Some((name, value)) = header.as_ref().and_then(|h| h.split_once(": ")) {
                    call = call.header(name, value);
                }
                let answer = call.send(world.address);
                refused(dialect, &answer, NO_KEY, word);
                assert!(!answer.text().contains(&key) && !answer.text().contains(&near), "a key is repeated");
                calls += 1;
            }
        }
    }
    let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-anthropic", "hi").bearer(successor.secret.expose());
    assert_eq!(call.send(world.address).status, 200);
    assert_eq!(world.sim.books.entries().len(), 1, "only the successor's call may reach a provider");
    let rows = world.finish();
    // Strangers have a hundred rows in a minute, however often they call.
    let strangers = rows.len() - 1;
    assert!((100..=calls).contains(&strangers), "{strangers} rows of {calls} calls");
    for row in &rows[..strangers] {
        assert_eq!((row.ending, row.served.is_none(), row.cost.amount.nanos()), (Ending::Refused, true, 0));
        assert_eq!(&*row.attribution.team, "", "nobody was identified: {row:?}");
    }
}

#[test]
fn a_revocation_is_effective_at_once() {
    let world = World::start();
    let call = world.keyed(&ask(Dialect::AnthropicMessages, Manner::Plain, "on-anthropic", "hi"));
    assert_eq!(call.send(world.address).status, 200);
    let living = &world.gateway().living;
    living.directory.revoke(&world.key.as_ref().unwrap().record.id, living.clock.now()).unwrap();
    assert_eq!(call.send(world.address).status, 401);
}

#[test]
fn both_keys_of_a_rotation_work_during_its_overlap() {
    let world = World::start();
    let living = &world.gateway().living;
    let old = world.key.as_ref().unwrap();
    let new = living.directory.rotate(&old.record.id, Duration::from_secs(3600), living.clock.now()).unwrap();
    for key in [&old.secret, &new.secret] {
        let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi").bearer(key.expose());
        let answer = call.send(world.address);
        assert_eq!(answer.status, 200);
        let booked = world.row(&answer).attribution;
        assert_eq!((&*booked.team, booked.project.as_deref()), ("red", Some("alpha")));
    }
}

#[test]
fn a_model_must_exist_and_be_allowed_to_key_and_team() {
    let teams = "- { name: red, projects: [alpha, beta], environments: [prod, dev] }\n\
                 - { name: blue, models: ['on-anthropic', 'us.*'] }\n"
        .to_owned();
    let world = World::with(Setup { teams, ..Setup::default() });
    let narrow = world.issue(&NewKey { models: vec!["on-openai".to_owned()], ..world.new_key("red") });
    let blue = world.issue(&world.new_key("blue"));
    let open = world.key.as_ref().unwrap();
    let mut sent = 0;
    let mut calls = 0;
    for dialect in CHAT {
        for (key, model, shape) in [
            (&narrow, "on-openai", None),
            (&narrow, "on-anthropic", Some((FORBIDDEN_MODEL, "may not use"))),
            (&narrow, "no-such-model", Some((FORBIDDEN_MODEL, "may not use"))),
            (&blue, "on-anthropic", None),
            (&blue, HAIKU, None),
            (&blue, "on-openai", Some((FORBIDDEN_MODEL, "may not use"))),
            (open, "no-such-model", Some((NO_MODEL, "no-such-model"))),
        ] {
            let call = ask(dialect, Manner::Plain, model, "hi").bearer(key.secret.expose());
            let answer = call.send(world.address);
            calls += 1;
            match shape {
                None => {
                    assert_eq!(answer.status, 200, "{dialect:?} {model}: {}", answer.text());
                    sent += 1;
                }
                Some((shape, word)) => {
                    refused(dialect, &answer, shape, word);
                    let row = world.row(&answer);
                    assert_eq!((row.ending, row.served.is_none()), (Ending::Refused, true));
                    assert_eq!(row.attribution.key_id, key.record.id, "the caller is known");
                    assert_eq!(&*row.asked.model, model);
                }
            }
        }
    }
    assert_eq!(world.sim.books.entries().len(), sent);
    assert_eq!(world.finish().len(), calls);
}

#[test]
fn a_project_is_booked_as_the_teams_policy_says() {
    let teams = "- { name: strict, projects: [alpha, beta] }\n\
                 - { name: lenient, projects: [alpha, beta], default_project: beta, unknown_project: book_to_default }\n"
        .to_owned();
    let world = World::with(Setup { teams, ..Setup::default() });
    let strict = world.issue(&world.new_key("strict"));
    let bound = world.issue(&NewKey { project: Some("alpha".to_owned()), ..world.new_key("strict") });
    let lenient = world.issue(&world.new_key("lenient"));
    for dialect in dialects() {
        for (key, headers, booked) in [
            (&strict, vec![], Some(None)),
            (&strict, vec![("x-project-id", "beta")], Some(Some("beta"))),
            (&strict, vec![("openai-project", "beta")], Some(Some("beta"))),
            (&strict, vec![("x-project-id", "alpha"), ("openai-project", "beta")], Some(Some("alpha"))),
            (&strict, vec![("x-project-id", "gamma")], None),
            (&strict, vec![("x-project-id", "alpha, beta")], None),
            (&bound, vec![], Some(Some("alpha"))),
            (&bound, vec![("x-project-id", "alpha")], Some(Some("alpha"))),
            (&bound, vec![("x-project-id", "beta")], None),
            (&lenient, vec![], Some(Some("beta"))),
            (&lenient, vec![("x-project-id", "gamma")], Some(Some("beta"))),
            (&lenient, vec![("openai-project", "alpha")], Some(Some("alpha"))),
        ] {
            let model = if dialect == Dialect::OpenaiEmbeddings { "gpt-embedding" } else { "on-openai" };
            let mut call = ask(dialect, Manner::Plain, model, "hi").bearer(key.secret.expose());
            for (name, value) in &headers {
                call = call.header(name, value);
            }
            let before = world.sim.books.entries().len();
            let answer = call.send(world.address);
            match booked {
                Some(project) => {
                    assert_eq!(answer.status, 200, "{dialect:?} {headers:?}: {}", answer.text());
                    assert_eq!(world.row(&answer).attribution.project.as_deref(), project, "{dialect:?} {headers:?}");
                }
                None => {
                    refused(dialect, &answer, FORBIDDEN_PROJECT, "project");
                    assert_eq!(&*world.row(&answer).attribution.team, &*key.record.team);
                    assert_eq!(world.sim.books.entries().len(), before, "{dialect:?} {headers:?}");
                }
            }
        }
    }
}

#[test]
fn tags_are_booked_as_far_as_the_team_allows() {
    let teams = "- { name: red, projects: [alpha, beta], environments: [prod, dev], \
                 tags: { allow: [feature, 'run-*'], max: 3 } }\n\
                 - { name: header-only, tags: { allow: ['*'], sources: [header] } }\n\
                 - { name: none, tags: { allow: [] } }\n"
        .to_owned();
    let world = World::with(Setup { teams, ..Setup::default() });
    let header_only = world.issue(&world.new_key("header-only"));
    let none = world.issue(&world.new_key("none"));
    let red = world.key.as_ref().unwrap();
    let chat = |metadata: &str| {
        Call::post(
            "/v1/chat/completions",
            format!(
                "{{\"model\":\"on-openai\",\"store\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"metadata\":{metadata}}}"
            ),
        )
    };
    let converse = Call::post(
        "/model/on-bedrock/converse",
        r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}],"requestMetadata":{"feature":"c","other":"d"}}"#,
    );
    for (call, key, tags) in [
        (chat("{}").header("x-tallygate-tags", "feature=a, secret=b,run-7"), red, vec!["feature=a", "run-7"]),
        (chat("{}").header("x-litellm-tags", "run-1,run-2,run-3,run-4"), red, vec!["run-1", "run-2", "run-3"]),
        (chat(r#"{"feature":"m","user":"jane"}"#), red, vec!["feature=m"]),
        (converse.clone(), red, vec!["feature=c"]),
        (chat(r#"{"feature":"m"}"#).header("x-tallygate-tags", "x"), &header_only, vec!["x"]),
        (chat(r#"{"feature":"m"}"#).header("x-tallygate-tags", "feature=x"), &none, vec![]),
    ] {
        let answer = call.bearer(key.secret.expose()).send(world.address);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.row(&answer).attribution.tags, tags);
    }
}

#[test]
fn a_key_may_be_bound_to_networks() {
    let world = World::start();
    for (network, status) in [("127.0.0.0/8", 200), ("127.0.0.1/32", 200), ("10.0.0.0/8", 401), ("::1/128", 401)] {
        let key = world.issue(&NewKey { networks: vec![network.parse().unwrap()], ..world.new_key("red") });
        let call = ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi")
            .bearer(key.secret.expose())
            .header("x-forwarded-for", "10.1.1.1");
        assert_eq!(call.send(world.address).status, status, "{network}");
    }
}

#[test]
fn a_key_that_is_revoked_while_the_body_arrives_is_refused() {
    let world = World::start();
    let living = &world.gateway().living;
    let key = world.issue(&world.new_key("red"));
    let body = format!(r#"{{"model":"{HAIKU}","messages":[{{"role":"user","content":"hi"}}]}}"#);
    let (first, rest) = body.split_at(body.len() / 2);
    let mut stream = TcpStream::connect(world.address).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-length: {}\r\n\r\n{first}",
        key.secret.expose(),
        body.len()
    )
    .unwrap();
    until("the call has begun", || (living.counts.in_flight.load(Ordering::Relaxed) == 1).then_some(()));
    living.directory.revoke(&key.record.id, living.clock.now()).unwrap();
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("revoked"), "{answer}");
    assert!(world.sim.books.entries().is_empty());
}
