//! The schema's history: numbered steps, forward only, safe for many gateways that start at once.
//!
//! Two versions of Tallygate work on one database while replicas are replaced one by one. A step therefore only expands
//! the schema (a column with a default, a table, an index) as long as an older binary that is still supported does not
//! know it; what contracts it comes in a later release, and names the oldest binary that can go on.

use super::Place;
use super::session::Session;
use crate::error::StoreError;
use tokio_postgres::{Client, Error};

/// One step.
struct Step {
    sql: &'static str,
    /// The oldest version of the schema whose binaries can work on a database that has seen this step.
    works_from: i32,
}

/// Every step, in order; the schema's version is how many have run. Never edit one that was released: add another.
const STEPS: &[Step] = &[
    Step { sql: include_str!("migrations/0001_first.sql"), works_from: 1 },
    Step { sql: include_str!("migrations/0002_revisions.sql"), works_from: 1 },
    Step { sql: include_str!("migrations/0003_guarded.sql"), works_from: 1 },
    Step { sql: include_str!("migrations/0004_decided.sql"), works_from: 1 },
    Step { sql: include_str!("migrations/0005_rule_switches.sql"), works_from: 1 },
];

/// Holds back others who start at the same time. Any number does, as long as it is always this one (`tgst`).
const LOCK: i64 = 0x7467_7374;

/// What the database says of itself.
struct Version {
    found: i32,
    works_from: i32,
}

/// Runs the steps that the database has not seen, all or none of them.
pub(super) fn run(session: &mut Session, place: &Place) -> Result<(), StoreError> {
    let known = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    let version = session.run(async |client| Ok(migrate(client, known).await?))?;
    if version.works_from > known {
        let (found, known) = (i64::from(version.found), i64::from(known));
        return Err(StoreError::NewerSchema { place: place.0.clone(), found, known });
    }
    Ok(())
}

async fn migrate(client: &Client, known: i32) -> Result<Version, Error> {
    if let Some(version) = version(client).await?
        && version.found >= known
    {
        return Ok(version);
    }
    client.batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})")).await?;
    // Whoever gets the lock second finds the work done.
    let mut version = version(client).await?.unwrap_or(Version { found: 0, works_from: 0 });
    if version.found < known {
        let has_schema = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'tallygate')";
        if !client.query_typed_one(has_schema, &[]).await?.try_get::<_, bool>(0)? {
            client.batch_execute("CREATE SCHEMA tallygate").await?;
        }
        for step in STEPS.iter().skip(usize::try_from(version.found).unwrap_or(0)) {
            client.batch_execute(step.sql).await?;
            version.works_from = version.works_from.max(step.works_from);
        }
        version.found = known;
        let Version { found, works_from } = version;
        client
            .batch_execute(&format!("UPDATE schema_version SET version = {found}, works_from = {works_from}"))
            .await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(version)
}

/// What the database has seen; nothing where it is new.
async fn version(client: &Client) -> Result<Option<Version>, Error> {
    // Of the catalogue's rows, not `to_regclass`: within a transaction that may answer from a cache of before the lock.
    let there =
        "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'tallygate' AND tablename = 'schema_version')";
    if !client.query_typed_one(there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let row = client.query_typed_opt("SELECT version, works_from FROM schema_version", &[]).await?;
    row.map(|row| Ok(Version { found: row.try_get(0)?, works_from: row.try_get(1)? })).transpose()
}
