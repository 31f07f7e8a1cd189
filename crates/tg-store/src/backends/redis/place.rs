//! Where a Redis or Valkey is: one server, one that Sentinels name, or a cluster; and how it is spoken to.

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, TlsCertificates};
use std::fmt;
use std::sync::Arc;
use tg_kernel::secret::Secret;

/// Most servers that an address may list.
const NODES_MAX: usize = 64;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// A server's name or address, and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How the servers stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    /// The nodes are Sentinels, which know the server by this name.
    Sentinel(String),
    Cluster,
}

/// A user's name and password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The user; `None`: the server's default one.
    pub user: Option<String>,
    /// The password; `None`: none is asked for.
    pub password: Option<Secret>,
}

/// Where counters are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) nodes: Vec<Node>,
    pub(super) shape: Shape,
    tls: bool,
    database: i64,
    login: Login,
    sentinel_login: Login,
    ca: Option<Vec<u8>>,
}

/// Why an address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {mend}")]
pub struct BadPlace {
    /// What is wrong with it.
    pub what: String,
    /// How to mend it.
    pub mend: &'static str,
}

const FORMS: &str = "write `redis://HOST:PORT/DATABASE`, `redis+sentinel://HOST:PORT,HOST:PORT/NAME` or \
                     `redis+cluster://HOST:PORT,HOST:PORT`, with `rediss` for TLS";

fn bad(what: impl Into<String>, mend: &'static str) -> BadPlace {
    BadPlace { what: what.into(), mend }
}

impl Place {
    /// Reads `redis://host:6379/0`, `redis+sentinel://host:26379,host:26379/name/0` or `redis+cluster://host,host`;
    /// `rediss` is with TLS, `valkey` and `valkeys` mean the same. Secrets do not belong in an address and are refused.
    ///
    /// # Errors
    /// When it is none of these; says how to mend it, and shows nothing that may be a password.
    pub fn parse(url: &str) -> Result<Self, BadPlace> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it is no address", FORMS))?;
        let (protocol, form) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match protocol {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(bad("it does not begin with `redis` or `rediss`", FORMS)),
        };
        if rest.contains('@') {
            return Err(bad(
                "it holds a login",
                "remove it, and set user and password apart, as a reference to a secret",
            ));
        }
        if rest.contains(['?', '#']) {
            return Err(bad("it has a `?` or `#`, and no such options are known", FORMS));
        }
        if tls {
            // The client library asks the process for its cryptography. It is the one that is there already, or this.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut place = Self::of_shape(form, path)?;
        place.tls = tls;
        let port = if matches!(place.shape, Shape::Sentinel(_)) { SENTINEL_PORT } else { PORT };
        place.nodes = hosts.split(',').map(|host| node(host, port)).collect::<Result<_, _>>()?;
        if place.nodes.len() > NODES_MAX {
            return Err(bad("it lists more than 64 servers", "list a few: they know the others"));
        }
        if place.shape == Shape::Single && place.nodes.len() > 1 {
            return Err(bad("it lists several servers", FORMS));
        }
        Ok(place)
    }

    fn of_shape(form: &str, path: &str) -> Result<Self, BadPlace> {
        let (shape, database) = match form {
            "" => (Shape::Single, path),
            "cluster" => (Shape::Cluster, path),
            "sentinel" => {
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                if name.is_empty() {
                    return Err(bad("it does not say by which name the Sentinels know the server", FORMS));
                }
                (Shape::Sentinel(name.to_owned()), database)
            }
            _ => return Err(bad("what stands after the `+` is neither `sentinel` nor `cluster`", FORMS)),
        };
        let number = if database.is_empty() { Ok(0) } else { database.parse::<u16>() };
        let Ok(database) = number else {
            return Err(bad("the database after the last `/` is no number", FORMS));
        };
        if shape == Shape::Cluster && database != 0 {
            return Err(bad("a cluster has no other database than 0", "remove the number"));
        }
        let (login, sentinel_login) = (Login::default(), Login::default());
        let database = i64::from(database);
        Ok(Self { nodes: Vec::new(), shape, tls: false, database, login, sentinel_login, ca: None })
    }

    /// With this login at the servers.
    #[must_use]
    pub fn login(self, login: Login) -> Self {
        Self { login, ..self }
    }

    /// With this login at the Sentinels.
    #[must_use]
    pub fn sentinel_login(self, sentinel_login: Login) -> Self {
        Self { sentinel_login, ..self }
    }

    /// With these certificate authorities, in PEM form, and no others. Without any, those that browsers trust.
    ///
    /// # Errors
    /// When there is no TLS to use them for, or they cannot be read.
    pub fn trusting(self, pem: Vec<u8>) -> Result<Self, BadPlace> {
        if !self.tls {
            return Err(bad("a certificate authority is named, and the address is without TLS", "write `rediss://`"));
        }
        let place = Self { ca: Some(pem), ..self };
        let is_empty = !place.ca.as_deref().unwrap_or_default().windows(11).any(|part| part == b"-----BEGIN ");
        let first = place.nodes.first().cloned();
        let client = first.map(|node| place.client(&node, &place.login));
        match client {
            Some(Ok(_)) if !is_empty => Ok(place),
            _ => Err(bad("the certificate authorities cannot be read", "name a file with certificates in PEM form")),
        }
    }

    /// What to speak to a server by.
    pub(super) fn server(&self, node: &Node) -> redis::RedisResult<Client> {
        self.client(node, &self.login)
    }

    /// What to speak to a Sentinel by.
    pub(super) fn sentinel(&self, node: &Node) -> redis::RedisResult<Client> {
        Self { database: 0, ..self.clone() }.client(node, &self.sentinel_login)
    }

    fn client(&self, node: &Node, login: &Login) -> redis::RedisResult<Client> {
        let mut settings = RedisConnectionInfo::default().set_db(self.database);
        if let Some(user) = &login.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &login.password {
            settings = settings.set_password(password.expose());
        }
        let (host, port) = (node.host.clone(), node.port);
        let address = if self.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let info: ConnectionInfo = address.into_connection_info()?.set_redis_settings(settings);
        match &self.ca {
            Some(ca) => {
                let trusted = TlsCertificates { client_tls: None, root_cert: Some(ca.clone()) };
                Client::build_with_tls(info, trusted)
            }
            None => Client::open(info),
        }
    }

    /// The address, for messages.
    pub(super) fn shown(&self) -> Arc<str> {
        let nodes: Vec<String> = self.nodes.iter().map(Node::to_string).collect();
        let tls = if self.tls { "s" } else { "" };
        let nodes = nodes.join(",");
        match &self.shape {
            Shape::Single => format!("redis{tls}://{nodes}/{}", self.database).into(),
            Shape::Sentinel(name) => format!("redis{tls}+sentinel://{nodes}/{name}/{}", self.database).into(),
            Shape::Cluster => format!("redis{tls}+cluster://{nodes}").into(),
        }
    }
}

/// Reads `host`, `host:port`, `[address]` or `[address]:port`.
fn node(text: &str, port: u16) -> Result<Node, BadPlace> {
    let wrong = || bad("one of its servers is no `HOST` or `HOST:PORT`", FORMS);
    let (host, given) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
            (host, after.strip_prefix(':').or(after.is_empty().then_some("")).ok_or_else(wrong)?)
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let port = if given.is_empty() { port } else { given.parse().map_err(|_| wrong())? };
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '[' | ']' | '/');
    if host.is_empty() || host.contains(strange) || port == 0 {
        return Err(wrong());
    }
    Ok(Node { host: host.to_owned(), port })
}

/// Reads where a server says that something is: `host:port`, where an address of IPv6 has no brackets, and an empty host
/// is the one that says so.
pub(super) fn named(text: &str, speaker: &Node) -> Option<Node> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { &speaker.host } else { host };
    Some(Node { host: host.to_owned(), port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{Login, Node, Place, named};
    use tg_kernel::secret::Secret;

    #[test]
    fn addresses_are_read_and_shown() {
        for (url, shown) in [
            ("redis://cache", "redis://cache:6379/0"),
            ("rediss://10.0.0.1:7000/3", "rediss://10.0.0.1:7000/3"),
            ("valkey://[::1]:7000", "redis://[::1]:7000/0"),
            ("redis+sentinel://a,b:7/main", "redis+sentinel://a:26379,b:7/main/0"),
            ("rediss+cluster://a,b:7", "rediss+cluster://a:6379,b:7"),
        ] {
            assert_eq!(&*Place::parse(url).unwrap().shown(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        for url in [
            "cache:6379",
            "http://cache",
            "redis://",
            "redis://cache:port",
            "redis://cache:0",
            "redis://a,b",
            "redis://cache/x",
            "redis://cache?insecure=1",
            "redis://[::1",
            "redis://:hunter2@cache",
            "redis+sentinel://a",
            "redis+mirror://a",
            "redis+cluster://a/1",
        ] {
            let text = Place::parse(url).unwrap_err().to_string();
            assert!(!text.contains("hunter2"), "{text}");
        }
        let many = format!("redis+cluster://{}", ["a"; 65].join(","));
        assert!(Place::parse(&many).is_err());
        let plain = Place::parse("redis://a").unwrap();
        assert!(plain.trusting(b"-----BEGIN CERTIFICATE-----".to_vec()).is_err());
        assert!(Place::parse("rediss://a").unwrap().trusting(b"nothing".to_vec()).is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        let login = Login { user: Some("tally".into()), password: Some(Secret::new("hunter2")) };
        let place = Place::parse("redis://cache").unwrap().login(login.clone()).sentinel_login(login);
        let text = format!("{place:?} {}", place.shown());
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn servers_name_others_in_their_own_way() {
        let speaker = Node { host: "10.0.0.1".into(), port: 1 };
        assert_eq!(named(":7001", &speaker).unwrap().to_string(), "10.0.0.1:7001");
        assert_eq!(named("fe80::1:7001", &speaker).unwrap().to_string(), "[fe80::1]:7001");
        assert_eq!(named("b:7001", &speaker).unwrap().to_string(), "b:7001");
        assert_eq!(named("nonsense", &speaker), None);
    }
}
