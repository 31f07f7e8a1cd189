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
