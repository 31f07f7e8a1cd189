//! The catalogue: rows indexed by provider and id, and the order in which a lookup tries names.

use crate::name::{self, BedrockName, GOVERNMENT, bedrock_versions, snapshots};
use crate::row::{ALWAYS, Row, rate_sets};
use crate::source::RowSource;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use tg_kernel::clock::Timestamp;

static EMBEDDED: &str = include_str!("../data/catalogue.json");
const SCHEMA: u32 = 1;

/// Where rows of a catalogue come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// What it is: a package, or the label of an override file.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The SHA-256 of the file that was read, in hexadecimal.
    #[serde(default)]
    pub sha256: String,
    /// The licence under which it may be passed on.
    #[serde(default)]
    pub licence: String,
}

/// The embedded catalogue cannot be read: a fault of the build, not of its user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the embedded price catalogue cannot be read ({0}); this build is broken, please report it")]
pub struct CatalogueError(String);

/// Prices, limits and abilities of models. Cheap to share behind an `Arc`, immutable.
#[derive(Debug)]
pub struct Catalogue {
    version: Arc<str>,
    sources: Vec<Provenance>,
    /// Sorted by provider, id and date.
    rows: Vec<Arc<Row>>,
    providers: HashMap<Arc<str>, Rows>,
}

/// The first row of each id of one provider. Those of later dates follow it.
type Rows = HashMap<Cow<'static, str>, u32>;

impl Catalogue {
    /// The catalogue that is part of the program; read once, at first use.
    ///
    /// # Errors
    /// When the program was built with a broken catalogue.
    pub fn embedded() -> Result<Arc<Self>, CatalogueError> {
        static READ: OnceLock<Result<Arc<Catalogue>, CatalogueError>> = OnceLock::new();
        READ.get_or_init(|| Self::read(EMBEDDED).map(Arc::new)).clone()
    }

    /// Reads a catalogue file.
    pub(crate) fn read(text: &'static str) -> Result<Self, CatalogueError> {
        let file: File = serde_json::from_str(text).map_err(|error| CatalogueError(error.to_string()))?;
        if file.schema != SCHEMA {
            return Err(CatalogueError(format!("schema {} instead of {SCHEMA}", file.schema)));
        }
        let version: Arc<str> = file.version.into();
        let stamped = file.rows.0.into_iter().map(|mut row| {
            row.version = Arc::clone(&version);
            Arc::new(row)
        });
        let rows = stamped.collect();
        Ok(Self::index(version, file.sources, rows))
    }

    /// Indexes rows. Of rows with the same provider, id and date the last one stays.
    pub(crate) fn index(version: Arc<str>, sources: Vec<Provenance>, mut rows: Vec<Arc<Row>>) -> Self {
        rows.reverse();
        rows.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        rows.dedup_by(|later, kept| sort_key(later) == sort_key(kept));
        rows.shrink_to_fit();
        let mut providers: HashMap<Arc<str>, Rows> = HashMap::new();
        for (at, row) in (0..).zip(&rows) {
            let known = providers.entry(Arc::clone(&row.provider)).or_default();
            known.entry(row.id.clone()).or_insert(at);
        }
        Self { version, sources, rows, providers }
    }

    /// This catalogue as if what holds at some moment always held; `moment` says which, for each provider and id.
    #[must_use]
    pub fn frozen(&self, moment: impl Fn(&str, &str) -> Timestamp) -> Arc<Self> {
        let models = self.rows.chunk_by(|a, b| a.provider == b.provider && a.id == b.id);
        let held = models.filter_map(|same| {
            let first = same.first()?;
            let row = self.exact(&first.provider, &first.id, moment(&first.provider, &first.id))?;
            Some(Arc::new(Row { valid_from: ALWAYS, valid_to: None, ..Row::clone(row) }))
        });
        Arc::new(Self::index(Arc::clone(&self.version), self.sources.clone(), held.collect()))
    }

    /// The version: the date of the data, and the labels of the overrides.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where the rows come from.
    #[must_use]
    pub fn sources(&self) -> &[Provenance] {
        &self.sources
    }

    /// Every row, sorted by provider, id and date.
    #[must_use]
    pub fn rows(&self) -> &[Arc<Row>] {
        &self.rows
    }

    /// The row of exactly this provider and id that holds at the time.
    pub(crate) fn exact(&self, provider: &str, id: &str, at: Timestamp) -> Option<&Arc<Row>> {
        Lookup { rows: &self.rows, ids: self.providers.get(provider)?, scopes: &[], at }.exact(id)
    }

    /// The row for a model at a time, outside any scope; see [`Catalogue::find_in`].
    #[must_use]
    pub fn find(&self, provider: &str, model: &str, at: Timestamp) -> Option<Arc<Row>> {
        self.find_in(provider, model, &[], at)
    }

    /// The row for a model (id, Bedrock profile id or ARN) of a provider kind, served in these scopes (a Region, `us`,
    /// `fast`), at a time. `None`: the price is not known; there is no guessing.
    ///
    /// The order for every provider: the id as it stands in a scope (`REGION/ID`), the id as it stands. Then for
    /// Bedrock: the ARN's id in its Region; the id without its version (`:200k`, `:0`, `-v1`); the row of the base
    /// model, or else of the `global.` profile, times the geography's factor. For others: the id without its date. Then
    /// all of that on the other surface of the same seller (`bedrock` and `bedrock_mantle`, `azure` and `azure_ai`).
    ///
    /// A scope for which the row found states a factor, and that has no row of its own, multiplies the rates.
    #[must_use]
    pub fn find_in(&self, provider: &str, model: &str, scopes: &[&str], at: Timestamp) -> Option<Arc<Row>> {
        let provider = name::provider(provider);
        let of = |provider| self.providers.get(provider).map(|ids| Lookup { rows: &self.rows, ids, scopes, at });
        let found = of(provider).and_then(|lookup| lookup.model(provider, model));
        found.or_else(|| {
            let other = name::other_surface(provider)?;
            of(other)?.model(other, model)
        })
    }
}

fn sort_key(row: &Row) -> (&str, &str, Timestamp) {
    (&row.provider, &row.id, row.valid_from)
}

/// One lookup among the rows of one provider.
#[derive(Clone, Copy)]
struct Lookup<'a> {
    rows: &'a [Arc<Row>],
    ids: &'a Rows,
    scopes: &'a [&'a str],
    at: Timestamp,
}

impl<'a> Lookup<'a> {
    /// The row of exactly this id that holds at the time.
    fn exact(&self, id: &str) -> Option<&'a Arc<Row>> {
        let first = usize::try_from(*self.ids.get(id)?).ok()?;
        let same =
            self.rows[first..].iter().take_while(|row| row.id == id && row.provider == self.rows[first].provider);
        let begun = same.take_while(|row| row.valid_from <= self.at);
        begun.filter(|row| row.valid_to.is_none_or(|to| self.at < to)).last()
    }

    /// The row of this id in one of the scopes, else the row of this id with the factors of the scopes it knows.
    fn scoped(&self, id: &str) -> Option<Arc<Row>> {
        self.regional(id, None).or_else(|| {
            let row = self.exact(id)?;
            let mut found = Arc::clone(row);
            for scope in self.scopes {
                if let Some((_, factor)) = row.scopes.iter().find(|(known, _)| known == scope) {
                    found = Arc::new(found.scaled(scope, *factor));
                }
            }
            Some(found)
        })
    }

    /// The row of `REGION/ID`.
    fn regional(&self, id: &str, region: Option<&str>) -> Option<Arc<Row>> {
        let mut scopes = region.iter().chain(self.scopes);
        scopes.find_map(|scope| self.exact(&format!("{scope}/{id}"))).map(Arc::clone)
    }

    fn model(&self, provider: &str, model: &str) -> Option<Arc<Row>> {
        match provider {
            "bedrock" | "bedrock_mantle" => self.bedrock(model),
            _ => snapshots(model).find_map(|name| self.scoped(name)),
        }
    }

    fn bedrock(&self, model: &str) -> Option<Arc<Row>> {
        if let Some(row) = self.exact(model).filter(|_| model.starts_with("arn:")) {
            return Some(Arc::clone(row));
        }
        let name = BedrockName::read(model)?;
        let government = name.region.iter().chain(self.scopes).any(|region| region.starts_with("us-gov-"));
        if let Some(row) = bedrock_versions(name.id).find_map(|id| self.regional(id, name.region)) {
            return Some(row);
        }
        let written = |id: &str| bedrock_versions(id).find_map(|id| self.exact(id));
        let profile = |geo: &str| written(&format!("{geo}.{}", name.base)).map(Arc::clone);
        let (own, (geo, factor)) = match (name.geography, government) {
            (Some(geography), _) => (written(name.id).map(Arc::clone), geography),
            (None, true) => (profile(GOVERNMENT.0), GOVERNMENT),
            (None, false) => return written(name.id).map(Arc::clone),
        };
        own.or_else(|| {
            let base = written(name.base).map(Arc::clone).or_else(|| profile("global"));
            base.map(|row| Arc::new(row.scaled(geo, factor)))
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
struct File {
    schema: u32,
    version: String,
    sources: Vec<Provenance>,
    rows: BuiltRows,
}

/// Rows built one by one while the file is read, so that the written form of all of them is never in memory at once.
struct BuiltRows(Vec<Row>);

impl<'de: 'static> Deserialize<'de> for BuiltRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Build;
        impl<'de: 'static> Visitor<'de> for Build {
            type Value = BuiltRows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut written: A) -> Result<BuiltRows, A::Error> {
                let mut rows: Vec<Row> = Vec::new();
                let unknown: Arc<str> = "".into();
                while let Some(source) = written.next_element::<RowSource<'static>>()? {
                    let id = source.id.clone();
                    let provider = match rows.last().filter(|row| *row.provider == *source.provider) {
                        Some(row) => Arc::clone(&row.provider),
                        None => source.provider.as_ref().into(),
                    };
                    let sets = rate_sets(&source.rates);
                    let row = sets.and_then(|sets| Row::build(source, sets, provider, Arc::clone(&unknown)));
                    rows.push(row.map_err(|error| A::Error::custom(format!("row `{id}`: {error}")))?);
                }
                Ok(BuiltRows(rows))
            }
        }
        deserializer.deserialize_seq(Build)
    }
}
