//! The signature of what the gateway posts to webhooks, by which a receiver knows who sent it, and when.

use hmac::{Hmac, Mac as _};
use http::HeaderValue;
use sha2::Sha256;
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;

/// The header that it stands in.
pub const HEADER: &str = "x-tallygate-signature";

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 of the time of sending, a full stop and the body, so that an old message cannot be sent
/// again as if it were new.
#[must_use]
pub fn signature(secret: &Secret, at: Timestamp, body: &[u8]) -> HeaderValue {
    let seconds = at.seconds();
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return HeaderValue::from_static("");
    };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let text = format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::signature;
    use tg_kernel::clock::Timestamp;
    use tg_kernel::secret::Secret;

    #[test]
    fn a_message_is_signed_with_the_time_of_its_sending() {
        // printf '1800000000.{}' | openssl dgst -sha256 -hmac key
        let signed = signature(&Secret::new("key"), Timestamp::from_seconds(1_800_000_000), b"{}");
        assert_eq!(signed, "t=1800000000,v1=7321475872b03ff21bdc2dfd86ea2d99ec29c479fbe4a77aa6acf4509505493f");
    }
}
