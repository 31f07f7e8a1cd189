//! What is generated from the code and kept in the repository is fresh.

use std::fs;
use std::path::PathBuf;
use tg_config::reference::reference_markdown;
use tg_config::schema::json_schema;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn check(name: &str, fresh: &str) {
    let path = repository().join("docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, fresh).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "docs/{name} is stale; run UPDATE_DOCS=1 cargo test -p tg-config");
}

#[test]
fn the_schema_is_fresh() {
    check("tallygate.schema.json", &format!("{}\n", serde_json::to_string_pretty(json_schema()).unwrap()));
}

#[test]
fn the_reference_is_fresh() {
    check("config.md", &reference_markdown());
}

#[test]
fn the_reference_names_every_member() {
    let page = reference_markdown();
    let mut members = 0;
    let definitions = json_schema()["$defs"].as_object().unwrap().values();
    for object in definitions.chain([json_schema()]) {
        for (name, member) in object["properties"].as_object().into_iter().flatten() {
            members += 1;
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
            assert!(member["description"].is_string(), "{name} has no description");
        }
    }
    assert!(members > 60, "{members}");
}

#[test]
fn every_link_of_the_reference_leads_to_a_heading() {
    let page = reference_markdown();
    let anchors: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")))
        .map(|title| title.replace(['`', '.', '[', ']', '(', ')'], "").to_lowercase().replace(' ', "-"))
        .collect();
    let links: Vec<&str> = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 20);
    for link in links {
        assert!(anchors.iter().any(|a| a == link), "#{link} leads nowhere");
    }
}

#[test]
fn the_examples_are_good() {
    for name in ["minimal.yaml", "eight-teams.yaml", "guardrails.yaml"] {
        let document = tg_config::load::from_file(&repository().join("examples").join(name));
        let document = document.unwrap_or_else(|problems| panic!("{problems}"));
        if name == "eight-teams.yaml" {
            assert_eq!((document.teams.len(), document.providers.len()), (8, 3));
        }
    }
}
