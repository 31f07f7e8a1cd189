//! Label values, kept few: each kind of value has a limit, and what is past it is counted as `other`.

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// The value of everything past a limit.
const OTHER: &str = "other";
/// The value where there is nothing to name.
const NONE: &str = "none";

/// A metric's labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Labels(Box<[(&'static str, Arc<str>)]>);

impl<const N: usize> From<[(&'static str, &Arc<str>); N]> for Labels {
    fn from(pairs: [(&'static str, &Arc<str>); N]) -> Self {
        Self(pairs.map(|(key, value)| (key, Arc::clone(value))).into())
    }
}

impl Labels {
    /// These labels and one more.
    pub(crate) fn with(&self, key: &'static str, value: &Arc<str>) -> Self {
        Self(self.0.iter().cloned().chain([(key, Arc::clone(value))]).collect())
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (key, value) in &self.0 {
            let mut label = encoder.encode_label();
            let mut key_encoder = label.encode_label_key()?;
            key_encoder.write_str(key)?;
            let mut value_encoder = key_encoder.encode_label_value()?;
            value_encoder.write_str(value)?;
            value_encoder.finish()?;
        }
        Ok(())
    }
}

/// Stands for a label value; equal ids, equal values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ValueId(usize);

/// The values seen of one kind of label, up to a limit.
#[derive(Debug)]
pub(crate) struct Values {
    ids: HashMap<Arc<str>, ValueId>,
    values: Vec<Arc<str>>,
    max: usize,
}

impl Values {
    /// At most `max` values besides `other` and `none`.
    pub(crate) fn up_to(max: usize) -> Self {
        Self { ids: HashMap::new(), values: vec![OTHER.into(), NONE.into()], max }
    }

    /// What everything past the limit is.
    pub(crate) const OTHER: ValueId = ValueId(0);
    /// What nothing is.
    pub(crate) const NONE: ValueId = ValueId(1);

    /// The id of a value if it has one already.
    pub(crate) fn seen(&self, value: &str) -> Option<ValueId> {
        self.ids.get(value).copied()
    }

    /// The id of a value that may be absent or empty.
    pub(crate) fn id_or_none(&mut self, value: Option<&str>) -> ValueId {
        value.filter(|v| !v.is_empty()).map_or(Self::NONE, |v| self.id(v))
    }

    /// The id of a value, a new one while there is room.
    pub(crate) fn id(&mut self, value: &str) -> ValueId {
        if let Some(id) = self.seen(value) {
            return id;
        }
        if self.ids.len() >= self.max {
            return Self::OTHER;
        }
        let (id, value) = (ValueId(self.values.len()), Arc::<str>::from(value));
        self.values.push(Arc::clone(&value));
        self.ids.insert(value, id);
        id
    }

    /// The value of an id of this set.
    pub(crate) fn value(&self, id: ValueId) -> Arc<str> {
        self.values.get(id.0).map_or_else(|| OTHER.into(), Arc::clone)
    }
}
