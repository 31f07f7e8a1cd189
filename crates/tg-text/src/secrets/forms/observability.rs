//! Credentials of monitoring, logs, analytics and feature flags.

use super::{Form, form};

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    form("new-relic-user-key", "New Relic", "user key", r"NRAK-\U{27} NRAA-\x{27} NRRA-\x{42}"),
    form("new-relic-browser-key", "New Relic", "browser key", r"NRJS-\x{19}"),
    form("new-relic-insert-key", "New Relic", "insert or query key", r"NRI(I|Q)-[\j]{32}"),
    form("new-relic-license-key", "New Relic", "licence key", r"\x{36}NRAL \x{32}FFFFNRAL eu01xx\x{30}NRAL eu01xx\x{26}FFFFNRAL"),
    form("new-relic-synthetics-key", "New Relic", "key of a private location", r"NRSP-(us|eu)\d{2}\X{31}"),
    form("grafana-cloud-token", "Grafana", "cloud access policy token", r"glc_[\B]{32,400}[=]{0,2}"),
    form("grafana-service-token", "Grafana", "service account token", r"glsa_\a{32}_\X{8}"),
    form("grafana-api-key", "Grafana", "API key of the first kind", r"eyJrIjoi[\B]{60,400}[=]{0,2}"),
    form("sentry-org-token", "Sentry", "organisation token", r"sntrys_eyJ[\B=_]{60,}"),
    form("sentry-user-token", "Sentry", "user or application token", r"sntry(u|a|i)_\x{64}"),
    form("sentry-dsn", "Sentry", "address of a project", r"https://\x{32}@o\d{1,9}\.ingest\.(us.sentry.io|de.sentry.io|sentry.io)/\d{1,20} https://\x{32}:\x{32}@sentry\.io/\d{1,20}"),
    form("honeycomb-key", "Honeycomb", "ingest or management key", r"hc(a|x|b|m)(ik|mk|ic|lk)_\l{26,58} hcaik_\l{58}"),
    form("dynatrace-token", "Dynatrace", "API token", r"dt0[\l]\d{2}\.\U{24}\.\U{64}"),
    form("axiom-token", "Axiom", "API or personal token", r"xa(at|pt)-\x{8}-\x{4}-\x{4}-\x{4}-\x{12}"),
    form("posthog-key", "PostHog", "personal or feature flag key", r"ph(x|s|a|r)_[\j]{40,56}"),
    form("launchdarkly-key", "LaunchDarkly", "SDK or API key", r"(sdk|api|rel)-\x{8}-\x{4}-\x{4}-\x{4}-\x{12}"),
    form("statsig-key", "Statsig", "server or console key", r"(secret|console)-\a{40,46}"),
    form("uptimerobot-key", "UptimeRobot", "API key", r"ur\d{6,9}-\x{24}"),
    form("checkly-key", "Checkly", "API key", r"cu_\x{32}"),
    form("dash0-token", "Dash0", "token", r"auth_[\a]{32}"),
    form("pagerduty-key", "PagerDuty", "API token", r"(u|y)\+[\j]{18}"),
    form("incident-io-key", "incident.io", "API key", r"inc_\x{64}"),
    form("rootly-key", "Rootly", "API key", r"rootly_\x{64}"),
    form("sumologic-collector-address", "Sumo Logic", "address of a collector", r"\.sumologic\.com/receiver/v1/http/[\B_-]{80,}[=]{0,2}"),
    form("datadog-app-key", "Datadog", "key that names its kind", r"dd(app|pat)_\a{30,64}"),
    form("logfire-token", "Pydantic Logfire", "write token", r"pylf_v1_(us|eu)_[\a]{40,60}"),
];
