//! Tokens made by hand and signed by ring: what is taken, and everything that is not.

use super::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

const ISSUER: &str = "https://abc.tokens.sts.global.api.aws";
const AUDIENCE: &str = "https://tallygate.example";
const AWS: &str = "https://sts.amazonaws.com/";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/search-batch/me";
const NOW: i64 = 1_790_000_000;

fn wanted() -> WebIdentity {
    WebIdentity { audience: AUDIENCE.to_owned(), issuers: vec!["https://other.example".into(), ISSUER.into()] }
}

fn header() -> Value {
    json!({"alg": "ES384", "kid": "EC384_0", "typ": "JWT"})
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "arn:aws:iam::123456789012:role/teams/search-batch",
        "iat": NOW, "exp": NOW + 300, "jti": "j",
        "https://sts.amazonaws.com/": {"aws_account": "123456789012", "request_tags": {"team": "another"}},
    })
}

fn with(mut value: Value, member: &str, to: Value) -> Value {
    match to {
        Value::Null => drop(value.as_object_mut().unwrap().remove(member)),
        to => value[member] = to,
    }
    value
}

struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, made.as_ref(), &random).unwrap())
    }

    fn keys(&self, id: &str) -> KeySet {
        let point = self.0.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..49]), URL_SAFE_NO_PAD.encode(&point[49..]));
        let set = json!({"keys": [{"kty": "EC", "crv": "P-384", "kid": id, "x": x, "y": y}]});
        KeySet::parse(set.to_string().as_bytes()).unwrap()
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        self.sign(&header.to_string(), &claims.to_string())
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}

#[test]
fn a_token_of_a_believed_issuer_is_its_roles() {
    let issuer = Issuer::new();
    for (header, claims) in [
        (header(), claims()),
        (with(header(), "typ", Value::Null), with(claims(), "aud", json!(["x", AUDIENCE]))),
        (with(header(), "jku", json!("https://evil.example")), with(claims(), "nbf", json!(NOW))),
        (header(), with(claims(), AWS, json!({"principal_id": "arn:aws:iam::123456789012:role/teams/search-batch"}))),
        (header(), with(claims(), AWS, json!({"principal_id": SESSION, "aws_account": "123456789012"}))),
    ] {
        let token = WebToken::read(&issuer.token(&header, &claims), &wanted(), at(NOW)).unwrap();
        let key = ("EC384_0", Algorithm::Es384);
        assert_eq!((&**token.issuer(), token.key(), token.ends_at()), (ISSUER, key, at(NOW + 330)));
        let found = token.verify(&issuer.keys("EC384_0")).unwrap();
        assert_eq!(&**found.arn(), "arn:aws:iam::123456789012:role/search-batch", "{claims}");
        let shown = format!("{token:?}");
        assert!(shown.contains(ISSUER) && !shown.contains("signature") && !shown.contains("eyJ"), "{shown}");
    }
}

#[test]
fn what_cannot_be_told_from_a_forgery_is_refused() {
    let issuer = Issuer::new();
    let keys = issuer.keys("EC384_0");
    let right = issuer.token(&header(), &claims());
    let read = |text: &str| WebToken::read(text, &wanted(), at(NOW)).unwrap();
    assert!(read(&right).verify(&keys).is_ok());
    let forged = Issuer::new().token(&header(), &claims());
    let (body, signature) = right.rsplit_once('.').unwrap();
    let (head, _) = body.split_once('.').unwrap();
    let promoted = with(claims(), "sub", json!("arn:aws:iam::123456789012:role/admin")).to_string();
    let promoted = format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(promoted));
    let as_rsa = issuer.token(&with(header(), "alg", json!("RS256")), &claims());
    let of_another_key = issuer.token(&with(header(), "kid", json!("k")), &claims());
    let unsigned = format!("{body}.");
    let cut = &right[..right.len() - 4];
    for token in [&forged, &promoted, &as_rsa, &of_another_key, &unsigned, cut] {
        assert_eq!(read(token).verify(&keys), Err(Flaw::Signature), "{token}");
    }
    let of = |claims: Value| read(&issuer.token(&header(), &claims)).verify(&keys);
    for (aws, says) in [
        (json!({"aws_account": "999999999999"}), "another account"),
        (json!({"aws_account": "999999999999", "principal_id": SESSION}), "another account"),
        (json!({"principal_id": SESSION.replace("search-batch", "other")}), "not who asked"),
        (json!({"principal_id": "alice", "aws_account": "123456789012"}), "not who asked"),
        (json!({"org_id": "o-1"}), "claims of AWS"),
        (Value::Null, "claims of AWS"),
    ] {
        let found = of(with(claims(), AWS, aws.clone()));
        assert!(matches!(&found, Err(Flaw::Malformed(_, what)) if what.contains(says)), "{aws}: {found:?}");
    }
    let repository = with(claims(), "sub", json!("repo:org/name:ref:refs/heads/main"));
    assert!(matches!(of(repository), Err(Flaw::NoCaller(_))));
    let root = with(claims(), "sub", json!("arn:aws:iam::123456789012:root"));
    assert!(matches!(of(root), Err(Flaw::NoCaller(_))));
}

#[test]
fn what_is_not_for_this_gateway_is_refused_before_a_key_is_looked_for() {
    let issuer = Issuer::new();
    let flaw = |header: Value, claims: Value| {
        let read = WebToken::read(&issuer.token(&header, &claims), &wanted(), at(NOW));
        read.map(drop).unwrap_err().to_string()
    };
    let head = |member: &str, to: Value| flaw(with(header(), member, to), claims());
    let body = |member: &str, to: Value| flaw(header(), with(claims(), member, to));
    for (found, says) in [
        (head("alg", json!("none")), "neither as RS256 nor as ES384"),
        (head("alg", json!("HS256")), "neither as RS256 nor as ES384"),
        (head("alg", json!("es384")), "neither as RS256 nor as ES384"),
        (head("alg", Value::Null), "header cannot be read"),
        (head("kid", Value::Null), "names no key"),
        (head("kid", json!("k".repeat(257))), "names no key"),
        (head("crit", json!(["b64"])), "demands what is not known"),
        (head("typ", json!("at+jwt")), "demands what is not known"),
        (body("iss", json!("https://evil.example")), "issuer is not one that is believed"),
        (body("iss", json!(format!("{ISSUER}/"))), "issuer is not one that is believed"),
        (body("iss", json!(ISSUER.to_uppercase())), "issuer is not one that is believed"),
        (body("aud", json!("https://other.example")), "audience is another"),
        (body("aud", json!([])), "audience is another"),
        (body("aud", json!([vec!["x"; 10], vec![AUDIENCE]].concat())), "audience is another"),
        (body("exp", Value::Null), "claims cannot be read"),
        (body("iat", Value::Null), "claims cannot be read"),
        (body("exp", json!("later")), "claims cannot be read"),
        (body("sub", Value::Null), "claims cannot be read"),
        (body("exp", json!(NOW)), "ends before it begins"),
    ] {
        assert!(found.contains(says), "'{found}' does not say '{says}'");
    }
    let twice = claims().to_string().replacen('{', "{\"iss\":\"https://evil.example\",", 1);
    let read = |text: &str| WebToken::read(text, &wanted(), at(NOW)).map(drop).unwrap_err().to_string();
    assert!(read(&issuer.sign(&header().to_string(), &twice)).contains("claims cannot be read"));
    let right = issuer.token(&header(), &claims());
    for (text, says) in [
        ("eyJ.e30", "three parts"),
        (&*format!("{right}.x"), "three parts"),
        ("eyJ..", "header cannot be read"),
        (&*right.replacen('.', "=.", 1), "header cannot be read"),
        (&*format!("{right}="), "signature cannot be read"),
    ] {
        assert!(read(text).contains(says), "{text}");
    }
}

#[test]
fn a_token_is_good_from_its_begin_to_its_end() {
    let issuer = Issuer::new();
    let when =
        |claims: &Value, second: i64| WebToken::read(&issuer.token(&header(), claims), &wanted(), at(second)).map(drop);
    let (expired, not_yet) = (Err(Flaw::Expired(Kind::WebIdentity)), Err(Flaw::NotYet(Kind::WebIdentity)));
    assert_eq!(when(&claims(), NOW + 300 + LEEWAY_SECONDS - 1), Ok(()));
    assert_eq!(when(&claims(), NOW + 300 + LEEWAY_SECONDS), expired);
    assert_eq!(when(&claims(), NOW - LEEWAY_SECONDS), Ok(()));
    assert_eq!(when(&claims(), NOW - LEEWAY_SECONDS - 1), not_yet);
    let later = with(claims(), "nbf", json!(NOW + 100));
    assert_eq!(when(&later, NOW + 100 - LEEWAY_SECONDS - 1), not_yet);
    let endless = with(claims(), "exp", json!(i64::MAX));
    assert_eq!(when(&endless, NOW), Ok(()));
    let ancient = with(with(claims(), "iat", json!(i64::MIN)), "exp", json!(i64::MIN + 1));
    assert_eq!(when(&ancient, NOW), expired);
}
