//! Signatures made by botocore, and the same with one thing changed.

use crate::options::AwsKey;
use crate::sigv4::{SignatureFlaw, SignedRequest, verify};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;
use tg_kernel::clock::Timestamp;

#[derive(Deserialize)]
struct Vector {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: String,
    session_token: Option<String>,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("sigv4_vectors.json")).expect("the vectors")
}

fn headers(vector: &Vector) -> HeaderMap {
    let pair = |(name, value): (&String, &String)| {
        (HeaderName::try_from(name).expect("a name"), HeaderValue::try_from(value).expect("a value"))
    };
    vector.headers.iter().map(pair).collect()
}

fn check(vector: &Vector, now: &str, region: &str, secret: &str) -> Result<(), SignatureFlaw> {
    let headers = headers(vector);
    let request = SignedRequest {
        method: &vector.method,
        path: &vector.path,
        query: &vector.query,
        host: &vector.headers["host"],
        headers: &headers,
        body: vector.body.as_bytes(),
    };
    let key = AwsKey {
        access_key_id: "AKIDVECTOR".to_owned(),
        secret_access_key: secret.to_owned(),
        session_token: vector.session_token.clone(),
    };
    verify(&request, &[key], region, "bedrock", Timestamp::parse(now).expect("a time"))
}

const NOW: &str = "2026-11-24T03:02:00Z";
const SECRET: &str = "vector-secret";

#[test]
fn what_botocore_signs_is_accepted() {
    for vector in vectors() {
        assert_eq!(check(&vector, NOW, "us-east-1", SECRET), Ok(()), "{}", vector.name);
    }
}

#[test]
fn every_change_is_refused() {
    for vector in vectors() {
        let name = vector.name.clone();
        let refused = |result: Result<(), SignatureFlaw>| assert!(result.is_err(), "{name}");
        refused(check(&vector, NOW, "us-east-1", "another-secret"));
        refused(check(&vector, NOW, "eu-west-1", SECRET));
        refused(check(&vector, "2026-11-24T03:06:00Z", "us-east-1", SECRET));
        refused(check(&Vector { body: format!("{} ", vector.body), ..copy(&vector) }, NOW, "us-east-1", SECRET));
        refused(check(&Vector { path: format!("{}x", vector.path), ..copy(&vector) }, NOW, "us-east-1", SECRET));
        refused(check(&Vector { query: "z=1".to_owned(), ..copy(&vector) }, NOW, "us-east-1", SECRET));
        refused(check(&Vector { method: "PUT".to_owned(), ..copy(&vector) }, NOW, "us-east-1", SECRET));
        refused(check(&Vector { session_token: Some("other".to_owned()), ..copy(&vector) }, NOW, "us-east-1", SECRET));
        let mut added = copy(&vector);
        added.headers.insert("x-amz-unsigned".to_owned(), "1".to_owned());
        assert_eq!(
            check(&added, NOW, "us-east-1", SECRET),
            Err(SignatureFlaw::Unsigned("x-amz-unsigned".to_owned())),
            "{name}"
        );
    }
}

fn copy(vector: &Vector) -> Vector {
    Vector {
        name: vector.name.clone(),
        method: vector.method.clone(),
        path: vector.path.clone(),
        query: vector.query.clone(),
        headers: vector.headers.clone(),
        body: vector.body.clone(),
        session_token: vector.session_token.clone(),
    }
}
