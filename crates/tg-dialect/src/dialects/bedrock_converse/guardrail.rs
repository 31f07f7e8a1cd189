//! The names under which guardrails are asked for: as models are, so that routes, permissions and reports have them.

/// The name of InvokeGuardrailChecks, which needs no guardrail of the account.
const CHECKS: &str = "guardrail-checks";

/// How the names of guardrails begin.
const PREFIX: &str = "guardrail/";

/// What a guardrail's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guardrail<'a> {
    /// ApplyGuardrail, with one of the account's guardrails.
    Applied {
        /// The guardrail's id or ARN.
        id: &'a str,
        /// Its version: `DRAFT` or a number.
        version: &'a str,
    },
    /// InvokeGuardrailChecks.
    Checks,
}

impl<'a> Guardrail<'a> {
    /// Reads what [`Guardrail::name`] writes.
    #[must_use]
    pub fn named(name: &'a str) -> Option<Self> {
        if name == CHECKS {
            return Some(Self::Checks);
        }
        // An ARN has slashes of its own.
        let (id, version) = name.strip_prefix(PREFIX)?.rsplit_once('/')?;
        Some(Self::Applied { id, version })
    }

    /// The name: `guardrail/{id}/{version}` or `guardrail-checks`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Applied { id, version } => format!("{PREFIX}{id}/{version}"),
            Self::Checks => CHECKS.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Guardrail;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (guardrail, name) in [
            (Guardrail::Applied { id: "gr1abc", version: "DRAFT" }, "guardrail/gr1abc/DRAFT"),
            (
                Guardrail::Applied { id: "arn:aws:bedrock:eu-west-1:1:guardrail/gr1", version: "3" },
                "guardrail/arn:aws:bedrock:eu-west-1:1:guardrail/gr1/3",
            ),
            (Guardrail::Checks, "guardrail-checks"),
        ] {
            assert_eq!(guardrail.name(), name);
            assert_eq!(Guardrail::named(name), Some(guardrail));
        }
        assert_eq!(Guardrail::named("guardrail/gr1"), None);
        assert_eq!(Guardrail::named("claude"), None);
    }
}
