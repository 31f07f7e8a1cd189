//! Who an ARN names: one spelling for each role and user, whatever AWS calls a session of it.

use super::flaw::Flaw;
use std::sync::Arc;

/// Longest name of a role or user, as IAM has it.
const NAME_BYTES_MAX: usize = 64;
/// Longest ARN that is read: IAM's longest path is 512 bytes.
const ARN_BYTES_MAX: usize = 2048;

/// A role or user of IAM, by its ARN without a path: `arn:aws:iam::123456789012:role/NAME`. Names are unique within an
/// account whatever their path, and of a session AWS does not tell the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsPrincipal {
    arn: Arc<str>,
}

impl AwsPrincipal {
    /// Reads an ARN as AWS gives it: of a role, a role's session or a user. The name of a session is left out: whoever
    /// may assume the role chooses it.
    ///
    /// # Errors
    /// [`Flaw::NoCaller`] for the root user, for federated users (their name is chosen by whoever made them), and for all
    /// else.
    pub fn of(arn: &str) -> Result<Self, Flaw> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, service, "", account, resource] = parts.as_slice() else { return Err(UNKNOWN) };
        let is_partition = !partition.is_empty() && partition.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        if arn.len() > ARN_BYTES_MAX || !is_partition || !is_account {
            return Err(UNKNOWN);
        }
        let (kind, rest) = resource.split_once('/').unwrap_or((resource, ""));
        let (kind, name) = match (*service, kind) {
            ("iam", "role" | "user") => (kind, rest.rsplit('/').next().unwrap_or_default()),
            ("sts", "assumed-role") => {
                let (name, session) = rest.split_once('/').unwrap_or_default();
                if session.is_empty() || session.contains('/') {
                    return Err(UNKNOWN);
                }
                ("role", name)
            }
            ("iam", "root") if rest.is_empty() => return Err(ROOT),
            ("sts", "federated-user") => return Err(FEDERATED),
            _ => return Err(UNKNOWN),
        };
        if !is_name(name) {
            return Err(UNKNOWN);
        }
        Ok(Self { arn: format!("arn:{partition}:iam::{account}:{kind}/{name}").into() })
    }

    /// The ARN, without a path.
    #[must_use]
    pub const fn arn(&self) -> &Arc<str> {
        &self.arn
    }

    /// The account's number.
    #[must_use]
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

const UNKNOWN: Flaw = Flaw::NoCaller("AWS names a caller that is neither a role nor a user of IAM. Call with a role.");
const ROOT: Flaw = Flaw::NoCaller("The root user of an account is not accepted. Call with a role.");
const FEDERATED: Flaw = Flaw::NoCaller(
    "Federated users (GetFederationToken) are not accepted: their names prove nothing. Call with a role.",
);

#[cfg(test)]
mod tests {
    use super::{AwsPrincipal, FEDERATED, ROOT, UNKNOWN};

    #[test]
    fn every_spelling_of_a_role_comes_to_one() {
        let role = "arn:aws:iam::123456789012:role/search-batch";
        for arn in [
            role,
            "arn:aws:iam::123456789012:role/teams/search/search-batch",
            "arn:aws:sts::123456789012:assumed-role/search-batch/i-0123456789abcdef0",
            "arn:aws:sts::123456789012:assumed-role/search-batch/me@example.com",
        ] {
            let found = AwsPrincipal::of(arn).unwrap();
            assert_eq!((&**found.arn(), found.account()), (role, "123456789012"), "{arn}");
        }
        let user = AwsPrincipal::of("arn:aws-us-gov:iam::123456789012:user/division_abc/alice").unwrap();
        assert_eq!(&**user.arn(), "arn:aws-us-gov:iam::123456789012:user/alice");
    }

    #[test]
    fn who_is_no_caller_is_told_so() {
        for (arn, flaw) in [
            ("arn:aws:iam::123456789012:root", ROOT),
            ("arn:aws:sts::123456789012:federated-user/alice", FEDERATED),
            ("arn:aws:sts::123456789012:assumed-role/search", UNKNOWN),
            ("arn:aws:sts::123456789012:assumed-role/search/", UNKNOWN),
            ("arn:aws:sts::123456789012:assumed-role/search/a/b", UNKNOWN),
            ("arn:aws:sts::123456789012:assumed-role//a", UNKNOWN),
            ("arn:aws:iam::123456789012:role/", UNKNOWN),
            ("arn:aws:iam::123456789012:role/a b", UNKNOWN),
            ("arn:aws:iam::123456789012:role/a*", UNKNOWN),
            ("arn:aws:iam::123456789012:group/a", UNKNOWN),
            ("arn:aws:iam::123456789012:root/a", UNKNOWN),
            ("arn:aws:iam::12345678901:role/a", UNKNOWN),
            ("arn:aws:iam:us-east-1:123456789012:role/a", UNKNOWN),
            ("arn:AWS:iam::123456789012:role/a", UNKNOWN),
            ("arn:aws:s3:::bucket", UNKNOWN),
            ("repo:org/name:ref:refs/heads/main", UNKNOWN),
            ("", UNKNOWN),
        ] {
            assert_eq!(AwsPrincipal::of(arn), Err(flaw), "{arn}");
        }
        assert_eq!(AwsPrincipal::of(&format!("arn:aws:iam::123456789012:role/{}", "a".repeat(65))), Err(UNKNOWN));
    }
}
