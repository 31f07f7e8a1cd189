//! AWS clients that sign: our verification against botocore's signer, and SDKs with an access key through the gateway.

use super::house::{House, OFFERS};
use super::matrix::{Certs, Sdks};
use super::{Length, block_on};
use crate::running::Gateway;
use crate::setup;
use crate::shell::{command, root};
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_kernel::secret::Secret;
use tg_policy::aws::{Claim, Flaw, SignedRequest};

/// Requests that botocore signs: as many in both lengths as the claim says, and more.
const SIGNED: u32 = 10_000;
const SIGNED_LONG: u32 = 100_000;

/// Where botocore's random requests begin.
const SEED: u32 = 20_261_124;

/// Failures that are shown in full.
const SHOWN_MAX: usize = 10;

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub fn prove(program: &Path, length: Length) -> Result<Tally> {
    setup::everything()?;
    let mut tally = Tally::default();
    signatures(length, &mut tally)?;
    let house = House::start(program)?;
    let certs = Certs::make(program)?;
    let tls = house.beside(&certs.listen())?;
    sdks(&[("http", &house.gateway), ("https", &tls)], &house, &certs, &mut tally)?;
    tls.end()?;
    house.gateway.end()?;
    Ok(tally)
}

/// A request as botocore signed it, as it stands on the wire.
#[derive(Clone, Deserialize)]
struct Signed {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    secret: String,
}

/// Where one byte is changed.
const PLACES: [&str; 5] = ["path", "query", "signed header", "body", "signature"];

fn signatures(length: Length, tally: &mut Tally) -> Result<()> {
    let count = length.pick(SIGNED, SIGNED_LONG);
    let arguments = ["signed.py".to_owned(), count.to_string(), SEED.to_string()];
    let mut signer = command(&setup::python().to_string_lossy(), arguments);
    let output = signer.current_dir(root().join("tests/sdk/python")).output()?;
    ensure!(output.status.success(), "signed.py: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (mut accepted, mut made) = (Tally::default(), 0);
    let mut refused: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut failures = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let signed: Signed = serde_json::from_str(line).with_context(|| line.to_owned())?;
        made += 1;
        let verdict = signed.verify()?;
        accepted.count(verdict.is_ok());
        if let Err(flaw) = verdict {
            failures.push(format!("refused ({flaw}): {line}"));
        }
        for place in PLACES {
            let Some(other) = signed.tampered(place, number)? else { continue };
            let verdict = other.verify()?;
            refused.entry(place).or_default().count(verdict.is_err());
            if verdict.is_ok() {
                failures.push(format!("accepted with another {place}: {line}"));
            }
        }
    }
    ensure!(made == count, "signed.py made {made} of {count} requests");
    let mut table = Table::new(["botocore's requests", "verdict", "right", "wrong"]);
    let rows = [("as signed", "accepted", &accepted)].into_iter();
    for (what, verdict, counted) in rows.chain(refused.iter().map(|(place, counted)| (*place, "refused", counted))) {
        table.row([what.to_owned(), verdict.to_owned(), counted.passed.to_string(), counted.failed.to_string()]);
        tally.passed += counted.passed;
        tally.failed += counted.failed;
    }
    say(&table);
    failures.iter().take(SHOWN_MAX).for_each(say);
    Ok(())
}

impl Signed {
    fn verify(&self) -> Result<Result<(), Flaw>> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            authority: "",
            headers: &headers,
        };
        let authorization = headers.get("authorization").context("no authorization")?.to_str()?;
        let body = STANDARD.decode(&self.body)?;
        let claim = Claim::read(authorization, request, SystemClock::new().now());
        Ok(claim.and_then(|claim| claim.check(&Secret::new(self.secret.as_str()), &body)))
    }

    /// The request with one byte changed there; `None` where there is no byte. `number` says which.
    fn tampered(&self, place: &str, number: usize) -> Result<Option<Self>> {
        let mut other = self.clone();
        match place {
            "path" => other.path = exchanged(&self.path, number),
            "query" => other.query = exchanged(&self.query, number),
            "body" => {
                let mut body = STANDARD.decode(&self.body)?;
                if let Some(byte) = number.checked_rem(body.len()).and_then(|at| body.get_mut(at)) {
                    *byte ^= 1 << (number % 8);
                }
                other.body = STANDARD.encode(body);
            }
            _ => {
                let (_, authorization) =
                    self.headers.iter().find(|(name, _)| name == "authorization").context("no authorization")?;
                let (rest, signature) = authorization.rsplit_once('=').context("no signature")?;
                let (_, signed) = rest.rsplit_once("SignedHeaders=").context("no signed headers")?;
                let names: Vec<&str> = signed.split(", ").next().unwrap_or_default().split(';').collect();
                let name = if place == "signature" { "authorization" } else { names[number % names.len()] };
                let whole = format!("{rest}={}", exchanged(signature, number));
                let value = &mut other.headers.iter_mut().find(|(n, _)| n == name).context("a signed header")?.1;
                *value = if place == "signature" { whole } else { exchanged(value, number) };
            }
        }
        let same = other.path == self.path
            && other.query == self.query
            && other.headers == self.headers
            && other.body == self.body;
        Ok((!same).then_some(other))
    }
}

/// The text with another letter or digit in the place of one of its own. Spaces stay: the specification itself makes one
/// of several.
fn exchanged(text: &str, number: usize) -> String {
    let places: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| c.is_ascii_graphic()).collect();
    let Some((at, old)) = number.checked_rem(places.len()).map(|nth| places[nth]) else { return text.to_owned() };
    let new = if old == '7' { '3' } else { '7' };
    format!("{}{new}{}", &text[..at], &text[at + 1..])
}

/// Where a result is: SDK, dialect, feature.
type Row = (String, String, String);

/// What came back, by SDK, dialect and feature, for each kind of connection.
type Results<'a> = BTreeMap<Row, BTreeMap<&'a str, Value>>;

/// Every feature of an SDK in every dialect that it speaks, with an access key alone.
fn sdks(doors: &[(&str, &Gateway)], house: &House, certs: &Certs, tally: &mut Tally) -> Result<()> {
    let clients = [(Sdks::python()?, "boto3"), (Sdks::node()?, "aws-js")];
    let mut results = Results::new();
    for (scheme, gateway) in doors {
        let url = format!("{}/admin/v1/keys", gateway.admin());
        let issued = block_on(house.client().post(&url, &json!({ "team": "default", "aws": true })))?;
        for (client, sdk) in &clients {
            let cells = cells(&client.offered[*sdk], sdk);
            let wanted = cells.len();
            let plan = json!({
                "base_url": gateway.base(), "https_base_url": gateway.base(), "ca": certs.ca, "key": "unused",
                "aws": { "auth": "sigv4", "region": "eu-west-1", "access_key_id": issued["key"]["id"],
                         "secret_access_key": issued["secret"] },
                "cells": cells,
            });
            let lines = client.drive(&plan, &certs.ca)?;
            tally.count(lines.len() == wanted && wanted > 0);
            for line in lines {
                let row: Row = serde_json::from_str(line["id"].as_str().unwrap_or_default())?;
                results.entry(row).or_default().insert(*scheme, line);
            }
        }
    }
    show(doors, &results, tally);
    Ok(())
}

fn cells(dialects: &Value, sdk: &str) -> Vec<Value> {
    let offer = OFFERS[0];
    let mut cells = Vec::new();
    for (dialect, features) in dialects.as_object().into_iter().flatten() {
        for feature in features.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let model = if dialect.ends_with("embeddings") { offer.embedding } else { None };
            cells.push(json!({
                "id": json!([sdk, dialect, feature]).to_string(), "sdk": sdk, "dialect": dialect, "feature": feature,
                "provider": offer.provider, "model": model.unwrap_or(offer.model),
            }));
        }
    }
    cells
}

fn show(doors: &[(&str, &Gateway)], results: &Results<'_>, tally: &mut Tally) {
    let schemes = doors.iter().map(|(scheme, _)| *scheme);
    let mut table = Table::new(["with an access key", "dialect", "feature"].into_iter().chain(schemes.clone()));
    let mut failures = Vec::new();
    for ((sdk, dialect, feature), cells) in results {
        let mut shown = vec![sdk.as_str(), dialect.as_str(), feature.as_str()];
        for scheme in schemes.clone() {
            let line = cells.get(scheme);
            let ok = line.is_some_and(|line| line["ok"] == true);
            tally.count(ok);
            shown.push(if ok { "ok" } else { "FAILED" });
            if !ok {
                let detail = line.map_or("it was not run", |line| line["detail"].as_str().unwrap_or_default());
                failures.push(format!("{sdk} {dialect} {feature} over {scheme}: {detail}"));
            }
        }
        table.row(shown);
    }
    say(&table);
    failures.iter().for_each(say);
}
