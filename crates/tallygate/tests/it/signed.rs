//! Callers that sign, as AWS SDKs with an access key do: the official signer against the gateway whole.

use crate::speak::{Manner, ask, error, hear, path};
use crate::wire::{Answer, Call};
use crate::world::{HAIKU, Setup, World};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::Ending;
use tg_store::key::{IssuedKey, KeyKind, NewKey};
use tg_store::team::TeamState;

/// The dialects that AWS SDKs speak.
const BEDROCK: [Dialect; 2] = [Dialect::BedrockConverse, Dialect::BedrockInvoke];

fn world() -> World {
    World::with(Setup { identity: "{ secrets_key: 'env:SECRETS_KEY' }".to_owned(), ..Setup::default() })
}

fn access_key(world: &World) -> NewKey {
    NewKey { kind: KeyKind::Aws, project: Some("beta".to_owned()), ..world.new_key("red") }
}

fn credentials(key: &IssuedKey) -> Credentials {
    Credentials::from_keys(&*key.record.id, key.secret.expose(), None)
}

/// How a call is signed.
pub(crate) struct Signing {
    credentials: Credentials,
    service: &'static str,
    at: SystemTime,
}

impl Signing {
    pub(crate) fn by(key: &IssuedKey) -> Self {
        Self { credentials: credentials(key), service: "bedrock", at: now() }
    }

    /// The call as an SDK sends it to this address.
    pub(crate) fn sign(&self, call: &Call, to: SocketAddr) -> Call {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder().identity(&identity).region("eu-west-1").name(self.service);
        let params = params.time(self.at).settings(settings).build().unwrap().into();
        let uri = format!("http://{to}{}", call.path);
        let headers = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(&call.method, &uri, headers, SignableBody::Bytes(&call.body)).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let (headers, _) = instructions.into_parts();
        headers.iter().fold(call.clone(), |call, header| call.header(header.name(), header.value()))
    }
}

#[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn chat(prompt: &str) -> Call {
    ask(Dialect::BedrockConverse, Manner::Plain, HAIKU, prompt)
}

/// A refusal as AWS SDKs read it.
#[track_caller]
fn refused(answer: &Answer, exception: &str, says: &str) {
    let (found, message) = error(Dialect::BedrockConverse, answer);
    assert_eq!((answer.status, found.as_str()), (403, exception), "{says}: {message}");
    assert!(message.contains(says), "'{message}' does not say '{says}'");
}

#[test]
fn a_signed_call_is_answered_and_booked_to_its_key() {
    let world = world();
    let key = world.issue(&access_key(&world));
    let encoded = HAIKU.replace(':', "%3A");
    let mut calls = 0;
    for dialect in BEDROCK {
        for manner in [Manner::Plain, Manner::Streamed] {
            for model in [HAIKU, &encoded] {
                let call = ask(dialect, manner, model, "hi");
                let prefixed = Call { path: format!("/bedrock{}?b=2&a=1", call.path), ..call.clone() };
                for call in [call, prefixed] {
                    let answer = Signing::by(&key).sign(&call, world.address).send(world.address);
                    assert_eq!(answer.status, 200, "{} {}", call.path, answer.text());
                    assert!(hear(dialect, manner, &answer).ended);
                    let booked = world.row(&answer).attribution;
                    assert_eq!((&*booked.key_id, &*booked.team), (&*key.record.id, "red"));
                    assert_eq!(booked.project.as_deref(), Some("beta"));
                    calls += 1;
                }
            }
        }
    }
    let models = Signing::by(&key).sign(&Call::new("GET", "/v1/models"), world.address).send(world.address);
    assert_eq!(models.status, 200, "{}", models.text());
    let mut other = ask(Dialect::AnthropicMessages, Manner::Plain, "on-anthropic", "hi");
    other = Signing::by(&key).sign(&other, world.address);
    assert_eq!(other.send(world.address).status, 200, "every path takes a signature");
    assert_eq!(world.sim.books.entries().len(), calls + 1);
}

#[test]
fn a_wrong_signature_is_refused_as_aws_does_and_booked_to_nobody() {
    let world = world();
    let key = world.issue(&access_key(&world));
    let right = Signing::by(&key);
    let of = |id: &str, secret: &str, token: Option<&str>| Signing {
        credentials: Credentials::from_keys(id, secret, token.map(str::to_owned)),
        ..Signing::by(&key)
    };
    let bearer = world.key.as_ref().unwrap();
    let (id, secret) = (&*key.record.id, key.secret.expose());
    let at = |at: SystemTime| Signing { at, ..Signing::by(&key) };
    let signed = |signing: &Signing| signing.sign(&chat("hi"), world.address);
    let tampered = |change: fn(&mut Call)| {
        let mut call = signed(&right);
        change(&mut call);
        call
    };
    let invalid = "InvalidSignatureException";
    let unknown = "UnrecognizedClientException";
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let cases = [
        (signed(&of(id, "wrong", None)), invalid, "does not match the signature you provided"),
        (
            signed(&of("TGKAAAAAAAAAAAAAAAAA", secret, None)),
            unknown,
            "security token included in the request is invalid",
        ),
        (signed(&of(&bearer.record.id, bearer.secret.expose(), None)), unknown, "is invalid"),
        (signed(&of(id, secret, Some("token"))), unknown, "AWS_SESSION_TOKEN"),
        (signed(&at(now() - minutes(6))), invalid, "Signature expired"),
        (signed(&at(now() + minutes(6))), invalid, "Signature not yet current"),
        (signed(&Signing { service: "s3", ..Signing::by(&key) }), invalid, "correct service: 'bedrock'"),
        (tampered(|call| call.body.push(b' ')), invalid, "does not match"),
        (
            tampered(|call| call.path = path(Dialect::BedrockConverse, Manner::Plain, "on-nova")),
            invalid,
            "does not match",
        ),
        (tampered(|call| call.path += "?x=1"), invalid, "does not match"),
        (tampered(|call| call.path = call.path.replace("/model", "/model/.")), invalid, "dot segments"),
        (signed(&right).header("x-amz-target", "x"), invalid, "'x-amz-target' must be a 'SignedHeader'"),
        (signed(&right).without("x-amz-date"), "IncompleteSignatureException", "'X-Amz-Date'"),
        (signed(&right).header("x-amz-date", "20261124T000000Z"), "IncompleteSignatureException", "once"),
        (
            chat("hi").header("authorization", "AWS4-HMAC-SHA256 Credential=AKID/x"),
            "IncompleteSignatureException",
            "Authorization header requires",
        ),
    ];
    let count = cases.len();
    for (call, exception, says) in cases {
        let answer = call.send(world.address);
        refused(&answer, exception, says);
        assert!(!answer.text().contains(secret) && !format!("{:?}", answer.headers).contains(secret));
    }
    assert_eq!(world.sim.books.entries().len(), 0, "nothing may reach a provider");
    let rows = world.finish();
    assert_eq!(rows.len(), count);
    for row in rows {
        assert_eq!((row.ending, row.served.is_none(), &*row.attribution.team), (Ending::Refused, true, ""), "{row:?}");
    }
}

#[test]
fn an_access_key_that_is_not_in_force_is_refused_once_its_signature_is_right() {
    let world = world();
    let living = &world.gateway().living;
    let now = || living.clock.now();
    let revoked = world.issue(&access_key(&world));
    living.directory.revoke(&revoked.record.id, now()).unwrap();
    let rotated = world.issue(&access_key(&world));
    let successor = living.directory.rotate(&rotated.record.id, Duration::ZERO, now()).unwrap();
    let far = world.issue(&NewKey { networks: vec!["10.0.0.0/8".parse().unwrap()], ..access_key(&world) });
    living.directory.create_team("gone", Default::default(), now()).unwrap();
    let gone = world.issue(&NewKey { kind: KeyKind::Aws, ..world.new_key("gone") });
    living.directory.set_team_state("gone", TeamState::Disabled, now()).unwrap();
    let narrow = world.issue(&NewKey { models: vec!["on-openai".to_owned()], ..access_key(&world) });
    for (key, exception, says) in [
        (&revoked, "UnrecognizedClientException", "revoked"),
        (&rotated, "ExpiredTokenException", "expired"),
        (&far, "AccessDeniedException", "address"),
        (&gone, "AccessDeniedException", "switched off"),
        (&narrow, "AccessDeniedException", "may not use"),
    ] {
        refused(&Signing::by(key).sign(&chat("hi"), world.address).send(world.address), exception, says);
        let forged = Signing { credentials: Credentials::from_keys(&*key.record.id, "x", None), ..Signing::by(key) };
        // Who has not the secret is told nothing of the key.
        let answer = forged.sign(&chat("hi"), world.address).send(world.address);
        refused(&answer, "InvalidSignatureException", "does not match");
    }
    assert_eq!(Signing::by(&successor).sign(&chat("hi"), world.address).send(world.address).status, 200);
    assert_eq!(world.sim.books.entries().len(), 1);
}

#[test]
fn equal_calls_in_one_second_are_all_answered() {
    let world = world();
    let key = world.issue(&access_key(&world));
    let call = Signing::by(&key).sign(&chat("hi"), world.address);
    std::thread::scope(|scope| {
        for caller in (0..8).map(|_| scope.spawn(|| call.send(world.address).status)).collect::<Vec<_>>() {
            assert_eq!(caller.join().unwrap(), 200);
        }
    });
}
