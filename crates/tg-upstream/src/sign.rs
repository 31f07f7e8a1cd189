//! SigV4: signing a finished request with the official implementation.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use tg_kernel::clock::Timestamp;
use tg_kernel::fault::Fault;

/// Signs `request` for `service` in `region`. Signs host, date, token, content type and all `x-amz*` headers.
///
/// The canonical path is encoded twice, as every service but S3 demands.
///
/// # Errors
/// `Class::Internal` when the request cannot be signed.
pub(crate) fn sign_v4(
    request: &mut Request<Bytes>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    let identity = credentials.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now.system_time())
        .settings(settings)
        .build()
        .map_err(Fault::internal)?
        .into();
    let uri = request.uri().to_string();
    let signed_headers = request.headers().iter().filter_map(|(name, value)| {
        let name = name.as_str();
        let signed = name == "host" || name == "content-type" || name.starts_with("x-amz");
        signed.then(|| value.to_str().ok().map(|value| (name, value))).flatten()
    });
    let signable =
        SignableRequest::new(request.method().as_str(), &uri, signed_headers, SignableBody::Bytes(request.body()))
            .map_err(Fault::internal)?;
    let (instructions, _signature) = sign(signable, &params).map_err(Fault::internal)?.into_parts();
    let (headers, _query) = instructions.into_parts();
    for header in headers {
        let mut value = HeaderValue::from_str(header.value()).map_err(Fault::internal)?;
        value.set_sensitive(header.sensitive() || header.name() == "authorization");
        request.headers_mut().insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The same requests that the verifiers are tested with.
    const VECTORS: &str = include_str!("../../tg-sim/src/tests/sigv4_vectors.json");

    /// What a signer adds.
    const MADE: [&str; 3] = ["authorization", "x-amz-date", "x-amz-security-token"];

    #[test]
    fn what_botocore_signs_is_signed_the_same() {
        let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap_or_default().to_owned();
            let headers = vector["headers"].as_object().unwrap();
            let asked = if text("query").is_empty() { String::new() } else { format!("?{}", text("query")) };
            let uri = format!("https://{}{}{asked}", headers["host"].as_str().unwrap(), text("path"));
            let mut request = Request::builder().method(&*text("method")).uri(uri);
            for (name, value) in headers.iter().filter(|(name, _)| !MADE.contains(&name.as_str())) {
                request = request.header(name, value.as_str().unwrap());
            }
            let mut request = request.body(Bytes::from(text("body"))).unwrap();
            let token = vector["session_token"].as_str().map(str::to_owned);
            let credentials = Credentials::from_keys("AKIDVECTOR", "vector-secret", token);
            let now = Timestamp::parse("2026-11-24T03:00:00Z").unwrap();
            sign_v4(&mut request, &credentials, "us-east-1", "bedrock", now).unwrap();
            for name in MADE.iter().filter(|name| headers.contains_key(**name)) {
                assert_eq!(request.headers()[*name].to_str().unwrap(), headers[*name], "{}: {name}", text("name"));
            }
        }
    }
}
