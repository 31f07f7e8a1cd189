//! AWS's STS: GetCallerIdentity by presigned GET, its signature checked from first principles.

use crate::options::AwsKey;
use crate::sigv4::{canonical_query, check_date_of, hmac};
use crate::sts::{Refused, Sts, decoded};
use http::request::Parts;
use sha2::{Digest, Sha256};
use tg_kernel::clock::Timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// STS honours a presigned request no longer, whatever it says of itself.
const SECONDS_MAX: i64 = 15 * 60;
const FUTURE_MAX: i64 = 5 * 60;

/// Whom STS knows, and where it is.
pub(crate) struct House<'a> {
    pub keys: &'a [AwsKey],
    pub region: &'a str,
    pub sts: &'a Sts,
    pub now: Timestamp,
}

/// The answer to a presigned GET.
pub(crate) fn answer(parts: &Parts, house: &House<'_>) -> Result<String, Refused> {
    let query = parts.uri.query().unwrap_or_default();
    if parts.uri.path() != "/" {
        return Err((404, "InvalidPath", "There is nothing here".to_owned()));
    }
    let (id, arn) = signer(parts, query, house)?;
    let asked = (parameter(query, "Action")?, parameter(query, "Version")?);
    if asked != ("GetCallerIdentity".to_owned(), "2011-06-15".to_owned()) {
        return Err((400, "InvalidAction", format!("{asked:?} is not known here")));
    }
    house.sts.has_identified();
    let account = arn.split(':').nth(4).unwrap_or_default();
    Ok(format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <GetCallerIdentityResult>\n    \
         <Arn>{arn}</Arn>\n    <UserId>{id}</UserId>\n    <Account>{account}</Account>\n  </GetCallerIdentityResult>\n  \
         <ResponseMetadata>\n    <RequestId>00000000-0000-4000-8000-000000000000</RequestId>\n  </ResponseMetadata>\n\
         </GetCallerIdentityResponse>\n"
    ))
}

/// The id of the key that signed, and the ARN of whom it belongs to.
fn signer(parts: &Parts, query: &str, house: &House<'_>) -> Result<(String, String), Refused> {
    if parameter(query, "X-Amz-Algorithm")? != ALGORITHM {
        return Err((400, "IncompleteSignature", "Unsupported AWS 'algorithm'".to_owned()));
    }
    let credential = parameter(query, "X-Amz-Credential")?;
    let scope: Vec<&str> = credential.split('/').collect();
    let [id, day, region, "sts", "aws4_request"] = scope.as_slice() else {
        return Err(mismatch("Credential should be scoped to correct service: 'sts'"));
    };
    if *region != house.region {
        return Err(mismatch("Credential should be scoped to a valid region."));
    }
    let known = house
        .sts
        .identities()
        .into_iter()
        .chain(house.keys.iter().map(|key| (key.clone(), "arn:aws:iam::123456789012:user/sim".to_owned())));
    let unknown = || (403, "InvalidClientTokenId", "The security token included in the request is invalid.".to_owned());
    let (key, arn) = known.into_iter().find(|(key, _)| key.access_key_id == *id).ok_or_else(unknown)?;
    if parameter(query, "X-Amz-Security-Token").ok() != key.session_token {
        return Err(unknown());
    }
    let date = parameter(query, "X-Amz-Date")?;
    let signed_at = check_date_of(&date, day).ok_or_else(|| mismatch("Invalid X-Amz-Date"))?;
    let lives = parameter(query, "X-Amz-Expires")?.parse::<i64>().ok().filter(|s| (1..=604_800).contains(s));
    let lives = lives.ok_or_else(|| mismatch("Invalid X-Amz-Expires"))?;
    let age = house.now.seconds() - signed_at.seconds();
    if age >= lives.min(SECONDS_MAX) || age < -FUTURE_MAX {
        return Err(mismatch(&format!("Signature expired: {date} is now earlier than it may be")));
    }
    let stated = parameter(query, "X-Amz-Signature")?;
    let to_sign = to_sign(parts, query, &date, &format!("{day}/{region}/sts/aws4_request"))?;
    let mut signing = hmac(format!("AWS4{}", key.secret_access_key).as_bytes(), day.as_bytes());
    for part in [region, "sts", "aws4_request", &to_sign] {
        signing = hmac(&signing, part.as_bytes());
    }
    if hex::encode(signing) != stated {
        return Err(mismatch("The request signature we calculated does not match the signature you provided."));
    }
    Ok((key.access_key_id, arn))
}

/// What must have been signed: every header that is named, as it came; all of the query but the signature.
fn to_sign(parts: &Parts, query: &str, date: &str, scope: &str) -> Result<String, Refused> {
    let names = parameter(query, "X-Amz-SignedHeaders")?;
    if !names.split(';').any(|name| name == "host") {
        return Err(mismatch("'host' must be a 'SignedHeader' in the AWS Authorization."));
    }
    let loose = parts.headers.keys().find(|name| name.as_str().starts_with("x-amz") && !names.contains(name.as_str()));
    if let Some(loose) = loose {
        return Err(mismatch(&format!("'{loose}' must be a 'SignedHeader' in the AWS Authorization.")));
    }
    let unsigned: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("X-Amz-Signature=")).collect();
    let mut canonical = format!("GET\n/\n{}\n", canonical_query(&unsigned.join("&")));
    for name in names.split(';') {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        canonical += &format!("{name}:{}\n", value.unwrap_or_default().trim());
    }
    canonical += &format!("\n{names}\n{}", hex::encode(Sha256::digest(b"")));
    Ok(format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical))))
}

fn mismatch(words: &str) -> Refused {
    (403, "SignatureDoesNotMatch", words.to_owned())
}

/// A parameter, which must stand once.
fn parameter(query: &str, name: &str) -> Result<String, Refused> {
    let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(known, _)| *known == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Ok(decoded(value)),
        (None, _) => Err((400, "MissingParameter", format!("The request must contain the parameter {name}."))),
        _ => Err((400, "InvalidParameterValue", format!("{name} is there twice"))),
    }
}
