//! The reference of the admin interface, written from the routes: an OpenAPI document, and Markdown for people.

use crate::refusal::ErrorBody;
use crate::routes::{Answer, Part, Route, routes};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let error = generator.subschema_for::<ErrorBody>();
    let mut paths = Map::new();
    for route in routes() {
        let entry = entry(&route, &mut generator, &error);
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_ascii_lowercase()] = entry;
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tallygate admin interface",
            "version": "v1",
            "description": "Teams, keys, reports and calls of a Tallygate gateway.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8081"}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "What `admin.token` of the configuration refers to.",
            }},
        },
    });
    tg_config::schema::unwrap_lines(&mut document);
    document
}

fn entry(route: &Route, generator: &mut SchemaGenerator, error: &Schema) -> Value {
    let mut parameters: Vec<Value> = route
        .query
        .iter()
        .map(|(name, meaning)| {
            let schema = json!({"type": "string"});
            json!({"name": name, "in": "query", "description": meaning, "schema": schema})
        })
        .collect();
    if let Some(name) = placeholder(route.path) {
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    }
    let (status, kind, schema) = match &route.answer {
        Answer::Text => ("200", "text/plain", json!({"type": "string"})),
        Answer::AnyJson => ("200", "application/json", json!({"type": "object"})),
        Answer::Json(part) => ("200", "application/json", (part.schema)(generator).to_value()),
        Answer::Made(part) => ("201", "application/json", (part.schema)(generator).to_value()),
    };
    let needs_token = route.path.starts_with("/admin");
    let mut entry = json!({"summary": route.summary, "responses": {
        status: {"description": "Done.", "content": {kind: {"schema": schema}}},
        "default": {"description": "Not done.", "content": {"application/json": {"schema": error}}},
    }});
    if !parameters.is_empty() {
        entry["parameters"] = Value::Array(parameters);
    }
    if let Some(part) = &route.body {
        let content = json!({"application/json": {"schema": (part.schema)(generator)}});
        // A body whose members may all be absent may be absent itself.
        let required = generator.definitions().get(part.name).is_some_and(|schema| schema["required"].is_array());
        entry["requestBody"] = json!({"required": required, "content": content});
    }
    entry["security"] = if needs_token { json!([{"token": []}, {}]) } else { json!([]) };
    entry
}

fn placeholder(path: &str) -> Option<&str> {
    path.split_once('{')?.1.split_once('}').map(|(name, _)| name)
}

const PREAMBLE: &str = "\
# The admin interface

This page is generated from the code; `docs/admin-api.json` holds the same as an OpenAPI 3.1 document.

The gateway listens for it on `admin.address` (by default `127.0.0.1:8081`), apart from the calls of applications. The
same can be done on the command line: `tallygate teams`, `tallygate keys` and `tallygate report` work on the store, or
with `--admin http://127.0.0.1:8081` on a running gateway.

## Who may call

With `admin.token` set, every request to `/admin/v1/…` needs `Authorization: Bearer` and the token. Without one, the
interface answers only on a loopback address, only to requests whose `Host` is `localhost`, `127.0.0.1` or `[::1]`
(a web page cannot reach it by pointing a name of its own there), and only if no browser says that a page of another
origin asks. `/healthz`, `/readyz` and `/metrics` need no token; without a token, `/metrics` has the same rules about
`Host` and origin. None of them holds a secret.

## What travels

Bodies are JSON, at most 1 MiB. Members that are not known are refused, and all problems of a body or a query are told
at once. Changes are in force on this gateway when the answer leaves; other gateways on the same store follow within a
second. Teams that the configuration file owns cannot be changed here: the answer is 409 with the code
`owned_by_file`.

What goes wrong is answered with a fitting status and

```json
{\"error\": {\"code\": \"team_not_found\", \"message\": \"there is no team 'x'; …\", \"problems\": [\"…\"]}}
```

where `problems` is there only if a request is wrong in itself. Money is given twice, as text and as whole nano-dollars
(1 USD is 1 000 000 000), both exact. Times are RFC 3339 in UTC.

| status | code | meaning |
|---|---|---|
| 400 | `invalid_request`, `not_of_team` | the request is wrong; the message says where, and what to write |
| 401 | `unauthenticated` | no token, or another one |
| 403 | `token_required`, `not_local`, `cross_site` | there is no token, and this caller is not on this machine for sure |
| 404 | `no_such_path`, `team_not_found`, `key_not_found`, `call_not_found` | it is not there |
| 405 | `method_not_allowed` | the path takes other methods: see the header `Allow` |
| 408 | `body_timed_out` | the body stalled |
| 409 | `owned_by_file`, `team_exists`, `team_not_active`, `key_ended`, `no_secrets_key` | what is there does not allow it |
| 413 | `body_too_large` | the body is longer than 1 MiB |
| 500 | `internal_error` | the gateway failed |
| 503 | `store_failed` | the store cannot be read or written; the message says how to mend it |
";

/// The reference, as Markdown.
#[must_use]
pub fn markdown() -> String {
    let document = openapi();
    let mut page = PREAMBLE.to_owned();
    page.push_str("\n## Paths\n");
    for route in routes() {
        write_route(&mut page, &route);
    }
    page.push_str("\n## Types\n");
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    for (name, schema) in schemas.into_iter().flatten() {
        write_type(&mut page, name, schema);
    }
    page
}

fn write_route(page: &mut String, route: &Route) {
    let of = |part: &Part| format!("[{0}](#{1})", part.name, part.name.to_ascii_lowercase());
    let answer = match &route.answer {
        Answer::Text => "200, text".to_owned(),
        Answer::AnyJson => "200, JSON".to_owned(),
        Answer::Json(part) => format!("200, {}", of(part)),
        Answer::Made(part) => format!("201, {}", of(part)),
    };
    let body = route.body.as_ref().map_or_else(String::new, |part| format!("Body: {}. ", of(part)));
    // Writing to a String cannot fail.
    let _ = write!(page, "\n### {} {}\n\n{}\n\n{body}Answer: {answer}.\n", route.method, route.path, route.summary);
    if !route.query.is_empty() {
        page.push_str("\n| parameter | meaning |\n|---|---|\n");
    }
    for (name, meaning) in route.query {
        let _ = writeln!(page, "| `{name}` | {meaning} |");
    }
}

fn write_type(page: &mut String, name: &str, schema: &Value) {
    let intro = schema["description"].as_str().unwrap_or_default();
    let _ = write!(page, "\n### {name}\n\n{intro}\n");
    let Some(members) = schema["properties"].as_object() else {
        let words: Vec<String> = schema["oneOf"].as_array().into_iter().flatten().map(word).collect();
        if !words.is_empty() {
            let _ = write!(page, "\n| word | meaning |\n|---|---|\n{}", words.concat());
        }
        return;
    };
    page.push_str("\n| member | type | meaning |\n|---|---|---|\n");
    for (member, schema) in members {
        let meaning = schema["description"].as_str().unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(page, "| `{member}` | {} | {meaning} |", kind(schema));
    }
}

fn word(choice: &Value) -> String {
    let (word, meaning) = (&choice["const"], &choice["description"]);
    format!("| `{}` | {} |\n", word.as_str().unwrap_or_default(), meaning.as_str().unwrap_or_default())
}

/// How a type is called.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_ascii_lowercase());
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let kinds: Vec<String> = choices.iter().map(kind).collect();
        return kinds.join(" or ");
    }
    let names = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    let words: Vec<String> = names
        .into_iter()
        .map(|name| match name {
            "string" => "text".to_owned(),
            "integer" => "whole number".to_owned(),
            "boolean" => "`true` or `false`".to_owned(),
            "array" => format!("list of {}", kind(&schema["items"])),
            "object" => "map".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    words.join(" or ")
}
