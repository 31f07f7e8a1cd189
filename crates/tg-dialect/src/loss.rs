//! What a target's dialect cannot express: data, not an error.

use std::fmt;

/// One thing that was left out or changed on the way to another dialect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Loss {
    /// The member of the inbound request, by its name in the inbound dialect where known (`seed`, `tools.2.strict`).
    pub field: String,
    /// What happened to it: `dropped`, `clamped`, `changed`.
    pub kind: LossKind,
}

/// What happened to the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LossKind {
    /// Left out.
    Dropped,
    /// Moved to the nearest value that the target allows.
    Clamped,
    /// Expressed in another, weaker way.
    Changed,
}

impl Loss {
    /// The member was left out.
    #[must_use]
    pub fn dropped(field: impl Into<String>) -> Self {
        Self { field: field.into(), kind: LossKind::Dropped }
    }

    /// The member was moved to the nearest value that the target allows.
    #[must_use]
    pub fn clamped(field: impl Into<String>) -> Self {
        Self { field: field.into(), kind: LossKind::Clamped }
    }

    /// The member was expressed in another, weaker way.
    #[must_use]
    pub fn changed(field: impl Into<String>) -> Self {
        Self { field: field.into(), kind: LossKind::Changed }
    }
}

/// Longest name of a member that is told where the caller's own words are not repeated.
const NAME_BYTES_MAX: usize = 40;

impl Loss {
    /// Leaves only what looks like a member's name or a place in a list: a caller may write anything for a name, and losses
    /// are told in headers, log and ledger.
    pub fn veil(&mut self) {
        let is_name = |name: &str| {
            let digits = undated(name).bytes().filter(u8::is_ascii_digit).count();
            let is_lower = || name.bytes().all(|byte| !byte.is_ascii_uppercase());
            name.len() <= NAME_BYTES_MAX
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'[' | b']'))
                // Numbers of lists, and nothing that could be a number of somebody.
                && (digits == 0 || digits <= 8 && is_lower())
        };
        if let Some(first) = self.field.split('.').position(|name| !is_name(name)) {
            let kept: Vec<&str> = self.field.split('.').take(first).chain(["*"]).collect();
            self.field = kept.join(".");
        }
    }
}

/// A name without the date at its end, as names of features have one.
fn undated(name: &str) -> &str {
    let Some(at) = name.len().checked_sub("-2025-08-07".len()) else { return name };
    let is_date = |date: &[u8]| {
        let form = b"-dddd-dd-dd";
        date.iter().zip(form).all(|(byte, form)| if *form == b'd' { byte.is_ascii_digit() } else { byte == form })
    };
    match name.split_at_checked(at) {
        Some((rest, date)) if is_date(date.as_bytes()) && date.starts_with("-20") => rest,
        _ => name,
    }
}

impl fmt::Display for Loss {
    /// `seed` for a dropped member, `temperature=clamped` and `format=changed` for the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.field)?;
        match self.kind {
            LossKind::Dropped => Ok(()),
            LossKind::Clamped => f.write_str("=clamped"),
            LossKind::Changed => f.write_str("=changed"),
        }
    }
}

/// An encoded request or reply, and what could not be expressed in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The body.
    pub body: bytes::Bytes,
    /// What is not in it. Sorted, no doubles.
    pub losses: Vec<Loss>,
    /// Tool names that had to be changed for the target, to be restored in its answer.
    pub names: crate::tool_names::ToolNames,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veiled_loss_tells_names_and_no_values() {
        for (field, told) in [
            ("service_tier", "service_tier"),
            ("tools.2.strict", "tools.2.strict"),
            ("messages.0.4111111111111111", "messages.0.*"),
            ("metadata.ada@example.org.uk", "metadata.*"),
            ("anthropic-beta.context-1m-2025-08-07", "anthropic-beta.context-1m-2025-08-07"),
            ("metadata.of-123-45-6789", "metadata.*"),
            ("metadata.4929-2025-08-07", "metadata.4929-2025-08-07"),
            ("metadata.492912345-2025-08-07", "metadata.*"),
            ("AKIAQ3EGRLZ5UPYW2KHD", "*"),
            ("x y", "*"),
        ] {
            let mut loss = Loss::dropped(field);
            loss.veil();
            assert_eq!(loss.field, told);
        }
    }
}
