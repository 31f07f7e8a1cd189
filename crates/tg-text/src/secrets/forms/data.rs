//! Credentials of databases, and of services that keep and move data.

use super::{Form, form};

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    form("planetscale-token", "PlanetScale", "service token", r"pscale_tkn_[\j.=]{30,64}"),
    form("planetscale-oauth-token", "PlanetScale", "OAuth token", r"pscale_oauth_[\j.=]{30,64}"),
    form("planetscale-password", "PlanetScale", "password of a database", r"pscale_pw_[\j.=]{30,64}"),
    form("supabase-access-token", "Supabase", "access token", r"sbp_\x{40} sbp_(oauth|v0)_\x{40}"),
    form("supabase-secret-key", "Supabase", "secret key", r"sb_secret_[\j]{22}_[\j]{8}"),
    form("neon-api-key", "Neon", "API key", r"napi_\l{50,70}"),
    form("neon-password", "Neon", "password of a role", r"npg_\a{10,20}"),
    form("clickhouse-cloud-key", "ClickHouse", "API key", r"4b1d\a{38}"),
    form("mongodb-atlas-secret", "MongoDB", "secret of a service account", r"mdb_sa_sk_[\j]{40}"),
    form("cockroach-api-key", "Cockroach Labs", "API key", r"CCDB1_\a{22}_\a{40}"),
    form("aiven-password", "Aiven", "password of a service", r"AVNS_[\j]{19,20}"),
    form("elastic-service-token", "Elastic", "token of a service account", r"AAEAAWVsYXN0aWMv[\j]{20,}[=]{0,2}"),
    form("elastic-cloud-key", "Elastic", "cloud API key", r"essu_[\B]{40,}[=]{0,2}"),
    form("xata-api-key", "Xata", "API key", r"xau_\a{36}"),
    form("convex-deploy-key", "Convex", "deploy key", r"(prod|dev):[\l-]{5,40}\|[\B=]{40,}"),
    form("fauna-key", "Fauna", "key", r"fnA[\a]{1}[\j]{36,38}"),
    form("dbt-token", "dbt", "service or user token", r"dbt(c|u|s)_[\j]{30,64}"),
    form("dagster-cloud-token", "Dagster", "cloud token", r"(user|agent):[\l-]{2,40}:\l{32}"),
    form("airtable-access-token", "Airtable", "personal access token", r"pat\a{14}\.\x{64}"),
    form("airtable-oauth-token", "Airtable", "OAuth token", r"oaa\a{14}\.v1\.[\j.=]{60,}"),
    form("confluent-api-secret", "Confluent", "secret of an API key", r"cflt[\B]{60}"),
    form("tinybird-token", "Tinybird", "token", r"p\.eyJ[\j]{60,}\.[\j]{40,46}"),
    form("mapbox-secret-token", "Mapbox", "secret token", r"sk\.eyJ[\j]{40,}\.[\j]{20,24}"),
    form("mapbox-public-token", "Mapbox", "public or temporary token", r"(pk|tk)\.eyJ[\j]{40,}\.[\j]{20,24}"),
    form("segment-public-api-token", "Segment", "public API token", r"sgp_\a{64}"),
    form("alchemy-api-key", "Alchemy", "token", r"alcht_\a{30}"),
    form("quicknode-api-key", "QuickNode", "API key", r"QN_\x{32}"),
];
