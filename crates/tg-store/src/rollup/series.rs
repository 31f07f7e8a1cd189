//! A series: one combination of everything that reports group by, and the name that it has in the store.

use super::Level;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use tg_kernel::record::Record;

/// The columns of a series that may be unknown or absent, in the order of [`Series::values`]. Team and ending come
/// before them.
pub(crate) const SERIES_COLUMNS: [&str; 13] = [
    "key_id",
    "project",
    "environment",
    "operation",
    "dialect",
    "asked_model",
    "provider",
    "model",
    "profile",
    "session",
    "tier",
    "price",
    "tags",
];

/// A combination.
pub(crate) struct Series<'a> {
    pub(crate) is_attributed: bool,
    pub(crate) team: &'a str,
    pub(crate) ending: &'static str,
    pub(crate) rates_id: Option<i64>,
    /// In the order of [`SERIES_COLUMNS`]; all absent in a folded one.
    pub(crate) values: [Option<Cow<'a, str>>; SERIES_COLUMNS.len()],
}

impl<'a> Series<'a> {
    /// The combination that this call has.
    pub(crate) fn of(record: &'a Record, rates_id: Option<i64>, level: Level) -> Self {
        let (booked, asked, served) = (&record.attribution, &record.asked, record.served.as_ref());
        let is_detail = level == Level::Detail;
        let session = served.and_then(|s| s.session.as_deref()).filter(|_| is_detail);
        let tags = (is_detail && !booked.tags.is_empty()).then(|| list(&booked.tags));
        Self {
            rates_id,
            values: [
                Some(booked.key_id.as_ref().into()),
                booked.project.as_deref().map(Cow::from),
                booked.environment.as_deref().map(Cow::from),
                Some(asked.operation.as_str().into()),
                Some(asked.dialect.as_str().into()),
                Some(asked.model.as_ref().into()),
                served.map(|s| s.provider.as_ref().into()),
                served.map(|s| s.model.as_ref().into()),
                served.and_then(|s| s.profile.as_deref()).map(Cow::from),
                session.map(Cow::from),
                served.map(|s| s.tier.as_str().into()),
                Some(record.cost.price.as_ref().into()),
                tags,
            ],
            ..Self::folded(record)
        }
    }

    /// What is still known of the call where there are too many combinations.
    pub(crate) fn folded(record: &'a Record) -> Self {
        Self {
            is_attributed: !record.attribution.team.is_empty() && record.attribution.project.is_some(),
            team: &record.attribution.team,
            ending: record.ending.as_str(),
            rates_id: None,
            values: Default::default(),
        }
    }

    /// Appends bytes that only this combination has.
    pub(crate) fn write_key(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.is_attributed));
        to.extend_from_slice(&self.rates_id.unwrap_or(-1).to_le_bytes());
        for value in [Some(self.team), Some(self.ending)].into_iter().chain(self.values.iter().map(Option::as_deref)) {
            match value {
                None => to.push(0),
                Some(text) => {
                    to.push(1);
                    to.extend_from_slice(&(text.len() as u64).to_le_bytes());
                    to.extend_from_slice(text.as_bytes());
                }
            }
        }
    }
}

/// A list as rows have it.
fn list<'a>(texts: &[String]) -> Cow<'a, str> {
    serde_json::Value::from(texts).to_string().into()
}

/// The name of a combination: half a SHA-256 of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 16]);

impl Digest {
    /// The name for this key.
    pub(crate) fn of(key: &[u8]) -> Self {
        let mut half = [0; 16];
        half.iter_mut().zip(Sha256::digest(key)).for_each(|(to, from)| *to = from);
        Self(half)
    }

    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }
}
