//! STS's AssumeRoleWithWebIdentity, which nobody signs: a token stands for the caller (IRSA on EKS).

use crate::server::Shared;
use crate::sts::{Assumed, Refused, fields, granted, invalid};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;
use tg_kernel::clock::Clock as _;

/// The only token that the simulated identity provider issued.
pub const WEB_IDENTITY_TOKEN: &str = "simulated-web-identity-token";

/// Whether a request's body asks for it.
pub(crate) fn is_asked(body: &Bytes) -> bool {
    fields(&String::from_utf8_lossy(body))
        .is_ok_and(|fields| fields.get("Action").is_some_and(|action| action == "AssumeRoleWithWebIdentity"))
}

pub(crate) fn assume(body: &Bytes, shared: &Shared) -> Result<String, Refused> {
    let mut fields = fields(&String::from_utf8_lossy(body))?;
    let mut take = |name: &str| fields.remove(name).unwrap_or_default();
    let (_, version, token) = (take("Action"), take("Version"), take("WebIdentityToken"));
    let (role_arn, session) = (take("RoleArn"), take("RoleSessionName"));
    if version != "2011-06-15" || !role_arn.starts_with("arn:aws:iam::") || !(2..=64).contains(&session.len()) {
        return Err(invalid("Version, RoleArn or RoleSessionName is invalid"));
    }
    if let Some(unknown) = fields.keys().next() {
        return Err(invalid(format!("{unknown} is not known here")));
    }
    if shared.sts.is_refusing() {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned();
        return Err((403, "AccessDenied", message));
    }
    if token != WEB_IDENTITY_TOKEN {
        return Err((400, "InvalidIdentityToken", "The token is not one of the identity provider".to_owned()));
    }
    let caller = "web identity".to_owned();
    let assumed = Assumed { role_arn, session, seconds: 3600, external_id: None, tags: BTreeMap::new(), caller };
    let key = shared.sts.grant(assumed.clone());
    let end = shared.clock.now().after(Duration::from_secs(assumed.seconds.into()));
    Ok(granted("AssumeRoleWithWebIdentity", &assumed, &key, &end.to_string()))
}
