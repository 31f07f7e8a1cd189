//! The `Authorization` header of a signed request, read into its parts.

use super::signature::Flaw;

/// How the header of a signed request begins.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Longest header that is read: credential, names of headers and signature have room in a quarter of it.
const BYTES_MAX: usize = 4096;
/// Most headers that one request signs.
const HEADERS_MAX: usize = 64;
/// Longest id of an access key, as AWS has it.
const KEY_ID_BYTES_MAX: usize = 128;
/// Longest name of a region.
const REGION_BYTES_MAX: usize = 64;

/// What a signed request says of itself. Every part has its form; nothing has been compared yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    /// The access key's id.
    pub access_key_id: &'a str,
    /// The day of the signing key, `YYYYMMDD`.
    pub day: &'a str,
    /// The region that the client is set to. A gateway has none: any is right.
    pub region: &'a str,
    /// The service.
    pub service: &'a str,
    /// The last part of the scope.
    pub terminator: &'a str,
    /// The names of the signed headers: lower case, in order, joined by `;`.
    pub signed_headers: &'a str,
    /// The signature.
    pub signature: [u8; 32],
}

impl<'a> Authorization<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Flaw::Incomplete`] with what is missing or has not its form.
    pub fn parse(text: &'a str) -> Result<Self, Flaw> {
        let incomplete = |what| Err(Flaw::Incomplete(what));
        if text.len() > BYTES_MAX {
            return incomplete("to be shorter");
        }
        let Some(rest) = text.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')) else {
            return incomplete("the algorithm AWS4-HMAC-SHA256");
        };
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let Some((name, value)) = part.trim_matches(' ').split_once('=') else {
                return incomplete("'name=value' between its commas");
            };
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return incomplete("only Credential, SignedHeaders and Signature"),
            };
            if place.replace(value).is_some() {
                return incomplete("each of its parameters once");
            }
        }
        let [access_key_id, day, region, service, terminator] =
            parts(credential.ok_or(Flaw::Incomplete("'Credential' parameter"))?)?;
        let signed_headers = signed_headers.ok_or(Flaw::Incomplete("'SignedHeaders' parameter"))?;
        check_names(signed_headers)?;
        let signature = signature.ok_or(Flaw::Incomplete("'Signature' parameter"))?;
        let signature = read_hex(signature).ok_or(Flaw::Incomplete("a signature of 64 lower-case hex digits"))?;
        Ok(Self { access_key_id, day, region, service, terminator, signed_headers, signature })
    }

    /// The names of the signed headers, in order.
    pub fn signed(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.signed_headers.split(';')
    }
}

/// The five parts of a credential.
fn parts(credential: &str) -> Result<[&str; 5], Flaw> {
    let malformed = Flaw::Incomplete("a credential of the form 'key-id/day/region/service/aws4_request'");
    let mut rest = credential.split('/');
    let parts = [(); 5].map(|()| rest.next().unwrap_or_default());
    let [id, day, region, service, terminator] = parts;
    let sound = rest.next().is_none()
        && !service.is_empty()
        && !terminator.is_empty()
        && within(id, KEY_ID_BYTES_MAX, |b| b.is_ascii_alphanumeric() || b == b'_')
        && day.len() == 8
        && day.bytes().all(|b| b.is_ascii_digit())
        && within(region, REGION_BYTES_MAX, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if sound { Ok(parts) } else { Err(malformed) }
}

fn within(text: &str, max: usize, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= max && text.bytes().all(allowed)
}

/// Names must be in order and without doubles: else one request would have several forms.
fn check_names(signed_headers: &str) -> Result<(), Flaw> {
    let mut last = "";
    for (number, name) in signed_headers.split(';').enumerate() {
        // `:authority` is how the JavaScript SDK names the host over HTTP/2.
        let bare = name.strip_prefix(':').unwrap_or(name);
        let sound = within(bare, BYTES_MAX, |b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && b != b':');
        if !sound || name <= last || number >= HEADERS_MAX {
            return Err(Flaw::Incomplete("'SignedHeaders' in lower case and in order, each once, at most 64"));
        }
        last = name;
    }
    Ok(())
}

fn read_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::Authorization;

    const HEX: &str = "9c68bcd32d2a80fc49ca99630edc3e5ba9029809696c5aaa7abb0aa08bd476e8";

    fn header(credential: &str, names: &str, signature: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}")
    }

    #[test]
    fn the_parts_are_read_with_and_without_spaces() {
        let spaced = header("TGKA1/20261124/us-east-1/bedrock/aws4_request", ":authority;host;x-amz-date", HEX);
        for text in [spaced.clone(), spaced.replace(", ", ",")] {
            let read = Authorization::parse(&text).unwrap();
            assert_eq!((read.access_key_id, read.day, read.region), ("TGKA1", "20261124", "us-east-1"));
            assert_eq!((read.service, read.terminator), ("bedrock", "aws4_request"));
            assert_eq!(read.signed().collect::<Vec<_>>(), [":authority", "host", "x-amz-date"]);
            assert_eq!((read.signature[0], read.signature[31]), (0x9c, 0xe8));
        }
    }

    #[test]
    fn what_has_not_the_form_is_refused() {
        let scope = "TGKA1/20261124/us-east-1/bedrock/aws4_request";
        let names = "host;x-amz-date";
        let many = (0..65).map(|n| format!("h{n:02}")).collect::<Vec<_>>().join(";");
        for (text, says) in [
            (String::new(), "algorithm"),
            ("AWS4-ECDSA-P256-SHA256 Credential=x".to_owned(), "algorithm"),
            ("AWS4-HMAC-SHA256".to_owned(), "algorithm"),
            ("AWS4-HMAC-SHA256 ".to_owned(), "name=value"),
            ("AWS4-HMAC-SHA256 Credential".to_owned(), "name=value"),
            (format!("AWS4-HMAC-SHA256 SignedHeaders={names}, Signature={HEX}"), "Credential"),
            (format!("AWS4-HMAC-SHA256 Credential={scope}, Signature={HEX}"), "SignedHeaders"),
            (format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}"), "Signature"),
            (header(scope, names, HEX) + ", Signature=x", "once"),
            (header(scope, names, HEX) + ", Other=x", "only"),
            (header("TGKA1/20261124/us-east-1/bedrock", names, HEX), "key-id/day"),
            (header(&format!("{scope}/more"), names, HEX), "key-id/day"),
            (header("/20261124/us-east-1/bedrock/aws4_request", names, HEX), "key-id/day"),
            (header("TGKA1/2026-1-1/us-east-1/bedrock/aws4_request", names, HEX), "key-id/day"),
            (header(&format!("{}/20261124/r/bedrock/aws4_request", "T".repeat(129)), names, HEX), "key-id/day"),
            (header(scope, "", HEX), "in order"),
            (header(scope, "x-amz-date;host", HEX), "in order"),
            (header(scope, "host;host", HEX), "in order"),
            (header(scope, "Host;x-amz-date", HEX), "in order"),
            (header(scope, &many, HEX), "at most 64"),
            (header(scope, names, &HEX.to_uppercase()), "hex"),
            (header(scope, names, &HEX[1..]), "hex"),
            (header(scope, names, HEX) + &" ".repeat(5000), "shorter"),
        ] {
            let flaw = Authorization::parse(&text).unwrap_err().to_string();
            assert!(flaw.contains(says), "{text:.200}: {flaw}");
        }
    }
}
