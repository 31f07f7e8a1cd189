//! Our verification of signatures against botocore's signer: requests at random, and each with one byte changed.

use crate::prove::Length;
use crate::setup;
use crate::shell::{root, sheltered};
use crate::suite::{Failure, Tally};
use crate::table::Table;
use crate::terminal::say;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;
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

pub fn signatures(length: Length, tally: &mut Tally) -> Result<()> {
    let count = length.pick(SIGNED, SIGNED_LONG);
    let arguments = ["signed.py".to_owned(), count.to_string(), SEED.to_string()];
    let mut signer = sheltered(setup::python(), arguments);
    let output = signer.current_dir(root().join("tests/sdk/python")).output()?;
    ensure!(output.status.success(), "signed.py: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (mut accepted, mut made) = (Tally::default(), 0);
    let mut refused: BTreeMap<&str, Tally> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let signed: Signed = serde_json::from_str(line).with_context(|| line.to_owned())?;
        made += 1;
        let verdict = signed.verify()?;
        match verdict {
            Ok(()) => accepted.passed += 1,
            Err(flaw) => accepted.fail(Failure::named(format_args!("refused ({flaw}): {line}"))),
        }
        for place in PLACES {
            let Some(other) = signed.tampered(place, number)? else { continue };
            let verdict = other.verify()?;
            let what = format_args!("accepted with another {place}: {line}");
            refused.entry(place).or_default().count(verdict.is_err(), what);
        }
    }
    ensure!(made == count, "signed.py made {made} of {count} requests");
    let mut table = Table::new(["botocore's requests", "verdict", "right", "wrong"]);
    let rows = [("as signed", "accepted", accepted)].into_iter();
    let mut own = Tally::default();
    for (what, verdict, counted) in rows.chain(refused.into_iter().map(|(place, counted)| (place, "refused", counted)))
    {
        table.row([what.to_owned(), verdict.to_owned(), counted.passed.to_string(), counted.failed().to_string()]);
        own.add(counted);
    }
    say(&table);
    own.failures.iter().take(SHOWN_MAX).for_each(say);
    tally.add(own);
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
