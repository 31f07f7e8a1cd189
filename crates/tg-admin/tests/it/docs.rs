//! The generated pages are those that the code writes today; `UPDATE_DOCS=1` writes them anew.

use serde_json::Value;
use std::fs;
use std::path::Path;
use tg_admin::reference::{markdown, openapi};

fn check(name: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, fresh).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "docs/{name} is stale; run UPDATE_DOCS=1 cargo test -p tg-admin");
}

#[test]
fn the_openapi_document_is_fresh() {
    check("admin-api.json", &format!("{}\n", serde_json::to_string_pretty(&openapi()).unwrap()));
}

#[test]
fn the_reference_is_fresh() {
    check("admin-api.md", &markdown());
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, document: &Value, count: &mut usize) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    *count += 1;
                    assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                }
                members.values().for_each(|inner| walk(inner, document, count));
            }
            Value::Array(values) => values.iter().for_each(|inner| walk(inner, document, count)),
            _ => {}
        }
    }
    let document = openapi();
    let mut count = 0;
    walk(&document, &document, &mut count);
    assert!(count > 20, "{count}");
}

#[test]
fn every_member_is_described() {
    let document = openapi();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(schema["description"].is_string(), "{name}.{member}");
        }
    }
}
