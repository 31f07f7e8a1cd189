//! Files that leave the rest to a revision in the store.

use tg_config::document::{Document, Revisions};
use tg_config::secrets::Secrets;
use tg_config::start::{Declared, StartFile, from_text};

const FILE: &str = "store: { url: 'postgres://t@127.0.0.1/t', revisions: follow }\n\
                    listen: { address: '127.0.0.1:9000' }\n\
                    identity: { secrets_key: env:SECRETS }\n";

const REVISION: &str = "providers: [{ name: a, kind: anthropic, api_key: env:K }]\n\
                        identity: { default_project: web }\n\
                        teams: [{ name: red }]\n";

fn start(text: &str) -> Result<StartFile, String> {
    match from_text("local.yaml", text) {
        Ok(Declared::Start(start)) => Ok(*start),
        Ok(Declared::Whole(_)) => Err("whole".to_owned()),
        Err(problems) => Err(problems.to_string()),
    }
}

fn with(revision: &str) -> Result<Document, String> {
    start(FILE).unwrap().with("revision 7", revision).map_err(|problems| problems.to_string())
}

#[test]
fn a_file_and_a_revision_are_one_configuration() {
    let start = start(FILE).unwrap();
    assert_eq!(start.document().store.revisions, Revisions::Follow);
    assert_eq!(start.document().listen.address.to_string(), "127.0.0.1:9000");
    let document = with(REVISION).unwrap();
    assert_eq!(document.identity.default_project.as_ref().unwrap().as_str(), "web");
    assert_eq!((document.providers.len(), document.teams.len()), (1, 1));
    assert_eq!(document.listen.address.to_string(), "127.0.0.1:9000");
    assert!(document.identity.secrets_key.is_some());
    assert!(!document.models.is_empty(), "the usual models");
    let json =
        r#"{"providers": [{"name": "a", "kind": "anthropic", "api_key": "env:K"}], "drain": {"time_max": "7s"}}"#;
    assert_eq!(with(json).unwrap().drain.time_max.to_string(), "7s");
}

#[test]
fn without_the_word_a_file_is_whole_and_nothing_changes() {
    let whole = format!("{REVISION}store: {{ revisions: ignore }}\n");
    let declared = from_text("local.yaml", &whole).unwrap();
    assert!(matches!(declared, Declared::Whole(document) if document.store.revisions == Revisions::Ignore));
    let refused = from_text("local.yaml", "store: { revisions: folow }\n").unwrap_err().to_string();
    assert!(refused.contains("did you mean `follow`?"), "{refused}");
}

#[test]
fn what_belongs_into_the_revision_is_refused_in_the_file() {
    let more = "providers: [{ nam: a }]\nstor: {}\n";
    let refused = start(&format!("{FILE}{more}").replace("SECRETS }", "SECRETS, default_project: web }")).unwrap_err();
    for part in [
        "local.yaml: 3 problems",
        "line 3, column 39: identity.default_project: does not stand in a file with `store.revisions: follow`",
        "line 4, column 1: providers: does not stand in a file",
        "stor: is not known here; did you mean `store`?",
    ] {
        assert!(refused.contains(part), "'{part}' is missing: {refused}");
    }
    let refused = start("store: { revisions: follow, password: env:P }\nlisten: { adress: x }\n").unwrap_err();
    assert!(refused.contains("store.password: has no meaning for a SQLite file"), "{refused}");
    assert!(refused.contains("did you mean `address`?"), "{refused}");
}

#[test]
fn what_stands_in_both_or_in_the_wrong_one_is_told_with_both_places() {
    let twice = "store: { path: x }\nlisten: { workers: 2 }\nidentity: { secrets_key: env:OTHER }\n\
                 providers: [{ name: a, kind: antropic, api_key: literal-secret }]\n";
    let refused = with(twice).unwrap_err();
    for part in [
        "local.yaml with revision 7: ",
        "revision 7: line 1, column 1: store: does not stand in a revision; remove it here",
        "revision 7: line 2, column 1: listen: stands in local.yaml (line 2) too",
        "revision 7: line 3, column 13: identity.secrets_key: stands in local.yaml (line 3) too",
        "revision 7: line 4, column 30: providers[0].kind",
        "did you mean `anthropic`?",
        "revision 7: line 4, column 49: providers[0].api_key: a secret does not belong in this file",
    ] {
        assert!(refused.contains(part), "'{part}' is missing: {refused}");
    }
    assert!(!refused.contains("literal-secret"), "{refused}");
    let refused = with("providers: []\n").unwrap_err();
    assert!(refused.contains("revision 7: line 1, column 1: providers: there is no provider"), "{refused}");
    let refused = with("- a\n").unwrap_err();
    assert!(refused.contains("revision 7") && refused.contains("is a list"), "{refused}");
    let refused = with("a: [\n").unwrap_err();
    assert!(refused.starts_with("revision 7: 1 problem"), "{refused}");
    // What is wrong by both together is told of where it stands.
    let refused = with(&format!("{REVISION}admin: {{ address: '127.0.0.1:9000' }}\n")).unwrap_err();
    assert!(refused.contains("revision 7: line 4, column 10: admin.address: port 9000 is also"), "{refused}");
}

#[test]
fn what_stands_in_for_secrets_opens_nothing_and_is_there_for_each() {
    let text = "providers: [{ name: a, kind: anthropic, api_key: env:K, headers: { x-b: 'file:/none' } }]\n";
    let document = with(text).unwrap();
    let secrets = Secrets::standing_in(&document);
    let provider = &document.providers[0];
    assert_eq!(secrets.get(provider.api_key.as_ref().unwrap()).unwrap().expose(), "not-read-here");
    assert_eq!(secrets.header(&provider.headers["x-b"]).unwrap().expose(), "not-read-here");
    assert_eq!(secrets.get(document.identity.secrets_key.as_ref().unwrap()).unwrap().expose().len(), 44);
}
