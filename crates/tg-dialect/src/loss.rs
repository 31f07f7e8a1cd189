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
