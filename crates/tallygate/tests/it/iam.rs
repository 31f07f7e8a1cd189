//! Callers known by their own IAM role: tokens and proofs as the real tools make them, against the gateway whole.

use crate::booked::Written;
use crate::process::{Process, prepared};
use crate::proofs::{
    CALLS, GHOST, Presign, ROLES, SEARCH, SERVER_ID, WEB, call, chat, claims, code, identity, now, proof, proof_of,
    seconds, session, setup, token, world,
};
use crate::speak::{CHAT, MANNERS, Manner, ask, each_dialect, error, hear};
use crate::wire::Call;
use crate::world::{Setup, World, document, nobody, put_in_force, until};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;
use tg_kernel::dialect::Family;
use tg_kernel::record::Ending;
use tg_sim::{AwsKey, TokenAlgorithm};
use tg_store::ledger::{Dimension, ReportQuery};
use tg_store::team::TeamState;

#[test]
fn a_role_calls_in_every_dialect_and_is_booked_by_its_arn() {
    let world = world();
    let proofs = [
        proof(&world, &session(&world, "search-batch")),
        token(&world, TokenAlgorithm::Rs256, "search-batch"),
        token(&world, TokenAlgorithm::Es384, "search-batch"),
    ];
    each_dialect(|dialect| {
        for manner in MANNERS {
            for proof in &proofs {
                let answer = ask(dialect, manner, "on-bedrock", "hi").bearer(proof).send(world.address);
                assert_eq!(answer.status, 200, "{dialect:?} {manner:?}: {}", answer.text());
                assert!(hear(dialect, manner, &answer).ended);
                let row = world.row(&answer);
                let booked = &row.attribution;
                assert_eq!((&*booked.key_id, &*booked.team), (SEARCH, "red"));
                assert_eq!((booked.project.as_deref(), booked.environment.as_deref()), (Some("alpha"), Some("prod")));
                let entry = world.entry(&row);
                let told = format!("{:?}", entry.detail.as_ref().unwrap());
                assert!(told.contains(SEARCH), "the request's metadata names the caller: {told}");
                assert!(!told.contains(&proof[proof.len() - 20..]), "{told}");
            }
        }
    });
    for header in ["x-api-key", "api-key"] {
        for proof in &proofs {
            assert_eq!(chat("on-openai").header(header, proof).send(world.address).status, 200, "{header}");
        }
    }
    for path in ["/v1/models", "/inference-profiles"] {
        let listed = Call::new("GET", path).bearer(&proofs[0]).send(world.address);
        assert_eq!(listed.status, 200, "{}", listed.text());
        assert!(listed.text().contains("on-openai"), "{}", listed.text());
    }
    assert_eq!((world.sim.sts.identified(), world.sim.oidc.asked()), (1, 1), "each is asked once");
    let query = ReportQuery { by: vec![Dimension::Key], ..ReportQuery::default() };
    let report = world.gateway().store.ledger().unwrap().report(&query).unwrap();
    let groups: Vec<_> = report.rows.iter().map(|row| row.group[0].as_deref()).collect();
    assert_eq!(groups, [Some(SEARCH)]);
}

#[test]
fn what_a_role_may_do_is_what_its_line_and_its_team_allow() {
    let world = world();
    let narrow = proof(&world, &session(&world, "narrow"));
    let answer = chat("on-openai").bearer(&narrow).send(world.address);
    let row = world.row(&answer);
    assert_eq!((answer.status, row.attribution.project.as_deref()), (200, None), "{}", answer.text());
    assert_eq!(code(&chat("on-anthropic").bearer(&narrow).send(world.address)), "model_not_allowed");
    let named = chat("on-openai").bearer(&narrow).header("x-project-id", "beta").send(world.address);
    assert_eq!(world.row(&named).attribution.project.as_deref(), Some("beta"), "a line without project is not bound");
    let listed = Call::new("GET", "/v1/models").bearer(&narrow).send(world.address).text();
    assert!(listed.contains("on-openai") && !listed.contains("on-anthropic"), "{listed}");
    let alice = world.sim.sts.key_of("arn:aws:iam::123456789012:user/division/alice");
    let answer = call(&world, &proof(&world, &alice));
    assert_eq!(&*world.row(&answer).attribution.key_id, "arn:aws:iam::123456789012:user/alice");
    let bound = proof(&world, &session(&world, "search-batch"));
    let other = chat("on-openai").bearer(&bound).header("x-project-id", "beta").send(world.address);
    assert_eq!(code(&other), "project_not_allowed");
}

#[test]
fn who_is_nobody_here_is_refused_in_every_dialect() {
    let world = world();
    let sts = &world.sim.sts;
    let of = |arn: &str| proof(&world, &sts.key_of(arn));
    let mut stolen = session(&world, "search-batch");
    stolen.secret_access_key = "guessed".to_owned();
    let old = Presign { at: now() - Duration::from_secs(901), ..Presign::by(&stolen) }.proof(&world);
    let forged = {
        let right = token(&world, TokenAlgorithm::Es384, "search-batch");
        let (head, rest) = right.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let mut promoted = claims("shop");
        promoted["iss"] = json!(world.sim.oidc.issuer());
        format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(promoted.to_string()))
    };
    let cases = [
        (proof(&world, &stolen), 401, "invalid_identity_proof", "does not accept"),
        (forged, 401, "invalid_identity_proof", "signature"),
        (old, 401, "expired_identity_proof", "expired"),
        (of("arn:aws:sts::999999999999:assumed-role/search-batch/me"), 403, "identity_not_mapped", "no team"),
        (of("arn:aws:iam::123456789012:user/bob"), 403, "identity_not_mapped", "no team"),
        (of("arn:aws:iam::123456789012:root"), 403, "identity_not_mapped", "root"),
        (of("arn:aws:sts::123456789012:federated-user/alice"), 403, "identity_not_mapped", "Federated"),
        (token(&world, TokenAlgorithm::Rs256, "shop"), 403, "identity_not_mapped", "a team that does not exist"),
    ];
    for (presented, status, fault, says) in &cases {
        each_dialect(|dialect| {
            for manner in MANNERS {
                let answer = ask(dialect, manner, "on-openai", "hi").bearer(presented).send(world.address);
                let (kind, message) = error(dialect, &answer);
                let status = if dialect.family() == Family::Bedrock { 403 } else { *status };
                assert_eq!((answer.status, code(&answer)), (status, (*fault).to_owned()), "{dialect:?} {message}");
                assert!(message.contains(says), "'{message}' does not say '{says}'");
                if dialect.family() == Family::Bedrock && *fault == "expired_identity_proof" {
                    assert_eq!(kind, "ExpiredTokenException");
                }
                assert!(!message.contains(&presented[presented.len() - 16..]));
            }
        });
    }
    assert_eq!(sts.refused(), 1, "what STS refused once is not asked again at once");
    assert_eq!(sts.identified(), 4);
    let listed = Call::new("GET", "/v1/models").bearer(&cases[0].0).send(world.address);
    assert_eq!(listed.status, 401);
    assert!(world.sim.books.entries().is_empty(), "nothing may reach a provider");
    for row in world.finish() {
        assert_eq!(
            (row.ending, &*row.attribution.team, &*row.attribution.key_id),
            (Ending::Refused, "", ""),
            "{row:?}"
        );
    }
}

#[test]
fn nobody_is_asked_about_what_is_not_for_this_gateway() {
    let world = world();
    let (key, oidc) = (session(&world, "search-batch"), &world.sim.oidc);
    let url = Presign::by(&key).url(&world.sim.urls.sts);
    let host = world.sim.urls.sts.strip_prefix("http://").unwrap();
    let changed = |from: &str, to: &str| {
        let changed = url.replacen(from, to, 1);
        assert_ne!(changed, url, "{from}");
        proof_of(&changed)
    };
    let with = |member: &str, value: Value| {
        let mut claims = claims("search-batch");
        claims[member] = value;
        oidc.mint(TokenAlgorithm::Rs256, &claims)
    };
    let unsigned = {
        let head = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": "RSA_0"}).to_string());
        let claims = {
            let mut claims = claims("search-batch");
            claims["iss"] = json!(oidc.issuer());
            claims
        };
        format!("{head}.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()))
    };
    for presented in [
        Presign { action: "AssumeRole", ..Presign::by(&key) }.proof(&world),
        changed("Action=GetCallerIdentity", "Action=GetCallerIdentity&RoleArn=x"),
        changed("Action=", "Action=AssumeRole&Action="),
        changed("Version=2011-06-15", "Version=2012-01-01"),
        changed(host, "sts.amazonaws.com"),
        changed(host, &format!("{host}.evil.example")),
        changed(host, &format!("{host}@evil.example")),
        changed(host, &format!("user@{host}")),
        changed("http://", "https://"),
        changed("/?", "/oidc/.well-known/jwks.json?"),
        changed("host%3Bx-tallygate-server-id", "host"),
        changed("x-tallygate-server-id", "x-k8s-aws-id"),
        Presign { at: now() + Duration::from_secs(600), ..Presign::by(&key) }.proof(&world),
        Presign { at: now() - Duration::from_secs(61), lives: Duration::from_secs(60), ..Presign::by(&key) }
            .proof(&world),
        proof_of(&format!("{url}&X-Amz-Security-Token={}", "A".repeat(20_000))),
        "tg-aws-v1.".to_owned(),
        with("aud", json!("https://other.example")),
        with("iss", json!("https://evil.example")),
        with("iss", json!(format!("{}/", oidc.issuer()))),
        with("exp", json!(seconds() - 60)),
        with("nbf", json!(seconds() + 120)),
        with("padding", json!("A".repeat(20_000))),
        unsigned,
        "eyJ.e30.x".to_owned(),
    ] {
        let answer = call(&world, &presented);
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(code(&answer).ends_with("identity_proof"), "{}", code(&answer));
    }
    let sts = &world.sim.sts;
    assert_eq!((sts.identified(), sts.refused(), oidc.asked()), (0, 0, 0), "nobody was asked");
    // Who signs for another gateway signs another name, which only STS can tell.
    let elsewhere = Presign { server_id: "other.example", ..Presign::by(&key) }.proof(&world);
    assert_eq!(code(&call(&world, &elsewhere)), "invalid_identity_proof");
    assert_eq!((sts.identified(), sts.refused()), (0, 1));
    assert_eq!(call(&world, &proof(&world, &key)).status, 200);
}

#[test]
fn one_question_serves_all_who_wait_for_it_and_ends_with_the_proof() {
    let world = world();
    world.sim.sts.delay(Duration::from_millis(200));
    let key = session(&world, "search-batch");
    let short = Presign { lives: Duration::from_secs(6), ..Presign::by(&key) }.proof(&world);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(call(&world, &short).status, 200));
        }
    });
    assert_eq!(world.sim.sts.identified(), 1);
    until("the proof has ended", || (code(&call(&world, &short)) == "expired_identity_proof").then_some(()));
    assert_eq!(world.sim.sts.identified(), 1, "what has ended is not asked about");
}

#[test]
fn keys_of_an_issuer_may_change() {
    let world = world();
    let oidc = &world.sim.oidc;
    let before = token(&world, TokenAlgorithm::Es384, "search-batch");
    assert_eq!(call(&world, &before).status, 200);
    oidc.rotate();
    assert_eq!(call(&world, &token(&world, TokenAlgorithm::Es384, "search-one")).status, 200);
    assert_eq!(call(&world, &token(&world, TokenAlgorithm::Rs256, "search-one")).status, 200);
    assert_eq!(oidc.asked(), 2, "an unknown key is looked for once");
    // Whoever names keys that there are not cannot make the gateway ask without end.
    oidc.claim(json!({"issuer": "https://evil.example", "jwks_uri": format!("{}/x", oidc.issuer())}));
    for number in 0..10 {
        let unknown = json!({"alg": "ES384", "kid": format!("EC384_{}", 9 + number)}).to_string();
        let body = token(&world, TokenAlgorithm::Es384, "search-two").split_once('.').unwrap().1.to_owned();
        let answer = call(&world, &format!("{}.{body}", URL_SAFE_NO_PAD.encode(unknown)));
        assert!(answer.status == 401 || answer.status == 503, "{}", answer.text());
    }
    assert_eq!(oidc.asked(), 2, "keys that another speaks for are not fetched");
    assert_eq!(call(&world, &token(&world, TokenAlgorithm::Es384, "search-three")).status, 200, "known keys serve on");
}

#[test]
fn who_could_not_be_asked_about_is_not_refused_for_good() {
    let world = world();
    let unknown = |number: u32| {
        let header = json!({"alg": "ES384", "kid": format!("EC384_{}", 9 + number)}).to_string();
        let rest = token(&world, TokenAlgorithm::Es384, "search-batch").split_once('.').unwrap().1.to_owned();
        call(&world, &format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))).status
    };
    // The issuer says four times in a minute that it has no such key; of the others nobody can say so.
    assert_eq!([0, 1, 2, 3, 4, 5, 5].map(unknown), [401, 401, 401, 401, 503, 503, 503]);
    assert_eq!(world.sim.oidc.asked(), 4);
    assert_eq!(call(&world, &token(&world, TokenAlgorithm::Es384, "search-batch")).status, 200);
}

#[test]
fn while_nobody_can_say_who_calls_nothing_is_sent() {
    let world = world();
    let (sts, oidc) = (&world.sim.sts, &world.sim.oidc);
    sts.refuse(true);
    oidc.leave(true);
    let proofs =
        [proof(&world, &session(&world, "search-batch")), token(&world, TokenAlgorithm::Rs256, "search-batch")];
    for dialect in CHAT {
        for presented in &proofs {
            let answer = ask(dialect, Manner::Streamed, "on-openai", "hi").bearer(presented).send(world.address);
            let (status, kind) = match dialect.family() {
                Family::Openai => (503, "identity_unavailable"),
                Family::Anthropic => (529, "overloaded_error"),
                Family::Bedrock => (503, "ServiceUnavailableException"),
            };
            let (found, _) = error(dialect, &answer);
            assert_eq!((answer.status, &*found), (status, kind), "{}", answer.text());
            assert_eq!((code(&answer), answer.header("retry-after")), ("identity_unavailable".to_owned(), "1"));
        }
    }
    sts.refuse(false);
    oidc.leave(false);
    assert_eq!(call(&world, &proofs[0]).status, 200, "a moment later all is well");
    assert_eq!(world.sim.books.entries().len(), 1);
    let key = world.secret().expose();
    assert_eq!(call(&world, key).status, 200, "keys do not need AWS");

    let identity = identity(ROLES).replace("STS_URL", &format!("http://{}", nobody()));
    let world = World::with(Setup { identity, ..Setup::default() });
    let url = world.config.split("sts_url: '").nth(1).unwrap().split('\'').next().unwrap();
    let presented = proof_of(&Presign::by(&session(&world, "search-batch")).url(url));
    assert_eq!(code(&call(&world, &presented)), "identity_unavailable");
}

#[test]
fn a_change_of_the_mapping_or_of_a_team_counts_at_once() {
    let world = world();
    let presented = proof(&world, &session(&world, "search-batch"));
    let shop = token(&world, TokenAlgorithm::Es384, "shop");
    let eu = token(&world, TokenAlgorithm::Es384, "shop-eu");
    let booked = |presented: &str| {
        let answer = call(&world, presented);
        assert_eq!(answer.status, 200, "{}", answer.text());
        world.row(&answer).attribution.team.to_string()
    };
    assert_eq!(booked(&presented), "red");
    assert_eq!(code(&call(&world, &shop)), "identity_not_mapped");
    let (directory, now) = (&world.gateway().living.directory, || world.gateway().living.clock.now());
    directory.create_team("shop", Default::default(), now()).unwrap();
    assert_eq!(booked(&shop), "shop");
    assert!(call(&world, &eu).text().contains("a project that does not exist"));
    directory.set_team_state("shop", TeamState::Disabled, now()).unwrap();
    assert_eq!((call(&world, &shop).status, code(&call(&world, &shop))), (403, "team_not_active".to_owned()));
    directory.set_team_state("shop", TeamState::Active, now()).unwrap();

    let reload = |identity: String| {
        let text = document(&Setup { identity, ..Setup::default() }, &world.sim, world.folder.path());
        put_in_force(world.gateway(), &text);
    };
    reload(identity("{ arn: 'arn:aws:iam::123456789012:role/*', team: shop }"));
    assert_eq!((booked(&presented), booked(&eu)), ("shop".to_owned(), "shop".to_owned()));
    reload(identity("{ arn: 'arn:aws:iam::123456789012:role/other', team: shop }"));
    assert_eq!(code(&call(&world, &presented)), "identity_not_mapped");
    reload(format!("{{ aws: {{ roles: [{ROLES}], {WEB} }} }}"));
    assert_eq!(code(&call(&world, &presented)), "invalid_identity_proof", "what is switched off is off");
    assert_eq!(booked(&shop), "shop");
    let elsewhere = WEB.replace("tallygate.example", "other.example");
    reload(format!("{{ aws: {{ roles: [{ROLES}], {elsewhere}, {CALLS} }} }}"));
    assert_eq!(code(&call(&world, &shop)), "invalid_identity_proof");
    assert_eq!(booked(&presented), "red");
    assert_eq!(world.sim.sts.identified(), 1, "who it is was known all the time");
    let renamed = CALLS.replace("tallygate.example", "other.example");
    reload(format!("{{ aws: {{ roles: [{ROLES}], {renamed} }} }}"));
    assert_eq!(code(&call(&world, &presented)), "invalid_identity_proof", "it was made for another name");
    reload(identity(ROLES));
    assert_eq!(booked(&presented), "red");
    let world = World::start();
    assert_eq!(code(&call(&world, &proof(&world, &session(&world, "search-batch")))), "invalid_identity_proof");
}

#[test]
fn a_role_may_be_bound_to_networks() {
    let line = |networks: &str| format!("{{ arn: '{SEARCH}', team: red, networks: [{networks}] }}");
    for (networks, status) in [("10.0.0.0/8, '::1'", 403), ("10.0.0.0/8, 127.0.0.0/8", 200), ("127.0.0.1", 200)] {
        let world = World::with(Setup { identity: identity(&line(networks)), ..Setup::default() });
        for presented in
            [proof(&world, &session(&world, "search-batch")), token(&world, TokenAlgorithm::Rs256, "search-batch")]
        {
            let answer = call(&world, &presented);
            assert_eq!(answer.status, status, "{networks}: {}", answer.text());
            let listed = Call::new("GET", "/v1/models").bearer(&presented).send(world.address);
            assert_eq!(listed.status, status, "{}", listed.text());
            if status == 403 {
                assert_eq!(code(&answer), "network_not_allowed");
                let row = world.row(&answer);
                assert_eq!((&*row.attribution.key_id, row.ending), ("", Ending::Refused));
            }
        }
    }
}

#[test]
fn waiting_for_sts_is_no_overhead_of_the_gateway() {
    let world = world();
    world.sim.sts.delay(Duration::from_millis(400));
    let answer = call(&world, &proof(&world, &session(&world, "search-batch")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let timing = world.row(&answer).timing;
    assert!(timing.total_us >= 400_000 && timing.overhead_us < 300_000, "{timing:?}");
}

#[test]
fn what_is_not_asked_in_time_is_said_in_the_log() {
    let (folder, sim) = prepared(&Setup { teams: String::new(), identity: identity(GHOST), ..Setup::default() });
    let process = Process::start(folder.path());
    until("the line of a team that does not exist is named", || {
        process.log().contains("is for a team that does not exist: its callers are refused").then_some(())
    });
    sim.sts.refuse(true);
    let key = sim.sts.key_of("arn:aws:sts::123456789012:assumed-role/ghost/me");
    let presented = proof_of(&Presign::by(&key).url(&sim.urls.sts));
    for _ in 0..5 {
        let answer = chat("on-openai").bearer(&presented).send(process.address);
        assert_eq!(code(&answer), "identity_unavailable");
    }
    let count = |text: &str| process.log().matches(text).count();
    until("each call says why", || (count("AWS did not say whose a proof is") == 5).then_some(()));
    assert_eq!(count("STS does not say who callers are"), 1, "{}", process.log());
}

#[test]
fn a_role_has_sessions_of_its_own_on_the_way_out() {
    let outgoing = crate::aws::setup(", per: key");
    let teams = outgoing.teams.clone();
    let world = World::with(Setup { identity: identity(ROLES), teams, ..outgoing });
    let answer = chat("on-roles").bearer(&token(&world, TokenAlgorithm::Es384, "search-batch")).send(world.address);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let session = world.row(&answer).served.unwrap().session.unwrap();
    assert!(session.starts_with("tg-red.alpha.prod.search-batch."), "{session}");
    assert_eq!(world.sim.sts.assumed()[0].session, &*session);
}

/// `tallygate aws token` as a program, with these credentials in its environment.
fn printed(key: &AwsKey, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
    command.env_clear().args(["aws", "token"]).args(arguments);
    command.env("AWS_ACCESS_KEY_ID", &key.access_key_id).env("AWS_SECRET_ACCESS_KEY", &key.secret_access_key);
    command.env("AWS_SESSION_TOKEN", key.session_token.as_deref().unwrap_or_default());
    let output = command.output().unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn the_command_line_prints_what_the_gateway_takes() {
    let world = world();
    let key = session(&world, "search-batch");
    let sts = world.sim.urls.sts.as_str();
    let (good, text) = printed(&key, &["--server-id", SERVER_ID, "--region", "us-east-1", "--sts-url", sts]);
    assert!(good && text.starts_with("tg-aws-v1.") && text.lines().count() == 1, "{text}");
    let answer = call(&world, text.trim());
    assert_eq!((answer.status, &*world.row(&answer).attribution.key_id), (200, SEARCH), "{}", answer.text());
    let (good, text) = printed(&key, &["--server-id", SERVER_ID, "--region", "eu-central-1"]);
    let url = URL_SAFE_NO_PAD.decode(text.trim().strip_prefix("tg-aws-v1.").unwrap()).unwrap();
    let url = String::from_utf8(url).unwrap();
    assert!(good && url.starts_with("https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&"), "{url}");
    for (arguments, says) in [
        (&["--server-id", SERVER_ID][..], "--region"),
        (&["--server-id", "a\nb", "--region", "us-east-1"], "cannot be signed"),
        (&["--server-id", SERVER_ID, "--region", "a/b?c"], "--region"),
        (&["--region", "us-east-1"], "--server-id"),
    ] {
        let (good, text) = printed(&key, arguments);
        assert!(!good && text.contains(says), "{arguments:?}: {text}");
        assert!(!text.contains("simulated"), "{text}");
    }
}

#[test]
fn no_proof_is_ever_written_down() {
    let roles = ROLES.replacen("team: red, project: alpha, environment: prod", "team: default", 1);
    let (folder, sim) = prepared(&Setup { teams: String::new(), identity: identity(&roles), ..setup() });
    let file = folder.path().join("tallygate.yaml");
    let text = std::fs::read_to_string(&file).unwrap() + "telemetry: { log: { level: trace } }\n";
    std::fs::write(&file, text).unwrap();
    let process = Process::start(folder.path());
    let key = sim.sts.key_of("arn:aws:sts::123456789012:assumed-role/search-batch/me");
    let stranger = AwsKey { secret_access_key: "guessed".to_owned(), ..key.clone() };
    let urls = [Presign::by(&key).url(&sim.urls.sts), Presign::by(&stranger).url(&sim.urls.sts)];
    let token = sim.oidc.mint(TokenAlgorithm::Rs256, &claims("search-batch"));
    let mut secrets: Vec<String> = vec![token.clone(), token[token.len() - 24..].to_owned()];
    let mut shown = String::new();
    let mut presented: Vec<String> = urls.iter().map(|url| proof_of(url)).collect();
    presented.push(token);
    for away in [false, true] {
        sim.sts.refuse(away);
        for text in &presented {
            for dialect in CHAT {
                let answer = ask(dialect, Manner::Streamed, "on-openai", "hi").bearer(text).send(process.address);
                shown += &format!("{:?}{}", answer.headers, answer.text());
            }
        }
    }
    for (url, proof) in urls.iter().zip(&presented) {
        let signature = url.split("X-Amz-Signature=").nth(1).unwrap().split('&').next().unwrap();
        secrets.extend([proof.clone(), proof[proof.len() - 24..].to_owned(), signature.to_owned()]);
    }
    secrets.extend(["identity+token".to_owned(), "identity%2Btoken".to_owned()]);
    let shop = sim.oidc.mint(TokenAlgorithm::Rs256, &claims("shop"));
    shown += &chat("on-openai").bearer(&shop).send(process.address).text();
    secrets.push(shop);
    let lines = || process.log().lines().filter(|line| line.contains("req_")).count();
    until("every call has its line in the log", || (lines() >= 31).then_some(()));
    let metrics = Call::new("GET", "/metrics").send(process.admin).text();
    let written = Written::with(folder.path(), SEARCH);
    for secret in &secrets {
        assert_eq!(written.holds(secret), None, "{secret}");
    }
    let places = [("an answer", shown), ("the log", process.log()), ("the metrics", metrics)];
    for (place, text) in &places {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{place} shows {secret}");
        }
    }
    assert!(places[1].1.contains("identity_not_mapped"), "the log says why: {}", places[1].1);
}
