//! The canonical form of a request: what a signature is made over.

use http::HeaderMap;
use http::request::Parts;

/// A request as it stood on the wire.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path exactly as it came, still encoded.
    pub path: &'a str,
    /// The query without its question mark; may be empty.
    pub query: &'a str,
    /// HTTP/2's `:authority`, or that of an absolute target; empty where there is none.
    pub authority: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
}

impl<'a> SignedRequest<'a> {
    /// The signed parts of a request's head.
    #[must_use]
    pub fn of(head: &'a Parts) -> Self {
        Self {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            authority: head.uri.authority().map_or("", |authority| authority.as_str()),
            headers: &head.headers,
        }
    }

    /// Whether signers and readers agree on the path. Signers take out empty and dot segments before they sign: a path
    /// that has any could be changed by such segments and keep its signature.
    #[must_use]
    pub fn path_is_plain(&self) -> bool {
        let Some(rest) = self.path.strip_prefix('/') else { return false };
        let inner = rest.strip_suffix('/').unwrap_or(rest);
        self.path == "/" || !inner.split('/').any(|segment| matches!(segment, "" | "." | ".."))
    }

    /// The canonical request; `None` where a signed header is not there.
    #[must_use]
    pub fn canonical(&self, signed_headers: &str, body_hash: &str) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(self.method.as_bytes());
        out.push(b'\n');
        // The second encoding: the path is encoded already, and every service but S3 signs it encoded once more.
        encode(self.path.as_bytes(), |byte| byte == b'/', &mut out);
        out.push(b'\n');
        self.put_query(&mut out);
        out.push(b'\n');
        for name in signed_headers.split(';') {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            self.put_header(name, &mut out)?;
            out.push(b'\n');
        }
        out.push(b'\n');
        out.extend_from_slice(signed_headers.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(body_hash.as_bytes());
        Some(out)
    }

    /// Pairs in the order of their names, then of their values. They are encoded already; only what must not stand bare
    /// is encoded here.
    fn put_query(&self, out: &mut Vec<u8>) {
        if self.query.is_empty() {
            return;
        }
        let encoded = |text: &str| {
            let mut out = Vec::with_capacity(text.len());
            encode(text.as_bytes(), |byte| byte == b'%', &mut out);
            out
        };
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (encoded(name), encoded(value))
        };
        let mut pairs: Vec<_> = self.query.split('&').map(pair).collect();
        pairs.sort_unstable();
        for (number, (name, value)) in pairs.into_iter().enumerate() {
            if number > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(&name);
            out.push(b'=');
            out.extend_from_slice(&value);
        }
    }

    /// All values of a header, trimmed, with single spaces, joined by commas.
    fn put_header(&self, name: &str, out: &mut Vec<u8>) -> Option<()> {
        // HTTP/2 has the host in a pseudo-header; signers name it either way.
        let is_host = name == "host" || name == ":authority";
        let name = if is_host { "host" } else { name };
        let mut values = self.headers.get_all(name).iter().map(http::HeaderValue::as_bytes).peekable();
        if values.peek().is_none() {
            if !is_host || self.authority.is_empty() {
                return None;
            }
            out.extend_from_slice(self.authority.as_bytes());
            return Some(());
        }
        for (number, value) in values.enumerate() {
            if number > 0 {
                out.push(b',');
            }
            let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            for (number, word) in words.enumerate() {
                if number > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(word);
            }
        }
        Some(())
    }
}

/// Escapes everything but unreserved characters and what `keep` names.
fn encode(text: &[u8], keep: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || keep(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SignedRequest;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    fn line(path: &str, query: &str, number: usize) -> String {
        let headers = headers(&[("host", "h")]);
        let request = SignedRequest { method: "POST", path, query, authority: "", headers: &headers };
        let whole = String::from_utf8(request.canonical("host", "hash").unwrap()).unwrap();
        whole.split('\n').nth(number).unwrap().to_owned()
    }

    #[test]
    fn the_path_is_encoded_once_more() {
        for (path, canonical) in [
            ("/", "/"),
            ("/model/m-v1%3A0/converse", "/model/m-v1%253A0/converse"),
            ("/model/m-v1:0/converse", "/model/m-v1%3A0/converse"),
            ("/model/arn:aws:x/abc/converse", "/model/arn%3Aaws%3Ax/abc/converse"),
            ("/model/arn%3Aaws%3Ax%2Fabc/converse", "/model/arn%253Aaws%253Ax%252Fabc/converse"),
            ("/bedrock/model/a_b.c~d/invoke", "/bedrock/model/a_b.c~d/invoke"),
            ("/caf%C3%A9", "/caf%25C3%25A9"),
            ("/café", "/caf%C3%A9"),
        ] {
            assert_eq!(line(path, "", 1), canonical, "{path}");
        }
    }

    #[test]
    fn the_query_is_in_order_and_encoded() {
        for (query, canonical) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a-b=1&a=2", "a=2&a-b=1"),
            ("a=2&a=1&a", "a=&a=1&a=2"),
            ("beta=true&x=a%2Fb", "beta=true&x=a%2Fb"),
            ("x=a/b:c", "x=a%2Fb%3Ac"),
            ("x=a=b", "x=a%3Db"),
        ] {
            assert_eq!(line("/", query, 2), canonical, "{query}");
        }
    }

    #[test]
    fn headers_are_trimmed_collapsed_and_joined() {
        let map =
            headers(&[("host", "h:1"), ("x-amz-a", "  one   two\t three "), ("x-amz-b", "1"), ("x-amz-b", " 2 ")]);
        let request = SignedRequest { method: "GET", path: "/", query: "", authority: "other", headers: &map };
        let whole = request.canonical(":authority;host;x-amz-a;x-amz-b", "hash").unwrap();
        let expected = "GET\n/\n\n:authority:h:1\nhost:h:1\nx-amz-a:one two three\nx-amz-b:1,2\n\n\
                        :authority;host;x-amz-a;x-amz-b\nhash";
        assert_eq!(String::from_utf8(whole).unwrap(), expected);
        assert_eq!(request.canonical("host;x-amz-c", "hash"), None, "a signed header is not there");
        let bare = HeaderMap::new();
        let second = SignedRequest { headers: &bare, ..request };
        assert!(second.canonical("host", "hash").unwrap().windows(11).any(|w| w == b"host:other\n"));
        assert_eq!(SignedRequest { authority: "", ..second }.canonical("host", "hash"), None);
    }

    #[test]
    fn paths_on_which_signers_and_readers_agree() {
        let map = HeaderMap::new();
        for (path, plain) in [
            ("/", true),
            ("/model/a/converse", true),
            ("/model/a/", true),
            ("/model/..a/converse", true),
            ("", false),
            ("//", false),
            ("/model//converse", false),
            ("/model/./converse", false),
            ("/model/../converse", false),
            ("/model/..", false),
            ("*", false),
        ] {
            let request = SignedRequest { method: "POST", path, query: "", authority: "", headers: &map };
            assert_eq!(request.path_is_plain(), plain, "{path}");
        }
    }
}
