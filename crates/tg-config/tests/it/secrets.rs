//! From references to secrets.

use std::fs;
use tg_config::load::from_text;
use tg_config::secrets::{resolve_secrets, resolve_store_secrets};

#[test]
fn all_are_read_or_all_problems_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("good"), "s3cret\n").unwrap();
    fs::write(path("empty"), "\n").unwrap();
    fs::write(path("lines"), "hunter2\nhunter2\n").unwrap();
    fs::write(path("large"), "h".repeat(64 * 1024 + 1)).unwrap();
    let text = format!(
        "admin: {{token: env:ADMIN}}\n\
         providers:\n\
         - {{name: a, kind: anthropic, api_key: 'file:{}', headers: {{x-team: env:TEAM, x-plain: p}}}}\n\
         - {{name: b, kind: anthropic, api_key: 'file:{}'}}\n\
         - {{name: c, kind: anthropic, api_key: 'file:{}'}}\n\
         - {{name: d, kind: anthropic, api_key: 'file:{}'}}\n\
         - {{name: e, kind: anthropic, api_key: 'file:{}'}}\n\
         - {{name: f, kind: anthropic, api_key: env:WRONG}}\n\
         - {{name: g, kind: anthropic, api_key: env:ABSENT}}\n",
        path("good"),
        path("empty"),
        path("lines"),
        path("large"),
        path("absent"),
    );
    let mut document = from_text("test", &text).unwrap();
    let environment = |name: &str| match name {
        "ADMIN" | "TEAM" => Some("t0ken".to_owned()),
        "WRONG" => Some("hunter2\r\nx-injected: 1".to_owned()),
        _ => None,
    };
    let problems = resolve_secrets(&document, &environment).unwrap_err();
    let shown = problems.to_string();
    let paths: Vec<String> = problems.all.iter().map(|p| p.path.to_string()).collect();
    assert_eq!(paths, (1..=6).map(|n| format!("providers[{n}].api_key")).collect::<Vec<_>>());
    for expected in
        ["is empty", "larger than 64 KiB", "cannot be read", "ABSENT is not set", "characters that a credential"]
    {
        assert!(shown.contains(expected), "{shown}");
    }
    assert!(!shown.contains("hunter2") && !shown.contains("hhh"), "{shown}");

    document.providers.truncate(1);
    let secrets = resolve_secrets(&document, &environment).unwrap();
    let provider = &document.providers[0];
    assert_eq!(secrets.get(provider.api_key.as_ref().unwrap()).unwrap().expose(), "s3cret");
    assert_eq!(secrets.header(&provider.headers["x-team"]).unwrap().expose(), "t0ken");
    assert_eq!(secrets.header(&provider.headers["x-plain"]).unwrap().expose(), "p");
    assert_eq!(secrets.get(document.admin.token.as_ref().unwrap()).unwrap().expose(), "t0ken");
    assert!(!format!("{secrets:?}").contains("s3cret"));
}

#[test]
fn who_works_on_the_store_alone_needs_no_other_secret() {
    let text = |reference: &str| {
        format!(
            "identity: {{secrets_key: '{reference}'}}\n\
             store: {{url: 'postgres://t@h/t', password: env:PASSWORD}}\n\
             providers: [{{name: a, kind: anthropic, api_key: env:ABSENT}}]\n"
        )
    };
    let environment = |name: &str| match name {
        "SECRETS_KEY" => Some("k3y".to_owned()),
        "PASSWORD" => Some("pa55".to_owned()),
        _ => None,
    };
    let resolve = |text: &str| resolve_store_secrets(&from_text("test", text).unwrap(), &environment);
    let both = resolve(&text("env:SECRETS_KEY")).unwrap();
    assert_eq!((both.secrets_key.unwrap().expose(), both.password.unwrap().expose()), ("k3y", "pa55"));
    let none = resolve("providers: [{name: a, kind: anthropic, api_key: env:ABSENT}]").unwrap();
    assert!(none.secrets_key.is_none() && none.password.is_none());
    let problems = resolve(&text("env:OTHER")).unwrap_err();
    assert_eq!(problems.all[0].path.to_string(), "identity.secrets_key");
    let all = resolve_secrets(&from_text("test", &text("env:OTHER")).unwrap(), &environment).unwrap_err();
    assert_eq!(all.all.len(), 2, "{all}");
}
