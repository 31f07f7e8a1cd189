//! The forms of credentials, by kind of vendor, each written from what the vendor itself says of it.

mod ai;
mod build;
mod chat;
mod cloud;
mod data;
mod hosting;
mod infrastructure;
mod mail;
mod named;
mod observability;
mod payment;
mod saas;
mod social;

pub(super) use named::NAMED;

/// What can be known of a value beyond its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing more.
    Form,
    /// The last six characters are the CRC-32 of those behind the last `_` in base 62 (GitHub, npm).
    Crc32,
    /// The twelve characters behind the prefix are base 32 of the account's number (AWS).
    AwsKey,
    /// Two parts of base64 that are JSON objects, the first of which names an algorithm.
    Jwt,
}

/// A credential that is known by what it looks like, wherever it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub id: &'static str,
    pub vendor: &'static str,
    pub what: &'static str,
    /// One or more patterns, with a space between.
    pub pattern: &'static str,
    pub check: Check,
    /// The part of the match before the last of this is no part of the value (`AccountKey=`).
    pub behind: Option<&'static str>,
}

impl Form {
    const fn checked(self, check: Check) -> Self {
        Self { check, ..self }
    }

    const fn behind(self, behind: &'static str) -> Self {
        Self { behind: Some(behind), ..self }
    }
}

const fn form(id: &'static str, vendor: &'static str, what: &'static str, pattern: &'static str) -> Form {
    Form { id, vendor, what, pattern, check: Check::Form, behind: None }
}

/// A credential that looks like others, and is known by the name that it is assigned to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub id: &'static str,
    pub vendor: &'static str,
    pub what: &'static str,
    /// Words of the name in small letters, without what stands between their parts; `|` between alternatives.
    pub words: &'static str,
    pub pattern: &'static str,
}

/// All that are known by their looks.
pub(super) const FORMS: &[&[Form]] = &[
    ai::FORMS,
    build::FORMS,
    chat::FORMS,
    cloud::FORMS,
    data::FORMS,
    hosting::FORMS,
    infrastructure::FORMS,
    mail::FORMS,
    observability::FORMS,
    payment::FORMS,
    saas::FORMS,
    social::FORMS,
];
